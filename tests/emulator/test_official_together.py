"""Together's official client against the emulator."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import together

from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

PROVIDER = "together"
MODEL = "openai/gpt-oss-120b"
LLAMA = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[together.AsyncTogether]:
    # This client's base URL has no version.
    base_url = emulator.url(PROVIDER).removesuffix("/v1")
    async with together.AsyncTogether(base_url=base_url, api_key=emulator.key, max_retries=0, timeout=30) as client:
        yield client


async def ask(client: together.AsyncTogether, **fields: Any) -> Any:
    return await client.chat.completions.create(**{"model": MODEL, "messages": CAPITAL, **fields})


async def streamed(client: together.AsyncTogether, **fields: Any) -> list[Any]:
    return [chunk async for chunk in await ask(client, stream=True, **fields)]


async def test_chat(client: together.AsyncTogether) -> None:
    answer = await ask(client)
    assert answer.choices[0].message.content == "The capital is Paris."
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", MODEL)
    assert answer.usage.completion_tokens == 6
    assert answer.prompt == []


async def test_a_stream_tells_usage_unasked(client: together.AsyncTogether) -> None:
    chunks = await streamed(client, model=LLAMA)
    texts = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert texts == ["The", " capital", " is", " Paris."]
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices[0].finish_reason == "eos"


async def test_parallel_tools(client: together.AsyncTogether) -> None:
    messages = [{"role": "user", "content": "What is the weather in Paris and Oslo?"}]
    answer = await ask(client, messages=messages, tools=[WEATHER])
    calls = answer.choices[0].message.tool_calls
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Oslo"}]
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_structured_output(client: together.AsyncTogether) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = await ask(
        client,
        messages=[{"role": "user", "content": "Give me 7"}],
        response_format={"type": "json_schema", "json_schema": {"name": "number", "schema": schema}},
    )
    assert json.loads(answer.choices[0].message.content) == {"n": 7}


async def test_thinking(client: together.AsyncTogether) -> None:
    answer = await ask(client, reasoning_effort="low")
    assert answer.choices[0].message.reasoning


async def test_embeddings_without_usage(client: together.AsyncTogether) -> None:
    model = "intfloat/multilingual-e5-large-instruct"
    found = await client.embeddings.create(model=model, input=["the cat sat", "a cat sat", "quarterly tax report"])
    near, far = (math.dist(found.data[0].embedding, item.embedding) for item in found.data[1:])
    assert near < far
    assert len(found.data[0].embedding) == 1024


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"extra_body": {"max_completion_tokens": 5}}, "max_completion_tokens"),
        ({"extra_body": {"stop": "x"}}, "stop must be of type array"),
        ({"extra_body": {"logprobs": True}}, "logprobs must be of type integer"),
        ({"messages": [{"role": "developer", "content": "x"}]}, "role must be one of"),
    ],
)
async def test_bad_requests(client: together.AsyncTogether, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(together.BadRequestError, match=words):
        await ask(client, **fields)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (K.INVALID_REQUEST, together.BadRequestError),
        (K.AUTHENTICATION, together.AuthenticationError),
        (K.BILLING, together.APIStatusError),
        (K.CONTEXT_LENGTH, together.PermissionDeniedError),
        (K.NOT_FOUND, together.NotFoundError),
        (K.RATE_LIMITED, together.RateLimitError),
        (K.SERVER_ERROR, together.InternalServerError),
        (K.OVERLOADED, together.InternalServerError),
    ],
)
async def test_errors(
    emulator: Emulator, client: together.AsyncTogether, kind: K, error: type[together.APIStatusError]
) -> None:
    emulator.script(PROVIDER, [Fault.error(kind, retry_after=3)])
    with pytest.raises(error) as caught:
        await ask(client)
    assert caught.value.response.headers["retry-after"] == "3"


async def test_an_error_in_a_stream(emulator: Emulator, client: together.AsyncTogether) -> None:
    emulator.script(PROVIDER, [Fault.error_event(K.OVERLOADED, after=2)])
    with pytest.raises(together.APIError, match="overloaded"):
        await streamed(client)


async def test_keys_and_models(client: together.AsyncTogether) -> None:
    with pytest.raises(together.AuthenticationError):
        await ask(client.with_options(api_key="wrong"))
    with pytest.raises(together.NotFoundError, match="nonesuch"):
        await ask(client, model="nonesuch")
