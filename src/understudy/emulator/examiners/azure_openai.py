"""The rules of Azure OpenAI's chat completions and embeddings: OpenAI's, and those about the version of the address."""

from __future__ import annotations

from understudy.emulator.examiners import azure_openai_versions as versions
from understudy.emulator.examiners import openai, openai_embeddings
from understudy.emulator.examiners.base import Examiner

EXAMINER = Examiner(
    (
        versions.VERSION,
        versions.MODEL,
        *versions.CHAT_RULES,
        *openai.FAMILIES,
        *openai.SHAPE,
        *openai.RANGES,
        *openai_embeddings.RULES,
    )
)
