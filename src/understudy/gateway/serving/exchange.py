"""One request on a connection of our own server, and its answer."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.gateway.exchange import ClientGone
from understudy.gateway.serving import refusals
from understudy.gateway.serving.heads import LENGTH, fields_of, status_line
from understudy.wire.http import Headers

if TYPE_CHECKING:
    from understudy.gateway.serving.line import Line

log = logging.getLogger("understudy.gateway")
DEBUG_VARIABLE = "UNDERSTUDY_DEBUG"
HIGH_WATER = 64 * 1024
"""Bytes of a body that are kept until the application reads them. Beyond that the connection is not read, until the
whole body has arrived: only a connection that is read shows that its caller has left."""
_BODILESS = frozenset({204, 304})
_JSON: Headers = (("content-type", "application/json"),)


class SocketExchange(msgspec.Struct, eq=False):
    """A request whose header has arrived. An answer that cannot get its end is left without it, and so is invalid."""

    method: str
    path: str
    query: str
    http_version: str
    headers: dict[str, str]
    peer: str | None
    awaits_continue: bool
    """Whether the caller waits for `100` before it sends the body."""
    keep_alive: bool
    """Whether the connection stays open after the answer."""
    _line: Line
    notes: dict[Any, Any] = {}
    at_end: bool = False
    is_gone: bool = False
    refused: int = 0
    started: bool = False
    has_all: bool = False
    """Whether the whole body has arrived."""
    is_over: bool = False
    """Whether the whole answer has been sent."""
    _pieces: list[bytes] = []
    _size: int = 0
    _awaited: int = 0
    """Bytes up to which the reader waits for the end of the body."""
    _waiter: asyncio.Future[None] | None = None
    _then: Callable[[], object] | None = None
    _is_chunked: bool = False
    _left: int | None = None
    """What is missing of the length that the answer states; `None` if it states none."""

    def run(self) -> None:
        """Have the application answer."""
        shared = self._line.shared
        task = self._line.loop.create_task(shared.application.serve(self))
        shared.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """End an answer that has none, because of a bug or because the server stops."""
        self._line.shared.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # The traceback may hold what a caller sent.
            shown = error if os.environ.get(DEBUG_VARIABLE) else None
            log.error("%s %s failed: %s", self.method, self.path, type(error).__name__, exc_info=shown)
        if self.is_over or self.is_gone:
            return
        self.keep_alive = False
        if not self.started:
            self._send(refusals.CRASHED.status, _JSON, refusals.CRASHED.body())
        elif self._is_chunked or self._left is not None:
            self._line.close()
        else:  # the end of the connection would pass for that of the answer
            self._line.reset()

    # The request

    def add(self, piece: bytes) -> None:
        """Take a part of the body, as it arrives."""
        if self.is_over:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size <= self._awaited:
            return
        if self._size > HIGH_WATER and not self.has_all:
            self._line.pause_reading()
        if self._waiter is not None:
            self._wake()

    def complete(self) -> None:
        """Note that the whole body has arrived."""
        self.has_all = True
        self._line.resume_reading()
        self._wake()

    def lose(self) -> None:
        """Note that the caller has left, or sends what cannot be read."""
        if self.is_over or self.is_gone:
            return
        self.is_gone = True
        self._wake()
        if self._then is not None:
            self._then()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take_whole(self, cap: int) -> bytes | None:
        """Return the whole body if it has arrived in one piece of at most `cap` bytes; `None` if it must be read."""
        if not self.has_all or self.at_end or self.is_gone or self.awaits_continue:
            return None
        if len(self._pieces) != 1 or self._size > cap:
            return None
        (whole,), self._pieces, self._size = self._pieces, [], 0
        self.at_end = True
        return whole

    async def read(self, gather: int = 0) -> bytes:
        """Return what has arrived of the body; wait until more than `gather` bytes have, or it ends. Raise
        `ClientGone`."""
        if self.awaits_continue:
            self.awaits_continue = False
            self._line.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._awaited = gather
        try:
            while not (self._size > gather or self.has_all or self.is_gone or self.is_over):
                self._line.resume_reading()
                self._waiter = self._line.loop.create_future()
                await self._waiter
        finally:
            self._awaited = 0
        if self.is_gone or self.is_over:
            raise ClientGone
        pieces, self._pieces, self._size = self._pieces, [], 0
        self.at_end = self.has_all
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def notify(self, then: Callable[[], object] | None, after: asyncio.Event | None = None) -> None:
        """Call a function when the caller leaves, at once if that has happened; `None`: call none any more."""
        self._then = then
        if then is not None and self.is_gone:
            then()

    # The answer

    async def start(self, status: int, headers: Headers, data: bytes = b"") -> None:
        """Send the status, the headers and a first part of the body. Raise `ValueError` for an invalid header."""
        if self._line.writable is not None:
            await self._line.writable.wait()
        if self.is_gone:
            return
        fields = fields_of(headers)
        framing = b""
        if self.method == "HEAD" or status in _BODILESS:
            self._left = 0
        elif (length := LENGTH.search(fields)) is not None:
            self._left = int(length[1])
        elif self.http_version == "1.1":
            self._is_chunked, framing = True, b"transfer-encoding: chunked\r\n"
        else:
            self.keep_alive = False  # the end of the connection is that of the answer
        self.started = True
        self.awaits_continue = False
        self._line.write(self._head(status, fields, framing) + self._framed(data))

    def _head(self, status: int, fields: bytes, framing: bytes) -> bytes:
        if not self.keep_alive:
            framing += b"connection: close\r\n"
        return b"%b%b%b%b\r\n" % (status_line(status), self._line.shared.date, fields, framing)

    def _framed(self, data: bytes) -> bytes:
        """Return a part of the body as it is sent. Raise `ValueError` beyond the stated length."""
        if self._is_chunked:
            return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        if self.method == "HEAD":
            return b""
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise ValueError("the body is longer than its Content-Length")
        return data

    def write_now(self, data: bytes) -> bool:
        """Send a part of the body, which is not empty, if the caller reads; return whether it was sent."""
        line = self._line
        if line.writable is not None or self.is_gone:
            return False
        line.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else self._framed(data))
        return True

    async def write(self, data: bytes) -> None:
        """Send a part of the body; wait while the caller does not read."""
        if self._line.writable is not None:
            await self._line.writable.wait()
        if data and not self.is_gone:
            self._line.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else self._framed(data))

    async def end(self, data: bytes = b"") -> None:
        """Send the last part of the body, and its end. Raise `ValueError` if it is shorter than its stated length."""
        if self._line.writable is not None:
            await self._line.writable.wait()
        if self.is_gone:
            return
        last = self._framed(data) + (b"0\r\n\r\n" if self._is_chunked else b"")
        if self._left:
            raise ValueError("the body is shorter than its Content-Length")
        self._line.write(last)
        self._finish()

    async def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer. Raise `ValueError` for an invalid header."""
        if self._line.writable is not None:
            await self._line.writable.wait()
        if not self.is_gone:
            self._send(status, headers, body)

    def _send(self, status: int, headers: Headers, body: bytes) -> None:
        head = self._head(status, fields_of(headers), b"content-length: %d\r\n" % len(body))
        self.started = self.is_over = True
        line = self._line
        line.write(head if self.method == "HEAD" else head + body)
        if self._waiter is not None:
            self._wake()
        line.answered(keep_alive=self.keep_alive)

    def _finish(self) -> None:
        self.is_over = True
        self._wake()
        self._line.answered(keep_alive=self.keep_alive)
