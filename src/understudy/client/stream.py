"""A streamed answer, as callers see it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Generic, Literal, Self

from understudy.domain.attempts import AttemptRecord
from understudy.domain.content import JsonObject
from understudy.domain.errors import Misuse, error_of
from understudy.domain.events import Event, Restarted, TextDelta
from understudy.domain.explanation import Explanation, explained
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.responses import GenerationResponse, T_co
from understudy.engine.run import Run

STREAM_CLOSED = Failure(kind=FailureKind.CANCELLED, message="the stream was closed before its end")
ENDED_EARLY = Failure(
    kind=FailureKind.CANCELLED, message="the stream ended early: a read of it failed or was cancelled"
)
Reading = Literal["events", "text", "whole"]
"""How a stream is read: all events, the text alone, or nothing before its end."""


class ResponseStream(Generic[T_co]):
    """A streamed answer: an asynchronous iterator of events, and an asynchronous context manager.

    Nothing is sent before the first event is asked for. Leaving the `async with` block, or `aclose`, closes the
    connection, which signals the provider to stop. After the last event `response` is the whole answer. The answer
    of a stream that is closed or cancelled before its end is incomplete: every further read raises `Unavailable`.
    """

    def __init__(self, open_run: Callable[[Reading], Awaitable[Run]]) -> None:
        self._open = open_run
        self.reading: Reading = "events"
        """How it is read; without effect once it has begun."""
        self._run: Run | None = None
        self._batches: AsyncGenerator[list[Event], None] | None = None
        self._ready: deque[Event] = deque()
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        ready = self._ready
        if not ready:
            batches = self._batches
            if batches is None:
                batches = await self._begin()
            try:
                ready.extend(await batches.__anext__())
            except StopAsyncIteration:
                self._check_end()
                raise
        return ready.popleft()

    async def _begin(self) -> AsyncGenerator[list[Event], None]:
        self._check_open()
        run = await self._open(self.reading)
        self._check_open()  # it may have been closed while the request was planned
        self._run = run
        self._batches = run.events()
        return self._batches

    def _check_open(self) -> None:
        if self._closed:
            raise error_of(STREAM_CLOSED)

    def _check_end(self) -> None:
        """Raise `Unavailable` if the end of the events is not the end of the answer."""
        run = self._run
        if run is None or run.response is None:
            failure = run.interrupted if run is not None else None
            failure = failure or (STREAM_CLOSED if self._closed else ENDED_EARLY)
            error = error_of(failure, attempts=self.attempts)
            if run is not None:
                explained(error, run.journal.explanation)
            raise error from None

    async def read(self) -> list[Event]:
        """Return the events that have arrived, at least one; an empty list at the end."""
        try:
            first = await self.__anext__()
        except StopAsyncIteration:
            return []
        events = [first, *self._ready]
        self._ready.clear()
        return events

    async def text(self, *, on_restart: Callable[[Restarted], object] | None = None) -> AsyncIterator[str]:
        """Iterate over the text only, piece by piece.

        With `on_midstream_error="restart"`, `on_restart` is called when the answer begins anew, and the pieces before
        must be discarded. Without it they cannot be taken back, so an interrupted answer raises, as with `surface`.
        """
        if on_restart is None:
            self.reading = "text"
        async for event in self:
            if isinstance(event, TextDelta):
                if event.text:
                    yield event.text
            elif isinstance(event, Restarted):
                if on_restart is None:
                    raise error_of(event.failure, attempts=self.attempts)
                on_restart(event)

    async def to_openai(self) -> AsyncIterator[JsonObject]:
        """Iterate over chunks in OpenAI's format, for code written for it; the last one holds the usage.

        The format cannot take pieces back: an answer that is interrupted raises instead of beginning anew.
        """
        from understudy.dialects.openai.render_stream import ChunkObjects

        self.reading = "text"
        chunks = ChunkObjects()
        async for event in self:
            if isinstance(event, Restarted):
                raise error_of(event.failure, attempts=self.attempts)
            for chunk in chunks.feed(event):
                yield chunk
        for chunk in chunks.close():
            yield chunk

    async def collect(self) -> GenerationResponse[T_co]:
        """Read to the end and return the whole answer. If nothing was read before, another target can take over at any
        time, as for `generate`."""
        self.reading = "whole"
        async for _ in self:
            pass
        return self.response

    @property
    def response(self) -> GenerationResponse[T_co]:
        """The whole answer. Raise `Misuse` before the stream has ended successfully."""
        if self._run is None or self._run.response is None:
            raise Misuse("the stream has not ended yet: iterate over it to its end, or use collect()")
        return self._run.response

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """The attempts that have ended so far."""
        return tuple(self._run.records) if self._run is not None else ()

    @property
    def explanation(self) -> Explanation | None:
        """The course of the request so far: its plan, and what happened when; `None` before the first event."""
        return self._run.journal.explanation() if self._run is not None else None

    async def aclose(self) -> None:
        """Stop, also while another task reads: its read raises `Unavailable`. Harmless after the end."""
        self._closed = True
        self._ready.clear()
        if self._run is not None:
            await self._run.close(STREAM_CLOSED)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
