"""Bodies that are too long to be written in one step, or that arrive while they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from understudy.transport.base import Upload
from understudy.transport.http1.requests import stated_length
from understudy.wire.http import HttpRequest

AT_ONCE = 64 << 10
"""Bytes of a body that are written together with the head, in one step."""
PIECE = 256 << 10
"""Bytes of a longer one that are written in each step: views of it, so that no step copies them."""
LAST_CHUNK = b"0\r\n\r\n"


class UnequalLength(Exception):
    """An upload is longer or shorter than its own header promises."""


class Valve:
    """Lets a writer wait until the transport has room."""

    __slots__ = ("_is_shut", "_waiter")

    def __init__(self) -> None:
        self._is_shut = False
        self._waiter: asyncio.Future[None] | None = None

    def shut(self) -> None:
        """Let writers wait."""
        self._is_shut = True

    def open(self) -> None:
        """Let writers go on."""
        self._is_shut = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def passed(self) -> None:
        """Wait for room, and give the event loop a turn."""
        if not self._is_shut:
            await asyncio.sleep(0)
        while self._is_shut:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None


def is_long(request: HttpRequest) -> bool:
    """Check whether a request is written in several steps."""
    return isinstance(request, Upload) or (request.body is not None and len(request.body) > AT_ONCE)


async def write_body(request: HttpRequest, write: Callable[[bytes | memoryview], None], valve: Valve) -> None:
    """Write a long body piece by piece, no faster than it is received. Raise whatever an upload's pieces raise."""
    if request.body is not None:
        view = memoryview(request.body)
        for start in range(0, len(view), PIECE):
            await valve.passed()
            write(view[start : start + PIECE])
    elif isinstance(request, Upload) and request.pieces is not None:
        await _write_upload(request.pieces, stated_length(request), write, valve)


async def _write_upload(
    pieces: AsyncIterator[bytes], length: int | None, write: Callable[[bytes | memoryview], None], valve: Valve
) -> None:
    size = 0
    try:
        async for piece in pieces:
            size += len(piece)
            if length is not None and size > length:
                raise UnequalLength
            if piece:
                write(piece if length is not None else b"%x\r\n%b\r\n" % (len(piece), piece))
                await valve.passed()
        if length is not None and size < length:
            raise UnequalLength
    finally:
        if (close := getattr(pieces, "aclose", None)) is not None:
            await close()
    if length is None:
        write(LAST_CHUNK)
