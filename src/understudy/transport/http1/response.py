"""A response while it arrives: what came of it and was not read yet."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from understudy.domain.failures import Failure, FailureKind
from understudy.transport.base import TransportError
from understudy.transport.failure_words import BROKE_IN_BODY
from understudy.wire.http import HttpHead

PIECE = 16 << 10
"""Bytes of a body that are read at once, so that a fast server does not block the loop."""
FULL = 128 << 10
"""Bytes that wait for their reader before the server is kept from sending more."""

_NO_HEAD = HttpHead(0, {})


class Source(Protocol):
    """The connection on which a response arrives."""

    def resume(self) -> None:
        """Receive more."""
        ...

    def discard(self) -> None:
        """Close at once."""
        ...


class Response:
    """A response whose body is still arriving; see `Incoming`. One task waits for it at a time."""

    __slots__ = ("_failure", "_is_complete", "_loop", "_pieces", "_size", "_source", "_waiter", "head")

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.head = _NO_HEAD
        self._source: Source | None = source
        self._loop = loop
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._is_complete = False
        self._failure: Failure | None = None
        self._waiter: asyncio.Future[None] | None = None

    # ---- for the reader ----

    async def until_head(self) -> None:
        """Wait for the head. Raise `TransportError`; if cancelled, close the connection."""
        try:
            while self.head is _NO_HEAD and self._failure is None:
                await self._more()
        except asyncio.CancelledError:
            self.close()
            raise
        if self.head is _NO_HEAD and self._failure is not None:
            raise TransportError(self._failure)

    async def read(self) -> bytes:
        """Return the next piece; see `Incoming`."""
        pieces = self._pieces
        while not pieces:
            if self._failure is not None:
                raise TransportError(self._failure)
            if self._is_complete:
                return b""
            await self._more()
        piece = pieces.popleft()
        if pieces and len(piece) < PIECE:
            piece = self._joined(piece)
        was_full = self._size > FULL
        self._size -= len(piece)
        if was_full and self._size <= FULL and self._source is not None:
            self._source.resume()
        return piece

    def release(self) -> None:
        """Do nothing: the connection went back when the end arrived."""

    def close(self) -> None:
        """Close the connection, unless the response has ended; a read that waits fails."""
        source, self._source = self._source, None
        if source is not None:
            self.fail(Failure(kind=FailureKind.DISCONNECTED, message=BROKE_IN_BODY))
            source.discard()

    def _joined(self, piece: bytes) -> bytes:
        pieces, size = [piece], len(piece)
        while self._pieces and size + len(self._pieces[0]) <= PIECE:
            pieces.append(self._pieces.popleft())
            size += len(pieces[-1])
        return b"".join(pieces)

    async def _more(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # ---- for the connection ----

    @property
    def is_full(self) -> bool:
        """Whether its reader is too slow for more."""
        return self._size > FULL

    def add(self, pieces: list[bytes]) -> None:
        """Receive a part of the body. The reader learns of it at `wake`, as of the head."""
        for piece in pieces:
            size = len(piece)
            self._size += size
            if size <= PIECE:
                self._pieces.append(piece)
            else:
                self._pieces.extend(piece[start : start + PIECE] for start in range(0, size, PIECE))

    def complete(self) -> None:
        """Receive the end."""
        self._is_complete = True
        self._source = None
        self.wake()

    def fail(self, failure: Failure, *, at_once: bool = False) -> None:
        """Receive a failure instead of the end, behind what had arrived unless `at_once`."""
        if at_once:
            self._pieces.clear()
        self._failure = failure
        self._source = None
        self.wake()

    def wake(self) -> None:
        """Let the reader look at what has arrived."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
