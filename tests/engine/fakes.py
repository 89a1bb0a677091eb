"""A transport that answers in OpenAI's form and remembers, an exchange of several sends, and a key to look for."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

import understudy as u
from understudy.dialects.base import Send
from understudy.domain.events import Started
from understudy.domain.failures import Failure
from understudy.engine.auth import Credential
from understudy.engine.http_attempt import HttpAttempt
from understudy.engine.http_context import HttpContext, HttpPlace
from understudy.policy.targets import Limits
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import decode_object, encode

CANARY = "sk-canary-5f2d9e77a1c4"
LAST = "cancel"

ANSWER = {
    "id": "1",
    "model": "gpt-5",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
}
CHUNK = {
    "id": "1",
    "model": "gpt-5",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
}


async def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for what happens in the background."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def everything_about(error: BaseException) -> str:
    """What anyone could print of an error."""
    seen = [str(error), repr(error), "".join(traceback.format_exception(error)), repr(vars(error))]
    if isinstance(error, u.LLMError):
        seen += [repr(error.failure), repr(error.attempts), *map(str, error.attempts)]
        seen.append(msgspec.json.encode(error.attempts).decode())
    return "\n".join(seen)


VECTORS = {
    "object": "list",
    "model": "one",
    "data": [{"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}


class Incoming:
    """A whole body in one piece."""

    def __init__(self, content_type: str, body: bytes) -> None:
        self.head = HttpHead(200, {"content-type": content_type})
        self._pieces = [body, b""]

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def release(self) -> None:
        return None

    def close(self) -> None:
        return None


class RecordingTransport:
    """Answers every chat, streamed or not, and the embedding of one text."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        self.requests.append(request)
        if request.url.endswith("/embeddings"):
            return Incoming("application/json", encode(VECTORS))
        if request.body and decode_object(request.body).get("stream"):
            return Incoming("text/event-stream", b"data: " + encode(CHUNK) + b"\n\ndata: [DONE]\n\n")
        return Incoming("application/json", encode(ANSWER))

    async def aclose(self) -> None:
        return None

    def several_sends(self, credential: Credential, base: str) -> HttpAttempt:
        """Return an attempt that asks twice, and cancels upstream when it is given up."""
        context = HttpContext(HttpPlace(transport=self), credential, Limits(), "attempt-1", streamed=False)
        return HttpAttempt(_Twice(base), context, dialect="test")


class _Twice:
    refused = False
    body = None

    def __init__(self, base: str) -> None:
        self.finished = False
        self._base = base
        self._sent = 0

    def start(self) -> list[Any]:
        return [self._next()]

    def head(self, head: HttpHead) -> list[Any]:
        return []

    def feed(self, data: bytes) -> list[Any]:
        return []

    def close(self) -> list[Any]:
        return [Started(id="1"), self._next()]

    def lost(self, failure: Failure) -> list[Any]:
        return [self._next()]

    def abort(self) -> list[Any]:
        return [Send(HttpRequest("POST", f"{self._base}/{LAST}"))]

    def _next(self) -> Send:
        self._sent += 1
        return Send(HttpRequest("GET", f"{self._base}/{self._sent}"))
