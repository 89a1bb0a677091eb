"""One process that serves: its loop, its connections, and how it stops.

Stopping follows the order that load balancers expect. Readiness fails and the port is closed first; requests under way
run to their end, within the time for draining; what is left then is ended by the application, in the words of each
caller's wire format; and only then connections are closed. uvicorn waits for connections before it notifies the
application, so all of this happens here and not at the end of the lifespan.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Generator, Sequence
from typing import Any, Protocol

import uvicorn

from understudy.gateway.serving.guard import Message, Receive, Send, guard
from understudy.gateway.serving.limits import LIMITS, Limits
from understudy.gateway.serving.protocol import StrictProtocol

TICK = 1.0
"""Seconds between two looks at the clock of each connection, and between two `Date` headers."""
_POLL = 0.02
_IDLE = 1.0
"""Seconds without a request after which a connection is closed once the server stops. A caller that sends requests one
after another is told to close in the answer to its next one, and never meets a closed connection."""
_FLUSH = 1.0
"""Seconds that callers have to read the ends of their answers after everything else."""
_HURRY = 1.0
"""Seconds that the application has to end what is under way when the server must stop at once."""


class Served(Protocol):
    """An ASGI application that can be drained, as a `Gateway` is."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""

    def leave(self) -> None:
        """Fail the readiness check, and go on serving."""

    async def drain(self, seconds: float) -> None:
        """Accept no more requests, let those under way end within some seconds, and end the others."""


class Server(uvicorn.Server):
    """Serves one application on sockets that are already open."""

    def __init__(self, app: Served, *, drain: float, limits: Limits = LIMITS) -> None:
        protocol: Any = functools.partial(StrictProtocol, limits=limits)
        super().__init__(
            uvicorn.Config(
                guard(app),
                http=protocol,
                ws="none",
                lifespan="on",
                interface="asgi3",
                log_config=None,
                log_level="critical",  # `guard` logs what goes wrong, without what callers sent
                access_log=False,
                server_header=False,
                proxy_headers=False,  # who asks is who is connected, whatever a header says
                backlog=limits.backlog,
            )
        )
        self.serving = asyncio.Event()
        """Set once requests are accepted."""
        self._application = app
        self.drain_time = drain
        """Seconds that requests under way have to end."""
        self._stopping = asyncio.Event()
        self._hurrying = asyncio.Event()

    async def run_on(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until `stop` is called and everything has ended."""
        await self.serve(list(sockets))

    def stop(self) -> None:
        """Drain and end. A second call ends at once."""
        if self._stopping.is_set():
            self._hurrying.set()
        self._stopping.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to whoever runs this: uvicorn would raise them again at the end, and exit by a signal."""
        yield

    async def main_loop(self) -> None:
        """Run until `stop`."""
        self.serving.set()
        while not self._stopping.is_set():
            await self.on_tick(0)
            self._check()
            await _wait(self._stopping, TICK)

    def _connections(self) -> list[StrictProtocol]:
        return [each for each in self.server_state.connections if isinstance(each, StrictProtocol)]

    def _check(self) -> None:
        now = asyncio.get_running_loop().time()
        for each in self._connections():
            each.check(now)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as the module describes."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.drain_time
        self._application.leave()
        for server in self.servers:
            server.close()
        for each in sockets or ():
            each.close()
        ticking = loop.create_task(self._keep_ticking())
        await self._retire(min(end, loop.time() + _IDLE))
        await self._drain_application(max(0.0, end - loop.time()))
        flushed = loop.time() + _FLUSH
        while self.server_state.connections and loop.time() < flushed:
            for connection in self._connections():
                connection.retire(0.0)
            await asyncio.sleep(_POLL)
        for connection in self._connections():
            connection.abort()
        ticking.cancel()
        await self._end_tasks()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HURRY):
                await self.lifespan.shutdown()

    async def _keep_ticking(self) -> None:
        """Go on watching the connections, and closing those that become idle."""
        while True:
            self._check()
            for connection in self._connections():
                connection.retire(_IDLE)
            await asyncio.sleep(TICK / 4)

    async def _retire(self, end: float) -> None:
        """Answer the next request of each connection, with the announcement that it is closed after it."""
        loop = asyncio.get_running_loop()
        while self.server_state.connections and not self._hurrying.is_set() and loop.time() < end:
            for connection in self._connections():
                connection.retire(_IDLE)
            await _wait(self._hurrying, _POLL)

    async def _drain_application(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        draining = loop.create_task(self._application.drain(0.0 if self._hurrying.is_set() else seconds))
        hurrying = loop.create_task(self._hurrying.wait())
        await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if draining.done():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HURRY):
                await self._application.drain(0.0)
                await draining

    async def _end_tasks(self) -> None:
        """Cancel the requests whose callers are gone by now, and wait for them for a moment."""
        tasks = set(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_HURRY)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
