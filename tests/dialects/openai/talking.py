"""How these tests talk to the client half: bytes in, events out, no network."""

from __future__ import annotations

import json
from typing import Any

from understudy.dialects.base import Endpoint, Exchange, Send
from understudy.dialects.openai.client import DIALECT
from understudy.dialects.quirks import Quirks
from understudy.domain import events as e
from understudy.domain.failures import Failure
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.wire.http import HttpHead

ENDPOINT = Endpoint(provider="openai", base_url="http://upstream.invalid/v1", model="m")
HELLO = GenerationRequest(messages=(Message.user("hello"),))
SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}


def drive(exchange: Exchange[Any], head: HttpHead, *pieces: bytes) -> list[Any]:
    """Everything that comes out of an exchange, the send left out."""
    steps = [step for step in exchange.start() if not isinstance(step, Send)]
    steps += exchange.head(head)
    for piece in pieces:
        steps += exchange.feed(piece)
    return steps + exchange.close()


def sse(*chunks: Any, done: bool = True) -> bytes:
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    return body + b"data: [DONE]\n\n" if done else body


def chunk(delta: Any = None, *, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice]} | more


def completion(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m-1", "choices": [choice]} | more
    return json.dumps(body).encode()


def stream(*pieces: bytes, keep_wire: bool = False) -> list[Any]:
    endpoint = Endpoint(provider="openai", base_url="http://upstream.invalid/v1", model="m", keep_wire=keep_wire)
    return drive(DIALECT.open(Operation.CHAT, HELLO, endpoint, stream=True), HttpHead(200, SSE), *pieces)


def whole(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> list[Any]:
    exchange = DIALECT.open(Operation.CHAT, HELLO, ENDPOINT)
    return drive(exchange, HttpHead(status, JSON | (headers or {})), body)


def answer(steps: list[Any]) -> GenerationResponse:
    failures = [step for step in steps if isinstance(step, Failure)]
    assert failures == []
    return fold(steps, dialect="openai")


def failure(steps: list[Any]) -> Failure:
    assert isinstance(steps[-1], Failure)
    assert not any(isinstance(step, e.Finished) for step in steps)
    return steps[-1]


def sent(request: GenerationRequest, quirks: Quirks | None = None, *, stream: bool = False, **more: Any) -> Any:
    """The body that is sent, and the warnings about it as `what` -> kind."""
    endpoint = Endpoint(
        provider=more.pop("provider", "openai"),
        base_url="http://upstream.invalid/v1",
        model=more.pop("model", "m"),
        quirks=quirks or Quirks(),
        **more,
    )
    *before, send = DIALECT.open(Operation.CHAT, request, endpoint, stream=stream).start()
    assert isinstance(send, Send)
    assert send.request.body is not None
    warnings = {step.warning.what: step.warning.kind.value for step in before if isinstance(step, e.Warned)}
    return json.loads(send.request.body), warnings
