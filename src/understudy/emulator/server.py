"""The sockets of an emulated provider: one port, on which staged acts are performed."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import Literal

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from understudy.domain.content import Json
from understudy.domain.operation import Operation
from understudy.emulator import faults, staging
from understudy.emulator.actor import Actor
from understudy.emulator.script import Script
from understudy.emulator.staging import Close, Head, Reset, Wait, Write
from understudy.wire.http import HttpReply, HttpRequest
from understudy.wire.json import BadJson, decode

MAX_RECORDED = 10_000
"""The number of requests kept for inspection; older ones are dropped."""

_SECRET = frozenset({"authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "proxy-authorization"})
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with time zero: closing then sends RST instead of FIN."""

Outcome = Literal["open", "answered", "client_left", "cut", "reset", "stopped"]


class _Unreadable(logging.Filter):
    """Drops what aiohttp logs of requests that are not valid HTTP: they are answered, and are no bug here."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep everything else, such as what a bug raises."""
        return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


_log = logging.getLogger("understudy.emulator.http")
_log.addFilter(_Unreadable())


class RecordedRequest(msgspec.Struct, kw_only=True):
    """A request that an emulator received, and its outcome. Keys are left out."""

    number: int
    method: str
    path: str
    """The path in the request line, with its query."""
    headers: dict[str, str]
    """Names in lower case."""
    body: Json
    """The decoded JSON; a string where it is not valid JSON; `None` without a body."""
    operation: Operation | None
    """`None` if the path belongs to no dialect of the provider."""
    dialect: str
    authenticated: bool
    """Whether the request had an accepted key."""
    connection: int
    """Counts connections: two requests with the same number came over the same one."""
    fault: faults.Fault | None = None
    status: int | None = None
    """The status of the answer; `None` without an answer."""
    error: str | None = None
    """The body of an answer whose status is an error."""
    step: int | None = None
    """The step of a script of answers that the request asks for, counted from 0."""
    outcome: Outcome = "open"
    """`client_left`: the client closed the connection before the answer was complete."""


class ProviderServer:
    """Serves one emulated provider on one port."""

    def __init__(self, actor: Actor, host: str, port: int, *, pace: float = 0.0) -> None:
        self.actor = actor
        self.script = Script()
        self.requests: deque[RecordedRequest] = deque(maxlen=MAX_RECORDED)
        self._received = 0
        self._host = host
        self._pace = pace
        self.port = port
        """The requested port; once started, the one in use."""
        self._listener: asyncio.Server | None = None
        self._server: web.Server | None = None
        self._stopping = False
        self._connections: dict[web.RequestHandler, int] = {}
        self._connected = 0

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._listener is not None

    @property
    def open_connections(self) -> int:
        """The number of open connections."""
        return len(self._server.connections) if self._server else 0

    async def start(self) -> None:
        """Open the port; after a stop, the same one as before. Raises `OSError` when it is in use."""
        if self._listener is not None:
            return
        self._stopping = False
        server = web.Server(self._handle, handler_cancellation=True, access_log=None, logger=_log)
        self._listener = await asyncio.get_running_loop().create_server(server, self._host, self.port)
        self._server = server
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection at once, even during an answer."""
        if self._listener is None or self._server is None:
            return
        self._stopping = True
        self._listener.close()
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        while self._server.connections:  # noqa: ASYNC110 - the server offers no event for it
            # Each handler is cancelled by the loss of its connection; that takes a few turns of the loop.
            await asyncio.sleep(0)
        await self._listener.wait_closed()
        self._listener = self._server = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await request.content.read()
        except web.RequestPayloadError as error:  # compressed, and what arrived cannot be decompressed
            return web.Response(status=400, text=str(error))
        raw = HttpRequest(request.method, request.path_qs, tuple(request.headers.items()), body or None)
        record, acts = self.receive(raw, self._connection(request))
        try:
            return await self._perform(request, acts, record)
        except asyncio.CancelledError:
            if record.outcome == "open":
                record.outcome = "stopped" if self._stopping else "client_left"
            raise

    def receive(self, raw: HttpRequest, connection: int = 0) -> tuple[RecordedRequest, Iterator[staging.Act]]:
        """Record a request whose URL is that of the request line, and return what is to be done with it."""
        call = self.actor.call(raw)
        self._received += 1
        record = RecordedRequest(
            number=self._received,
            method=raw.method,
            path=raw.url,
            headers={key: value for name, value in raw.headers if (key := name.lower()) not in _SECRET},
            body=_decode_body(raw.body),
            operation=call.operation,
            dialect=call.half.name,
            authenticated=call.authenticated,
            connection=connection,
        )
        self.requests.append(record)
        try:
            step = self.actor.step(call)
            record.step = step.number if step else None
            # A fault in the request's header takes nothing from the scripts.
            written = next((value for name, value in raw.headers if name.lower() == faults.HEADER), None)
            if written is not None:
                record.fault = faults.parse(written)
            else:
                record.fault = (step and step.script.fault(step.number)) or self.script.next(call.operation)
            answer = self.actor.answer(call, record.number, record.fault)
        except ValueError as error:
            answer = HttpReply(400, (("content-type", "text/plain"),), str(error).encode())
        if isinstance(answer, HttpReply) and answer.status >= 400:
            record.error = answer.body.decode("utf-8", "replace")
        return record, staging.stage(answer, record.fault, pace=self._pace)

    def _connection(self, request: web.BaseRequest) -> int:
        """Return the number of a request's connection."""
        if request.protocol not in self._connections:
            self._connected += 1
            alive = self._server.connections if self._server else []
            self._connections = {held: number for held, number in self._connections.items() if held in alive}
            self._connections[request.protocol] = self._connected
        return self._connections[request.protocol]

    async def _perform(
        self, request: web.BaseRequest, acts: Iterator[staging.Act], record: RecordedRequest
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        try:
            for act in acts:
                match act:
                    case Head():
                        record.status = act.status
                        self._dress(response, act, record.number)
                        await response.prepare(request)
                    case Write(data):
                        if request.method != "HEAD":
                            await response.write(data)
                    case Wait(seconds):
                        await (_wait_for_disconnect() if seconds is None else asyncio.sleep(seconds))
                    case Close():
                        record.outcome = "cut"
                        _transport(request).close()
                        await _wait_for_disconnect()
                    case Reset():
                        record.outcome = "reset"
                        transport = _transport(request)
                        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                        transport.abort()
                        await _wait_for_disconnect()
            await response.write_eof()
            record.outcome = "answered"
        except ConnectionResetError:
            record.outcome = "client_left"
        return response

    def _dress(self, response: web.StreamResponse, head: Head, number: int) -> None:
        response.set_status(head.status)
        response.headers.extend(self.headers_of(head, number))
        if head.length is None:
            response.enable_chunked_encoding()
        else:
            response.content_length = head.length

    def headers_of(self, head: Head, number: int) -> dict[str, str]:
        """Return the headers of the answer to a request, names in lower case."""
        provider = self.actor.provider
        headers = {"server": "understudy-emulator", **{name.lower(): value for name, value in provider.headers}}
        if provider.request_id_header:
            headers[provider.request_id_header.lower()] = f"req_emulated{number:08d}"
        return headers | {name.lower(): value for name, value in head.headers}


async def _wait_for_disconnect() -> None:
    """Wait until the client disconnects: the server then cancels the handler."""
    await asyncio.get_running_loop().create_future()


def _transport(request: web.BaseRequest) -> asyncio.Transport:
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client has disconnected")
    return transport


def _decode_body(body: bytes | None) -> Json:
    if not body:
        return None
    try:
        return decode(body)
    except BadJson:
        return body.decode("utf-8", "replace")
