"""One streamed answer, written as it arrives, with signs of life while its provider is silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

from understudy.dialects.server import Renderer, ServerHalf
from understudy.domain import events as e
from understudy.domain.errors import LLMError, failure_of
from understudy.domain.events import PIECES
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.domain.wire_answer import wire_answer_of
from understudy.gateway import replies
from understudy.gateway.clients import client_of
from understudy.gateway.connection import Connection
from understudy.gateway.crossing import Crossing
from understudy.gateway.limit_headers import with_states
from understudy.gateway.manners import manner_of
from understudy.gateway.site import Site
from understudy.gateway.withholding import Withholding
from understudy.wire.http import Headers

if TYPE_CHECKING:
    from understudy.engine.run import Run
    from understudy.gateway.recording import Notes

EARLY = 45.0
"""Seconds without any event after which an answer begins all the same. Until then an error keeps its status; but
proxies give up an answer that does not begin within 60 seconds (nginx: proxy_read_timeout), and models think longer."""
PING = 15.0
"""Seconds of silence after which the caller gets a sign of life. Claude Code gives up after five minutes without."""

_CUT = Failure(kind=FailureKind.TRUNCATED, message="the answer ended before its end")


class Streaming:
    """The answer of a run, on its way to a caller."""

    def __init__(self, site: Site, connection: Connection, half: ServerHalf, notes: Notes, crossing: Crossing) -> None:
        self._site = site
        self._connection = connection
        self._notes = notes
        self._crossing = crossing
        self._half = half
        self._renderer = half.renderer(crossing.inbound)
        self._manner = manner_of(client_of(connection.headers), half.name)
        self._withholding = Withholding() if self._manner.acts_early else None
        self._life = _SignsOfLife(connection, self._renderer, notes)
        self._latest = b""

    async def send(self, run: Run, first: Callable[[list[Any]], None], last: Callable[[bytes], None]) -> None:
        """Send the answer. Its first events come before the status, so that an error has its own; `first` is called
        with them, and `last` with the bytes in which a whole answer ends. Raise `LLMError` as long as nothing has been
        sent, and where the caller takes a closed connection better than an error event."""
        events: AsyncGenerator[list[Any], None] = run.events()
        connection = self._connection
        try:
            try:
                await self._begin(run, await anext(events, []), first)
                async for batch in events:
                    if data := self._rendered(batch):
                        self._life.is_silent = False
                        if not connection.write_now(data):
                            await connection.write(data)
                if run.response is None:
                    raise LLMError(_CUT.message, failure=run.interrupted or _CUT)
                self._site.signers.note(self._half.name, run.response)
                rest = self._withholding.rest() if self._withholding is not None else []
                closing = b"".join(map(self._renderer.feed, rest)) + self._renderer.close()
                last(closing or self._latest)  # before the caller can refer to it
            except LLMError as error:
                await self._life.settled()
                if not connection.started or self._manner.broken == "cut":
                    raise  # what has begun is closed before the end of its body
                closing = self._broken(error)
            finally:
                self._life.stop()
            await connection.end(closing)
        finally:
            await events.aclose()

    async def _begin(self, run: Run, batch: list[Any], first: Callable[[list[Any]], None]) -> None:
        """Send the status, unless a long silence has forced that, and the first events."""
        await self._life.settled()
        first(batch)
        if not self._connection.started:
            # Only now is it known whether the request was read as a whole.
            self._renderer = self._half.renderer(self._crossing.inbound)
            self._life.renderer = self._renderer
            forwarded = run.wire_answer.headers if run.wire_answer is not None else ()
            if run.committed is not None:
                forwarded = with_states(forwarded, run.committed.limits, self._half.name, time.time())
            told = _told(run, batch, self._crossing.warnings)
            await self._connection.start(200, (*self._renderer.headers, *forwarded, *told), self._rendered(batch))
            self._notes.begin()
            self._life.begin()
        else:
            await self._connection.write(self._rendered(batch))
        self._life.is_silent = False

    def _rendered(self, batch: list[Any]) -> bytes:
        """Return events as the caller reads them."""
        first = batch[0] if len(batch) == 1 else None
        if isinstance(first, PIECES) and first.wire is not None and self._withholding is None:
            data = self._renderer.feed(first)  # nothing that crosses touches the frame of a piece
            self._latest = data or self._latest
            return data
        crossed = self._crossing.events(batch)
        if self._withholding is not None:
            crossed = self._withholding.events(crossed)
        feed = self._renderer.feed
        if data := feed(crossed[0]) if len(crossed) == 1 else b"".join(map(feed, crossed)):
            self._latest = data
        return data

    def _broken(self, error: LLMError) -> bytes:
        """Return the event that ends a stream which broke: the provider's own, unless it concerns the gateway."""
        own, answer = failure_of(error), wire_answer_of(error)
        self._notes.failure = failure = replies.outward(own, draining=self._site.is_draining)
        if failure is own and answer is not None and answer.event is not None:
            return answer.event
        return self._renderer.fail(replies.without_foreign_type(failure, answer))


def _told(run: Run, first: list[Any], lost: list[Warning]) -> Headers:
    """Return what is known of an answer that begins."""
    attempt = run.committed
    warnings = replies.warned((*lost, *(each.warning for each in first if isinstance(each, e.Warned))))
    if attempt is None:
        return warnings
    return (*replies.about(attempt.launch.target.name, attempt.launch.target.model, attempt.number), *warnings)


class _SignsOfLife:
    """Begins an answer that is late, and then fills its silence: one timer for a stream, none for a piece of it."""

    def __init__(self, connection: Connection, renderer: Renderer, notes: Notes) -> None:
        self.renderer = renderer
        self.is_silent = True
        self._connection = connection
        self._notes = notes
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(EARLY, self._due)
        self._sending: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look for silence from now on: the answer has begun, and was not late."""
        self._timer.cancel()
        self._timer = self._loop.call_later(PING, self._due)

    def _due(self) -> None:
        if self.is_silent and (self._sending is None or self._sending.done()):
            self._sending = self._loop.create_task(self._send())
        self.is_silent = True
        self._timer = self._loop.call_later(PING, self._due)

    async def _send(self) -> None:
        if not self._connection.started:
            await self._connection.start(200, self.renderer.headers)
            self._notes.begin()
        await self._connection.write(self.renderer.feed(e.Heartbeat()))

    async def settled(self) -> None:
        """Wait until what is being sent has been sent."""
        if self._sending is not None:
            await self._sending

    def stop(self) -> None:
        """Send no more."""
        self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()
