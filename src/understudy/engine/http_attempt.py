"""One attempt at one provider: an exchange of a dialect, performed over the transport, under its time-outs.

An attempt has no retry of its own. It yields what the exchange reads, in batches as the bytes arrive, and ends either
cleanly or with `AttemptFailed`. Closing it early closes the connection, which tells the provider to stop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

from understudy.dialects.base import Exchange, Send
from understudy.dialects.forwarding import answered_headers
from understudy.domain.events import FactReported, Warned
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.money import Cost
from understudy.domain.quotas import ReadQuotas
from understudy.domain.wire_answer import WireAnswer
from understudy.engine.attempt_stream import AttemptFailed
from understudy.engine.auth import NotSigned
from understudy.engine.forwarded_errors import failed_answer, refused_answer
from understudy.engine.http_context import HttpContext
from understudy.engine.watch import Watch, no_response
from understudy.transport.base import Incoming, TransportError
from understudy.transport.bodies import LONG, Meter, aside, decoded, read_beginning
from understudy.wire.gathered import Gathered
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.quotas import read_quotas

logger = logging.getLogger("understudy")

CANCELLATION = 5.0
"""Seconds that a cancellation request to the provider may take, in the background."""


class HttpAttempt:
    """An attempt over the wire."""

    answered = False
    is_over = False
    translated = False
    raw: bytes | None = None
    message: Message | None = None
    cost: Cost | None = None
    wire_answer: WireAnswer | None = None
    quotas: ReadQuotas | None = None
    _send: Send | None = None
    _incoming: Incoming | None = None
    _failure: Failure | None = None
    _watch: Watch | None = None
    _raw: Gathered | None = None
    _cancelled_upstream = False
    _is_of_several = False
    """Whether the last of several answers is read, none of which is the answer to the caller."""

    def __init__(
        self, exchange: Exchange[Any], context: HttpContext, *, dialect: str, before: Sequence[Any] = ()
    ) -> None:
        """`before` is handed out ahead of the exchange's first steps (warnings)."""
        self.dialect: str | None = dialect
        place = context.place
        self.server = place.server
        self.account = place.account
        self._place = place
        self._exchange = exchange
        self._before = before
        self._context = context
        self._credential = context.credential
        self._steps: list[Any] = []
        self._meter = Meter(place.bounds, context.limit)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        watch = self._watch
        if watch is None:
            watch = self._begin()
        elif watch.streamed and (verdict := watch.resume()) is not None:
            self._failure = verdict
        while True:
            if steps := self._steps:
                self._steps = []
                if batch := steps if _SORTED.isdisjoint(map(type, steps)) else self._taken(steps):
                    if watch.streamed:
                        watch.hand_out(batch)
                        if self._meter.counts:
                            self._meter.count(batch)
                    return batch
            if self._failure is not None:
                self._ask_again(self._failure)
                continue
            try:
                if self._send is not None:
                    await self._perform(self._send, watch)
                elif self._incoming is None or self._exchange.finished:
                    self._finish(clean=True)
                    raise StopAsyncIteration
                else:
                    await self._read(self._incoming)
            except TransportError as error:
                self._lost(error.failure)

    @property
    def streamed(self) -> bool:
        """Whether the provider streams its answer; see `AttemptStream`."""
        return self._context.streamed if self._watch is None else self._watch.streamed

    def _begin(self) -> Watch:
        context = self._context
        watch = self._watch = Watch(context.limits, streamed=context.streamed, began=context.began, loop=context.loop)
        if self._failure is None:
            steps = self._exchange.start()
            if len(steps) == 1 and type(only := steps[0]) is Send and not self._before:  # nearly always
                self._send = only
            else:
                self._steps = [*self._before, *steps]
        return watch

    def interrupt(self, failure: Failure) -> None:
        """End the attempt; see `AttemptStream`."""
        if self._watch is not None:
            self._watch.interrupt(failure)
        else:
            self._failure = failure

    def clean(self, text: str) -> str:
        """Hide the secrets; see `AttemptStream`."""
        return self._credential.clean_name(text)

    async def aclose(self) -> None:
        """Close the connection. Whatever stops the provider is sent in the background."""
        if self._exchange.finished and self._incoming is None:
            return
        self._finish(clean=False)
        self._cancel_upstream()

    def _taken(self, steps: list[Any]) -> list[Any]:
        """Take out what to send and what failed, and note degradations; return the rest."""
        batch: list[Any] = []
        for step in steps:
            kind = type(step)
            if kind is Send:
                self._send = step
            elif kind is Failure:
                self._failure = step
            else:
                batch.append(step)
                if kind is Warned:
                    self._warned(step, steps)
        return batch

    def _warned(self, event: Warned, steps: list[Any]) -> None:
        """Note a degradation. A warning ahead of a request, also the first of several, is about that request."""
        self.translated = True
        if self._context.strict and (not self.answered or any(isinstance(step, Send) for step in steps)):
            message = f"cannot express {event.warning.what}: {event.warning.why} (strict)"
            self._failure = Failure(kind=FailureKind.UNSUPPORTED, message=message, sent=False)

    async def _perform(self, send: Send, watch: Watch) -> None:
        """Send a request and read its response's head. Close an earlier response that was not read to its end."""
        self._send, context, place = None, self._context, self._place
        if self._incoming is not None:
            self._close()
        self._meter.begin(streamed=watch.streamed)
        self._raw = Gathered() if watch.streamed and context.keep_raw else None
        request: HttpRequest | None = None
        incoming: Incoming | None = None
        try:
            with watch:
                if send.after > 0:
                    await asyncio.sleep(send.after)
                request = self._attached(send) or await self._equipped(send)
                incoming = await place.transport.send(request, connect=context.limits.connect)
        except TimeoutError as error:
            raise TransportError(no_response(watch, sent=request is not None)) from error
        except NotSigned as error:
            self._failure = Failure(kind=FailureKind.NOT_SIGNED, message=str(error), sent=False)
            return
        finally:
            watch.guard(incoming)
        self._incoming, head = incoming, incoming.head
        self.answered = 200 <= head.status < 300
        if not place.quota_names.isdisjoint(head.headers):
            self.quotas = partial(read_quotas, head.headers, place.quotas)
        if context.forwards:
            self._is_of_several = self.wire_answer is not None and not self.wire_answer.is_error
            self.wire_answer = WireAnswer(head.status, answered_headers(head.headers))
        self._steps = self._exchange.head(head)
        if place.fact_headers and self.answered:
            self._steps = [*self._noted(head), *self._steps]
        if self._exchange.refused:
            await self._read_refusal(incoming)
        elif "content-encoding" in head.headers:
            self._incoming = decoded(incoming, place.bounds)

    def _noted(self, head: HttpHead) -> list[FactReported]:
        """Return the facts of the answer that stand in its head."""
        pairs = self._place.fact_headers
        return [FactReported(key, value) for header, key in pairs if (value := head.headers.get(header))]

    def _attached(self, send: Send) -> HttpRequest | None:
        """Return the request with its key; `None` if that has to be waited for."""
        if not send.reuse_credential:
            return send.request
        credential = self._context.credential
        return credential.attach(send.request, self._context.attempt_id) if credential.is_fixed else None

    async def _equipped(self, send: Send) -> HttpRequest:
        """Return the request with the token of its source, and signed."""
        request, self._credential = await self._context.credential.equip(send.request, self._context.attempt_id)
        return request

    async def _read(self, incoming: Incoming) -> None:
        """Read until that gives steps, a failure or the end."""
        meter, exchange = self._meter, self._exchange
        while data := await incoming.read():
            size = meter.size = meter.size + len(data)
            if size >= meter.mark:
                await asyncio.sleep(0)
                if (flaw := meter.look()) is not None:
                    self._failure = Failure(kind=FailureKind.TOO_LARGE, message=flaw)
                    self._close()
                    return
                if size > self._place.bounds.body:
                    self._raw = None
            if self._raw is not None:
                self._raw.add(data)
            if meter.is_long:
                self._steps = await aside(partial(exchange.feed, data))
                meter.is_long = not self._steps
            else:
                self._steps = exchange.feed(data)
            if self._steps:
                meter.event_at = size
                return
            if exchange.finished:
                return
        incoming.release()
        self._incoming = None
        if self._watch is not None:
            self._watch.stop()
        steps = self._steps = exchange.close() if meter.size <= LONG else await aside(exchange.close)
        if not self._context.streamed and exchange.finished and _SORTED.isdisjoint(map(type, steps)):
            self._finish(clean=True)
            self.is_over = True

    async def _read_refusal(self, incoming: Incoming) -> None:
        """Read an error as far as is useful, and treat that as its end."""
        try:
            bounds = self._place.bounds
            pieces = await read_beginning(decoded(incoming, bounds), bounds.error)
        except TransportError as error:
            if error.failure.kind is not FailureKind.PROTOCOL:
                raise
            pieces = []  # Its coding is not supported; its status is known all the same.
        self._close()
        verdict = self._watch.verdict if self._watch is not None else None
        if verdict is not None and verdict.kind is FailureKind.CANCELLED:
            self._failure = verdict
            return
        if self.wire_answer is not None:
            self.wire_answer = refused_answer(self.wire_answer, incoming.head, pieces, self._place.bounds)
        for piece in pieces:
            self._steps = [*self._steps, *self._exchange.feed(piece)]
        self._steps = [*self._steps, *self._exchange.close()]

    def _failed(self, failure: Failure) -> AttemptFailed:
        """End the attempt, and return why without secrets."""
        self._finish(clean=False)
        self._cancel_upstream()
        redactor = self._credential.redactor
        if self.wire_answer is not None:
            self.wire_answer = failed_answer(self.wire_answer, self._exchange, failure, redactor)
        return AttemptFailed(redactor.failure(failure))

    def _lost(self, failure: Failure) -> None:
        """Handle a failed connection, or one that the watch closed for a reason of its own."""
        timed_out = self._watch.verdict if self._watch is not None else None
        self._close()
        if timed_out is not None or failure.kind in _FINAL:
            self._failure = failure if failure.kind in _FINAL else timed_out
        else:
            self._steps = self._exchange.lost(failure)

    def _finish(self, *, clean: bool) -> None:
        if self._watch is not None:
            self._watch.stop()
        if clean and self._context.keep_raw:
            self.raw = self._exchange.body
            known = self.wire_answer
            if known is not None and self.raw is not None and not self._is_of_several:
                self.wire_answer = WireAnswer(known.status, known.headers, self.raw, known.event)
            if self.raw is None and self._raw is not None:
                self.raw = self._raw.take()
        if self._incoming is not None:
            self._close()

    def _close(self) -> None:
        if self._incoming is not None:
            self._incoming.close()
            self._incoming = None

    def _cancel_upstream(self) -> None:
        """Send what stops the provider, once, in the background."""
        if self._cancelled_upstream:
            return
        self._cancelled_upstream = True
        try:
            steps = self._exchange.abort()
        except Exception:
            # A dialect's bug must not hide how the attempt ended.
            logger.exception("the %s dialect failed to end an exchange", self.dialect)
            return
        for step in steps:
            if isinstance(step, Send):
                self._place.background.start(self._send_cancellation(step))

    async def _send_cancellation(self, send: Send) -> None:
        """Ask the provider to stop. Its answer no longer matters."""
        try:
            async with asyncio.timeout(CANCELLATION):
                request = self._attached(send) or await self._equipped(send)
                incoming = await self._place.transport.send(request, connect=self._context.limits.connect)
                incoming.close()
        except (TransportError, TimeoutError, NotSigned):
            return

    def _ask_again(self, failure: Failure) -> None:
        """Send the request without what the provider refused of it, such as the stream of a whole answer. Raise
        `AttemptFailed` if that is nothing."""
        again, watch = self._context.again, self._watch
        if again is None or watch is None or self.answered or (other := again(failure)) is None:
            raise self._failed(failure)
        self._failure = None
        self._close()
        self._exchange = other.exchange
        watch.streamed = other.streamed
        # What the encoding warned of was handed out with the first request.
        self._steps = [*other.warnings, *(step for step in other.exchange.start() if type(step) is not Warned)]


_SORTED = frozenset({Send, Failure, Warned})
"""Steps with a meaning here, besides that for the reader of the answer."""
_FINAL = frozenset({FailureKind.TIMEOUT_HEADERS, FailureKind.CANCELLED})
"""Failures of a send after which no exchange goes on."""
