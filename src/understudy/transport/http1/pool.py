"""The connections of one event loop: those under way, and idle ones by server."""

from __future__ import annotations

import asyncio
from collections import deque

from understudy.domain.failures import Failure, FailureKind
from understudy.transport.base import TransportError
from understudy.transport.failure_words import closed_meanwhile, no_place
from understudy.transport.http1.connecting import Connector
from understudy.transport.http1.connection import Connection
from understudy.transport.http1.requests import Target

KEPT_OPEN = 30.0
"""Seconds that an idle connection is kept."""


class Pool:
    """Hands connections out, each to one request at a time.

    With a limit, requests wait for a place in the order in which they came, whichever server they are for.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, connector: Connector, *, limit: int, wait: float) -> None:
        """`limit` is the number of requests under way, 0 for any number; `wait` is in seconds."""
        self.closed = False
        self._loop = loop
        self._connector = connector
        self._limit = limit
        self._wait = wait
        self._connections: set[Connection] = set()
        self._idle: dict[str, list[Connection]] = {}
        self._opening: set[asyncio.Task[Connection]] = set()
        self._taken = 0
        """Places in use, by connections that are being opened, too."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None

    def take(self, origin: str) -> Connection | None:
        """Return an idle connection to a server, the one used last; `None` if there is none, or no place."""
        if self._limit and (self._taken >= self._limit or self._waiting):
            return None
        connection = self._reused(origin)
        if connection is not None:
            self._taken += 1
        return connection

    async def open(self, target: Target, within: float) -> Connection:
        """Return a connection to a server within `within` seconds after there is a place. Raise `TransportError`.

        A task of its own connects, so that closing the pool ends it without touching the task of the caller.
        """
        task = self._loop.create_task(self._open(target, within))
        self._opening.add(task)
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.add_done_callback(_drop)
            task.cancel()
            raise
        finally:
            self._opening.discard(task)
        if task.cancelled():
            raise TransportError(closed_meanwhile(sent=False))
        return task.result()

    async def _open(self, target: Target, within: float) -> Connection:
        await self._place()
        connection = self._reused(target.origin)
        if connection is not None:
            return connection
        try:
            connection = await self._connector.connect(target, self, within)
        except BaseException:
            self._vacate()
            raise
        self._connections.add(connection)
        if self.closed:
            connection.discard()
            raise TransportError(closed_meanwhile(sent=False))
        return connection

    def _reused(self, origin: str) -> Connection | None:
        idle = self._idle.get(origin)
        oldest = self._loop.time() - KEPT_OPEN
        while idle:
            connection = idle.pop()
            if connection.idle_since >= oldest:
                return connection
            self._connections.discard(connection)
            connection.discard()
        return None

    async def _place(self) -> None:
        """Wait for a place. Raise `TransportError`: the provider is not to blame."""
        if not self._limit or (self._taken < self._limit and not self._waiting):
            self._taken += 1
            return
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._wait):
                await waiter
            return
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self._vacate()
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
            if not isinstance(error, TimeoutError):
                raise
        raise TransportError(Failure(kind=FailureKind.POOL, message=no_place(self._wait), sent=False))

    def _vacate(self) -> None:
        """Hand a place on to whoever has waited longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._taken -= 1

    # ---- what connections report ----

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for another request."""
        if self.closed:
            connection.discard()
            return
        connection.idle_since = self._loop.time()
        self._idle.setdefault(connection.origin, []).append(connection)
        self._vacate()
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(KEPT_OPEN, self._sweep)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed. Harmless if repeated."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        idle = self._idle.get(connection.origin, ())
        if connection in idle:
            self._idle[connection.origin].remove(connection)
        else:
            self._vacate()

    def distrust(self, origin: str) -> None:
        """Close the idle connections to a server."""
        for connection in self._idle.pop(origin, ()):
            self._connections.discard(connection)
            connection.discard()

    def _sweep(self) -> None:
        """Close what has been idle for too long."""
        oldest = self._loop.time() - KEPT_OPEN
        for origin, idle in list(self._idle.items()):
            kept = [connection for connection in idle if connection.idle_since > oldest]
            overdue = [connection for connection in idle if connection.idle_since <= oldest]
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
            for connection in overdue:
                self._connections.discard(connection)
                connection.discard()
        first = min((connection.idle_since for idle in self._idle.values() for connection in idle), default=None)
        self._sweeper = None if first is None else self._loop.call_at(first + KEPT_OPEN, self._sweep)

    # ---- the end ----

    async def close(self) -> None:
        """Close all connections; what is under way fails."""
        self.closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in self._opening:
            task.cancel()
        self._connector.close()
        for connection in list(self._connections):
            connection.fail(closed_meanwhile(sent=True), at_once=True)
        self._idle.clear()
        for _ in range(3):
            await asyncio.sleep(0)  # The loop closes the sockets.


def _drop(task: asyncio.Task[Connection]) -> None:
    """Close a connection that its request did not wait for."""
    if not task.cancelled() and task.exception() is None:
        task.result().discard()
