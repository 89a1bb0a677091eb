"""Makes requests and chunks of the Gemini API for the tests beside it."""

from __future__ import annotations

import json
from typing import Any

from understudy.dialects.base import Endpoint, Send
from understudy.dialects.gemini.client import DIALECT
from understudy.dialects.quirks import Quirks
from understudy.domain.content import AnyPart
from understudy.domain.events import Event, Warned
from understudy.domain.failures import Failure
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.wire.http import HttpHead, HttpRequest

BASE = "https://gemini.invalid"


def endpoint(**quirks: Any) -> Endpoint:
    return Endpoint(provider="google", base_url=BASE, model="gemini-x", quirks=Quirks(**quirks))


def asked(*messages: Message, **fields: Any) -> GenerationRequest:
    return GenerationRequest(messages=messages or (Message.user("hi"),), **fields)


def sent(request: GenerationRequest, target: Endpoint | None = None, *, stream: bool = False) -> HttpRequest:
    """Return what would be sent."""
    return next(
        step.request
        for step in DIALECT.open(Operation.CHAT, request, target or endpoint(), stream=stream).start()
        if isinstance(step, Send)
    )


def body(request: GenerationRequest, target: Endpoint | None = None) -> dict[str, Any]:
    """Return the body that would be sent."""
    found: dict[str, Any] = json.loads(sent(request, target).body or b"")
    return found


def warnings(request: GenerationRequest, target: Endpoint | None = None) -> list[tuple[str, str]]:
    """Return the warnings of the encoding, by kind and subject."""
    steps = DIALECT.open(Operation.CHAT, request, target or endpoint()).start()
    return [(str(step.warning.kind), step.warning.what) for step in steps if isinstance(step, Warned)]


def chunk(*parts: dict[str, Any], finish: str | int | None = None, **fields: Any) -> dict[str, Any]:
    """Make a chunk with these parts; `candidate` fields may be added."""
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **fields.pop("candidate", {})}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "answer-0123456789ab", **fields}


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(one).encode() for one in chunks)


def whole(value: Any) -> list[Event | Failure]:
    """Decode a whole body."""
    exchange = DIALECT.open(Operation.CHAT, asked(), endpoint())
    exchange.start()
    exchange.head(HttpHead(200, {"content-type": "application/json"}))
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return [step for step in (*exchange.feed(data), *exchange.close()) if not isinstance(step, Send)]


def streamed(*pieces: bytes) -> list[Event | Failure]:
    """Decode a stream."""
    exchange = DIALECT.open(Operation.CHAT, asked(), endpoint(), stream=True)
    exchange.start()
    exchange.head(HttpHead(200, {}))
    steps: list[Event | Failure | Send] = []
    for piece in pieces:
        if not exchange.finished:
            steps += exchange.feed(piece)
    steps += [] if exchange.finished else exchange.close()
    return [step for step in steps if not isinstance(step, Send)]


def answer(steps: list[Event | Failure]) -> GenerationResponse:
    events = [step for step in steps if not isinstance(step, Failure)]
    assert len(events) == len(steps), steps
    return fold(events, dialect="gemini")


def failure(steps: list[Event | Failure]) -> Failure:
    assert steps
    assert isinstance(steps[-1], Failure), steps
    return steps[-1]


def parts(*chunks: Any) -> tuple[AnyPart, ...]:
    """The parts of an answer that comes in these chunks, streamed."""
    return answer(streamed(sse(*chunks))).message.parts
