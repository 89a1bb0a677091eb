"""Observers of whole requests: what follows a request from its beginning to its end, beside its attempts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable

import msgspec

from understudy.domain.attempts import AttemptRecord
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation


class TraceContext(msgspec.Struct, frozen=True):
    """The trace of a caller, as the headers of its request state it (W3C Trace Context); `None` without a header."""

    traceparent: str | None = None
    tracestate: str | None = None


CALLERS_TRACE: ContextVar[TraceContext | None] = ContextVar("callers_trace", default=None)
"""Set by a gateway that serves a request; `None` elsewhere."""


class EndedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that has ended: answered, failed or abandoned."""

    id: str
    operation: Operation
    model: str | None
    """The name that the call used; `None` if it named none."""
    started: float
    """Unix seconds."""
    duration: float
    """Seconds, planning and waits included."""
    streamed: bool
    attempts: tuple[AttemptRecord, ...] = ()
    """In the order of their numbers; none if it was refused before."""
    failure: Failure | None = None
    """Why there is no answer."""
    request: Any = None
    """What was asked: a `GenerationRequest` or an `EmbeddingRequest`. It holds the prompt."""
    answer: Any = None
    """A `GenerationResponse` or an `EmbeddingResponse`, also an incomplete one; `None` without an answer."""
    servers: Mapping[str, str] = {}
    """Scheme, host and port of the server that an attempt asked, by the attempt's id, as far as it is known."""
    redact: Callable[[str], str] = str
    """Removes the providers' keys, and whatever has the form of a well-known secret, from a text."""


class RequestWatch(Protocol):
    """Follows one request. Called on the event loop, so it must be quick; its exceptions are logged."""

    def headers(self, attempt_id: str, entry: str, /) -> tuple[tuple[str, str], ...]:
        """Return headers that an attempt at an entry sends, such as `traceparent`; empty for none."""
        ...

    def ended(self, request: EndedRequest, /) -> None:
        """Note that the request has ended."""
        ...


@runtime_checkable
class RequestObserver(Protocol):
    """An observer that follows requests, too, of generations, embeddings and what a gateway passes through."""

    def __call__(self, record: AttemptRecord, /) -> Awaitable[object] | None:
        """Note an attempt that has ended, as any `Observer`."""
        ...

    def request_began(self, request_id: str, /) -> RequestWatch | None:
        """Return what follows a request that begins now, in the context of its caller; `None` to ignore it."""
        ...
