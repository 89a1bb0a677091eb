"""uvicorn's HTTP protocol, made strict: what is refused, what is limited, and how a connection ends.

It differs from its parent in five ways. Requests that two servers may read differently are refused. Sizes and times are
limited (`Limits`); `check`, which the server calls every second, measures times, so that no timer runs for each read.
Pipelined requests are not served: the connection is closed after the answer to the first, and the client repeats the
others. An `Upgrade` is ignored, as RFC 9110, 7.8 allows: Java's client offers h2c with its first request, whose
body would be lost. And a connection that is closed after an answer keeps reading for a moment, because the system
discards an answer that is still under way when unread data is left.
"""

from __future__ import annotations

import asyncio
import enum
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from understudy.gateway.leaving import EXTENSION, Leaving
from understudy.gateway.serving import refusals
from understudy.gateway.serving.limits import LIMITS, Limits
from understudy.gateway.serving.outlet import Outlet
from understudy.gateway.serving.refusals import Refusal
from understudy.gateway.serving.strictness import find_fault


class Phase(enum.Enum):
    """What a connection is waiting for."""

    OPENED = enum.auto()
    """The first byte of all."""
    HEAD = enum.auto()
    """The end of a header."""
    BODY = enum.auto()
    """The end of a body, whether or not its request has been answered."""
    ANSWERING = enum.auto()
    """The end of an answer."""
    IDLE = enum.auto()
    """The next request."""
    LEAVING = enum.auto()
    """Its end: nothing is written any more, and what arrives is dropped."""


class _Refused(Exception):
    """Raised in a callback to stop the parser. The reason is in `StrictProtocol._refusal`."""


class StrictProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits = LIMITS,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.limits = limits
        self.phase = Phase.OPENED
        self.since = self.loop.time()
        """When the phase began."""
        self.is_retiring = False
        """Whether the connection ends with the current or next answer."""
        self._refusal: Refusal | None = None
        self._leaving: Leaving | None = None
        """What the request under way is told if its caller leaves."""
        self._is_deaf = False
        self._is_upgrading = False
        self._raw = 0
        self._body = 0
        self._trailers = 0
        self._window = (0.0, 0)
        """When the current `body_window` began, and the size of the body then."""
        self._flushed = (0.0, 0)
        """When the number of bytes that the caller had taken last changed, and that number."""

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse the connection if there are too many."""
        super().connection_made(transport)
        self._socket = transport
        self._outlet = self.transport = Outlet(transport, self._close)
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and tell the request under way."""
        super().connection_lost(exc)
        self._note_leaving()

    def _note_leaving(self) -> None:
        if self._leaving is not None and not self.cycle.response_complete:
            self._leaving.happen()

    def _make_room(self) -> None:
        """Close the connection that was idle for longest, or this one if none is idle."""
        others = (each for each in self.connections if isinstance(each, StrictProtocol))
        idle = [each for each in others if each.phase is Phase.IDLE]
        if idle:
            min(idle, key=lambda each: each.since).leave()
        else:
            self._refuse(refusals.FULL)

    def retire(self, idle_for: float) -> None:
        """Close the connection if it is idle, and has been for some seconds; else after its current or next answer."""
        self.is_retiring = True
        match self.phase:
            case Phase.OPENED | Phase.IDLE if self.loop.time() - self.since >= idle_for:
                self.leave()
            case Phase.BODY | Phase.ANSWERING:
                self.cycle.keep_alive = False

    def leave(self) -> None:
        """Close the connection at once."""
        self._enter(Phase.LEAVING)
        self._outlet.is_left = True
        self._socket.close()

    def abort(self) -> None:
        """Close the connection without the rest of the answer, whose framing shows that it is not whole."""
        self._outlet.is_left = True
        self._socket.abort()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.since = self.loop.time()

    def _close(self) -> None:
        """Close after an answer."""
        if self._is_deaf or self.phase is Phase.BODY:
            self._linger()  # the caller is still sending
        else:
            self.leave()

    def _linger(self) -> None:
        """Stop writing, and close once the caller does or some time has passed."""
        self._enter(Phase.LEAVING)
        self._outlet.is_left = True
        if self._socket.is_closing():
            return
        self.flow.resume_reading()
        if not self._socket.can_write_eof():
            self._socket.close()
            return
        self._socket.write_eof()
        self.loop.call_later(self.limits.linger, self._socket.close)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal, if nothing else is being answered, and close."""
        if self.phase is Phase.ANSWERING:
            # The fault is in what follows the request that is being answered: its answer is finished.
            self._is_deaf = True
            self.cycle.keep_alive = False
            return
        if self.phase is Phase.BODY:
            answered, started = self.cycle.response_complete, self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._note_leaving()
            if started and not answered:
                self.abort()
                return
            if answered:
                self._linger()
                return
        self._outlet.write(refusal.reply((*self.server_state.default_headers, *refusal.headers())))
        self._linger()

    # What arrives

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        if self._is_deaf or self.phase is Phase.LEAVING:
            return
        if self.phase is Phase.IDLE or self.phase is Phase.OPENED:
            self._begin()
        self._raw += len(data)
        try:
            self.parser.feed_data(data)
            if self.phase is Phase.BODY or self.phase is Phase.HEAD:
                self._check_sizes()
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except (httptools.HttpParserError, _Refused):
            self._refuse(self._refusal or refusals.MALFORMED)

    def _begin(self) -> None:
        self._enter(Phase.HEAD)
        self._raw = self._body = self._trailers = 0

    def _fail(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _Refused

    def _check_sizes(self) -> None:
        if self.phase is Phase.HEAD and self._raw > self.limits.head + self.limits.target:
            self._fail(refusals.LARGE_HEAD)  # one field that has no end yet
        overhead = self._raw - self._body - self.limits.head
        if self.phase is Phase.BODY and overhead > self.limits.framing + self.limits.framing_rate * self._body:
            self._fail(refusals.OVERHEAD)

    def _is_large(self) -> bool:
        """Check whether the fields of the header are too large together; what follows them may have arrived too."""
        return sum(len(name) + len(value) + 4 for name, value in self.headers) > self.limits.head

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read the request again without its offer of another protocol."""
        self._is_upgrading = False
        head = [self.parser.get_method() + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode()]
        head += [name + b": " + value for name, value in self.headers if name not in (b"upgrade", b"connection")]
        self.parser = httptools.HttpRequestParser(self)
        self._begin()
        self.data_received(b"\r\n".join([*head, b"", rest]))

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self.phase is Phase.ANSWERING:
            self._fail(refusals.MALFORMED)
        if self.phase is not Phase.HEAD:
            self._begin()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        super().on_url(url)
        if len(self.url) > self.limits.target:
            self._fail(refusals.LONG_TARGET)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header field. A trailer is dropped: merged into the header, it could authorize the request."""
        if self.phase is Phase.HEAD:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))
        else:
            self._trailers += len(name) + len(value) + 4
            if self._trailers > self.limits.head:
                self._fail(refusals.LARGE_HEAD)

    def on_headers_complete(self) -> None:
        """Check the header, and start the application."""
        if len(self.headers) > self.limits.fields or (self._raw > self.limits.head and self._is_large()):
            self._fail(refusals.LARGE_HEAD)
        if fault := find_fault(self.parser.get_method(), self.parser.get_http_version(), self.url, self.headers):
            self._fail(fault)
        if self.parser.should_upgrade():
            self._is_upgrading = True
            return
        self._enter(Phase.BODY)
        self._window = (self.since, 0)
        self._leaving = Leaving()
        self.scope["extensions"] = {EXTENSION: self._leaving}  # type: ignore[dict-item]  # one of our own
        super().on_headers_complete()
        # A caller that expected `100` and gets an answer instead may send its body or not: what follows is ambiguous.
        if self.is_retiring or self.expect_100_continue:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note the end of the body."""
        if self._is_upgrading:
            return
        super().on_message_complete()
        self._enter(Phase.IDLE if self.cycle.response_complete else Phase.ANSWERING)

    def on_response_complete(self) -> None:
        """Note the end of the answer. Its parent would start a timer for each; `check` has one for all."""
        self.server_state.total_requests += 1
        if not self._outlet.is_closing():
            self.flow.resume_reading()
            self._enter(Phase.IDLE if self.phase is Phase.ANSWERING else self.phase)

    # Time

    def check(self, now: float) -> None:
        """Close the connection if a limit of time has passed."""
        if self._socket.get_write_buffer_size() and self._is_stuck(now):
            self.abort()
            return
        waited = now - self.since
        match self.phase:
            case Phase.OPENED if waited >= self.limits.head_time:
                self.leave()
            case Phase.IDLE if waited >= self.limits.idle:
                self.leave()
            case Phase.HEAD if waited >= self.limits.head_time:
                self._refuse(refusals.SLOW_HEAD)
            case Phase.BODY if self.cycle.response_complete:
                if waited >= self.limits.unread_time:
                    self._linger()
            case Phase.BODY:
                self._check_progress(now)

    def _is_stuck(self, now: float) -> bool:
        flushed = self._outlet.written - self._socket.get_write_buffer_size()
        if flushed != self._flushed[1] or not self._flushed[0]:
            self._flushed = (now, flushed)
        return now - self._flushed[0] >= self.limits.write_time

    def _check_progress(self, now: float) -> None:
        begun, size = self._window
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._window = (now, self._body)  # the application is what is waited for
        elif now - begun >= self.limits.body_window:
            if self._body - size < self.limits.body_progress:
                self._refuse(refusals.SLOW_BODY)
            else:
                self._window = (now, self._body)
