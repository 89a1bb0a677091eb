"""Plays scripts to a transport, over sockets, and notes what it makes of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.hostile.differential.scripts import Script
from understudy.domain.failures import FailureKind
from understudy.transport.base import Transport, TransportError
from understudy.wire.http import HttpRequest

WELL = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Answer:
    """A response that was read to its end."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    is_kept: bool | None
    """Whether its connection served another request; `None` if the server closed it."""


@dataclass(frozen=True)
class Refusal:
    """A response that was not accepted."""

    kind: str
    sent: bool


Outcome = Answer | Refusal


class Server:
    """Plays script N to the requests for /N; anything else is answered well."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._scripts = scripts
        self._connections = 0
        self.served_by: dict[str, int] = {}
        """The number of the connection on which a path was asked for last."""
        self.has_played = [asyncio.Event() for _ in scripts]
        """Set once all bytes of a script were written."""
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve as long as the block lasts."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        try:
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
                self.served_by[path] = number
                if not path[1:].isdigit():
                    writer.write(WELL)
                    continue
                script = self._scripts[int(path[1:])]
                for piece in script.pieces:
                    writer.write(piece)
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                if script.closes:
                    writer.close()
                    await asyncio.sleep(0)
                self.has_played[int(path[1:])].set()
                if script.closes:
                    return
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def outcome_of(transport: Transport, server: Server, number: int, script: Script) -> Outcome:
    """Return what a transport makes of a script."""
    url = f"http://127.0.0.1:{server.port}/"
    try:
        incoming = await transport.send(HttpRequest(script.method, f"{url}{number}"), connect=10)
        try:
            pieces: list[bytes] = []
            while piece := await incoming.read():
                pieces.append(piece)
            incoming.release()
        finally:
            incoming.close()
    except TransportError as error:
        kind = error.failure.kind
        if kind is FailureKind.STALE_CONNECTION:
            kind = FailureKind.DISCONNECTED  # The same, on a connection that had served the script before.
        return Refusal(kind.value, error.failure.sent)
    kept: bool | None = None
    await server.has_played[number].wait()  # What arrives under the next request would be its answer.
    if not script.closes:
        await (await transport.send(HttpRequest("GET", f"{url}after{number}"), connect=10)).read()
        kept = server.served_by[f"/after{number}"] == server.served_by[f"/{number}"]
    head: Any = incoming.head
    return Answer(head.status, tuple(sorted(head.headers.items())), b"".join(pieces), kept)
