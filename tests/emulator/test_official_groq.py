"""Groq's official client against the emulator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import groq
import pytest

from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

PROVIDER = "groq"
MODEL = "openai/gpt-oss-20b"
CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[groq.AsyncGroq]:
    """Groq's client adds `/openai/v1` itself."""
    async with groq.AsyncGroq(
        base_url=emulator.origin(PROVIDER), api_key=emulator.key, max_retries=0, timeout=30
    ) as client:
        yield client


async def ask(client: groq.AsyncGroq, text: str = "Count to 9", **fields: Any) -> Any:
    request = {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}
    return await client.chat.completions.create(**request)


async def test_chat(client: groq.AsyncGroq) -> None:
    answer = await ask(client, messages=CAPITAL)
    assert answer.choices[0].message.content == "The capital is Paris."
    assert answer.x_groq.id
    assert answer.usage.completion_tokens == 6


async def test_a_stream_tells_usage_unasked(client: groq.AsyncGroq) -> None:
    chunks = [chunk async for chunk in await ask(client, messages=CAPITAL, stream=True)]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "The capital is Paris."
    assert chunks[0].x_groq.id
    (used,) = [chunk.x_groq.usage for chunk in chunks if chunk.x_groq and chunk.x_groq.usage]
    assert used.completion_tokens == 6


@pytest.mark.parametrize("stream", [False, True])
async def test_tools(client: groq.AsyncGroq, stream: bool) -> None:
    answer = await ask(client, "Weather in Paris?", tools=[WEATHER], tool_choice="required", stream=stream)
    if stream:
        deltas = [c.choices[0].delta.tool_calls[0] async for c in answer if c.choices[0].delta.tool_calls]
        arguments = "".join(delta.function.arguments or "" for delta in deltas)
    else:
        (call,) = answer.choices[0].message.tool_calls
        arguments = call.function.arguments
    assert json.loads(arguments) == {"city": "Paris"}


async def test_structured_output(client: groq.AsyncGroq) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema}}
    answer = await ask(client, "Give me 7", response_format=form)
    assert json.loads(answer.choices[0].message.content) == {"n": 7}


async def test_reasoning_is_shown(client: groq.AsyncGroq) -> None:
    answer = await ask(client, messages=CAPITAL, reasoning_effort="low")
    assert answer.choices[0].message.reasoning
    chunks = [c async for c in await ask(client, messages=CAPITAL, reasoning_effort="low", stream=True)]
    shown = "".join(c.choices[0].delta.reasoning or "" for c in chunks if c.choices)
    assert shown == answer.choices[0].message.reasoning


async def test_models(client: groq.AsyncGroq) -> None:
    names = [model.id for model in (await client.models.list()).data]
    assert MODEL in names
    assert (await client.models.retrieve(MODEL)).id == MODEL
    with pytest.raises(groq.NotFoundError):
        await client.models.retrieve("nonesuch")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n": 2}, "must be at most 1"),
        ({"logprobs": True}, "logprobs"),
        ({"messages": [{"role": "user", "content": "x", "name": "ada"}]}, "'name'"),
        ({"reasoning_format": "parsed", "include_reasoning": True}, "cannot specify both"),
        ({"messages": []}, "messages"),
    ],
)
async def test_bad_requests(client: groq.AsyncGroq, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(groq.BadRequestError, match=words):
        await ask(client, **fields)


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        (K.AUTHENTICATION, groq.AuthenticationError, 401),
        (K.PERMISSION, groq.PermissionDeniedError, 403),
        (K.NOT_FOUND, groq.NotFoundError, 404),
        (K.RATE_LIMITED, groq.RateLimitError, 429),
        (K.RESAMPLE, groq.BadRequestError, 400),
        (K.SERVER_ERROR, groq.InternalServerError, 500),
        (K.OVERLOADED, groq.APIStatusError, 498),
    ],
)
async def test_errors(
    emulator: Emulator, client: groq.AsyncGroq, kind: K, error: type[groq.APIStatusError], status: int
) -> None:
    emulator.script(PROVIDER, [Fault.error(kind)])
    with pytest.raises(error) as caught:
        await ask(client)
    assert caught.value.status_code == status


async def test_an_error_in_a_stream(emulator: Emulator, client: groq.AsyncGroq) -> None:
    emulator.script(PROVIDER, [Fault.error_event(K.OVERLOADED, after=2)])
    with pytest.raises(groq.APIError, match="capacity exceeded"):
        [chunk async for chunk in await ask(client, stream=True)]


async def test_connections(emulator: Emulator, client: groq.AsyncGroq) -> None:
    emulator.script(PROVIDER, [Fault.slow_headers(), Fault.reset()])
    with pytest.raises(groq.APITimeoutError):
        await ask(client.with_options(timeout=0.5))
    with pytest.raises(groq.APIConnectionError):
        await ask(client)
    with pytest.raises(groq.AuthenticationError):
        await ask(client.with_options(api_key="wrong"))
