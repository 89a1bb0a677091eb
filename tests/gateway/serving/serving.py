"""A small application behind the real server, and a client that speaks raw HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.serving.behind import Behind
from understudy.gateway.asgi import Message, Receive, Send
from understudy.gateway.serving.limits import Limits
from understudy.gateway.serving.line import Served
from understudy.gateway.serving.listening import listen
from understudy.gateway.serving.server import Server

HOST = b"Host: a.example\r\n"
TURN = 0.01
"""Seconds that a caller waits at once for what comes next."""
Handler = Callable[["App", Message, Receive, Send], Awaitable[None]]


@dataclass
class App:
    """Reads a whole body, then answers with it. Paths do other things."""

    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    scopes: list[Message] = field(default_factory=list)
    gone: int = 0
    """Requests whose caller left, or whose body never came."""
    left: bool = False
    drained: list[float] = field(default_factory=list)
    handler: Handler | None = None
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    running: set[asyncio.Task[Any]] = field(default_factory=set)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        self.scopes.append(scope)
        try:
            await (self.handler or type(self).echo)(self, scope, receive, send)
        finally:
            self.running.discard(task)

    async def read(self, receive: Receive) -> bytes | None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return None
            body += bytes(message["body"])
            if not message.get("more_body"):
                return body

    async def echo(self, scope: Message, receive: Receive, send: Send) -> None:
        body = await self.read(receive)
        if body is not None:
            self.requests.append((scope["method"], scope["path"], body))
            await answer(send, body)

    def leave(self) -> None:
        self.left = True

    async def drain(self, seconds: float) -> None:
        self.drained.append(seconds)
        if seconds and self.running:
            await asyncio.wait(self.running, timeout=seconds)
        self.ending.set()
        if self.running:
            await asyncio.wait(self.running, timeout=1)


async def answer(send: Send, body: bytes, status: int = 200) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Running:
    app: App
    server: Server
    port: int
    task: asyncio.Task[None]
    peers: list[Peer] = field(default_factory=list)
    """Connections, which are closed at the end."""

    async def connect(self) -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        self.peers.append(peer)
        return peer

    async def ended(self) -> None:
        """Wait until the server has ended by itself."""
        async with asyncio.timeout(60):
            await asyncio.shield(self.task)

    async def exchange(self, data: bytes) -> bytes:
        """Send on a connection of its own, and return all that comes until the server closes, or is silent."""
        peer = await self.connect()
        try:
            peer.writer.write(data)
            return await peer.rest(0.25)
        finally:
            peer.writer.close()
            await asyncio.sleep(0)


@dataclass
class Peer:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def rest(self, patience: float = 30.0) -> bytes:
        """Return what comes until the end; what is silent for too long is marked.

        Seconds are counted in turns of the loop: a server in this process is not silent while the process stands still.
        """
        found = b""
        while True:
            reading = asyncio.ensure_future(self.reader.read(65536))
            for _ in range(int(patience / TURN)):
                if (await asyncio.wait({reading}, timeout=TURN))[0]:
                    break
            else:
                reading.cancel()
                await asyncio.wait({reading})
                return found + b"<open>"
            try:
                data = reading.result()
            except ConnectionError:
                return found + b"<reset>"
            if not data:
                return found
            found += data

    async def response(self) -> tuple[int, bytes, bytes]:
        """Return status, head and body of a response with a Content-Length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(head[9:12]), head, await self.reader.readexactly(length)


@contextlib.asynccontextmanager
async def serving(
    app: App | Served | None = None, *, drain: float = 5.0, limits: Limits | None = None
) -> AsyncIterator[Running]:
    """Serve in this loop."""
    app = app or App()
    served = Behind(app) if isinstance(app, App) else app
    server = Server(served, drain=drain, limits=limits or Limits())
    sockets = listen("127.0.0.1", 0, 128)
    port = sockets[0].getsockname()[1]
    task = asyncio.create_task(server.run_on(sockets))
    await server.serving.wait()
    running = Running(app if isinstance(app, App) else App(), server, port, task)
    try:
        yield running
    finally:
        for peer in running.peers:
            peer.writer.close()
            with contextlib.suppress(ConnectionError):
                await peer.writer.wait_closed()
        server.stop()
        server.stop()
        await task
