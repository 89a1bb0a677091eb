"""One attempt at one provider: an exchange of a dialect, performed over the transport, under its time-outs.

A flight has no retry of its own. It hands out what the exchange reads, in batches as the bytes arrive, and ends either
cleanly or with `AttemptFailed`. Closing it early closes the connection, which tells the provider to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol, Self

import msgspec

from understudy.bodies import LONG, Meter, aside, decoded, read_beginning
from understudy.dialects.base import Exchange, Send
from understudy.domain.events import CONTENT_EVENTS, Noted, Warned
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.money import Cost
from understudy.policy.targets import Limits
from understudy.signing import Credential, NotSigned
from understudy.transport import Incoming, Transport, TransportError
from understudy.wire.bounds import BOUNDS, Bounds
from understudy.wire.http import Headers, HttpHead, HttpRequest

ABORT_GRACE = 5.0
"""Seconds that a cancellation request to the provider may take after the caller has gone."""


class AttemptFailed(Exception):
    """The attempt failed; `failure` says how."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Flight(Protocol):
    """An attempt under way: an asynchronous iterator of batches of events (or other results)."""

    dialect: str | None
    """The wire format that it speaks, stamped on what only that format can replay."""
    server: str | None
    """The server that it speaks to, stamped likewise."""
    answered: bool
    """True once a successful response has begun to arrive."""
    translated: bool
    """True when the request had to be altered for this provider."""
    raw: bytes | None
    """The whole body, where it came whole."""
    message: Message | None
    """The answer as who gave it put it together, which says of each part whose it is; else the events' fold is it."""
    cost: Cost | None
    """What it cost, where who answered said so; else that is worked out from the usage."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> list[Any]:
        """Return the next batch, never empty. Raises `AttemptFailed`."""
        ...

    async def aclose(self) -> None:
        """Give up; harmless after the end."""
        ...


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """What a flight needs besides its exchange."""

    transport: Transport
    credential: Credential
    limits: Limits
    attempt_id: str
    server: str | None = None
    """Scheme, host and port of the endpoint, stamped on what only that server can replay."""
    noted_headers: Headers = ()
    """Headers of a success that are facts of the answer, as in `ProviderRow`."""
    streamed: bool
    """Whether the provider streams its answer, so that the time-outs of content apply."""
    strict: bool = False
    """Whether a warning of the encoding makes the target ineligible."""
    bounds: Bounds = BOUNDS
    limit: int = BOUNDS.body
    """Bytes of the body of a success."""


class ExchangeFlight:
    """A flight over the wire."""

    def __init__(self, exchange: Exchange[Any], passage: Passage, *, dialect: str, before: Sequence[Any] = ()) -> None:
        """`before` is handed out ahead of the exchange's first steps (warnings)."""
        self.dialect: str | None = dialect
        self.server = passage.server
        self.answered = False
        self.translated = False
        self.raw: bytes | None = None
        self.message: Message | None = None
        self.cost: Cost | None = None
        self._exchange = exchange
        self._before = before
        self._passage = passage
        self._credential = passage.credential
        self._steps: list[Any] | None = None
        self._send: Send | None = None
        self._incoming: Incoming | None = None
        self._failure: Failure | None = None
        self._watch: _Watch | None = None
        self._meter = Meter(passage.bounds, passage.limit)
        self._parted = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        if self._steps is None:
            self._watch = _Watch(self._passage)
            self._steps = [*self._before, *self._exchange.start()]
        while True:
            if self._steps:
                batch = self._sort(self._steps)
                self._steps = []
                if batch:
                    return batch
            if self._failure is not None:
                self._land(clean=False)
                await self._last_words()
                raise AttemptFailed(self._credential.scrub(self._failure))
            try:
                if self._send is not None:
                    await self._perform(self._send)
                elif self._incoming is None or self._exchange.finished:
                    self._land(clean=True)
                    raise StopAsyncIteration
                else:
                    await self._read(self._incoming)
            except TransportError as error:
                self._lost(error.failure)

    async def aclose(self) -> None:
        """Close the connection, and send what the exchange wants sent to stop the provider."""
        if self._exchange.finished and self._incoming is None:
            return
        self._land(clean=False)
        await self._last_words()

    def _sort(self, steps: list[Any]) -> list[Any]:
        """Take the steps apart: what to send and what failed stay here, the rest is handed out."""
        batch: list[Any] = []
        unsent = not self.answered or any(isinstance(step, Send) for step in steps)
        for step in steps:
            kind = type(step)
            if kind is Send:
                self._send = step
            elif kind is Failure:
                self._failure = step
            else:
                batch.append(step)
                if kind is Warned:
                    self._warned(step, unsent=unsent)
        if batch and self._watch is not None and self._passage.streamed:
            self._watch.progressed(batch)
            if self._meter.counts:
                self._meter.count(batch)
        return batch

    def _warned(self, event: Warned, *, unsent: bool) -> None:
        """Note a degradation. What is warned of ahead of a request, be it the first of several, is of that request."""
        self.translated = True
        if self._passage.strict and unsent:
            message = f"cannot express {event.warning.what}: {event.warning.why} (strict)"
            self._failure = Failure(kind=FailureKind.UNSUPPORTED, message=message, sent=False)

    async def _perform(self, send: Send) -> None:
        """Send a request and take its response's head. An earlier response that is not read to its end is closed."""
        self._send = None
        self._close()
        self._meter.restart()
        passage, watch = self._passage, self._watch
        if watch is None:
            return
        request: HttpRequest | None = None
        try:
            async with asyncio.timeout_at(watch.due()):
                if send.after > 0:
                    await asyncio.sleep(send.after)
                request = await self._equipped(send)
                incoming = await passage.transport.send(request, connect=passage.limits.connect)
        except TimeoutError as error:
            message = f"{'no response' if request else 'the request was not signed'} within {watch.elapsed():.1f} s"
            failure = Failure(kind=FailureKind.TIMEOUT_HEADERS, message=message, sent=request is not None)
            raise TransportError(failure) from error
        except NotSigned as error:
            self._failure = Failure(kind=FailureKind.NOT_SIGNED, message=str(error), sent=False)
            return
        self._incoming = incoming
        watch.guard(incoming)
        self.answered = 200 <= incoming.head.status < 300
        self._steps = [*self._noted(incoming.head), *self._exchange.head(incoming.head)]
        if self._exchange.refused:
            await self._read_refusal(incoming)
        else:
            self._incoming = decoded(incoming, passage.bounds)

    def _noted(self, head: HttpHead) -> list[Noted]:
        """Return the facts of the answer that stand in its head."""
        pairs = self._passage.noted_headers if self.answered else ()
        return [Noted(key, value) for header, key in pairs if (value := head.headers.get(header))]

    async def _equipped(self, send: Send) -> HttpRequest:
        if not send.reuse_credential:
            return send.request
        request, self._credential = await self._passage.credential.equip(send.request, self._passage.attempt_id)
        return request

    async def _read(self, incoming: Incoming) -> None:
        data = await incoming.read()
        if not data:
            await self._read_end(incoming)
            return
        meter = self._meter
        meter.size += len(data)
        if meter.size >= meter.mark:
            await asyncio.sleep(0)
            if (flaw := meter.look()) is not None:
                self._failure = Failure(kind=FailureKind.TOO_LARGE, message=flaw)
                self._close()
                return
        if meter.open > LONG:
            self._steps = await aside(partial(self._exchange.feed, data))
        else:
            self._steps = self._exchange.feed(data)
        if self._steps:
            meter.open = 0
        elif self._passage.streamed:
            meter.open += len(data)

    async def _read_end(self, incoming: Incoming) -> None:
        incoming.release()
        self._incoming = None
        if self._watch is not None:
            self._watch.stop()
        close = self._exchange.close
        self._steps = close() if self._meter.size <= LONG else await aside(close)

    async def _read_refusal(self, incoming: Incoming) -> None:
        """Read an error, so far as is of use, and take that as its end."""
        try:
            pieces = await read_beginning(decoded(incoming, self._passage.bounds), self._passage.bounds.error)
        except TransportError as error:
            if error.failure.kind is not FailureKind.PROTOCOL:
                raise
            pieces = []  # Its coding is not supported; its status is known all the same.
        self._close()
        for piece in pieces:
            self._steps = [*(self._steps or ()), *self._exchange.feed(piece)]
        self._steps = [*(self._steps or ()), *self._exchange.close()]

    def _lost(self, failure: Failure) -> None:
        """The connection failed, or the watch closed it; in the latter case the watch knows why."""
        timed_out = self._watch.verdict if self._watch is not None else None
        self._close()
        if timed_out is not None or failure.kind is FailureKind.TIMEOUT_HEADERS:
            self._failure = timed_out or failure
        else:
            self._steps = self._exchange.lost(failure)

    def _land(self, *, clean: bool) -> None:
        if self._watch is not None:
            self._watch.stop()
        if clean and not self._passage.streamed:
            self.raw = self._exchange.body
        self._close()

    def _close(self) -> None:
        if self._incoming is not None:
            self._incoming.close()
            self._incoming = None

    async def _last_words(self) -> None:
        """Send what stops the provider, once."""
        steps, self._parted = ([] if self._parted else self._exchange.abort()), True
        for step in steps:
            if isinstance(step, Send):
                await asyncio.shield(self._send_last_word(step))

    async def _send_last_word(self, send: Send) -> None:
        """Tell the provider to stop. What it answers no longer matters to anyone."""
        try:
            async with asyncio.timeout(ABORT_GRACE):
                request = await self._equipped(send)
                incoming = await self._passage.transport.send(request, connect=self._passage.limits.connect)
                incoming.close()
        except (TransportError, TimeoutError, NotSigned):
            return


class _Watch:
    """The time-outs of one attempt. Progress is noted, not armed: the one timer looks when it fires, and goes on."""

    __slots__ = ("_first", "_handle", "_incoming", "_limits", "_loop", "_progress", "_start", "_streamed", "verdict")

    def __init__(self, passage: Passage) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = passage.limits
        self._streamed = passage.streamed
        self._start = self._loop.time()
        self._progress = self._start
        self._first = True
        self._incoming: Incoming | None = None
        self._handle: asyncio.TimerHandle | None = None
        self.verdict: Failure | None = None
        """Why the connection was closed from here."""

    def elapsed(self) -> float:
        return self._loop.time() - self._start

    def guard(self, incoming: Incoming) -> None:
        """Close this response when a time-out strikes."""
        self._incoming = incoming
        if self._handle is None:
            self._arm()

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_at(self.due(), self._look)

    def progressed(self, batch: list[Any]) -> None:
        for item in batch:
            if isinstance(item, CONTENT_EVENTS):
                self._progress = self._loop.time()
                if self._first:
                    self._first = False
                    self._arm()  # the idle limit may be shorter than what the timer was armed for
                return

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._incoming = None

    def due(self) -> float:
        """Return when the time-out strikes unless there is progress."""
        end = self._start + self._limits.total
        if not self._streamed:
            return end
        return min(end, self._progress + (self._limits.first_event if self._first else self._limits.idle))

    def _look(self) -> None:
        due = self.due()
        if self._loop.time() < due:
            self._handle = self._loop.call_at(due, self._look)
            return
        self._handle = None
        if not self._streamed or due >= self._start + self._limits.total:
            kind, message = FailureKind.TIMEOUT_BODY, f"not finished within {self._limits.total:g} s"
        elif self._first:
            kind = FailureKind.TIMEOUT_FIRST_EVENT
            message = f"no content within {self._limits.first_event:g} s"
        else:
            kind, message = FailureKind.STALLED, f"no further content for {self._limits.idle:g} s"
        self.verdict = Failure(kind=kind, message=message)
        if self._incoming is not None:
            self._incoming.close()
