"""The socket of a connection, and what all connections of a server share."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
import sys
import time
from abc import abstractmethod
from email.utils import formatdate
from typing import Protocol

from understudy.gateway.exchange import Exchange
from understudy.gateway.serving.limits import Limits

_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""To linger for no time: what is unsent is dropped, and the connection is reset."""


class Served(Protocol):
    """What is served, as a `Gateway` is."""

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request."""
        ...

    def note_refusal(self, method: str, status: int, seconds: float) -> None:
        """Note a request that the server refused before its header was complete and valid.

        `method` is empty if it could not be read. `seconds`: since the first byte of the request.
        """
        ...

    def leave(self) -> None:
        """Fail the readiness check, and go on serving."""
        ...

    async def drain(self, seconds: float) -> None:
        """Accept no more requests, let those under way end within some seconds, and end the others."""
        ...

    async def aclose(self) -> None:
        """Close what is still open."""
        ...


class Shared:
    """The application, its limits, and what is open."""

    __slots__ = ("application", "connections", "date", "limits", "tasks")

    def __init__(self, application: Served, limits: Limits) -> None:
        self.application = application
        self.limits = limits
        self.connections: set[Line] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        """Requests that are being answered."""
        self.date = b""
        self.tick()

    def tick(self) -> None:
        """Write the `Date` of the answers of this second."""
        self.date = b"date: %b\r\n" % formatdate(time.time(), usegmt=True).encode()


class Phase(enum.Enum):
    """What a connection is waiting for."""

    OPENED = enum.auto()
    """The first byte of all."""
    HEAD = enum.auto()
    """The end of a header."""
    BODY = enum.auto()
    """The end of a body, whether or not its request has been answered."""
    ANSWERING = enum.auto()
    """The end of an answer."""
    IDLE = enum.auto()
    """The next request."""
    LEAVING = enum.auto()
    """Its end: nothing is written any more, and what arrives is dropped."""


class Line(asyncio.Protocol):
    """One connection, apart from what is said over it."""

    def __init__(self, shared: Shared) -> None:
        self.loop = asyncio.get_running_loop()
        self.shared = shared
        self.limits = shared.limits
        self.peer: str | None = None
        """The address of the caller."""
        self.phase = Phase.OPENED
        self.since = self.loop.time()
        """When the phase began."""
        self.writable: asyncio.Event | None = None
        """While the caller does not read: set once more can be written."""
        self.is_left = False
        """Whether nothing more is written."""
        self.is_paused = False
        """Whether reading is paused, because the application does not read the body."""
        self._written = 0
        self._flushed = (0.0, 0)
        """When the number of bytes that the caller had taken last changed, and that number."""

    @abstractmethod
    def answered(self, *, keep_alive: bool) -> None:
        """Note the end of an answer, after which the connection is closed or not."""

    @abstractmethod
    def close(self) -> None:
        """Close after an answer."""

    @abstractmethod
    def retire(self, idle_for: float) -> None:
        """Close the connection if it is idle, and has been for some seconds; else after its current or next answer."""

    @abstractmethod
    def check(self, now: float) -> None:
        """Close the connection if a limit of time has passed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self.socket = transport
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) else None
        self.shared.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.shared.connections.discard(self)
        self.is_left = True
        self.resume_writing()

    def enter(self, phase: Phase) -> None:
        """Begin to wait for something else."""
        self.phase = phase
        self.since = self.loop.time()

    def leave(self) -> None:
        """Close the connection at once."""
        self.enter(Phase.LEAVING)
        self.is_left = True
        self.socket.close()

    def abort(self) -> None:
        """Close the connection without the rest of the answer, whose framing shows that it is not whole."""
        self.is_left = True
        self.socket.abort()

    def reset(self) -> None:
        """Close the connection so that the caller sees an error, not an end."""
        with contextlib.suppress(OSError):
            self.socket.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.abort()

    def linger(self) -> None:
        """Stop writing, and close once the caller does or some time has passed."""
        self.enter(Phase.LEAVING)
        self.is_left = True
        if self.socket.is_closing():
            return
        self.resume_reading()
        if not self.socket.can_write_eof():
            self.socket.close()
            return
        self.socket.write_eof()
        self.loop.call_later(self.limits.linger, self.socket.close)

    def write(self, data: bytes) -> None:
        """Write and count, unless the connection is being closed."""
        if not self.is_left:
            self._written += len(data)
            self.socket.write(data)

    def pause_writing(self) -> None:
        """Have answers wait: the caller does not read."""
        self.writable = asyncio.Event()

    def resume_writing(self) -> None:
        """Have answers go on."""
        if self.writable is not None:
            self.writable.set()
            self.writable = None

    def pause_reading(self) -> None:
        """Read no more for now."""
        if not self.is_paused and not self.socket.is_closing():
            self.is_paused = True
            self.socket.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self.is_paused and not self.socket.is_closing():
            self.is_paused = False
            self.socket.resume_reading()

    def is_stuck(self, now: float) -> bool:
        """Check whether the caller has taken nothing of what was written for too long."""
        unsent = self.socket.get_write_buffer_size()
        if not unsent:
            return False
        flushed = self._written - unsent
        if flushed != self._flushed[1] or not self._flushed[0]:
            self._flushed = (now, flushed)
        return now - self._flushed[0] >= self.limits.write_time
