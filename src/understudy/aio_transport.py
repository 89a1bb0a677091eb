"""The one place that opens connections: HTTP over aiohttp."""

from __future__ import annotations

import asyncio
import io
import weakref

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from understudy.connection_failures import failure_of
from understudy.domain.failures import Failure, FailureKind
from understudy.network import Network
from understudy.proxy_failures import proxy_failed, unauthorized
from understudy.transport import Incoming, TransportError
from understudy.wire.http import HttpHead, HttpRequest

POOL = 512
"""Connections at most, over all hosts."""
LARGE_BODY = 1 << 20
"""Bytes of a request body above which it is sent in pieces, so that the loop is not held up."""


class AioTransport:
    """HTTP over aiohttp, one session for each running event loop, so that one manager survives several of them.

    Redirects are not followed, nothing is retried, cookies are not kept, and bodies are asked for uncompressed: a
    compressed one that comes all the same is refused, which closes the door to decompression bombs.
    """

    def __init__(self, *, network: Network | None = None) -> None:
        """`network` says through which proxy and with which certificates; by default the environment does."""
        self._network = network or Network()
        self._sessions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = (
            weakref.WeakKeyDictionary()
        )

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Send a request; see `Transport`."""
        way = self._network.way_to(request.url)
        session = self._sessions.get(asyncio.get_running_loop())
        if session is None or session.closed:
            session = self._open()
        body: bytes | io.BytesIO | None = request.body
        if request.body is not None and len(request.body) > LARGE_BODY:
            body = io.BytesIO(request.body)
        try:
            response = await session.request(
                request.method,
                request.url,
                headers=(*request.headers, *way.headers()),
                data=body,
                allow_redirects=False,
                timeout=_timeout(connect),
                **way.options(),
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TransportError(failure_of(error)) from error
        if response.status == 407 and way.proxy is not None:
            response.close()
            raise TransportError(unauthorized(way.proxy.place, given=way.proxy.authorization is not None))
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in ("", "identity"):
            response.close()
            message = f"the response is compressed ({encoding}) although that was not asked for"
            raise TransportError(Failure(kind=FailureKind.PROTOCOL, message=message, status=response.status))
        return AioIncoming(response)

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:

        loop = asyncio.get_running_loop()
        session = aiohttp.ClientSession(
            connector=_Connector(limit=POOL, keepalive_timeout=30.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"accept-encoding": "identity", "user-agent": "understudy"},
            max_line_size=64 << 10,
            max_field_size=64 << 10,
        )
        self._sessions[loop] = session
        return session


class _Connector(aiohttp.TCPConnector):
    """Connections, through a proxy or not."""

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> ResponseHandler:
        """Connect within one limit, a proxy's tunnel included, and tell the proxy's failures from the provider's."""
        try:
            async with asyncio.timeout(timeout.sock_connect):
                return await super()._create_connection(req, traces, timeout)
        except (aiohttp.ClientError, OSError) as error:
            failed = proxy_failed(req, error, timeout.sock_connect)
            if failed is None:
                raise
            raise failed from error


class AioIncoming:
    """A response of aiohttp."""

    __slots__ = ("_response", "head")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.head = HttpHead(response.status, {name.lower(): value for name, value in response.headers.items()})

    async def read(self) -> bytes:
        """Return the next piece; see `Incoming`."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise TransportError(failure_of(error)) from error

    def release(self) -> None:
        """Give the connection back."""
        self._response.release()

    def close(self) -> None:
        """Close the connection; a read that waits fails."""
        self._response.close()


_timeouts: dict[float, aiohttp.ClientTimeout] = {}


def _timeout(connect: float) -> aiohttp.ClientTimeout:
    """Only the connection is timed here; the engine times everything else, by content instead of by bytes."""
    timeout = _timeouts.get(connect)
    if timeout is None:
        timeout = _timeouts[connect] = aiohttp.ClientTimeout(total=None, sock_connect=connect)
    return timeout
