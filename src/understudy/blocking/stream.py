"""A streamed answer for synchronous code: a plain iterator."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from understudy.domain.attempts import AttemptRecord
from understudy.domain.content import JsonObject
from understudy.domain.errors import Misuse, error_of
from understudy.domain.events import Event, Restarted, TextDelta
from understudy.domain.explanation import Explanation
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.responses import GenerationResponse, T_co
from understudy.domain.runs import RunEvent, RunResult

if TYPE_CHECKING:
    import asyncio

    from understudy.blocking.loop import LoopThread, Reply
    from understudy.client.stream import ResponseStream as AsyncStream
    from understudy.client.tools.stream import RunStream as AsyncRunStream

E = TypeVar("E")

STREAM_CLOSED = Failure(kind=FailureKind.CANCELLED, message="the stream was closed before its end")


class _Readable(Protocol[E]):
    """An asynchronous stream."""

    async def read(self) -> list[E]: ...

    async def aclose(self) -> None: ...


class _BlockingStream(Generic[E]):
    """An iterator of what an asynchronous stream yields, and a context manager; it reads only when it is asked."""

    def _open(self, wrapped: _Readable[E], thread: LoopThread, owner: Any) -> None:
        self._feed: Feed[E] = Feed(wrapped, thread)
        self._owner = owner
        self._ready: deque[E] = deque()
        self._turn = threading.Lock()

    def _next(self) -> E:
        with self._turn:
            ready = self._ready
            if not ready:
                ready.extend(self._feed.pull())
            if not ready:
                raise StopIteration
            return ready.popleft()

    def _read(self) -> list[E]:
        with self._turn:
            ready = list(self._ready)
            self._ready.clear()
            return ready or self._feed.pull()

    def __del__(self) -> None:
        feed: Feed[E] | None = getattr(self, "_feed", None)
        if feed is not None:
            feed.stop()


class ResponseStream(_BlockingStream[Event], Generic[T_co]):
    """A streamed answer: an iterator of events, and a context manager.

    Nothing is sent before the first event is requested, and nothing is read ahead: a slow reader slows the provider
    down. Leaving the `with` block, `close`, or dropping the stream closes the connection, which makes the provider
    stop. After the last event `response` is the whole answer. `close` may be called from any thread.
    """

    def __init__(self, wrapped: AsyncStream[T_co], thread: LoopThread, owner: Any) -> None:
        """Created by `stream`. `owner` lives as long as the stream: its connections close with it."""
        self._open(wrapped, thread, owner)
        self.wrapped = wrapped

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        return self._next()

    def read(self) -> list[Event]:
        """Return the events that have arrived, at least one; an empty list at the end."""
        return self._read()

    def text(self, *, on_restart: Callable[[Restarted], object] | None = None) -> Iterator[str]:
        """Iterate over the text only, piece by piece.

        With `on_midstream_error="restart"`, `on_restart` is called when the answer begins anew, and the pieces before
        must be discarded. Without it they cannot be taken back, so an interrupted answer raises, as with `surface`.
        """
        if on_restart is None:
            self.wrapped.reading = "text"
        for event in self:
            if isinstance(event, TextDelta):
                if event.text:
                    yield event.text
            elif isinstance(event, Restarted):
                if on_restart is None:
                    raise error_of(event.failure, attempts=self.attempts)
                on_restart(event)

    def to_openai(self) -> Iterator[JsonObject]:
        """Iterate over chunks in OpenAI's format, for code written for it; the last one holds the usage.

        The format cannot take pieces back: an answer that is interrupted raises instead of beginning anew.
        """
        from understudy.dialects.openai.render_stream import ChunkObjects

        self.wrapped.reading = "text"
        chunks = ChunkObjects()
        for event in self:
            if isinstance(event, Restarted):
                raise error_of(event.failure, attempts=self.attempts)
            yield from chunks.feed(event)
        yield from chunks.close()

    def collect(self) -> GenerationResponse[T_co]:
        """Read to the end and return the whole answer. If nothing was read before, another target can take over at any
        time, as for `generate`."""
        self.wrapped.reading = "whole"
        while self.read():
            pass
        return self.response

    @property
    def response(self) -> GenerationResponse[T_co]:
        """The whole answer. Raise `Misuse` before the stream has ended successfully."""
        return self.wrapped.response

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """The attempts that have ended so far."""
        return self.wrapped.attempts

    @property
    def explanation(self) -> Explanation | None:
        """The course of the request so far: its plan, and what happened when; `None` before the first event."""
        return self.wrapped.explanation

    def close(self) -> None:
        """Stop. Harmless after the end; further reads of a stream that was closed before raise `Unavailable`."""
        self._feed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RunStream(_BlockingStream[RunEvent], Generic[T_co]):
    """A streamed tool loop: an iterator of events, and a context manager.

    The events are those of every answer as it arrives, and between them `StepStarted`, `ToolStarted`, `ToolEnded` and
    `StepEnded`. Leaving the `with` block, `close`, or dropping the stream closes the connection and cancels the tools
    that run. After the last event `result` is the whole run. `close` may be called from any thread.
    """

    def __init__(self, wrapped: AsyncRunStream[T_co], thread: LoopThread, owner: Any) -> None:
        """Created by `stream_tools`. `owner` lives as long as the stream: its connections close with it."""
        self._open(wrapped, thread, owner)
        self.wrapped = wrapped

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> RunEvent:
        return self._next()

    def read(self) -> list[RunEvent]:
        """Return the next event in a list; an empty list at the end."""
        return self._read()

    def text(self) -> Iterator[str]:
        """Iterate over the text of all steps only, piece by piece; an interrupted answer does not begin anew."""
        self.wrapped.reading = "text"
        for event in self:
            if isinstance(event, TextDelta) and event.text:
                yield event.text
            elif isinstance(event, Restarted):
                raise error_of(event.failure)

    def collect(self) -> RunResult[T_co]:
        """Read to the end and return the whole run."""
        self.wrapped.reading = "whole"
        while self.read():
            pass
        return self.result

    @property
    def result(self) -> RunResult[T_co]:
        """The whole run. Raise `Misuse` before the stream has ended successfully."""
        return self.wrapped.result

    @property
    def has_ended(self) -> bool:
        """Whether the run has ended successfully, so that `result` is there."""
        return self.wrapped.has_ended

    @property
    def is_running(self) -> bool:
        """Whether the run has begun, and has neither ended, failed nor been closed."""
        return self.wrapped.is_running

    def close(self) -> None:
        """Stop. Harmless after the end; further reads of a stream that was closed before raise `Unavailable`."""
        self._feed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Feed(Generic[E]):
    """Reads a stream on the loop, in one task from its beginning to its end, whenever the consumer asks.

    One task, because what a custom provider opens around its `yield`s — time-outs, task groups — belongs to one task.
    """

    def __init__(self, stream: _Readable[E], thread: LoopThread) -> None:
        self._stream = stream
        self._thread = thread
        self._task: asyncio.Task[list[E]] | None = None
        self._wanted: asyncio.Event | None = None
        self._reply: Reply[list[E]] | None = None
        self._stopped = False
        self._ended = False
        """Whether the stream was read to its end."""

    # ---- the consumer's side ----

    def pull(self) -> list[E]:
        """Wait for the next events; none at the end. An interruption closes the stream, and then propagates."""
        if self._thread.is_inherited:
            raise Misuse("this stream was opened before the process was forked, and belongs to the parent process")
        return self._thread.call_and_wait(self._ask, self._stop)

    def close(self) -> None:
        """Stop reading, and wait until the connection is closed."""
        if self._thread.is_open:
            self._thread.call_and_wait(self._close)

    def stop(self) -> None:
        """Stop reading. Returns at once, from any thread."""
        self._thread.call_soon(self._stop)

    # ---- on the loop ----

    def _ask(self, reply: Reply[list[E]]) -> None:
        if self._task is None and not self._stopped:
            import asyncio

            self._wanted = asyncio.Event()
            self._task = self._thread.spawn(self._read(self._wanted))
            self._task.add_done_callback(self._end)
        if self._wanted is None or self._task is None or self._task.done():
            if self._ended:
                reply.set_result([])
            else:
                reply.set_error(error_of(STREAM_CLOSED))
            return
        self._reply = reply
        self._wanted.set()

    async def _read(self, wanted: asyncio.Event) -> list[E]:
        try:
            await wanted.wait()
            while events := await self._stream.read():
                wanted.clear()
                reply, self._reply = self._reply, None
                if reply is not None:
                    reply.set_result(events)
                await wanted.wait()
            self._ended = True
        finally:
            await self._stream.aclose()
        return []

    def _end(self, task: asyncio.Task[list[E]]) -> None:
        reply, self._reply = self._reply, None
        if reply is not None:
            self._thread.deliver(reply, task)

    def _stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            if self._task is not None:
                self._task.cancel()

    def _close(self, reply: Reply[None]) -> None:
        self._stop()
        if self._task is None or self._task.done():
            reply.set_result(None)
            return

        def closed(task: asyncio.Task[list[E]]) -> None:
            error = None if task.cancelled() else task.exception()
            reply.set_result(None) if error is None else reply.set_error(error)

        self._task.add_done_callback(closed)
