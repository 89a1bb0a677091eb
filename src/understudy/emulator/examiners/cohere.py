"""The rules of Cohere's v2 API."""

from __future__ import annotations

from understudy.emulator.examiners.base import Examiner

EXAMINER = Examiner(())
