"""The oracles: official clients parse the very bytes that a dialect decodes.

An oracle gives what a recording says as an `Answer`, or the `Fault` that the client raised. None of this imports a
dialect. Where a client drops something (Ollama's ids of tool calls), a few lines read the raw JSON.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from tests.contract.answers import Answer
from tests.contract.recordings import Recording


class Fault(msgspec.Struct, frozen=True):
    """An error as the official client raised it."""

    status: int
    code: str | None
    type: str | None
    message: str


class Vectors(msgspec.Struct, frozen=True):
    vectors: tuple[tuple[float, ...], ...]
    model: str | None
    tokens: int | None


class Oracle(Protocol):
    def chat(self, recording: Recording) -> Answer | Fault: ...

    def embed(self, recording: Recording) -> Vectors: ...

    def models(self, recording: Recording) -> list[dict[str, Any]]: ...

    def count_tokens(self, recording: Recording) -> int: ...

    def error(self, recording: Recording) -> Fault: ...


def oracle_of(dialect: str, provider: str) -> Oracle:
    """Return the oracle: the provider's own client where there is one, else that of the dialect."""
    from tests.contract.oracle_anthropic import AnthropicOracle
    from tests.contract.oracle_cohere import CohereOracle
    from tests.contract.oracle_gemini import GeminiOracle
    from tests.contract.oracle_huggingface import HuggingFaceOracle
    from tests.contract.oracle_ollama import OllamaOracle
    from tests.contract.oracle_openai import GroqOracle, OpenAIOracle
    from tests.contract.oracle_replicate import ReplicateOracle
    from tests.contract.oracle_responses import ResponsesOracle
    from tests.contract.oracle_together import TogetherOracle

    makers: dict[str, type[Any]] = {
        "azure_openai": OpenAIOracle,
        "groq": GroqOracle,
        "together": TogetherOracle,
        "openai": OpenAIOracle,
        "responses": ResponsesOracle,
        "anthropic": AnthropicOracle,
        "gemini": GeminiOracle,
        "ollama": OllamaOracle,
        "replicate": ReplicateOracle,
        "huggingface": HuggingFaceOracle,
        "cohere": CohereOracle,
    }
    key = provider if provider in makers and dialect != "responses" else dialect
    if key not in _made:
        _made[key] = makers[key]()
    return _made[key]


def finish_words(dialect: str) -> dict[str, str]:
    """Every word with which the official types say why an answer ended, and what it means."""
    from tests.contract import (
        oracle_anthropic,
        oracle_cohere,
        oracle_gemini,
        oracle_ollama,
        oracle_openai,
        oracle_responses,
    )

    return {
        "openai": oracle_openai.FINISH,
        "responses": oracle_responses.INCOMPLETE,
        "anthropic": oracle_anthropic.FINISH,
        "ollama": oracle_ollama.FINISH,
        "cohere": oracle_cohere.FINISH,
        "gemini": oracle_gemini.FINISH,
        "replicate": {},  # its streams end without a word; the prediction says how it went
    }[dialect]


_made: dict[str, Oracle] = {}

DROPPED_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Describe how the body travelled, not the decompressed text that was recorded."""


def replayed_headers(recording: Recording) -> dict[str, str]:
    """Return headers for a mock response; the clients refuse to decode JSON without a content type."""
    headers = {name: value for name, value in recording.response.headers.items() if name not in DROPPED_HEADERS}
    headers.setdefault("content-type", "application/json")
    return headers
