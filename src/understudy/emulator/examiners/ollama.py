"""The rules of Ollama's own API."""

from __future__ import annotations

from understudy.emulator.examiners.base import Examiner

EXAMINER = Examiner(())
