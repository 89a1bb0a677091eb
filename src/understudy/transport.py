"""The one place that opens connections.

`Transport` is the seam: a request goes out, a head comes back, then the body piece by piece. `AioTransport` is the real
one; a test's fake is as short as the interface. Whatever goes wrong is a `TransportError` that carries a `Failure`.
"""

from __future__ import annotations

import asyncio
import errno
import io
import os
import ssl
import weakref
from typing import Protocol

import aiohttp

from understudy.domain.failures import Failure, FailureKind
from understudy.wire.http import HttpHead, HttpRequest

POOL = 512
"""Connections at most, over all hosts."""
LARGE_BODY = 1 << 20
"""Bytes of a request body above which it is sent in pieces, so that the loop is not held up."""


class TransportError(Exception):
    """The connection failed; `failure` says how, and whether anything was sent."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Incoming(Protocol):
    """A response whose body is still arriving."""

    head: HttpHead

    async def read(self) -> bytes:
        """Return the next piece of the body; empty at its clean end. Raises `TransportError`."""
        ...

    def release(self) -> None:
        """Give the connection back for reuse; only after the clean end."""
        ...

    def close(self) -> None:
        """Close the connection at once, which tells the provider to stop. Harmless after `release`."""
        ...


class Transport(Protocol):
    """Sends requests."""

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Send a request and return its response's head. `connect` is in seconds. Raises `TransportError`."""
        ...

    async def aclose(self) -> None:
        """Close all connections of the running event loop."""
        ...


class AioTransport:
    """HTTP over aiohttp, one session for each running event loop, so that one manager survives several of them.

    Redirects are not followed, nothing is retried, cookies are not kept, and bodies are asked for uncompressed: a
    compressed one that comes all the same is refused, which closes the door to decompression bombs.
    """

    def __init__(self) -> None:
        self._sessions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = (
            weakref.WeakKeyDictionary()
        )

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Send a request; see `Transport`."""
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
                headers=request.headers,
                data=body,
                allow_redirects=False,
                timeout=_timeout(connect),
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TransportError(failure_of(error)) from error
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
            connector=aiohttp.TCPConnector(limit=POOL, keepalive_timeout=30.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"accept-encoding": "identity", "user-agent": "understudy"},
            max_line_size=64 << 10,
            max_field_size=64 << 10,
        )
        self._sessions[loop] = session
        return session


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


def failure_of(error: Exception) -> Failure:
    """Read an error of the HTTP library as a failure (fault model §2, rows 1–16)."""
    kind, sent = FailureKind.DISCONNECTED, True
    match error:
        case aiohttp.ClientConnectorDNSError():
            kind, sent = FailureKind.DNS, False
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            kind, sent = FailureKind.TLS, False
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            kind, sent = FailureKind.PROXY, False
        case aiohttp.ConnectionTimeoutError():
            kind, sent = FailureKind.CONNECT_TIMEOUT, False
        case aiohttp.ClientConnectorError():
            kind, sent = FailureKind.CONNECT, False
        case aiohttp.InvalidURL() | ValueError():
            kind, sent = FailureKind.INVALID_REQUEST, False
        case aiohttp.ClientResponseError():
            kind = FailureKind.PROTOCOL
        case aiohttp.ServerTimeoutError():
            kind = FailureKind.TIMEOUT_HEADERS
        case _:
            pass
    return Failure(kind=kind, message=_words(error), sent=sent)


def _words(error: Exception) -> str:
    """Return the error's own words, or its name when it has none; header values never stand in them."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect to {error.host}:{error.port}: {_reason(error.os_error)}"
    if isinstance(error, ValueError):
        # Its words may repeat a URL or a header, and so a secret.
        return f"the request cannot be written as HTTP ({type(error).__name__}): check base_url and headers"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke in the middle of the response"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without an answer"
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _reason(error: OSError) -> str:
    """Return the system's words for an error: asyncio puts the address in their place."""
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return error.strerror or str(error)
