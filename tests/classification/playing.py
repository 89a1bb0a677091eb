"""Plays a case to the client half of its provider's dialect, as a response or in the middle of a streamed answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.classification.cases.base import Case
from tests.contract.driving import drive
from tests.contract.streams import HELLO
from understudy import dialects, providers
from understudy.dialects.base import Endpoint, Exchange, Send
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.providers.base import endpoint_of
from understudy.wire.http import HttpHead


def failure_of(case: Case, *, stream: bool = False) -> Failure:
    """Return the failure that the dialect reports."""
    row = providers.row(case.provider)
    name = case.wire or row.dialects[Operation.CHAT]
    endpoint = endpoint_of(row, "owner/model", base_url="https://api.example.com")
    if name == "replicate" and case.in_stream:
        return _failed_prediction(endpoint, case)
    exchange = dialects.load(name).open(Operation.CHAT, HELLO, endpoint, stream=stream or case.in_stream)
    media, body = STREAMS[name](case.body) if case.in_stream else _response(case.body)
    outcome = drive(exchange, HttpHead(case.status, {"content-type": media, **case.headers}), [body])
    assert outcome.failure is not None
    if case.in_stream and name != "gemini":
        assert outcome.steps, "the answer had begun"
    return outcome.failure


def _response(body: Any) -> tuple[str, bytes]:
    if isinstance(body, bytes):
        return ("text/html" if body.startswith(b"<") else "text/plain"), body
    return "application/json", json.dumps(body).encode()


def _events(*events: bytes) -> bytes:
    return b"".join(event + b"\n\n" for event in events)


_HI = (
    b'{"id":"c1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}'
)


def _openai(body: Any) -> tuple[str, bytes]:
    return "text/event-stream", _events(b"data: " + _HI, b"data: " + json.dumps(body).encode())


def _anthropic(body: Any) -> tuple[str, bytes]:
    start = (
        b'{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"m"}}'
    )
    block = b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
    said = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}'
    return "text/event-stream", _events(
        b"event: message_start\ndata: " + start,
        b"event: content_block_start\ndata: " + block,
        b"event: content_block_delta\ndata: " + said,
        b"event: error\ndata: " + json.dumps(body).encode(),
    )


def _gemini(body: Any) -> tuple[str, bytes]:
    """An error stands in the stream as it is, over several lines; a finish reason in an event."""
    if "candidates" in body:
        return "text/event-stream", _events(b"data: " + json.dumps(body).encode())
    said = (
        b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}],"modelVersion":"m"}\n\n'
    )
    return "text/event-stream", said + json.dumps(body, indent=2).encode() + b"\n"


def _cohere(body: Any) -> tuple[str, bytes]:
    start = b'{"type":"message-start","id":"x","delta":{"message":{"role":"assistant"}}}'
    block = b'{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}'
    said = b'{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}'
    return "text/event-stream", _events(
        b"event: message-start\ndata: " + start,
        b"event: content-start\ndata: " + block,
        b"event: content-delta\ndata: " + said,
        b"event: message-end\ndata: " + json.dumps(body).encode(),
    )


def _ollama(body: Any) -> tuple[str, bytes]:
    said = (
        b'{"model":"m","created_at":"2026-11-29T12:00:00Z","message":{"role":"assistant","content":"Hi"},"done":false}'
    )
    return "application/x-ndjson", said + b"\n" + json.dumps(body).encode() + b"\n"


def _responses(body: Any) -> tuple[str, bytes]:
    response = b'{"id":"resp_1","object":"response","status":"in_progress","output":[],"model":"m"}'
    start = b'{"type":"response.created","sequence_number":0,"response":' + response + b"}"
    said = b'{"type":"response.output_text.delta","sequence_number":2,"item_id":"i","output_index":0,"content_index":0,'
    said += b'"delta":"Hi"}'
    return "text/event-stream", _events(
        b"event: response.created\ndata: " + start,
        b"event: response.output_text.delta\ndata: " + said,
        b"event: " + body["type"].encode() + b"\ndata: " + json.dumps(body).encode(),
    )


STREAMS: dict[str, Callable[[Any], tuple[str, bytes]]] = {
    "openai": _openai,
    "responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "cohere": _cohere,
    "ollama": _ollama,
}

_MODEL = {
    "owner": "owner",
    "name": "model",
    "is_official": True,
    "latest_version": {
        "id": "v1",
        "openapi_schema": {"components": {"schemas": {"Input": {"properties": {"prompt": {"type": "string"}}}}}},
    },
}


def _failed_prediction(endpoint: Endpoint, case: Case) -> Failure:
    """Answer the requests of an exchange until it fails: the model's schema, then the prediction."""
    exchange: Exchange[Any] = dialects.load("replicate").open(Operation.CHAT, HELLO, endpoint)
    steps: list[Any] = list(exchange.start())
    while not any(isinstance(step, Failure) for step in steps):
        send = next(step for step in steps if isinstance(step, Send))
        created = send.request.method == "POST"
        body = json.dumps(case.body if created else _MODEL).encode()
        steps = [*exchange.head(HttpHead(201 if created else 200, {"content-type": "application/json"}))]
        steps += [*exchange.feed(body), *exchange.close()]
    return next(step for step in steps if isinstance(step, Failure))
