"""The one place that opens connections: HTTP over aiohttp."""

from __future__ import annotations

import asyncio
import io
import weakref
from collections.abc import AsyncIterator, Awaitable
from functools import lru_cache
from typing import Any

import aiohttp

from understudy.domain.failures import Failure, FailureKind
from understudy.transport.base import Incoming, TransportError, Upload
from understudy.transport.connection_failures import failure_of
from understudy.transport.connections import HEADERS, ConnectionNotUsable, Connector, PooledRequest
from understudy.transport.failure_words import closed_meanwhile
from understudy.transport.name_lookup import Resolver
from understudy.transport.network import Network, Way
from understudy.transport.proxy_words import unauthorized
from understudy.wire.bounds import Bounds
from understudy.wire.http import HttpHead, HttpRequest

LARGE_BODY = 1 << 20
"""Bytes of a request body above which it is sent in pieces, so that the loop is not blocked."""
TAKES = 4
"""Connections tried for one request at most, if the earlier ones prove unusable before anything is sent."""
POOL_WAIT = 10.0
"""Seconds that a request waits for a place in the pool, if the pool has a limit."""
PIECE = 16 << 10
"""Bytes of a response body that are read at once, so that a fast server does not block the loop."""


class AioTransport:
    """HTTP over aiohttp, one session for each running event loop, so that one manager survives several of them.

    Redirects are not followed, nothing is repeated once a byte of it was written, cookies are not kept, and bodies are
    asked for uncompressed.

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
        self._opened: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Opened] = weakref.WeakKeyDictionary()

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Send a request; see `Transport`. A failure has no cause: aiohttp's errors quote requests and answers."""
        way = self._network.way_to(request.url)
        opened = self._opened.get(asyncio.get_running_loop())
        if opened is None or opened.session.closed:
            opened = self._open()
        sent = await opened.send(request, way, connect)
        if isinstance(sent, Failure):
            raise TransportError(sent)
        if sent.status == 407 and way.proxy is not None:
            sent.close()
            raise TransportError(unauthorized(way.proxy.place, given=way.proxy.authorization is not None))
        return AioIncoming(sent, opened)

    async def aclose(self) -> None:
        """Close the running loop's connections. Requests under way fail at once; a later request opens new ones."""
        opened = self._opened.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened.close()

    def _open(self) -> _Opened:
        connector = Connector(
            limit=self._connections, pool_wait=self._pool_wait, head_limit=self._head_limit, resolver=self._resolver
        )
        session = aiohttp.ClientSession(
            connector=connector,
            request_class=PooledRequest,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"accept-encoding": "identity", "user-agent": "understudy"},
            max_line_size=self._head_limit,
            max_field_size=self._head_limit,
            max_headers=HEADERS,
        )
        # Otherwise a GET is repeated silently, outside of every count and budget.
        session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        opened = self._opened[asyncio.get_running_loop()] = _Opened(session, connector)
        return opened


class _Opened:
    """The session of one event loop, and its requests under way."""

    __slots__ = ("_connector", "_sending", "_unsent", "closed", "session")

    def __init__(self, session: aiohttp.ClientSession, connector: Connector) -> None:
        self.session = session
        self.closed = False
        self._connector = connector
        self._sending: set[asyncio.Task[Any]] = set()
        self._unsent: set[asyncio.Task[Any]] = set()

    async def send(self, request: HttpRequest, way: Way, connect: float) -> aiohttp.ClientResponse | Failure:
        """Send a request over a usable connection; return the response, or how it failed."""
        task = asyncio.current_task()
        assert task is not None, "asynchronous code runs in a task"  # noqa: S101
        cancelled_before = task.cancelling()
        self._sending.add(task)
        takes = 0
        try:
            while True:
                takes += 1
                try:
                    return await self._send(request, way, connect)
                except ConnectionNotUsable as error:
                    if takes == TAKES or not error.reused or self.closed:
                        failure = failure_of(error)
                        break
        except asyncio.CancelledError:
            if not self.closed or task.uncancel() > cancelled_before:
                raise
            failure = Failure(kind=FailureKind.CANCELLED, message="", sent=task not in self._unsent)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = failure_of(error)
        finally:
            self._sending.discard(task)
        self._unsent.discard(task)
        return closed_meanwhile(sent=failure.sent) if self.closed else failure

    def _send(self, request: HttpRequest, way: Way, connect: float) -> Awaitable[aiohttp.ClientResponse]:
        body: bytes | io.BytesIO | AsyncIterator[bytes] | None = request.body
        if request.body is not None and len(request.body) > LARGE_BODY:
            body = io.BytesIO(request.body)
        elif isinstance(request, Upload):
            body = request.pieces
        return self.session.request(
            request.method,
            request.url,
            headers=request.headers if way.tunnel else (*request.headers, *way.headers()),
            data=body,
            allow_redirects=False,
            timeout=_timeout(connect),
            **way.options(),
        )

    async def close(self) -> None:
        """End what is under way, and close all connections."""
        self.closed = True
        self._unsent.update(self._sending & self._connector.connecting)
        for task in self._sending:
            task.cancel()
        await self.session.close()


class AioIncoming:
    """A response of aiohttp."""

    __slots__ = ("_opened", "_response", "head")

    def __init__(self, response: aiohttp.ClientResponse, opened: _Opened) -> None:
        self._response = response
        self._opened = opened
        self.head = HttpHead(response.status, {name.lower(): value for name, value in response.headers.items()})

    async def read(self) -> bytes:
        """Return the next piece; see `Incoming`."""
        content = self._response.content
        try:
            piece = await content.read(PIECE)
            if not piece and (flaw := content.exception()) is not None:
                raise flaw
            return piece
        except (aiohttp.ClientError, OSError) as error:
            failure = closed_meanwhile(sent=True) if self._opened.closed else failure_of(error)
        raise TransportError(failure)

    def release(self) -> None:
        """Return the connection to the pool."""
        self._response.release()

    def close(self) -> None:
        """Close the connection; a read that waits fails."""
        self._response.close()


@lru_cache(maxsize=256)
def _timeout(connect: float) -> aiohttp.ClientTimeout:
    """Only the connection is timed here; the engine times everything else, by content instead of by bytes."""
    return aiohttp.ClientTimeout(total=None, sock_connect=connect)
