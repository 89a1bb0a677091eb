"""The rules of Azure OpenAI's Responses API: OpenAI's, and those about the version of the address."""

from __future__ import annotations

from understudy.emulator.examiners import azure_openai_versions as versions
from understudy.emulator.examiners import responses
from understudy.emulator.examiners.base import Examiner

_OWN = responses.compactions_of("Azure OpenAI")
EXAMINER = Examiner(
    (versions.VERSION, versions.NAMED_MODEL, *responses.FAMILIES, *responses.SHAPE, *responses.RANGES, _OWN)
)
