"""Every operation of the matrix, by every provider's official client, errors included."""

from __future__ import annotations

from typing import Any

import anthropic
import groq
import ollama
import openai
import pytest
import together
from cohere.core.api_error import ApiError
from google.genai import errors
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from replicate.client import RetryTransport
from replicate.exceptions import ReplicateError

from tests.emulator.official import ANSWER, CLIENTS, STREAM
from understudy import providers
from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault, cast

ERRORS: tuple[type[Exception], ...] = (
    openai.APIStatusError, anthropic.APIStatusError, groq.APIStatusError, together.APIStatusError, errors.APIError,
    ApiError, ollama.ResponseError, HfHubHTTPError, ReplicateError,
)  # fmt: skip
"""What the official clients raise: their own, whatever happens."""

CALLS = [(provider, operation) for provider, official in CLIENTS.items() for operation in official.calls]

each_call = pytest.mark.parametrize(("provider", "operation"), CALLS)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or Hugging Face's client would ask the Hub which programs call it."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicate's client asks for models ten times, and waits between for a minute in all."""
    monkeypatch.setattr(RetryTransport, "_calculate_sleep", lambda *_: 0.0)


async def called(emulator: Emulator, provider: str, operation: str, key: str | None = None) -> Any:
    official = CLIENTS[provider]
    async with official.connect(emulator, key or emulator.key) as client:
        return await official.calls[operation](client)


def test_no_operation_of_the_matrix_is_left_out() -> None:
    matrix = {(name, str(operation)) for name in providers.types() for operation in providers.row(name).dialects}
    assert matrix == {call for call in CALLS if call[1] != STREAM}
    assert {provider for provider, operation in CALLS if operation == STREAM} == set(providers.types())


@each_call
async def test_the_official_client_gets_its_answer(provider: str, operation: str) -> None:
    async with Emulator((provider,)) as emulator:
        found = await called(emulator, provider, operation)
    match operation:
        case "chat" | "stream":
            assert found == ANSWER
        case "embed":
            assert found == 2
        case "models":
            assert len(found) == len(set(found)) > 1
        case _:
            assert found > 0


@pytest.mark.parametrize("kind", [K.RATE_LIMITED, K.BILLING, K.SERVER_ERROR])
@each_call
async def test_the_official_client_raises_its_own_error(provider: str, operation: str, kind: K) -> None:
    words = cast.find(provider).words
    if kind not in words:
        pytest.skip("has no such error")
    async with Emulator((provider,)) as emulator:
        emulator.script(provider, always=Fault.error(kind))
        with pytest.raises(ERRORS) as caught:
            await called(emulator, provider, operation)
    assert CLIENTS[provider].status(caught.value) == words[kind].status


@each_call
async def test_a_wrong_key_is_refused(provider: str, operation: str) -> None:
    async with Emulator((provider,)) as emulator:
        if cast.find(provider).keyless or (operation == "models" and providers.row(provider).catalogue_is_open):
            await called(emulator, provider, operation, key="wrong")
            return
        with pytest.raises(ERRORS) as caught:
            await called(emulator, provider, operation, key="wrong")
    # Google's is a 400.
    assert CLIENTS[provider].status(caught.value) == cast.find(provider).words[K.AUTHENTICATION].status
