"""One process that serves: its loop, its connections, and how it stops.

Stopping follows the order that load balancers expect. Readiness fails and the port is closed first; requests under way
run to their end, within the time for draining; what is left then is ended by the application, in the words of each
caller's wire format; and only then connections are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import sys
from collections.abc import Sequence

from understudy.gateway.serving.limits import LIMITS, Limits
from understudy.gateway.serving.line import Served, Shared
from understudy.gateway.serving.protocol import HttpProtocol

TICK = 1.0
"""Seconds between two looks at the clock of each connection, and between two `Date` headers."""
ACCEPTED = 1 if sys.platform == "win32" else 8
"""Connections that are accepted in one turn of the loop. libuv accepts one from each socket that listens, so each of
ours listens as often: else, while many callers are served, 32 that come at once wait up to 0.2 seconds."""
_POLL = 0.02
_IDLE = 1.0
"""Seconds without a request after which a connection is closed once the server stops. A caller that sends requests one
after another is told to close in the answer to its next one, and never meets a closed connection."""
_FLUSH = 1.0
"""Seconds that callers have to read the ends of their answers after everything else."""
_HURRY = 1.0
"""Seconds that the application has to end what is under way when the server must stop at once."""


class Server:
    """Serves one application on sockets that are already open."""

    def __init__(self, app: Served, *, drain: float, limits: Limits = LIMITS) -> None:
        self.shared = Shared(app, limits)
        self.serving = asyncio.Event()
        """Set once requests are accepted."""
        self.drain_time = drain
        """Seconds that requests under way have to end."""
        self._stopping = asyncio.Event()
        self._hurrying = asyncio.Event()

    async def run_on(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until `stop` is called and everything has ended."""
        loop, protocol = asyncio.get_running_loop(), functools.partial(HttpProtocol, self.shared)
        backlog = self.shared.limits.backlog
        listening = [each.dup() for each in sockets for _ in range(ACCEPTED)]
        servers = [await loop.create_server(protocol, sock=each, backlog=backlog) for each in listening]
        self.serving.set()
        while not self._stopping.is_set():
            self._tick()
            await _wait(self._stopping, TICK)
        await self._end(servers, sockets)

    def stop(self) -> None:
        """Drain and end. A second call ends at once."""
        if self._stopping.is_set():
            self._hurrying.set()
        self._stopping.set()

    def _tick(self) -> None:
        """Look at the clock of each connection."""
        self.shared.tick()
        now = asyncio.get_running_loop().time()
        for each in tuple(self.shared.connections):
            each.check(now)

    def _retire_all(self, idle_for: float) -> None:
        for each in tuple(self.shared.connections):
            each.retire(idle_for)

    async def _end(self, servers: Sequence[asyncio.AbstractServer], sockets: Sequence[socket.socket]) -> None:
        """Stop as the module describes."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.drain_time
        self.shared.application.leave()
        for server in servers:
            server.close()
        for each in sockets:
            each.close()
        ticking = loop.create_task(self._keep_ticking())
        await self._retire(min(end, loop.time() + _IDLE))
        await self._drain_application(max(0.0, end - loop.time()))
        flushed = loop.time() + _FLUSH
        while self.shared.connections and loop.time() < flushed:
            self._retire_all(0.0)
            await asyncio.sleep(_POLL)
        for connection in tuple(self.shared.connections):
            connection.abort()
        ticking.cancel()
        await self._end_tasks()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HURRY):
                await self.shared.application.aclose()

    async def _keep_ticking(self) -> None:
        """Go on watching the connections, and closing those that become idle."""
        while True:
            self._tick()
            self._retire_all(_IDLE)
            await asyncio.sleep(TICK / 4)

    async def _retire(self, end: float) -> None:
        """Answer the next request of each connection, with the announcement that it is closed after it."""
        loop = asyncio.get_running_loop()
        while self.shared.connections and not self._hurrying.is_set() and loop.time() < end:
            self._retire_all(_IDLE)
            await _wait(self._hurrying, _POLL)

    async def _drain_application(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        draining = loop.create_task(self.shared.application.drain(0.0 if self._hurrying.is_set() else seconds))
        hurrying = loop.create_task(self._hurrying.wait())
        await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if draining.done():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HURRY):
                await self.shared.application.drain(0.0)
                await draining

    async def _end_tasks(self) -> None:
        """Cancel the requests whose callers are gone by now, and wait for them for a moment."""
        tasks = set(self.shared.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_HURRY)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
