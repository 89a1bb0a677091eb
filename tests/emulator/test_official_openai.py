"""OpenAI's official client against the emulator: chat completions, embeddings, models and errors."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

PROVIDER = "openai"
MODEL = "gpt-4.1-mini"
CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Person(BaseModel):
    name: str
    age: int
    nicknames: list[str]


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=emulator.url(PROVIDER), api_key=emulator.key, max_retries=0, timeout=30
    ) as client:
        yield client


async def ask(client: openai.AsyncOpenAI, text: str = "Count to 9", **fields: Any) -> Any:
    request = {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}
    return await client.chat.completions.create(**request)


async def test_chat(client: openai.AsyncOpenAI) -> None:
    answer = await ask(client, messages=CAPITAL)
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("The capital is Paris.", "stop")
    assert answer.id.startswith("chatcmpl-")
    assert (answer.object, answer.model) == ("chat.completion", MODEL)
    assert answer.usage.completion_tokens == 6
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 6
    assert answer._request_id


async def test_a_stream_is_the_chat_in_pieces(client: openai.AsyncOpenAI) -> None:
    chunks = [chunk async for chunk in await ask(client, messages=CAPITAL, stream=True)]
    assert [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content] == [
        "The",
        " capital",
        " is",
        " Paris.",
    ]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


async def test_usage_in_a_stream_when_asked_for(client: openai.AsyncOpenAI) -> None:
    options = {"include_usage": True}
    chunks = [c async for c in await ask(client, messages=CAPITAL, stream=True, stream_options=options)]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == (await ask(client, messages=CAPITAL)).usage


@pytest.mark.parametrize("stream", [False, True])
async def test_parallel_tools(client: openai.AsyncOpenAI, stream: bool) -> None:
    fields: Any = {
        "model": MODEL,
        "tools": [WEATHER],
        "messages": [{"role": "user", "content": "What is the weather in Paris and Oslo?"}],
    }
    if stream:
        async with client.chat.completions.stream(**fields) as streaming:
            answer = await streaming.get_final_completion()
    else:
        answer = await client.chat.completions.create(**fields)
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Oslo"}]
    assert len({call.id for call in calls}) == 2
    assert answer.choices[0].finish_reason == "tool_calls"
    single = await client.chat.completions.create(**fields, parallel_tool_calls=False)
    assert len(single.choices[0].message.tool_calls or ()) == 1


async def test_tool_choice(client: openai.AsyncOpenAI) -> None:
    other = {"type": "function", "function": {**WEATHER["function"], "name": "other"}}
    tools = [WEATHER, other]

    async def called(choice: Any) -> list[str]:
        answer = await ask(client, "Weather?", tools=tools, tool_choice=choice)
        return [call.function.name for call in answer.choices[0].message.tool_calls or ()]

    assert await called({"type": "function", "function": {"name": "other"}}) == ["other"]
    assert await called("none") == []
    assert await called("required") == ["get_weather"]
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "other"}}]}
    assert await called({"type": "allowed_tools", "allowed_tools": allowed}) == ["other"]


async def test_the_result_of_a_tool_is_told(client: openai.AsyncOpenAI) -> None:
    question = {"role": "user", "content": "Weather in Paris?"}
    first = await ask(client, messages=[question], tools=[WEATHER])
    message = first.choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "18 degrees"}
    second = await ask(client, messages=[question, message, result], tools=[WEATHER])
    assert second.choices[0].message.content == "get_weather says: 18 degrees"


async def test_structured_output(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": "Take down that Ada is 36"}], response_format=Person
    )
    person = answer.choices[0].message.parsed
    assert person is not None
    assert (person.name, person.age) == ("Ada", 36)
    json_mode = await ask(client, "JSON: what is 2 + 2?", response_format={"type": "json_object"})
    assert json.loads(json_mode.choices[0].message.content) == {"answer": "2 + 2 = 4."}


async def test_reasoning_is_counted_and_not_shown(client: openai.AsyncOpenAI) -> None:
    answer = await ask(client, messages=CAPITAL, model="gpt-5.2", reasoning_effort="high")
    assert answer.choices[0].message.content == "The capital is Paris."
    reasoned = answer.usage.completion_tokens_details.reasoning_tokens
    assert reasoned > 0
    assert answer.usage.completion_tokens == reasoned + 6
    cut = await ask(client, model="gpt-5.2", reasoning_effort="high", max_completion_tokens=3)
    assert cut.choices[0].finish_reason == "length"
    assert not cut.choices[0].message.content


async def test_images_and_audio(client: openai.AsyncOpenAI, png: bytes) -> None:
    data = base64.b64encode(png).decode()
    wav = base64.b64encode(b"RIFF\x24\x00\x00\x00WAVEfmt ").decode()
    content = [
        {"type": "text", "text": "What are these?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}},
        {"type": "input_audio", "input_audio": {"data": wav, "format": "wav"}},
    ]
    answer = await ask(client, messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content.startswith("I see 2 images (image/png, by URL). I hear 1 recording (")


async def test_limits(client: openai.AsyncOpenAI) -> None:
    short = await ask(client, max_completion_tokens=4)
    assert (short.choices[0].message.content, short.choices[0].finish_reason) == ("1, 2, 3, 4,", "length")
    assert short.usage.completion_tokens == 4
    stopped = await ask(client, stop=["5", "7"])
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("1, 2, 3, 4, ", "stop")


async def test_the_prompt_cache(client: openai.AsyncOpenAI) -> None:
    texts = ["Be brief. " * 50, "Be brief. " * 50]
    answers = [await ask(client, text, prompt_cache_key="k") for text in texts]
    cached = [answer.usage.prompt_tokens_details.cached_tokens or 0 for answer in answers]
    assert cached[0] == 0
    assert cached[1] == answers[0].usage.prompt_tokens == answers[1].usage.prompt_tokens


async def test_embeddings(client: openai.AsyncOpenAI) -> None:
    texts = ["the cat sat on the mat", "a cat sat on a mat", "quarterly revenue rose sharply"]
    answer = await client.embeddings.create(model="text-embedding-3-small", input=texts)
    near, also, far = (item.embedding for item in answer.data)
    assert len(near) == 1536
    assert math.isclose(dot(near, near), 1.0, abs_tol=1e-6)
    assert dot(near, also) > 0.3 > dot(near, far)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    numbers = await client.embeddings.create(
        model="text-embedding-3-small", input="the cat sat on the mat", encoding_format="float"
    )
    assert numbers.data[0].embedding == pytest.approx(near, abs=1e-6)
    small = await client.embeddings.create(model="text-embedding-3-small", input="x", dimensions=64)
    assert len(small.data[0].embedding) == 64


async def test_models(client: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert {MODEL, "gpt-6-sol", "text-embedding-3-small"} <= set(names)
    assert (await client.models.retrieve(MODEL)).id == MODEL
    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve("nonesuch")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"messages": []}, "empty_array", "messages"),
        ({"model": "gpt-5.2", "max_tokens": 5}, "unsupported_parameter", "max_tokens"),
        ({"model": "gpt-5", "temperature": 0.2}, "unsupported_value", "temperature"),
        ({"model": "o4-mini", "stop": ["x"]}, "unsupported_parameter", "stop"),
        ({"model": "gpt-6-sol", "tools": [WEATHER]}, None, "reasoning_effort"),
        ({"model": "gpt-5.4", "tools": [WEATHER], "reasoning_effort": "low"}, None, "reasoning_effort"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, None, None),
        ({"tools": "none"}, None, None),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"required": 3}}}]}, None, None),
    ],
)
async def test_bad_requests(
    client: openai.AsyncOpenAI, fields: dict[str, Any], code: str | None, param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(client, **fields)
    assert caught.value.type == "invalid_request_error"
    if code or param:
        assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "gpt-5.2", "temperature": 1},
        {"model": "gpt-5.2", "temperature": 0.2, "reasoning_effort": "none"},
        {"model": "gpt-5.4", "tools": [WEATHER]},
        {"model": "gpt-4.1-mini-2025-04-14", "max_tokens": 5, "temperature": 0},
    ],
)
async def test_good_requests(client: openai.AsyncOpenAI, fields: dict[str, Any]) -> None:
    assert (await ask(client, **fields)).choices


async def test_keys_models_and_routes(emulator: Emulator, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as wrong:
        await ask(client.with_options(api_key="wrong"))
    assert wrong.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError, match="`nonesuch` does not exist") as unknown:
        await ask(client, model="nonesuch")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="Unknown request URL: POST /v1/moderations"):
        await client.moderations.create(input="x")
    with pytest.raises(openai.NotFoundError, match="Unknown request URL: POST /chat/completions"):
        await ask(client.with_options(base_url=emulator.origin(PROVIDER)))
    with pytest.raises(openai.PermissionDeniedError):
        await ask(client, model="text-embedding-3-small")
    assert [r.authenticated for r in emulator.requests(PROVIDER)] == [False, True, True, True, True]


async def test_other_keys_and_models() -> None:
    async with (
        Emulator([PROVIDER], keys=None, models={PROVIDER: ["ft:mine"]}) as emulator,
        openai.AsyncOpenAI(base_url=emulator.url(PROVIDER), api_key="any", max_retries=0) as client,
    ):
        assert (await ask(client, model="ft:mine")).model == "ft:mine"


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        (K.INVALID_REQUEST, openai.BadRequestError, "invalid_value"),
        (K.CONTEXT_LENGTH, openai.BadRequestError, "context_length_exceeded"),
        (K.CONTENT_FILTER, openai.BadRequestError, "content_policy_violation"),
        (K.AUTHENTICATION, openai.AuthenticationError, "invalid_api_key"),
        (K.PERMISSION, openai.PermissionDeniedError, "unsupported_country_region_territory"),
        (K.NOT_FOUND, openai.NotFoundError, "model_not_found"),
        (K.CONFLICT, openai.ConflictError, None),
        (K.RATE_LIMITED, openai.RateLimitError, "rate_limit_exceeded"),
        (K.BILLING, openai.RateLimitError, "insufficient_quota"),
        (K.SERVER_ERROR, openai.InternalServerError, None),
        (K.OVERLOADED, openai.InternalServerError, None),
    ],
)
async def test_errors(
    emulator: Emulator, client: openai.AsyncOpenAI, kind: K, error: type[openai.APIStatusError], code: str | None
) -> None:
    emulator.script(PROVIDER, [Fault.error(kind, retry_after=0.5)])
    with pytest.raises(error) as caught:
        await ask(client)
    assert caught.value.code == code
    assert caught.value.response.headers["retry-after"] == "0.5"
    assert caught.value.response.headers["x-ratelimit-limit-requests"]
    assert caught.value.request_id


@pytest.mark.parametrize(
    ("status", "error"),
    [(422, openai.UnprocessableEntityError), (409, openai.ConflictError), (504, openai.InternalServerError)],
)
async def test_any_status(
    emulator: Emulator, client: openai.AsyncOpenAI, status: int, error: type[openai.APIStatusError]
) -> None:
    emulator.script(PROVIDER, [Fault.status(status)])
    with pytest.raises(error) as caught:
        await ask(client)
    assert caught.value.status_code == status


async def test_retries_meet_the_next_entry_of_the_script(emulator: Emulator, client: openai.AsyncOpenAI) -> None:
    emulator.script(PROVIDER, [Fault.status(429, retry_after=0.01), Fault.status(503, retry_after=0.01), None])
    answer = await ask(client.with_options(max_retries=2))
    assert answer.choices[0].message.content
    assert [request.status for request in emulator.requests(PROVIDER)] == [429, 503, 200]


async def test_an_error_in_a_stream(emulator: Emulator, client: openai.AsyncOpenAI) -> None:
    emulator.script(PROVIDER, [Fault.error_event(K.OVERLOADED, after=2)])
    seen: list[str] = []
    with pytest.raises(openai.APIError, match="overloaded"):
        await drain(client, seen)
    assert seen == ["The", " capital"]


async def test_connections(emulator: Emulator, client: openai.AsyncOpenAI) -> None:
    emulator.script(PROVIDER, [Fault.slow_headers(), Fault.reset(), Fault.cut()])
    with pytest.raises(openai.APITimeoutError):
        await ask(client.with_options(timeout=0.5))
    for _ in range(2):
        with pytest.raises(openai.APIConnectionError):
            await ask(client)
    await emulator.stop(PROVIDER)
    with pytest.raises(openai.APIConnectionError):
        await ask(client)


async def test_what_the_official_client_takes_for_success(emulator: Emulator, client: openai.AsyncOpenAI) -> None:
    """The faults that this library must find for itself: the official client doesn't see them."""
    emulator.script(PROVIDER, [Fault.cut(2, clean=True), Fault.empty(), Fault.missing_usage(), Fault.refusal()])
    seen: list[str] = []
    await drain(client, seen)
    assert seen == ["The", " capital"]
    assert not (await ask(client)).choices[0].message.content
    assert not (await ask(client)).usage
    assert (await ask(client)).choices[0].finish_reason == "content_filter"


async def test_bad_output_is_no_json(emulator: Emulator, client: openai.AsyncOpenAI) -> None:
    emulator.script(PROVIDER, always=Fault.bad_output())
    answer = await ask(client, "Weather in Paris?", tools=[WEATHER])
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.choices[0].message.tool_calls[0].function.arguments)
    answer = await ask(client, "Answer in JSON", response_format={"type": "json_object"})
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.choices[0].message.content)


async def drain(client: openai.AsyncOpenAI, into: list[str]) -> None:
    async for chunk in await ask(client, messages=CAPITAL, stream=True):
        if chunk.choices[0].delta.content:
            into.append(chunk.choices[0].delta.content)


def dot(left: list[float], right: list[float]) -> float:
    return math.fsum(a * b for a, b in zip(left, right, strict=True))
