"""A server that does to its clients what a script says, byte by byte.

Raw sockets under asyncio; it knows HTTP/1.1 just well enough to read a request. It shares nothing with the emulators or
with the library, so that a mistake of theirs cannot hide here.

One server plays any number of parties at once: the first segment of the path says which one is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it arrived."""

    method: str
    path: str
    """Without the party's own segment, with the query."""
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    home: str
    """Scheme, host, port and segment: where the party lives."""
    connection: int
    nth: int
    """1 for the first request of its connection."""


class Pause(msgspec.Struct, frozen=True):
    """Send nothing for a while."""

    seconds: float


class Hang(msgspec.Struct, frozen=True):
    """Send nothing until the client goes."""


class Reset(msgspec.Struct, frozen=True):
    """End the connection with a TCP reset."""


class Close(msgspec.Struct, frozen=True):
    """End the connection with a TCP close."""


class Repeat(msgspec.Struct, frozen=True):
    """Send the same bytes again and again, until the client goes."""

    data: bytes
    every: float = 0.0


Step = bytes | Pause | Hang | Reset | Close | Repeat
Script = tuple[Step, ...]
"""What happens in answer to one request. Without an end of its own the connection is kept for the next."""

Respond = Callable[[Request], Script]


class Gone(Exception):
    """The client closed the connection."""


class Party:
    """One of those that the server plays: what it was asked, and who left it."""

    def __init__(self, home: str, respond: Respond) -> None:
        self.url = home
        self.respond = respond
        self.impatient = False
        """Whether it responds to the head of a request, without reading the body."""
        self.requests: list[Request] = []
        self.left = asyncio.Event()
        """Set once a client has gone before its answer was whole."""
        self.blocked = 0
        """Bytes of a `Repeat` that were written so far."""


class HostileServer:
    """Listens on a port of the system's choice, as long as the `async with` block lasts."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._parties: dict[str, Party] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def party(self, segment: str, respond: Respond) -> Party:
        """Play another party."""
        scheme = "https" if self._tls else "http"
        party = self._parties[segment] = Party(f"{scheme}://127.0.0.1:{self.port}/{segment}", respond)
        return party

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._connections += 1
        writer.transport.set_write_buffer_limits(high=0)
        try:
            await self._converse(reader, writer, self._connections)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        nth = 0
        while True:
            nth += 1
            party, request = await self._read(reader, connection, nth)
            party.requests.append(request)
            try:
                for step in party.respond(request):
                    if not await _perform(step, reader, writer, party):
                        return
            except (Gone, ConnectionError):
                party.left.set()
                return

    async def _read(self, reader: asyncio.StreamReader, connection: int, nth: int) -> tuple[Party, Request]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        segment, _, rest = target.lstrip("/").partition("/")
        party = self._parties[segment]
        length = 0 if party.impatient else int(headers.get("content-length", "0"))
        body = await reader.readexactly(length) if length else b""
        return party, Request(
            method=method,
            path=f"/{rest}",
            headers=headers,
            body=body,
            home=party.url,
            connection=connection,
            nth=nth,
        )


async def _perform(step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, party: Party) -> bool:
    """Take one step; return whether the connection goes on."""
    match step:
        case bytes():
            writer.write(step)
            await writer.drain()
        case Pause(seconds):
            await _wait(reader, seconds)
        case Hang():
            await _wait(reader, None)
        case Repeat(data, every):
            while True:
                writer.write(data)
                await writer.drain()
                party.blocked += len(data)
                await _wait(reader, every)
        case Reset():
            await asyncio.sleep(0.02)  # what was sent before arrives first
            reset(writer)
            return False
        case Close():
            with contextlib.suppress(NotImplementedError, OSError):
                writer.write_eof()
            await _wait(reader, 1.0, raises=False)
            return False
    return True


async def _wait(reader: asyncio.StreamReader, seconds: float | None, *, raises: bool = True) -> None:
    """Wait, and notice that the client goes."""
    try:
        async with asyncio.timeout(seconds):
            data = await reader.read(1)
    except TimeoutError:
        return
    if not data and raises:
        raise Gone


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a TCP reset, unless the client has ended it before."""
    sock = writer.get_extra_info("socket")
    if writer.is_closing() or sock.fileno() < 0:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
