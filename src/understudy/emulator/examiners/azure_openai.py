"""The rules of Azure OpenAI's chat completions and embeddings."""

from __future__ import annotations

from understudy.emulator.examiners.base import Examiner

EXAMINER = Examiner(())
