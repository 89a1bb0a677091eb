"""Anthropic's official client against the emulator."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import pytest

from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

PROVIDER = "anthropic"
MODEL = "claude-sonnet-5"
CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=emulator.url(PROVIDER), api_key=emulator.key, max_retries=0, timeout=30
    ) as client:
        yield client


async def ask(client: anthropic.AsyncAnthropic, text: str = "Count to 9", **fields: Any) -> Any:
    request = {"model": MODEL, "max_tokens": 1000, "messages": [{"role": "user", "content": text}], **fields}
    return await client.messages.create(**request)


async def test_chat(client: anthropic.AsyncAnthropic) -> None:
    message = await ask(client, messages=CAPITAL)
    assert [block.type for block in message.content] == ["text"]
    assert message.content[0].text == "The capital is Paris."
    assert (message.stop_reason, message.model, message.role) == ("end_turn", MODEL, "assistant")
    assert message.id.startswith("msg_")
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens == 6
    assert message._request_id


async def test_a_stream_is_the_chat_in_pieces(client: anthropic.AsyncAnthropic) -> None:
    async with client.messages.stream(model=MODEL, max_tokens=1000, messages=CAPITAL) as stream:
        pieces = [text async for text in stream.text_stream]
        message: Any = await stream.get_final_message()
    assert pieces == ["The", " capital", " is", " Paris."]
    whole = await ask(client, messages=CAPITAL)
    assert message.content[0].text == whole.content[0].text
    assert (message.usage.input_tokens, message.usage.output_tokens) == (
        whole.usage.input_tokens,
        whole.usage.output_tokens,
    )
    assert message.stop_reason == "end_turn"


@pytest.mark.parametrize("stream", [False, True])
async def test_parallel_tools(client: anthropic.AsyncAnthropic, stream: bool) -> None:
    fields: Any = {
        "model": MODEL,
        "max_tokens": 1000,
        "tools": [WEATHER],
        "messages": [{"role": "user", "content": "What is the weather in Paris and Oslo?"}],
    }
    if stream:
        async with client.messages.stream(**fields) as streaming:
            message: Any = await streaming.get_final_message()
    else:
        message = await client.messages.create(**fields)
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "Oslo"}),
    ]
    assert all(call.id.startswith("toolu_") for call in calls)
    assert message.stop_reason == "tool_use"
    single = await client.messages.create(**fields, tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert len(single.content) == 1


async def test_tool_choice(client: anthropic.AsyncAnthropic) -> None:
    other = {**WEATHER, "name": "other"}
    named = await ask(client, tools=[WEATHER, other], tool_choice={"type": "tool", "name": "other"})
    assert [block.name for block in named.content if block.type == "tool_use"] == ["other"]
    anyone = await ask(client, tools=[WEATHER, other], tool_choice={"type": "any"})
    assert anyone.stop_reason == "tool_use"
    none = await ask(client, "Weather?", tools=[WEATHER], tool_choice={"type": "none"})
    assert none.stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="tool_choice"):
        await ask(client, model="claude-sonnet-5-5", tools=[WEATHER], tool_choice={"type": "any"})


async def test_the_result_of_a_tool_is_told(client: anthropic.AsyncAnthropic) -> None:
    first = await ask(client, "Weather in Paris?", tools=[WEATHER])
    call = first.content[0]
    assert call.type == "tool_use"
    messages = [
        {"role": "user", "content": "Weather in Paris?"},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees"}]},
    ]
    second = await ask(client, messages=messages, tools=[WEATHER])
    assert second.content[0].text == "get_weather says: 18 degrees"


@pytest.mark.parametrize("former", [False, True])
async def test_structured_output(client: anthropic.AsyncAnthropic, former: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["name", "tags"],
        "additionalProperties": False,
    }
    form: Any = {"type": "json_schema", "schema": schema}
    fields: Any = {"output_config": {"format": form}}
    if former:
        header = {"anthropic-beta": "structured-outputs-2025-11-13"}
        fields = {"extra_body": {"output_format": form}, "extra_headers": header}
    message = await ask(client, "Take down that Ada likes tea", **fields)
    value = json.loads(message.content[0].text)
    assert value["name"] == "Ada"
    assert isinstance(value["tags"], list)


async def test_thinking(client: anthropic.AsyncAnthropic) -> None:
    message = await ask(client, thinking={"type": "adaptive", "display": "summarized"})
    thinking, text = message.content
    assert thinking.type == "thinking"
    assert thinking.thinking
    assert thinking.signature
    assert text.text == "1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert message.usage.output_tokens > 9
    async with client.messages.stream(
        model=MODEL, max_tokens=1000, messages=CAPITAL, thinking={"type": "adaptive"}
    ) as stream:
        streamed: Any = await stream.get_final_message()
    assert streamed.content[0].type == "thinking"
    assert streamed.content[0].signature
    # What the model wrote may be sent back.
    again = await ask(client, messages=[*CAPITAL, {"role": "assistant", "content": message.content}, *CAPITAL])
    assert again.content[0].text == "The capital is Paris."


async def test_images_and_documents(client: anthropic.AsyncAnthropic, png: bytes) -> None:
    data, pdf = base64.b64encode(png).decode(), base64.b64encode(b"%PDF-1.7").decode()
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf}},
        {"type": "text", "text": "What are these?"},
    ]
    message = await ask(client, messages=[{"role": "user", "content": content}])
    assert message.content[0].text.startswith("I see 2 images (image/png, by URL). I read 1 file (application/pdf).")


async def test_limits(client: anthropic.AsyncAnthropic) -> None:
    short = await ask(client, max_tokens=4)
    assert (short.content[0].text, short.stop_reason, short.usage.output_tokens) == ("1, 2, 3, 4,", "max_tokens", 4)
    stopped = await ask(client, stop_sequences=["5"])
    assert (stopped.content[0].text, stopped.stop_reason, stopped.stop_sequence) == (
        "1, 2, 3, 4, ",
        "stop_sequence",
        "5",
    )


async def test_the_prompt_cache(client: anthropic.AsyncAnthropic) -> None:
    system = [{"type": "text", "text": "Be brief. " * 50, "cache_control": {"type": "ephemeral"}}]
    first = await ask(client, system=system)
    second = await ask(client, system=system)
    assert first.usage.cache_creation_input_tokens
    assert not first.usage.cache_read_input_tokens
    assert second.usage.cache_read_input_tokens == first.usage.cache_creation_input_tokens
    assert second.usage.input_tokens == first.usage.input_tokens


async def test_models_come_in_pages(client: anthropic.AsyncAnthropic, emulator: Emulator) -> None:
    page = await client.models.list(limit=2)
    assert len(page.data) == 2
    assert page.has_more
    names = [model.id async for model in client.models.list(limit=2)]
    assert len(names) == len(set(names)) > 4
    assert MODEL in names
    assert len(emulator.requests(PROVIDER)) > 3
    one = await client.models.retrieve(MODEL)
    assert one.display_name == "Claude Sonnet 5"
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("nonesuch")


async def test_token_counting(client: anthropic.AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(model=MODEL, messages=CAPITAL, tools=[WEATHER])
    message = await ask(client, messages=CAPITAL, tools=[WEATHER])
    assert counted.input_tokens == message.usage.input_tokens > 10


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"extra_body": {"temperature": 1}}, "temperature: Extra inputs are not permitted"),
        ({"messages": []}, "messages: at least one"),
        ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "budget_tokens"),
        (
            {"model": "claude-haiku-4-5", "thinking": {"type": "enabled", "budget_tokens": 5000}},
            "greater than `thinking.budget_tokens`",
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "Use .thinking.type.adaptive"),
        ({"extra_headers": {"anthropic-version": anthropic.omit}}, "anthropic-version"),
        ({"extra_body": {"max_tokens": None}}, "max_tokens: Input should be a valid integer"),
    ],
)
async def test_bad_requests(client: anthropic.AsyncAnthropic, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=words) as caught:
        await ask(client, **fields)
    assert "invalid_request_error" in str(caught.value.body)


async def test_old_versions_accept_sampling(client: anthropic.AsyncAnthropic) -> None:
    old: Any = {"extra_body": {"temperature": 0.5}, "extra_headers": {"anthropic-version": "2023-06-01"}}
    message = await ask(client, model="claude-haiku-4-5", **old)
    assert message.stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="`temperature` is deprecated"):
        await ask(client, **old)


async def test_keys(emulator: Emulator, client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
        await ask(client.with_options(api_key="wrong"))
    assert [request.authenticated for request in emulator.requests(PROVIDER)] == [False]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (K.INVALID_REQUEST, anthropic.BadRequestError),
        (K.AUTHENTICATION, anthropic.AuthenticationError),
        (K.PERMISSION, anthropic.PermissionDeniedError),
        (K.NOT_FOUND, anthropic.NotFoundError),
        (K.CONFLICT, anthropic.ConflictError),
        (K.REQUEST_TOO_LARGE, anthropic.RequestTooLargeError),
        (K.RATE_LIMITED, anthropic.RateLimitError),
        (K.SERVER_ERROR, anthropic.InternalServerError),
        (K.OVERLOADED, anthropic.OverloadedError),
    ],
)
async def test_errors(emulator: Emulator, client: anthropic.AsyncAnthropic, kind: K, error: type[Exception]) -> None:
    emulator.script(PROVIDER, [Fault.error(kind, retry_after=3)])
    with pytest.raises(error) as caught:
        await ask(client)
    assert isinstance(caught.value, anthropic.APIStatusError)
    assert caught.value.response.headers["retry-after"] == "3"
    assert caught.value.request_id


@pytest.mark.parametrize("status", [408, 422, 502, 504])
async def test_any_status(emulator: Emulator, client: anthropic.AsyncAnthropic, status: int) -> None:
    emulator.script(PROVIDER, [Fault.status(status)])
    with pytest.raises(anthropic.APIStatusError) as caught:
        await ask(client)
    assert caught.value.status_code == status


async def test_an_error_in_a_stream(emulator: Emulator, client: anthropic.AsyncAnthropic) -> None:
    emulator.script(PROVIDER, [Fault.error_event(K.OVERLOADED, after=2)])
    seen: list[str] = []
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        await drain(client, seen)
    assert seen == ["The", " capital"]


async def test_a_stall_in_a_stream(emulator: Emulator, client: anthropic.AsyncAnthropic) -> None:
    emulator.script(PROVIDER, [Fault.stall(3)])
    seen: list[str] = []
    with pytest.raises((httpx2.ReadTimeout, anthropic.APITimeoutError)):
        await drain(client.with_options(timeout=1.0), seen)
    assert seen == ["The", " capital", " is"]


async def test_connections(emulator: Emulator, client: anthropic.AsyncAnthropic) -> None:
    emulator.script(PROVIDER, [Fault.slow_headers(), Fault.reset()])
    with pytest.raises(anthropic.APITimeoutError):
        await ask(client.with_options(timeout=0.5))
    with pytest.raises(anthropic.APIConnectionError):
        await ask(client)
    await emulator.stop(PROVIDER)
    with pytest.raises(anthropic.APIConnectionError):
        await ask(client)


async def drain(client: anthropic.AsyncAnthropic, into: list[str]) -> None:
    async with client.messages.stream(model=MODEL, max_tokens=1000, messages=CAPITAL) as stream:
        async for text in stream.text_stream:
            into.append(text)
