"""Streams and bodies of the Responses API, built with the types of OpenAI's official client, and read back with it.

The API is not among the recordings; the client's types are the nearest thing to the service's own words.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
from openai.types import responses as r
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from tests.contract.driving import Outcome, drive
from understudy.dialects.base import Endpoint
from understudy.dialects.responses.client import DIALECT
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpHead

HELLO = GenerationRequest(messages=(Message.user("hello"),))
ENDPOINT = Endpoint(provider="openai", base_url="https://api.openai.com/v1", model="gpt-6-sol")
KEEPING = Endpoint(provider="openai", base_url="https://api.openai.com/v1", model="gpt-6-sol", keep_wire=True)
SSE = HttpHead(200, {"content-type": "text/event-stream; charset=utf-8"})
JSON = HttpHead(200, {"content-type": "application/json"})

USAGE = r.ResponseUsage(
    input_tokens=50,
    input_tokens_details=InputTokensDetails(cached_tokens=20, cache_write_tokens=5),
    output_tokens=30,
    output_tokens_details=OutputTokensDetails(reasoning_tokens=10),
    total_tokens=80,
)


def response(*output: Any, status: Any = "completed", usage: r.ResponseUsage | None = USAGE, **more: Any) -> r.Response:
    return r.Response(
        id="resp_1",
        object="response",
        created_at=1_780_000_000,
        model="gpt-6-sol-2026-10-01",
        status=status,
        output=list(output),
        parallel_tool_calls=True,
        tool_choice="auto",
        tools=[],
        usage=usage,
        **more,
    )


def text(words: str, *annotations: Any) -> r.ResponseOutputText:
    return r.ResponseOutputText(type="output_text", text=words, annotations=list(annotations), logprobs=[])


def message(item_id: str, *content: Any, **more: Any) -> r.ResponseOutputMessage:
    return r.ResponseOutputMessage(
        id=item_id, type="message", role="assistant", status="completed", content=list(content), **more
    )


def call(item_id: str, call_id: str, arguments: str, name: str = "get_weather") -> r.ResponseFunctionToolCall:
    return r.ResponseFunctionToolCall(
        id=item_id, type="function_call", call_id=call_id, name=name, arguments=arguments, status="completed"
    )


def begun() -> list[Any]:
    """The two events that every stream begins with."""
    start = response(status="in_progress", usage=None)
    return [
        r.ResponseCreatedEvent(type="response.created", response=start, sequence_number=0),
        r.ResponseInProgressEvent(type="response.in_progress", response=start, sequence_number=0),
    ]


def added(position: int, item: Any) -> r.ResponseOutputItemAddedEvent:
    return r.ResponseOutputItemAddedEvent(
        type="response.output_item.added", item=item, output_index=position, sequence_number=0
    )


def done(position: int, item: Any) -> r.ResponseOutputItemDoneEvent:
    return r.ResponseOutputItemDoneEvent(
        type="response.output_item.done", item=item, output_index=position, sequence_number=0
    )


def part_added(position: int, item_id: str, part: Any) -> r.ResponseContentPartAddedEvent:
    return r.ResponseContentPartAddedEvent(
        type="response.content_part.added",
        part=part,
        item_id=item_id,
        output_index=position,
        content_index=0,
        sequence_number=0,
    )


def words(position: int, item_id: str, delta: str) -> r.ResponseTextDeltaEvent:
    return r.ResponseTextDeltaEvent(
        type="response.output_text.delta",
        delta=delta,
        item_id=item_id,
        output_index=position,
        content_index=0,
        logprobs=[],
        sequence_number=0,
    )


def arguments(position: int, item_id: str, delta: str) -> r.ResponseFunctionCallArgumentsDeltaEvent:
    return r.ResponseFunctionCallArgumentsDeltaEvent(
        type="response.function_call_arguments.delta",
        delta=delta,
        item_id=item_id,
        output_index=position,
        sequence_number=0,
    )


def completed(final: r.Response) -> r.ResponseCompletedEvent:
    return r.ResponseCompletedEvent(type="response.completed", response=final, sequence_number=0)


def say(position: int, item_id: str, *pieces: str) -> list[Any]:
    """A whole message of one text, streamed."""
    whole = "".join(pieces)
    return [
        added(position, message(item_id)),
        part_added(position, item_id, text("")),
        *(words(position, item_id, piece) for piece in pieces),
        done(position, message(item_id, text(whole))),
    ]


def frames(*events: Any) -> list[bytes]:
    """Frame events as the service does, numbered in order. A dict is an event that the client has no type for."""
    written = []
    for number, event in enumerate(events):
        fields = event if isinstance(event, dict) else event.model_dump(mode="json", exclude_unset=True)
        data = json.dumps({**fields, "sequence_number": number}, ensure_ascii=False)
        written.append(f"event: {fields['type']}\ndata: {data}\n\n".encode())
    return written


def stream(*events: Any) -> bytes:
    return b"".join(frames(*events))


def whole(final: r.Response) -> bytes:
    return final.model_dump_json(exclude_unset=True).encode()


def read(body: bytes, *, endpoint: Endpoint = ENDPOINT, size: int | None = None) -> Outcome:
    """Read a stream with the client half, in one piece or in pieces of `size` bytes."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)] if size else [body]
    return drive(DIALECT.open(Operation.CHAT, HELLO, endpoint, stream=True), SSE, pieces)


def read_whole(body: bytes, head: HttpHead = JSON) -> Outcome:
    return drive(DIALECT.open(Operation.CHAT, HELLO, ENDPOINT), head, [body])


def oracle(body: bytes) -> list[Any]:
    """Read a stream with the official client."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = openai.OpenAI(api_key="none", base_url="https://oracle.invalid/v1", http_client=http, max_retries=0)
        return list(client.responses.create(model="m", input="hello", stream=True))
