"""A streamed tool loop, as callers see it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self

from understudy.client.stream import STREAM_CLOSED, Reading
from understudy.domain.errors import Misuse, error_of
from understudy.domain.events import Restarted, TextDelta
from understudy.domain.responses import T_co
from understudy.domain.runs import RunEvent, RunResult

if TYPE_CHECKING:
    from understudy.client.tools.loop import ToolLoop


class RunStream(Generic[T_co]):
    """A streamed tool loop: an asynchronous iterator of events, and an asynchronous context manager.

    The events are those of every answer as it arrives, and between them `StepStarted`, `ToolStarted`, `ToolEnded` and
    `StepEnded`; the numbers of parts begin anew with each step. Leaving the `async with` block, or `aclose`, closes
    the connection and cancels the tools that run. After the last event `result` is the whole run.
    """

    def __init__(self, loop: ToolLoop) -> None:
        self._loop = loop
        self._events: AsyncGenerator[RunEvent, None] | None = None
        self._closed = False
        self._ended = False
        self._is_reading = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RunEvent:
        if self._closed and not self._ended:
            raise error_of(STREAM_CLOSED)
        if self._events is None:
            self._events = self._loop.events(streamed=True)
        self._is_reading = True
        try:
            return await self._events.__anext__()
        except StopAsyncIteration:
            self._ended = self._ended or not self._closed
            if not self._ended:
                raise error_of(STREAM_CLOSED) from None
            raise
        except BaseException:
            self._closed = True
            raise
        finally:
            self._is_reading = False

    @property
    def reading(self) -> Reading:
        """How its answers are read; without effect on one that has begun."""
        return self._loop.reading

    @reading.setter
    def reading(self, reading: Reading) -> None:
        self._loop.reading = reading

    async def read(self) -> list[RunEvent]:
        """Return the next event in a list; an empty list at the end."""
        try:
            return [await self.__anext__()]
        except StopAsyncIteration:
            return []

    async def text(self) -> AsyncIterator[str]:
        """Iterate over the text of all steps only, piece by piece; an interrupted answer does not begin anew."""
        self.reading = "text"
        async for event in self:
            if isinstance(event, TextDelta) and event.text:
                yield event.text
            elif isinstance(event, Restarted):
                raise error_of(event.failure)

    async def collect(self) -> RunResult[T_co]:
        """Read to the end and return the whole run."""
        self.reading = "whole"
        async for _ in self:
            pass
        return self.result

    @property
    def result(self) -> RunResult[T_co]:
        """The whole run. Raise `Misuse` before the stream has ended successfully."""
        if not self._ended:
            raise Misuse("the run has not ended yet: iterate over the stream to its end, or use collect()")
        return self._loop.result

    @property
    def has_ended(self) -> bool:
        """Whether the run has ended successfully, so that `result` is there."""
        return self._ended

    @property
    def is_running(self) -> bool:
        """Whether the run has begun, and has neither ended, failed nor been closed."""
        return self._events is not None and not self._ended and not self._closed

    async def aclose(self) -> None:
        """Stop, also while another task reads: its read raises `Unavailable`. Harmless after the end."""
        self._closed = True
        if self._events is None:
            return
        if self._is_reading:
            await self._loop.interrupt()
        else:
            await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
