"""Connections that carry nothing over from one call to the next.

A server may send bytes on a connection that no request is on. aiohttp would read them as the answer to the *next*
request. Here such a connection is closed instead: no byte that was received before a request was written becomes part
of its answer. aiohttp has no hook for that, so three of its classes are extended through names that it keeps to itself.
The range of its versions is therefore closed, and tests/hostile/test_aiohttp_names.py fails where one of them changes.
"""

from __future__ import annotations

import asyncio
import functools
import select
import sys
from typing import Any, cast

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http import StreamWriter
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError
from aiohttp.tracing import Trace

from understudy.transport.failure_words import no_place, slow_lookup
from understudy.transport.name_lookup import Resolver
from understudy.transport.proxy_failures import proxy_failed

KEPT_OPEN = 30.0
"""Seconds that an idle connection is kept."""
AT_ONCE = 64 << 10
"""Bytes of a body that are written together with the headers, in one step."""
HEADERS = 256
"""Headers of a response at most; no provider sends more than 60."""
INTERIM = {100, *range(102, 200)}
"""Statuses after which another follows. 101 is not one of them: it ends HTTP on the connection (RFC 9110 §15.2)."""
SETTLING = 8
"""Turns of the event loop in which what the kernel holds for a connection must be read, before a request goes out."""


class ConnectionNotUsable(aiohttp.ClientConnectionError):
    """The connection was closed, or had received data, before the request was written: nothing was sent."""

    def __init__(self, *, reused: bool, spoke: bool = False) -> None:
        super().__init__("the connection was not usable")
        self.reused = reused
        self.spoke = spoke
        """Whether the server sent something out of turn."""


class StaleConnection(aiohttp.ClientConnectionError):
    """A kept-open connection closed while the request was under way, before any byte of the answer."""


class RequestCutShort(aiohttp.ClientConnectionError):
    """The connection broke before the whole request was written."""


class MalformedBody(aiohttp.ClientPayloadError):
    """The framing of a response's body is invalid."""


class PoolExhausted(aiohttp.ClientConnectionError):
    """No place in the pool became free in time."""


class HeadTooLarge(BadHttpMessage):
    """The status line and headers of a response, or the interim responses before it, are too large."""


class SpeaksTls(BadHttpMessage):
    """The answer to a plain request is a TLS record."""


class OddStatus(BadHttpMessage):
    """The status does not belong to an answer: another protocol (101), or unknown to HTTP (RFC 9110 §15)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the status {status}")
        self.status = status


class _Refusing:
    """The parser of a connection without a request: any byte is one too many."""

    def feed_data(self, data: bytes) -> tuple[tuple[()], bool, bytes]:
        """Refuse data. aiohttp also feeds empty data when it resumes reading."""
        if data:
            raise BadHttpMessage("data without a request")
        return (), False, b""

    def feed_eof(self) -> None:
        """Accept that an idle connection closes."""


_REFUSING: Any = _Refusing()


class _Head:
    """The parser until the head of the response is complete, around aiohttp's own: it counts bytes."""

    __slots__ = ("_connection", "_limit", "_parser", "received")

    def __init__(self, connection: PooledConnection, parser: Any, limit: int) -> None:
        self._connection = connection
        self._parser = parser
        self._limit = limit
        self.received = 0

    def feed_data(self, data: bytes) -> Any:
        """Parse; once the head of the final response is there, leave the rest to aiohttp's parser."""
        first = not self.received
        self.received += len(data)
        try:
            result = self._parser.feed_data(data)
        except HttpProcessingError as error:
            # A TLS alert begins so (RFC 8446 §5.1).
            if first and data.startswith(b"\x15\x03"):
                raise SpeaksTls("a TLS record") from error
            raise
        messages = result[0]
        if messages and self.received <= self._limit and 200 <= messages[0][0].code <= 599:
            self._connection.head_is_complete(self._parser)
        elif messages or self.received > self._limit:
            self._judge(messages)
        return result

    def _judge(self, messages: Any) -> None:
        """Look for the final response among the complete heads."""
        for message, _ in messages:
            if message.code in INTERIM:
                continue
            size = sum(len(name) + len(value) + len(": \r\n") for name, value in message.raw_headers)
            if self.received > self._limit and size > self._limit:
                break
            if not 200 <= message.code <= 599:
                raise OddStatus(message.code)
            self._connection.head_is_complete(self._parser)
            return
        if self.received > self._limit:
            raise HeadTooLarge("the headers are too large")

    def feed_eof(self) -> Any:
        """Return the message that is incomplete, if one has begun."""
        return self._parser.feed_eof()

    def pause_reading(self) -> None:
        """Pause: the body's buffer is full already."""
        self._parser.pause_reading()


class PooledConnection(ResponseHandler):
    """A connection that reads only while a request is on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, head_limit: int) -> None:
        super().__init__(loop)
        self.reused = False
        """Whether a request was answered on it before."""
        self.suspect = False
        """Whether the server closed it, or wrote on it, out of turn; others of its origin may be in the same state."""
        self._head_limit = head_limit
        self._begun = False
        self._written = False
        self._upcoming: Any = None
        self._former: Any = None
        self._poll: select.poll | None = None
        self._parser: Any = _REFUSING

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to ask whether the kernel holds something unread."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sys.platform != "win32" and sock is not None:
            self._poll = select.poll()
            self._poll.register(sock.fileno(), select.POLLIN)

    def set_response_params(self, **params: Any) -> None:
        """Make the parser of the next answer; it is put in place when the request is written, and not before."""
        super().set_response_params(**params)
        self._upcoming = _Head(self, self._parser, self._head_limit)
        # A request through a tunnel (CONNECT) is written before this is called.
        self._parser = self._upcoming if self._begun else _REFUSING

    def is_dirty(self) -> bool:
        """Check whether bytes arrived that belong to no request."""
        if self._buffer or self._exception is not None or self._upgraded:
            return True
        former, self._former = self._former, None
        try:
            # Bytes behind the previous answer may have begun another.
            return former is not None and former.feed_eof() is not None
        except HttpProcessingError:
            return True

    def begin(self) -> bool:
        """Treat what arrives from here on as the answer, if nothing has arrived yet. The request is written next."""
        if self._begun:
            return True
        transport = self.transport
        if transport is None or transport.is_closing() or (self._poll is not None and self._poll.poll(0)):
            return False
        self._begun = True
        self._parser = self._upcoming
        return True

    async def settle(self) -> bool:
        """Let the loop read what the kernel holds, then begin: over TLS it may be a session ticket, no data."""
        for _ in range(SETTLING):
            await asyncio.sleep(0)
            if self.begin():
                return True
            if self.exception() is not None:  # Why it closed is told a turn after it did.
                break
        self.refuse()
        return False

    def refuse(self) -> ConnectionNotUsable:
        """Close the connection before anything was written."""
        self.suspect = self.reused
        self._buffer.clear()
        known = self.exception()
        error = known if isinstance(known, ConnectionNotUsable) else ConnectionNotUsable(reused=self.reused)
        self.set_exception(error)
        if self.transport is not None:
            self.transport.close()
        return error

    def start_timeout(self) -> None:
        """Note that the whole request is written, which aiohttp signals by starting its clock."""
        self._begun = self._written = True
        super().start_timeout()

    def head_is_complete(self, parser: Any) -> None:
        """Let aiohttp's parser alone read the body."""
        self._parser = parser

    def is_reusable(self) -> bool:
        """Check whether the whole request has left: an answer may come before, and the rest would open the next one."""
        transport = self.transport
        return self._written and transport is not None and not transport.get_write_buffer_size()

    def rest(self) -> None:
        """Refuse whatever arrives from here on, until the next request."""
        self.reused = True
        self._begun = self._written = False
        self._former, self._parser = self._parser, _REFUSING

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Return how far the request had got."""
        payload = self._payload
        if isinstance(exc, ConnectionNotUsable):
            pass
        elif not self._begun:
            exc = ConnectionNotUsable(reused=self.reused, spoke=isinstance(exc, HttpProcessingError))
        elif isinstance(exc, HttpProcessingError) and payload is not None and not payload.is_eof():
            payload.set_exception(MalformedBody("invalid framing"))
            # A reader that was woken by the end of a chunk just now would wait again, without looking at the error.
            payload.feed_eof()
        elif isinstance(exc, aiohttp.ClientConnectionError) and isinstance(self._parser, _Head):
            if self.reused and not self._parser.received:
                self.suspect = True
                exc = StaleConnection("closed without an answer")
            elif not self._written:
                exc = RequestCutShort("broke while the request was written")
        if isinstance(exc_cause, OSError):
            exc.__cause__ = exc_cause  # aiohttp sets it only if a reader waits.
        if exc_cause is None:
            super().set_exception(exc)
        else:
            super().set_exception(exc, exc_cause)

    def close(self) -> None:
        """Close, and wake the reader of the body, which aiohttp forgets to do."""
        payload = self._payload
        super().close()
        if payload is not None and not payload.is_eof():
            payload.set_exception(aiohttp.ClientConnectionError("closed"))

    def abort(self) -> None:
        """Close at once; see `close`."""
        payload = self._payload
        super().abort()
        if payload is not None and not payload.is_eof():
            payload.set_exception(aiohttp.ClientConnectionError("closed"))


class PooledRequest(aiohttp.ClientRequest):
    """A request that goes out only on a connection that has received nothing since its last answer."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write the request, or the part of it that is written at once."""
        connection = conn.protocol
        assert isinstance(connection, PooledConnection), "the pool makes no others"  # noqa: S101
        if connection.is_dirty():
            raise connection.refuse()
        if not self._fits(connection):
            return await super().send(conn)
        if not (connection.begin() or await connection.settle()):
            raise connection.refuse()
        return await self._write(connection)

    def _fits(self, connection: PooledConnection) -> bool:
        """Check whether the request can be written in one step."""
        body = self._body
        if self._continue is not None or self.chunked or connection.writing_paused:
            return False
        return body is None or (body.size is not None and body.size <= AT_ONCE)

    async def _write(self, connection: PooledConnection) -> aiohttp.ClientResponse:
        """Write the whole request at once, without the task that aiohttp starts for a body: nothing comes between."""
        writer = StreamWriter(connection, self.loop)
        target = str(self.url) if self.proxy and not self.is_ssl() else self.url.raw_path_qs
        await writer.write_headers(f"{self.method} {target} HTTP/1.1", self.headers)
        if self._body is not None:
            await self._body.write(writer)
        await writer.write_eof()
        connection.start_timeout()
        response_class = self.response_class or aiohttp.ClientResponse
        return response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=[],
            loop=self.loop,
            session=self._session,
            stream_writer=writer,
        )

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Write a large body, in a task of its own; if that fails, the reader of the answer gets the error."""
        connection = conn.protocol
        if not isinstance(connection, PooledConnection) or connection.begin() or await connection.settle():
            await super().write_bytes(writer, conn, content_length)


class Connector(aiohttp.TCPConnector):
    """The pool."""

    def __init__(self, *, limit: int, pool_wait: float, head_limit: int, resolver: Resolver) -> None:
        super().__init__(limit=limit, keepalive_timeout=KEPT_OPEN, resolver=cast(AbstractResolver, resolver))
        self.connecting: set[asyncio.Task[Any] | None] = set()
        """The tasks that wait for a connection: they have sent nothing."""
        self._pool_wait = pool_wait
        self._lookups = resolver
        self._factory: Any = functools.partial(PooledConnection, loop=self._loop, head_limit=head_limit)

    async def _wait_for_available_connection(self, key: ConnectionKey, traces: list[Trace]) -> None:
        """Wait for a place in the pool, which has its own limit: the provider is not to blame."""
        task = asyncio.current_task()
        self.connecting.add(task)
        try:
            async with asyncio.timeout(self._pool_wait):
                await super()._wait_for_available_connection(key, traces)
        except TimeoutError as error:
            raise PoolExhausted(no_place(self._pool_wait)) from error
        finally:
            self.connecting.discard(task)

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's signature)
    ) -> ResponseHandler:
        """Connect within one limit for all steps: the name lookup, every address, TLS, and a proxy's tunnel.

        Raise `ProxyFailed` if the proxy is to blame.
        """
        task = asyncio.current_task()
        self.connecting.add(task)
        try:
            async with asyncio.timeout(timeout.sock_connect):
                return await super()._create_connection(req, traces, timeout)
        except (aiohttp.ClientError, OSError) as error:
            if failed := proxy_failed(req, error, timeout.sock_connect):
                raise failed from error
            if isinstance(error, TimeoutError) and self._lookups.is_waiting(req.host):
                reason = OSError(slow_lookup(timeout.sock_connect))
                raise aiohttp.ClientConnectorDNSError(req.connection_key, reason) from error
            raise
        finally:
            self.connecting.discard(task)

    def _release(self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        """Receive a returned connection."""
        assert isinstance(protocol, PooledConnection), "the pool makes no others"  # noqa: S101
        super()._release(key, protocol, should_close=should_close or not protocol.is_reusable())
        if protocol.suspect:
            for neighbour, _ in self._conns.pop(key, ()):
                neighbour.close()
        elif protocol.transport is not None:
            protocol.rest()
