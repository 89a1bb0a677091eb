"""Requests that observers follow: what an observer is told at the end, and which headers go out for it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from understudy.domain.attempts import AttemptRecord
from understudy.domain.errors import LLMError, failure_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.engine import clock
from understudy.ledger.observing import EndedRequest, RequestObserver, RequestWatch
from understudy.transport.base import Incoming, Transport
from understudy.wire.http import Headers, HttpRequest

logger = logging.getLogger("understudy")

_ABANDONED = Failure(kind=FailureKind.CANCELLED, message="the caller abandoned the request")


class Asked(Protocol):
    """What was asked: a job."""

    @property
    def operation(self) -> Operation:
        """For which operation."""
        ...

    @property
    def request(self) -> Any:
        """The request itself."""
        ...

    @property
    def streamed(self) -> bool:
        """Whether the caller sees the answer as it arrives."""
        ...


class Unplanned(NamedTuple):
    """What was asked by a request for which no plan could be made."""

    operation: Operation
    request: Any
    streamed: bool = False


class Watched:
    """One request that is followed from now on."""

    def __init__(self, request_id: str, watches: Sequence[RequestWatch], started: float) -> None:
        """`started`: the wall clock now."""
        self._id = request_id
        self._watches = watches
        self._started = started
        self._began = clock.now()
        self._servers: dict[str, str] = {}

    def headers(self, attempt_id: str, entry: str, server: str | None) -> Headers:
        """Return the headers that an attempt at a server sends for the observers."""
        if server is not None:
            self._servers[attempt_id] = server
        found: list[tuple[str, str]] = []
        for each in self._watches:
            try:
                found += each.headers(attempt_id, entry)
            except Exception:
                logger.exception("%r failed on attempt %s", each, attempt_id)
        return tuple(found)

    def end(
        self,
        asked: Asked,
        attempts: Iterable[AttemptRecord],
        answer: Any,
        redact: Callable[[str], str],
        *,
        interrupted: Failure | None = None,
    ) -> None:
        """Report the end of a job. An exception that ends it is to be the one that is being handled; `interrupted` is
        why it ended if there is neither an answer nor an error."""
        error = sys.exception()
        failure = None if answer is not None and error is None else _failure_of(error, interrupted)
        answer = answer if answer is not None else getattr(error, "partial", None)
        self._end(asked, failure, redact, tuple(attempts), answer)

    def refuse(self, asked: Asked, failure: Failure, redact: Callable[[str], str]) -> None:
        """Report that a request is refused before anything is asked."""
        self._end(asked, failure, redact)

    def _end(
        self,
        asked: Asked,
        failure: Failure | None,
        redact: Callable[[str], str],
        attempts: tuple[AttemptRecord, ...] = (),
        answer: Any = None,
    ) -> None:
        ended = EndedRequest(
            id=self._id,
            operation=asked.operation,
            model=asked.request.model,
            started=self._started,
            duration=clock.now() - self._began,
            streamed=asked.streamed,
            attempts=attempts,
            failure=failure,
            request=asked.request,
            answer=answer,
            servers=self._servers,
            redact=redact,
        )
        self._report(ended)

    def end_passed_on(self, record: AttemptRecord, redact: Callable[[str], str]) -> None:
        """Report the end of a request that was passed on as it came."""
        ended = EndedRequest(
            id=self._id,
            operation=record.operation,
            model=record.model,
            started=self._started,
            duration=clock.now() - self._began,
            streamed=False,
            attempts=(record,),
            failure=record.failure,
            servers=self._servers,
            redact=redact,
        )
        self._report(ended)

    def _report(self, ended: EndedRequest) -> None:
        for each in self._watches:
            try:
                each.ended(ended)
            except Exception:
                logger.exception("%r failed on request %s", each, self._id)


def watch(observers: Iterable[RequestObserver], request_id: str, started: float) -> Watched | None:
    """Return a request that begins now, for the observers that follow it; `None` if none does. `started`: the wall
    clock."""
    watches: list[RequestWatch] = []
    for observer in observers:
        try:
            found = observer.request_began(request_id)
        except Exception:
            logger.exception("observer %r failed on request %s", observer, request_id)
        else:
            watches += () if found is None else (found,)
    return Watched(request_id, watches, started) if watches else None


def following(observers: Iterable[object]) -> tuple[RequestObserver, ...]:
    """Return the observers that follow requests."""
    return tuple(each for each in observers if isinstance(each, RequestObserver))


class WithHeaders:
    """A transport that adds headers to what goes to one server."""

    def __init__(self, transport: Transport, server: str, headers: Headers) -> None:
        """`server`: scheme, host and port."""
        self._transport = transport
        self._home = f"{server}/"
        self._headers = headers

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Send a request with the headers, if it goes to the server."""
        if request.url.startswith(self._home):
            headers = (*request.headers, *self._headers)
            request = HttpRequest(request.method, request.url, headers, request.body)
        return await self._transport.send(request, connect=connect)

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()


def _failure_of(error: BaseException | None, interrupted: Failure | None) -> Failure:
    """Return why there is no answer."""
    if isinstance(error, LLMError):
        return failure_of(error)
    if isinstance(error, Exception):
        return Failure(kind=FailureKind.LOCAL, message=type(error).__name__)
    return interrupted or _ABANDONED
