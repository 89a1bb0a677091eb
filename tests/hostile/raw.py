"""A server of raw bytes: a test writes what is sent on each connection. It shares nothing with the emulators."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    method: str
    path: str
    body: bytes


class CountingReader(asyncio.StreamReader):
    """A reader that counts what has arrived, read or not."""

    arrived = 0

    def feed_data(self, data: Any) -> None:
        self.arrived += len(data)
        super().feed_data(data)


@dataclass
class Line:
    """One connection, seen from the server."""

    number: int
    reader: CountingReader
    writer: asyncio.StreamWriter
    server: RawServer
    taken: int = 0

    async def request(self) -> Request:
        """Read the next request. Raises `asyncio.IncompleteReadError` where the client closes instead."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        head = raw.decode("latin-1")
        lines = head.split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
        request = Request(method, path, await self.reader.readexactly(length))
        self.server.requests.append(request)
        self.taken += len(raw) + length
        return request

    def is_idle(self) -> bool:
        """Check whether every request that the client has written so far was read: none lies in the kernel either."""
        if self.reader.arrived > self.taken:
            return False
        unread = select.poll()
        unread.register(self.writer.get_extra_info("socket").fileno(), select.POLLIN)
        return not unread.poll(0)

    async def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Write pieces, each by itself."""
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(pause)
            self.writer.write(piece)
            await self.writer.drain()

    def reset(self) -> None:
        """Close with a reset instead of an end."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_closed(self) -> None:
        """Wait until the client closes."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


@dataclass
class RawServer:
    """What a running server has seen."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Script = Callable[[Line], Awaitable[None]]
"""What happens on one connection, which is closed at its end."""


@contextlib.asynccontextmanager
async def serving(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Serve on a port that the system chooses."""
    state = RawServer()
    running: set[asyncio.Task[None]] = set()

    loop = asyncio.get_running_loop()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(reader, CountingReader)
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        state.connections += 1
        try:
            await script(Line(state.connections, reader, writer, state))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            running.discard(task)
            writer.close()

    server = await loop.create_server(
        lambda: asyncio.StreamReaderProtocol(CountingReader(limit=1 << 24), handle), "127.0.0.1", 0, ssl=tls
    )
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.sleep(0)


def answer(body: bytes | str, *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return a whole response."""
    body = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body
