"""Hugging Face's official client against the emulated router."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from huggingface_hub import AsyncInferenceClient, constants
from huggingface_hub.errors import HfHubHTTPError

from understudy.domain.failures import FailureKind
from understudy.emulator import Emulator, Fault
from understudy.emulator.vectors import embed

PROVIDER = "huggingface"
MODEL = "openai/gpt-oss-120b"
PARIS = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the client would ask the Hub which programs call it."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[AsyncInferenceClient]:
    async with AsyncInferenceClient(base_url=emulator.url(PROVIDER), api_key=emulator.key) as client:
        yield client


@pytest.mark.parametrize("suffix", ["", ":fastest", ":groq"])
async def test_chat(client: Any, emulator: Emulator, suffix: str) -> None:
    answer = await client.chat_completion(PARIS, model=MODEL + suffix, max_tokens=50)
    assert answer.choices[0].message.content == "The capital is Paris."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model == MODEL
    assert emulator.requests(PROVIDER)[-1].body["model"] == MODEL + suffix


async def test_stream(client: Any) -> None:
    stream = await client.chat_completion(PARIS, model=MODEL, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "The capital is Paris."
    assert chunks[-1].usage.total_tokens > 0


async def test_tools(client: Any) -> None:
    asked = [{"role": "user", "content": "What is the weather in Oslo?"}]
    answer = await client.chat_completion(asked, model=MODEL, tools=[WEATHER], tool_choice="auto")
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Oslo"}')
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("texts", ["one", ["one", "two"]])
async def test_feature_extraction(emulator: Emulator, texts: str | list[str]) -> None:
    address = f"{emulator.origin(PROVIDER)}/hf-inference/models/thenlper/gte-large/pipeline/feature-extraction"
    async with AsyncInferenceClient(base_url=address, api_key=emulator.key) as client:
        found = await client.feature_extraction(texts, truncate=True)
    expected = [embed(text, 1024) for text in ([texts] if isinstance(texts, str) else texts)]
    assert found.shape == ((1024,) if isinstance(texts, str) else (2, 1024))
    assert [pytest.approx(vector, abs=1e-6) for vector in expected] == list(found.reshape(-1, 1024))


async def test_an_unknown_model(client: Any) -> None:
    with pytest.raises(HfHubHTTPError) as caught:
        await client.chat_completion(PARIS, model="no/such-model")
    assert caught.value.response.status_code == 400
    assert "not supported by any provider" in caught.value.response.text


@pytest.mark.parametrize(
    ("kind", "status"), [(FailureKind.BILLING, 402), (FailureKind.AUTHENTICATION, 401), (FailureKind.SERVER_ERROR, 500)]
)
async def test_errors(client: Any, emulator: Emulator, kind: FailureKind, status: int) -> None:
    emulator.script(PROVIDER, always=Fault.error(kind))
    with pytest.raises(HfHubHTTPError) as caught:
        await client.chat_completion(PARIS, model=MODEL)
    assert caught.value.response.status_code == status


async def test_an_error_in_a_stream(client: Any, emulator: Emulator) -> None:
    emulator.script(PROVIDER, always=Fault.error_event(FailureKind.OVERLOADED, after=1))
    with pytest.raises(Exception, match="loading"):
        async for _ in await client.chat_completion(PARIS, model=MODEL, stream=True):
            pass
