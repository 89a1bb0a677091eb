"""The rules of Google's Gemini API."""

from __future__ import annotations

from understudy.emulator.examiners.base import Examiner

EXAMINER = Examiner(())
