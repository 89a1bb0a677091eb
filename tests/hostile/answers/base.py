"""What an honest server of one wire format says, good and bad, written by hand from its vendor's documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tests.hostile.framing import JSON, LAST, chunk, chunked_head, response
from tests.hostile.server import Request, Script
from understudy.domain.failures import FailureKind

PIECES = ("Blue — because ", "short waves scatter ", "most, même à midi 🌊.")
TEXT = "".join(PIECES)
"""What every good answer says: with letters of two, three and four bytes in UTF-8."""
VECTOR = (0.5, 0.25, -0.75)
"""What every good embedding is; exact in any format of floats."""
SSE = "text/event-stream; charset=utf-8"
JSON_TYPE = "application/json"
NDJSON = "application/x-ndjson"

BROKEN_ARGUMENTS = '{"city": "Lis'
"""What a model writes that is cut in the middle of a call."""
BROKEN = '{\\"city\\": \\"Lis'
"""The same, as it stands in JSON."""

HOME = "@@HOME@@"
"""Stands in a body for the address of the party that sends it."""


class Refusal(msgspec.Struct, frozen=True):
    """A response that says no."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    media_type: str = JSON

    def wire(self, headers: Mapping[str, str] = {}) -> bytes:
        """Write it as a response."""
        return response(self.status, self.body, self.media_type, {**self.headers, **headers})


class InStream(msgspec.Struct, frozen=True):
    """An error that comes when the status is 200 already, and what it means."""

    data: bytes
    kind: FailureKind
    last: bool = False
    """Nothing follows it."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one wire format."""

    dialect: str
    provider: str
    """The type of the entry that speaks it."""
    model: str
    base: str = ""
    """What a base URL of this vendor ends with."""
    routes: Mapping[str, Callable[[Request], bool]]
    """By operation: whether a request is the one that asks for it."""
    streams: Callable[[Request], bool] = lambda _: False
    """Whether a request for a generation asks for a stream."""
    other: Callable[[Request], Script | None] = lambda _: None
    """What is said to the other requests of an exchange."""
    streamed_apart: Callable[[Request], bool] | None = None
    """Where a stream is read by a request of its own: whether this is that one."""

    begun: bytes = b""
    """What is said at once where the stream is read by a request of its own."""
    plain_status: int = 200
    plain: bytes = b""
    """A generation as a whole."""
    opening: bytes = b""
    """The frames of a stream ahead of its first content."""
    pieces: tuple[bytes, ...] = ()
    """The frames of its content, one for each of `PIECES`."""
    ending: bytes = b""
    """The frames with finish reason and usage."""
    mark: bytes = b""
    """The frame that ends it, where the format has one of its own."""
    stream_type: str = SSE
    ping: bytes = b": keep-alive\n\n"
    """A frame that says nothing but that the connection lives."""
    broken: bytes = b'data: {"id": "x", "choi\n\n'
    """A frame whose JSON is cut."""

    embedding_model: str | None = None
    vectors: bytes = b""
    counts_embeddings: bool = True
    models: bytes = b""

    refusals: Mapping[str, tuple[Refusal, ...]] = {}
    """By meaning."""
    counts_early: bool = False
    """A stream counts tokens ahead of its content, so that more is known of the cost of a broken one."""
    in_200: tuple[InStream, ...] = ()
    """Bodies of a 200 that are errors."""
    in_stream: tuple[InStream, ...] = ()
    """Frames of a stream that are errors."""
    empty: tuple[bytes, ...] = ()
    """Whole generations that end naturally and hold nothing."""
    empty_stream: tuple[bytes, ...] = ()
    """The same as streams."""
    filtered: bytes = b""
    """A whole generation that a content filter ended."""
    filtered_stream: bytes = b""
    called: bytes = b""
    """A whole call of a tool whose arguments are cut JSON."""
    called_stream: bytes = b""
    usage: bytes = b""
    """What stands in the bodies above for the count of tokens, so that a test can put something else in its place."""
    counted: bytes = b""
    """The number in it that counts the output."""
    renamed: tuple[bytes, bytes] = (b"", b"")
    """How the model is named in an answer, and another name to put in its place."""
    untranslatable: Mapping[str, Any] = {}
    """An option that the format cannot express, so that the request is altered."""

    def matches(self, operation: str, request: Request) -> bool:
        """Tell whether a request is the one that asks for an operation."""
        route = self.routes.get("embed" if operation == "embed" else "list" if operation == "list" else "chat")
        return route is not None and route(request)

    def flows(self, request: Request) -> bool:
        """Tell whether the answer to a request is a stream."""
        return self.streamed_apart(request) if self.streamed_apart else self.streams(request)

    def stream(self) -> tuple[bytes, ...]:
        """Return the frames of a good stream."""
        return tuple(frame for frame in (self.opening, *self.pieces, self.ending, self.mark) if frame)

    def whole(self, operation: str) -> bytes:
        """Return the good body of an operation."""
        return {"embed": self.vectors, "list": self.models}.get(operation, self.plain)

    def good(self, operation: str, request: Request, body: bytes | None = None) -> Script:
        """Say what was asked for, or `body` in its place."""
        if operation in ("generate", "stream") and self.flows(request):
            frames = self.stream() if body is None else (body,)
            return (at_home(chunked_head(self.stream_type) + b"".join(map(chunk, frames)) + LAST, request),)
        chats = operation in ("generate", "stream")
        status = self.plain_status if chats else 200
        if chats and body is None and self.streamed_apart is not None and self.streams(request):
            body = self.begun
        return (response(status, at_home(self.whole(operation) if body is None else body, request)),)


def at_home(data: bytes, request: Request) -> bytes:
    """Put the address of the party where it stands for itself."""
    return data.replace(HOME.encode(), request.home.encode())


def data(*objects: str) -> bytes:
    """Write unnamed events."""
    return "".join(f"data: {each}\n\n" for each in objects).encode()


def named(*events: tuple[str, str]) -> bytes:
    """Write named events."""
    return "".join(f"event: {name}\ndata: {each}\n\n" for name, each in events).encode()


def lines(*objects: str) -> bytes:
    """Write lines of JSON."""
    return "".join(f"{each}\n" for each in objects).encode()


def asks_by_body(request: Request) -> bool:
    """Tell whether the body asks for a stream."""
    return bool(request.body) and msgspec.json.decode(request.body).get("stream") is True


def posts(end: str) -> Callable[[Request], bool]:
    """Recognise a POST by the end of its path."""
    return lambda request: request.method == "POST" and request.path.partition("?")[0].endswith(end)


def gets(end: str) -> Callable[[Request], bool]:
    """Recognise a GET by the end of its path."""
    return lambda request: request.method == "GET" and request.path.partition("?")[0].endswith(end)
