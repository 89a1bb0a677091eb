"""Bodies of responses as they are read: counted, decompressed, and those of errors only as far as they matter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from understudy.domain.events import RefusalDelta, TextDelta, ThinkingDelta, ToolCallDelta
from understudy.domain.failures import Failure, FailureKind
from understudy.transport.base import Incoming, TransportError
from understudy.wire.bounds import KIB, MIB, Bounds, TooLarge
from understudy.wire.http import HttpHead
from understudy.wire.inflate import BadCoding, Inflater, coding_of

ERROR_GRACE = 5.0
"""Seconds for which the body of an error is waited for; its status is known by then."""

STEP = 16 * KIB
"""Bytes of a stream after which the event loop gets a turn, even if more of the answer has arrived."""
GATHERED = 128 * KIB
"""The same for a whole body, of which pieces are only gathered."""
LONG = 256 * KIB
"""Bytes from which a single value (a whole body, or an event of a stream) is decoded in a thread."""
COUNTED_FROM = 8 * MIB
"""Bytes of a stream from which its text and its events are counted; what came before is bounded by these bytes."""

T = TypeVar("T")


class Meter:
    """Counts an answer as it is read. It costs little more than one sum for each piece."""

    __slots__ = (
        "_bounds",
        "_events",
        "_limit",
        "_step",
        "_streamed",
        "_text",
        "counts",
        "event_at",
        "is_long",
        "mark",
        "size",
    )

    def __init__(self, bounds: Bounds, limit: int) -> None:
        """`limit` is that of a body, in bytes."""
        self._bounds = bounds
        self._limit = limit
        self._text = 0
        self._events = 0
        self.counts = False
        """Whether the stream is so long that `count` needs its events."""

    def begin(self, *, streamed: bool) -> None:
        """Start counting a new body."""
        self._streamed = streamed
        self.size = 0
        """Bytes so far."""
        self.event_at = 0
        """The size when the latest event of a stream was complete."""
        self.is_long = False
        """Whether the incomplete event is so long that a thread decodes it."""
        self._step = STEP if streamed else GATHERED
        self.mark = min(self._step, self._limit + 1)
        """The size at which to give the event loop a turn, and to `look`."""

    def look(self) -> str | None:
        """Return a message if a limit is exceeded, and set the next mark."""
        self.mark = min(self.size + self._step, self._limit + 1)
        self.counts = self.size > COUNTED_FROM
        self.is_long = self._streamed and self.size - self.event_at > LONG
        if self.size > self._limit:
            return f"the response exceeds {self._limit} bytes"
        if self._text > self._bounds.text:
            return f"the answer exceeds {self._bounds.text} characters"
        if self._events > self._bounds.events:
            return f"the answer exceeds {self._bounds.events} events"
        return None

    def count(self, events: list[Any]) -> None:
        """Count what is kept of a long stream."""
        self._events += len(events)
        for event in events:
            match event:
                case TextDelta(_, text) | ThinkingDelta(_, text) | RefusalDelta(_, text) | ToolCallDelta(_, text):
                    self._text += len(text)
                case _:
                    pass


def decoded(incoming: Incoming, bounds: Bounds) -> Incoming:
    """Return a response whose body is decompressed as it is read.

    Raise `TransportError` for an unsupported coding; none was requested.
    """
    header = incoming.head.headers.get("content-encoding")
    if not header:
        return incoming
    try:
        coding = coding_of(header)
    except BadCoding as error:
        failure = Failure(kind=FailureKind.PROTOCOL, message=str(error), status=incoming.head.status)
        raise TransportError(failure) from error
    return Inflated(incoming, Inflater(coding, bounds)) if coding else incoming


class Inflated:
    """A compressed response."""

    __slots__ = ("_incoming", "_inflater", "_pieces", "head")

    def __init__(self, incoming: Incoming, inflater: Inflater) -> None:
        self.head: HttpHead = incoming.head
        self._incoming = incoming
        self._inflater = inflater
        self._pieces: Iterator[bytes] = iter(())

    async def read(self) -> bytes:
        """Return the next piece, decompressed; see `Incoming`."""
        try:
            while True:
                piece = next(self._pieces, b"")
                if piece:
                    return piece
                data = await self._incoming.read()
                if not data:
                    return self._ended()
                self._pieces = self._inflater.feed(data)
                await asyncio.sleep(0)  # What decompresses to nothing could go on for ever.
        except TooLarge as error:
            raise TransportError(Failure(kind=FailureKind.TOO_LARGE, message=str(error))) from error
        except BadCoding as error:
            raise TransportError(Failure(kind=FailureKind.BAD_RESPONSE, message=str(error))) from error

    def _ended(self) -> bytes:
        if not self._inflater.close():
            message = "the response ended in the middle of its compressed data"
            raise TransportError(Failure(kind=FailureKind.TRUNCATED, message=message))
        return b""

    def release(self) -> None:
        """Return the connection; see `Incoming`."""
        self._incoming.release()

    def close(self) -> None:
        """Close the connection; see `Incoming`."""
        self._incoming.close()


async def read_beginning(incoming: Incoming, limit: int) -> list[bytes]:
    """Read the body of an error as far as it is kept: at most that many bytes, and those that arrive in time.

    It only adds to a status that is known, so a connection that breaks ends it too. Raise `TransportError` only
    where this side gave up.
    """
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(ERROR_GRACE):
            while limit > 0:
                data = await incoming.read()
                if not data:
                    incoming.release()
                    return pieces
                pieces.append(data[:limit])
                limit -= len(data)
    except TimeoutError:
        pass
    except TransportError as error:
        if error.failure.kind is FailureKind.CANCELLED:
            raise
    incoming.close()
    return pieces


async def aside(work: Callable[[], T]) -> T:
    """Do long work in a thread. If cancelled, still wait for it, so that nothing else touches what it works on."""
    future = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait((future,))
        raise
