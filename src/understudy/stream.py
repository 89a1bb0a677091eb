"""A streamed answer, as callers see it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Self

from understudy.domain.attempts import AttemptRecord
from understudy.domain.content import JsonObject
from understudy.domain.errors import Misuse
from understudy.domain.events import Event, TextDelta
from understudy.domain.responses import GenerationResponse
from understudy.engine import Drive


class ResponseStream:
    """A streamed answer: an asynchronous iterator of events, and an asynchronous context manager.

    Nothing is sent before the first event is asked for. Leaving the `async with` block, or `aclose`, closes the
    connection, which tells the provider to stop. After the last event `response` is the whole answer.
    """

    def __init__(self, open_drive: Callable[[], Awaitable[Drive]]) -> None:
        self._open = open_drive
        self._drive: Drive | None = None
        self._batches: AsyncGenerator[list[Event], None] | None = None
        self._ready: deque[Event] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        ready = self._ready
        if not ready:
            if self._batches is None:
                self._drive = await self._open()
                self._batches = self._drive.batches()
            ready.extend(await self._batches.__anext__())
        return ready.popleft()

    async def read(self) -> list[Event]:
        """Return the events that have arrived, at least one; none at the end."""
        try:
            first = await self.__anext__()
        except StopAsyncIteration:
            return []
        events = [first, *self._ready]
        self._ready.clear()
        return events

    async def text(self) -> AsyncIterator[str]:
        """Iterate over the text alone, piece by piece."""
        async for event in self:
            if isinstance(event, TextDelta) and event.text:
                yield event.text

    async def to_openai(self) -> AsyncIterator[JsonObject]:
        """Iterate over chunks in OpenAI's form, for code written against that; the last one holds the usage."""
        from understudy.dialects.openai.stream import ChunkObjects

        chunks = ChunkObjects()
        async for event in self:
            for chunk in chunks.feed(event):
                yield chunk
        for chunk in chunks.close():
            yield chunk

    async def collect(self) -> GenerationResponse:
        """Read to the end and return the whole answer."""
        async for _ in self:
            pass
        return self.response

    @property
    def response(self) -> GenerationResponse:
        """The whole answer. Raises `Misuse` before the stream has ended well."""
        if self._drive is None or self._drive.response is None:
            raise Misuse("the stream has not ended yet: iterate over it to its end, or use collect()")
        return self._drive.response

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """The attempts that have ended so far."""
        return tuple(self._drive.records) if self._drive is not None else ()

    async def aclose(self) -> None:
        """Stop. Harmless after the end."""
        if self._batches is not None:
            await self._batches.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
