"""The rules of Anthropic's Messages API."""

from __future__ import annotations

from understudy.emulator.examiners.base import Examiner

EXAMINER = Examiner(())
