"""How these tests read answers: bytes in one of the dialects in, a response or a failure out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from tests.contract.driving import Outcome, drive
from understudy import dialects
from understudy.dialects.base import Endpoint
from understudy.domain.failures import FailureKind
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.wire.http import HttpHead

HELLO = GenerationRequest(messages=(Message.user("hello"),))
BASES = {
    "openai": "http://upstream.invalid/v1",
    "responses": "http://upstream.invalid/v1",
    "hf-features": "http://upstream.invalid/v1",
}
NAMED = {"anthropic", "responses", "cohere"}
"""Dialects whose events have names."""

JSON = HttpHead(200, {"content-type": "application/json"})
STREAM = HttpHead(200, {"content-type": "text/event-stream"})
LINES = HttpHead(200, {"content-type": "application/x-ndjson"})


def endpoint(dialect: str, **more: Any) -> Endpoint:
    return Endpoint(provider=dialect, base_url=BASES.get(dialect, "http://upstream.invalid"), model="m", **more)


def framed(dialect: str, events: Iterable[Any]) -> bytes:
    """Write events as this dialect's stream; bytes stand for themselves."""
    pieces = []
    for event in events:
        if isinstance(event, bytes):
            pieces.append(event)
            continue
        data = json.dumps(event).encode()
        if dialect == "ollama":
            pieces.append(data + b"\n")
        elif dialect in NAMED and isinstance(event.get("type"), str):
            pieces.append(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), data))
        else:
            pieces.append(b"data: %b\n\n" % data)
    return b"".join(pieces)


def read(dialect: str, body: bytes, *, streaming: bool, pieces: Iterable[bytes] | None = None) -> Outcome:
    """Read a body of status 200."""
    head = (LINES if dialect == "ollama" else STREAM) if streaming else JSON
    exchange = dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect), stream=streaming)
    return drive(exchange, head, pieces if pieces is not None else [body])


def streamed(dialect: str, *events: Any) -> GenerationResponse:
    outcome = read(dialect, framed(dialect, events), streaming=True)
    assert outcome.failure is None, outcome.failure
    return fold(outcome.steps, dialect=dialect)


def whole(dialect: str, body: Any) -> GenerationResponse:
    outcome = read(dialect, body if isinstance(body, bytes) else json.dumps(body).encode(), streaming=False)
    assert outcome.failure is None, outcome.failure
    return fold(outcome.steps, dialect=dialect)


def failed(dialect: str, *events: Any) -> FailureKind:
    """Read a stream that is no answer."""
    outcome = read(dialect, framed(dialect, events), streaming=True)
    assert outcome.failure is not None, fold(outcome.steps)
    return outcome.failure.kind


def calls(response: GenerationResponse) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in response.tool_calls]


def whats(response: GenerationResponse | EmbeddingResponse) -> list[str]:
    """What the warnings are of."""
    return [warning.what for warning in response.warnings]


def vectors(dialect: str, body: Any, texts: int = 2) -> Outcome:
    """Read the vectors of so many texts."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = EmbeddingRequest(texts=("t",) * texts)
    return drive(dialects.load(dialect).open(Operation.EMBED, request, endpoint(dialect)), JSON, [data])


def with_model(dialect: str, model: str) -> Endpoint:
    return msgspec.structs.replace(endpoint(dialect), model=model)
