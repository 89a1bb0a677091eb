"""The built-in transport over httptools: HTTP/1.1 with as little between the request and the socket as possible."""

from __future__ import annotations

import asyncio

from understudy.domain.bounded import BoundedDict
from understudy.domain.failures import Failure, FailureKind
from understudy.transport import failure_words as words
from understudy.transport.base import Incoming, TransportError
from understudy.transport.http1.connecting import Connector
from understudy.transport.http1.connection import Connection
from understudy.transport.http1.pool import Pool
from understudy.transport.http1.requests import HiddenBytes, Target, head_of, target_of
from understudy.transport.name_lookup import Resolver
from understudy.transport.network import Network
from understudy.transport.proxy_words import unauthorized
from understudy.wire.bounds import Bounds
from understudy.wire.http import HttpRequest

TAKES = 4
"""Connections tried for one request at most, if the earlier ones prove unusable before anything is sent."""
POOL_WAIT = 10.0
"""Seconds that a request waits for a place in the pool, if the pool has a limit."""
TARGETS = 256
"""Addresses whose request lines are kept."""


class Http1Transport:
    """HTTP/1.1 over httptools, one pool for each running event loop, so that one manager survives several of them.

    It needs the package `httptools`. Redirects are not followed, nothing is repeated once a byte of it was written,
    cookies are not kept, and bodies are asked for uncompressed.

    A connection serves one request at a time, so there are as many as requests under way, and idle ones for half a
    minute. How many requests run at once is the caller's decision; `connections` limits it here, too. Without that the
    limit is the process's own for open files. A request that finds either exhausted fails as `pool`, for which no
    provider is to blame.
    """

    uploads = True
    """Whether bodies may be sent while they arrive; see `Upload`."""

    def __init__(
        self,
        *,
        network: Network | None = None,
        connections: int | None = None,
        pool_wait: float = POOL_WAIT,
        bounds: Bounds | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        """`network` states through which proxy and with which certificates; by default the environment does.

        `connections` is the limit for each event loop, over all hosts; `pool_wait` is in seconds. `resolver` looks host
        names up.
        """
        if connections is not None and connections < 1:
            raise ValueError(f"connections must be at least 1, got {connections}")
        self._network = network or Network()
        self._connections = connections or 0
        self._pool_wait = pool_wait
        self._head_limit = (bounds or Bounds()).headers
        self._resolver = resolver or Resolver()
        self._targets: BoundedDict[tuple[str, str], Target] = BoundedDict(TARGETS)
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Send a request; see `Transport`. A failure has no cause: it could quote the request."""
        target, head = self._written(request)
        pool = self._pools.get(asyncio.get_running_loop()) or self._open()
        connection = pool.take(target.origin)
        if connection is None or not connection.is_clear():
            connection = await self._usable(pool, target, connection, connect)
        response = connection.begin(head, request)
        await response.until_head()
        if response.head.status == 407 and target.way.proxy is not None:
            response.close()
            proxy = target.way.proxy
            raise TransportError(unauthorized(proxy.place, given=proxy.authorization is not None))
        return response

    async def aclose(self) -> None:
        """Close the running loop's connections. Requests under way fail at once; a later request opens new ones."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    async def _usable(self, pool: Pool, target: Target, connection: Connection | None, connect: float) -> Connection:
        """Return a connection on which nothing arrived that is not read. Raise `TransportError`."""
        for take in range(1, TAKES + 1):
            if connection is None:
                connection = pool.take(target.origin) or await pool.open(target, connect)
            if connection.is_clear() or await connection.settle():
                return connection
            if take == TAKES or not connection.is_reused or pool.closed:
                break
            connection = None
        assert connection is not None, "there is at least one take"  # noqa: S101
        raise TransportError(words.closed_meanwhile(sent=False) if pool.closed else connection.not_usable())

    def _written(self, request: HttpRequest) -> tuple[Target, HiddenBytes]:
        """Return where a request goes, and its head. Raise `TransportError` if HTTP cannot express it."""
        try:
            target = self._targets.get((request.method, request.url)) or self._target(request)
            return target, head_of(target, request)
        except ValueError as error:
            failure = Failure(kind=FailureKind.LOCAL, message=words.unwritable(error), sent=False)
        raise TransportError(failure)

    def _target(self, request: HttpRequest) -> Target:
        target = target_of(request.method, request.url, self._network.way_to(request.url))
        self._targets[request.method, request.url] = target
        return target

    def _open(self) -> Pool:
        """Make the pool of the running loop. Those of loops that are closed can no longer be used."""
        for loop in [each for each in tuple(self._pools) if each.is_closed()]:
            self._pools.pop(loop, None)
        loop = asyncio.get_running_loop()
        connector = Connector(loop, self._resolver, self._head_limit)
        pool = self._pools[loop] = Pool(loop, connector, limit=self._connections, wait=self._pool_wait)
        return pool
