"""The server half of a dialect: it reads requests and writes responses. Gateway and emulators speak it."""

from __future__ import annotations

from typing import ClassVar, Protocol

import msgspec

from understudy.domain.events import Event
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo, TokenCount
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply, HttpRequest
from understudy.wire.json import encode


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came in, read.

    `credential` is the key that the caller sent, from whichever header the dialect uses; it is compared and never
    logged. `options` holds what matters only to the reply's form, such as `include_usage`.
    """

    operation: Operation
    request: GenerationRequest | EmbeddingRequest | ModelsRequest
    stream: bool = False
    options: dict[str, object] = {}


class BadRequest(Exception):
    """The request cannot be read; `failure` says what is wrong in the dialect's own terms."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def key_of(request: HttpRequest, *headers: str, schemes: tuple[str, ...] = ("bearer",)) -> str | None:
    """Return the key of the first of these headers that holds one, else that of `Authorization` in one of the schemes.

    One in the address is never taken: addresses end in logs.
    """
    given = {name.lower(): value.strip() for name, value in request.headers}
    if own := next((given[name] for name in headers if given.get(name)), None):
        return own
    scheme, _, token = given.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() in schemes else None


def json_reply(body: object, status: int = 200, headers: Headers = ()) -> HttpReply:
    """Return a JSON body as a reply."""
    return HttpReply(status, JSON_HEADERS + headers, encode(body))


class Renderer(Protocol):
    """Writes a streamed answer: events in, bytes out.

    An event that carries a `wire` frame (of the same dialect) is forwarded as that frame: an empty one writes nothing.
    """

    headers: Headers

    def feed(self, event: Event) -> bytes:
        """Write one event; empty when the wire has nothing to say for it yet."""
        ...

    def close(self) -> bytes:
        """Write the end of a successful stream, with the dialect's own end mark."""
        ...

    def fail(self, failure: Failure) -> bytes:
        """Write an error in the middle of a stream, after which nothing follows: no end mark."""
        ...


class ServerHalf(Protocol):
    """The server half. Paths are those that official clients append to their base URL."""

    name: ClassVar[str]

    def operation(self, method: str, path: str) -> Operation | None:
        """Tell which operation a method and path ask for; `None` when this dialect has no such route."""
        ...

    def credential(self, request: HttpRequest) -> str | None:
        """Return the key that came with the request, or `None`."""
        ...

    def parse(self, request: HttpRequest) -> Inbound:
        """Read a request. Raises `BadRequest`."""
        ...

    def render(self, response: GenerationResponse, inbound: Inbound) -> HttpReply:
        """Write a whole answer."""
        ...

    def renderer(self, inbound: Inbound) -> Renderer:
        """Open the writer of a streamed answer."""
        ...

    def render_embeddings(self, response: EmbeddingResponse, inbound: Inbound) -> HttpReply:
        """Write vectors."""
        ...

    def render_models(self, models: list[ModelInfo], inbound: Inbound) -> HttpReply:
        """Write the page of the model list that was asked for, or the one model; an unknown one is an error reply."""
        ...

    def render_token_count(self, count: TokenCount, inbound: Inbound) -> HttpReply:
        """Write a token count."""
        ...

    def render_error(self, failure: Failure) -> HttpReply:
        """Write an error in the provider's own shape, with its status and headers. `failure.status`, where set,
        is the status; `failure.code` and `failure.type`, where set, are its code and type."""
        ...
