"""Cohere's official client against the emulator."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import cohere
import httpx
import pytest
from cohere import errors
from cohere.core.api_error import ApiError

from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

PROVIDER = "cohere"
MODEL = "command-a-plus-05-2026"
CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
OTHER: Any = {"type": "function", "function": {**WEATHER["function"], "name": "other"}}


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[cohere.AsyncClientV2]:
    async with a_client(emulator) as client:
        yield client


def a_client(emulator: Emulator, *, key: str | None = None, timeout: float = 5) -> cohere.AsyncClientV2:
    return cohere.AsyncClientV2(
        api_key=key or emulator.key,
        base_url=emulator.url(PROVIDER),
        max_retries=0,
        timeout=timeout,
        log_warning_experimental_features=False,
    )


async def ask(client: cohere.AsyncClientV2, text: str = "Count to 9", **fields: Any) -> Any:
    return await client.chat(**{"model": MODEL, "messages": [{"role": "user", "content": text}], **fields})


async def streamed(client: cohere.AsyncClientV2, **fields: Any) -> list[Any]:
    return [event async for event in client.chat_stream(**{"model": MODEL, "messages": CAPITAL, **fields})]


def texts(events: list[Any], kind: str = "text") -> list[str]:
    deltas = [event.delta.message.content for event in events if event.type == "content-delta"]
    return [piece for delta in deltas if (piece := getattr(delta, kind))]


async def test_chat(client: cohere.AsyncClientV2) -> None:
    answer = await ask(client, messages=CAPITAL)
    assert [block.type for block in answer.message.content] == ["text"]
    assert answer.message.content[0].text == "The capital is Paris."
    assert (answer.finish_reason, answer.message.role) == ("COMPLETE", "assistant")
    assert answer.id
    assert answer.usage.tokens.input_tokens > 0
    assert answer.usage.tokens.output_tokens == 6


async def test_a_stream_is_the_chat_in_pieces(client: cohere.AsyncClientV2) -> None:
    events = await streamed(client)
    assert texts(events) == ["The", " capital", " is", " Paris."]
    assert [event.type for event in events if event.type != "content-delta"] == [
        "message-start",
        "content-start",
        "content-end",
        "message-end",
    ]
    end = events[-1].delta
    whole = await ask(client, messages=CAPITAL)
    assert end.finish_reason == "COMPLETE"
    assert end.usage.tokens == whole.usage.tokens


async def test_parallel_tools(client: cohere.AsyncClientV2) -> None:
    fields: Any = {
        "tools": [WEATHER],
        "messages": [{"role": "user", "content": "What is the weather in Paris and Oslo?"}],
    }
    answer = await ask(client, **fields)
    assert [(call.function.name, json.loads(call.function.arguments)) for call in answer.message.tool_calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "Oslo"}),
    ]
    assert answer.finish_reason == "TOOL_CALL"
    events = await streamed(client, **fields)
    starts = [event.delta.message.tool_calls for event in events if event.type == "tool-call-start"]
    written = ["", ""]
    for event in events:
        if event.type == "tool-call-delta":
            written[event.index] += event.delta.message.tool_calls.function.arguments
    assert [call.function.name for call in starts] == ["get_weather", "get_weather"]
    assert [json.loads(arguments) for arguments in written] == [{"city": "Paris"}, {"city": "Oslo"}]
    assert sum(event.type == "tool-call-end" for event in events) == 2


async def test_tool_choice(client: cohere.AsyncClientV2) -> None:
    called = await ask(client, tools=[OTHER], tool_choice="REQUIRED")
    assert [call.function.name for call in called.message.tool_calls] == ["other"]
    none = await ask(client, "Weather in Oslo?", tools=[WEATHER], tool_choice="NONE")
    assert none.finish_reason == "COMPLETE"
    with pytest.raises(errors.BadRequestError, match="tool_choice"):
        await ask(client, model="command-r-08-2024", tools=[WEATHER], tool_choice="REQUIRED")


@pytest.mark.parametrize("form", ["text", "document"])
async def test_the_result_of_a_tool_is_told(client: cohere.AsyncClientV2, form: str) -> None:
    first = await ask(client, "Weather in Paris?", tools=[WEATHER])
    call = first.message.tool_calls[0]
    document = {"type": "document", "document": {"data": {"output": "18 degrees"}}}
    messages: Any = [
        {"role": "user", "content": "Weather in Paris?"},
        {"role": "assistant", "tool_plan": "I will look.", "tool_calls": first.message.tool_calls},
        {"role": "tool", "tool_call_id": call.id, "content": "18 degrees" if form == "text" else [document]},
    ]
    second = await ask(client, messages=messages, tools=[WEATHER])
    assert second.message.content[0].text == "get_weather says: 18 degrees"


async def test_structured_output(client: cohere.AsyncClientV2) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["name", "tags"],
    }
    form: Any = {"type": "json_object", "json_schema": schema}
    answer = await ask(client, "Take down that Ada likes tea", response_format=form)
    value = json.loads(answer.message.content[0].text)
    assert value["name"] == "Ada"
    assert isinstance(value["tags"], list)
    with pytest.raises(errors.BadRequestError, match="not supported with tools"):
        await ask(client, response_format=form, tools=[WEATHER])


async def test_thinking(client: cohere.AsyncClientV2) -> None:
    answer = await ask(client, thinking={"type": "enabled"})
    thinking, text = answer.message.content
    assert thinking.type == "thinking"
    assert thinking.thinking
    assert text.text == "1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert answer.usage.tokens.output_tokens > 9
    events = await streamed(client, thinking={"type": "enabled"})
    assert texts(events, "thinking")
    # What the model wrote may be sent back.
    history: Any = [*CAPITAL, {"role": "assistant", "content": answer.message.content}, *CAPITAL]
    again = await ask(client, messages=history)
    assert again.message.content[-1].text == "The capital is Paris."
    off = await ask(client, thinking={"type": "disabled"})
    assert [block.type for block in off.message.content] == ["text"]
    with pytest.raises(errors.BadRequestError, match="thinking is not supported"):
        await ask(client, model="command-a-03-2025", thinking={"type": "enabled"})


async def test_images(client: cohere.AsyncClientV2, png: bytes) -> None:
    url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    content: Any = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image_url", "image_url": {"url": "https://example.com/x.png", "detail": "low"}},
        {"type": "text", "text": "What are these?"},
    ]
    answer = await ask(client, messages=[{"role": "user", "content": content}])
    assert answer.message.content[0].text.startswith("I see 2 images (image/png, by URL).")


async def test_limits(client: cohere.AsyncClientV2) -> None:
    short = await ask(client, max_tokens=4)
    assert (short.message.content[0].text, short.finish_reason) == ("1, 2, 3, 4,", "MAX_TOKENS")
    stopped = await ask(client, stop_sequences=["5"])
    assert stopped.message.content[0].text == "1, 2, 3, 4, "


async def test_models_come_in_pages(client: cohere.AsyncClientV2) -> None:
    names: list[str] = []
    token = None
    while True:
        page = await client.models.list(page_size=3, page_token=token)
        names += [model.name for model in page.models if model.name]
        token = page.next_page_token
        if not token:
            break
        assert len(page.models) == 3
    assert len(names) == len(set(names)) > 6
    embedders = await client.models.list(endpoint="embed")
    assert [model.name for model in embedders.models] == ["embed-v4.0", "embed-english-v3.0"]
    one = await client.models.get(MODEL)
    assert one.context_length == 256_000
    assert one.endpoints == ["chat"]
    with pytest.raises(errors.NotFoundError, match="nonesuch"):
        await client.models.get("nonesuch")


async def test_embeddings(client: cohere.AsyncClientV2) -> None:
    found = await client.embed(
        model="embed-v4.0",
        input_type="search_document",
        texts=["the cat sat", "a cat sat", "quarterly tax report"],
        embedding_types=["float", "base64"],
        output_dimension=256,
    )
    vectors = found.embeddings.float_
    assert vectors is not None
    assert [len(vector) for vector in vectors] == [256] * 3
    assert math.dist(vectors[0], vectors[1]) < math.dist(vectors[0], vectors[2])
    assert found.embeddings.base64 is not None
    assert len(base64.b64decode(found.embeddings.base64[0])) == 4 * 256
    assert found.meta is not None
    assert found.meta.billed_units is not None
    assert found.meta.billed_units.input_tokens
    with pytest.raises(errors.BadRequestError, match="at most 96"):
        await client.embed(model="embed-v4.0", input_type="search_query", texts=["x"] * 97)
    with pytest.raises(errors.BadRequestError, match="valid input_type"):
        await client.embed(model="embed-v4.0", input_type="nonsense", texts=["x"])
    with pytest.raises(errors.BadRequestError, match="embed is not supported"):
        await client.embed(model=MODEL, input_type="search_query", texts=["x"])


async def test_token_counting(client: cohere.AsyncClientV2) -> None:
    few = await client.tokenize(text="hello", model=MODEL, offline=False)
    many = await client.tokenize(text="hello there " * 20, model=MODEL, offline=False)
    assert 0 < len(few.tokens) < len(many.tokens)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"temperature": 1.5}, "temperature must be between 0 and 1"),
        ({"p": 1.0}, "p must be between"),
        ({"messages": []}, "messages must not be empty"),
        ({"stop_sequences": list("abcdef")}, "at most 5"),
        ({"model": "command-r-08-2024", "thinking": {"type": "enabled"}}, "thinking is not supported"),
    ],
)
async def test_bad_requests(client: cohere.AsyncClientV2, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.BadRequestError, match=words):
        await ask(client, **fields)


async def test_keys(emulator: Emulator) -> None:
    async with a_client(emulator, key="wrong") as stranger:
        with pytest.raises(errors.UnauthorizedError, match="no api key supplied"):
            await ask(stranger)
    assert [request.authenticated for request in emulator.requests(PROVIDER)] == [False]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (K.INVALID_REQUEST, errors.BadRequestError),
        (K.CONTEXT_LENGTH, errors.BadRequestError),
        (K.AUTHENTICATION, errors.UnauthorizedError),
        (K.BILLING, ApiError),
        (K.PERMISSION, errors.ForbiddenError),
        (K.NOT_FOUND, errors.NotFoundError),
        (K.CONTENT_FILTER, errors.InvalidTokenError),
        (K.CONFLICT, errors.ClientClosedRequestError),
        (K.RATE_LIMITED, errors.TooManyRequestsError),
        (K.SERVER_ERROR, errors.InternalServerError),
        (K.OVERLOADED, errors.ServiceUnavailableError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors(
    emulator: Emulator, client: cohere.AsyncClientV2, kind: K, error: type[ApiError], stream: bool
) -> None:
    emulator.script(PROVIDER, [Fault.error(kind, retry_after=3)])
    with pytest.raises(error) as caught:
        await (streamed(client) if stream else ask(client))
    assert caught.value.headers is not None
    assert caught.value.headers["retry-after"] == "3"
    assert caught.value.headers["x-debug-trace-id"]


@pytest.mark.parametrize(
    ("status", "error"), [(422, errors.UnprocessableEntityError), (504, errors.GatewayTimeoutError)]
)
async def test_other_statuses(
    emulator: Emulator, client: cohere.AsyncClientV2, status: int, error: type[ApiError]
) -> None:
    emulator.script(PROVIDER, [Fault.status(status)])
    with pytest.raises(error):
        await ask(client)


async def test_an_error_in_a_stream(emulator: Emulator, client: cohere.AsyncClientV2) -> None:
    emulator.script(PROVIDER, [Fault.error_event(K.SERVER_ERROR, after=2)])
    events = await streamed(client)
    assert texts(events) == ["The", " capital"]
    # To this client an answer that failed is one that ended, for a reason of its own.
    assert (events[-1].delta.finish_reason, events[-1].delta.error) == ("ERROR", "internal server error")


async def test_connections(emulator: Emulator, client: cohere.AsyncClientV2) -> None:
    emulator.script(PROVIDER, [Fault.slow_headers(), Fault.reset()])
    async with a_client(emulator, timeout=0.5) as hasty:
        with pytest.raises(httpx.TimeoutException):
            await ask(hasty)
    with pytest.raises(httpx.TransportError):
        await ask(client)
    await emulator.stop(PROVIDER)
    with pytest.raises(httpx.ConnectError):
        await ask(client)
