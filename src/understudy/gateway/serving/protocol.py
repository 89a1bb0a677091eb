"""One connection of our own server: what is refused, what is limited, and how it ends.

httptools parses; the rest is here. A head that differs from the last one in its length alone is not parsed again
(`known_heads`). Requests that two servers may read differently are refused (`strictness`). Sizes and
times are limited (`Limits`); `check`, which the server calls every second, measures times, so that no timer runs for
each read. Pipelined requests are not served: the connection is closed after the answer to the first, and the client
repeats the others. An `Upgrade` is ignored, as RFC 9110, 7.8 allows: Java's client offers h2c with its first request,
whose body would be lost. And a connection that is closed after an answer keeps reading for a moment, because the system
discards an answer that is still under way when unread data is left.
"""

from __future__ import annotations

import asyncio
from typing import NoReturn

import httptools

from understudy.gateway.serving import refusals
from understudy.gateway.serving.exchange import SocketExchange
from understudy.gateway.serving.known_heads import DIGITS, LONGEST, KnownHead, known_head
from understudy.gateway.serving.line import Line, Phase, Shared
from understudy.gateway.serving.refusals import Refusal
from understudy.gateway.serving.strictness import find_fault, headers_of, split

_LINE_END = b"\r\n"


class _Refused(Exception):
    """Raised in a callback to stop the parser. The reason is in `HttpProtocol._refusal`."""


class HttpProtocol(Line):
    """One connection."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._parser = self._new_parser()
        self._exchange: SocketExchange | None = None
        """The last request; it is being answered in the phases `BODY` and `ANSWERING`."""
        self._refusal: Refusal | None = None
        self._is_retiring = False
        """Whether the connection ends with the current or next answer."""
        self._is_deaf = False
        self._is_upgrading = False
        self._target = b""
        self._fields: list[bytes] | None = None
        """The header while it arrives, names and values in turn; after it, fields are trailers."""
        self._raw = self._body = self._trailers = 0
        self._known: KnownHead | None = None
        """The head of the last request, if the next one may begin in the same way."""
        self._first = b""
        """What a request has begun with, while it is parsed."""
        self._missing = 0
        """Bytes of the body of a request with a known head that have not arrived."""
        self._window = (0.0, 0)
        """When the current `body_window` began, and the size of the body then."""

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What follows a request that closes is no fault of that request.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse the connection if there are too many."""
        super().connection_made(transport)
        if len(self.shared.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and tell the request under way."""
        super().connection_lost(exc)
        if self._exchange is not None:
            self._exchange.lose()

    def _make_room(self) -> None:
        """Close the connection that was idle for longest, or this one if none is idle."""
        idle = [each for each in self.shared.connections if each.phase is Phase.IDLE]
        if idle:
            min(idle, key=lambda each: each.since).leave()
        else:
            self._refuse(refusals.FULL)

    def retire(self, idle_for: float) -> None:
        """Close the connection if it is idle, and has been for some seconds; else after its current or next answer."""
        self._is_retiring = True
        match self.phase:
            case Phase.OPENED | Phase.IDLE if self.loop.time() - self.since >= idle_for:
                self.leave()
            case Phase.BODY | Phase.ANSWERING:
                self._under_way.keep_alive = False

    def close(self) -> None:
        """Close after an answer."""
        if self._is_deaf or self.phase is Phase.BODY:
            self.linger()  # the caller is still sending
        else:
            self.leave()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal, if nothing else is being answered, and close."""
        if self.phase is Phase.ANSWERING:
            # The fault is in what follows the request that is being answered: its answer is finished.
            self._is_deaf = True
            self._under_way.keep_alive = False
            return
        if self.phase is Phase.BODY:
            exchange = self._under_way
            if not exchange.started:
                exchange.refused = refusal.status
            exchange.lose()
            if exchange.started and not exchange.is_over:
                self.abort()
                return
            if exchange.is_over:
                self.linger()
                return
        elif self.phase is Phase.HEAD:
            method = self._parser.get_method().decode() if self._target else ""
            self.shared.application.note_refusal(method, refusal.status, self.loop.time() - self.since)
        self.write(refusal.reply(self.shared.date))
        self.linger()

    @property
    def _under_way(self) -> SocketExchange:
        if self._exchange is None:
            raise AssertionError("a request is under way")
        return self._exchange

    def answered(self, *, keep_alive: bool) -> None:
        """Note the end of an answer."""
        if not keep_alive:
            self.close()
        elif not self.is_left:
            self.resume_reading()
            if self.phase is Phase.ANSWERING:
                self.enter(Phase.IDLE)

    # What arrives

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        if self._is_deaf or self.phase is Phase.LEAVING:
            return
        if self.phase is Phase.IDLE or self.phase is Phase.OPENED:
            if data[0] in _LINE_END:
                # Empty lines, such as old clients send behind a body, do not begin a request (RFC 9112, 2.2).
                data = data.lstrip(_LINE_END)
                if not data:
                    return
            if self._known is not None and self._begin_as_known(self._known, data):
                return
            self._begin()
            self._first = data
        elif self._missing:
            data = self._add_missing(data)
            if not data:
                return
        self._raw += len(data)
        try:
            self._parser.feed_data(data)
            self._first = b""
            if self.phase is Phase.BODY or self.phase is Phase.HEAD:
                self._check_sizes()
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except (httptools.HttpParserError, _Refused):
            self._refuse(self._refusal or refusals.MALFORMED)

    def _begin_as_known(self, known: KnownHead, data: bytes) -> bool:
        """Begin a request with the head of the one before it, without the parser, which stands between two messages."""
        begun = known.begin(data)
        if begun is None:
            return False
        begin, length = begun
        body, headers = data[begin:], {**known.headers, "content-length": length}
        self._raw = self._body = size = len(body)
        self._missing = int(length) - size
        has_all, keep_alive = not self._missing, not self._is_retiring
        self.enter(Phase.ANSWERING if has_all else Phase.BODY)
        self._window = (self.since, 0)
        request = (known.method, known.path, known.query, "1.1", headers, self.peer, False, keep_alive, self)
        self._exchange = SocketExchange(*request, known.notes, has_all=has_all)
        self._exchange.run()
        if body:
            self._exchange.add(body)
        return True

    def _add_missing(self, data: bytes) -> bytes:
        """Add to the body of a request that began without the parser, and return what is behind it."""
        piece, rest = data[: self._missing], data[self._missing :]
        self._missing -= len(piece)
        self._raw += len(piece)
        self.on_body(piece)
        if not self._missing:
            self.on_message_complete()
        return rest

    def _begin(self) -> None:
        self.enter(Phase.HEAD)
        self._raw = self._body = self._trailers = 0
        self._target = b""

    def _fail(self, refusal: Refusal) -> NoReturn:
        self._refusal = refusal
        raise _Refused

    def _check_sizes(self) -> None:
        if self.phase is Phase.HEAD and self._raw > self.limits.head + self.limits.target:
            self._fail(refusals.LARGE_HEAD)  # one field that has no end yet
        overhead = self._raw - self._body - self.limits.head
        if self.phase is Phase.BODY and overhead > self.limits.framing + self.limits.framing_rate * self._body:
            self._fail(refusals.OVERHEAD)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read the request again without its offer of another protocol."""
        fields, self._fields = self._fields or [], None
        self._is_upgrading, self._first = False, b""
        head = [self._parser.get_method() + b" " + self._target + b" HTTP/" + self._parser.get_http_version().encode()]
        pairs = zip(fields[::2], fields[1::2], strict=True)
        head += [name + b": " + value for name, value in pairs if name.lower() not in (b"upgrade", b"connection")]
        if not self._parser.should_keep_alive():
            head.append(b"Connection: close")
        self._parser = self._new_parser()
        self._begin()
        self.data_received(b"\r\n".join([*head, b"", rest]))

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self.phase is Phase.ANSWERING:
            self._fail(refusals.MALFORMED)
        if self.phase is not Phase.HEAD:
            self._begin()
        self._fields = []

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        self._target += url
        if len(self._target) > self.limits.target:
            self._fail(refusals.LONG_TARGET)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header field. A trailer is dropped: merged into the header, it could authorize the request."""
        fields = self._fields
        if fields is not None:
            fields += (name, value)
            return
        self._trailers += len(name) + len(value) + 4
        if self._trailers > self.limits.head:
            self._fail(refusals.LARGE_HEAD)

    def on_headers_complete(self) -> None:
        """Check the header, and have the application answer."""
        fields, parser = self._fields or [], self._parser
        # What follows the header may have arrived with it.
        is_large = self._raw > self.limits.head and sum(map(len, fields)) + 2 * len(fields) > self.limits.head
        if is_large or len(fields) > 2 * self.limits.fields:
            self._fail(refusals.LARGE_HEAD)
        headers = headers_of(fields)
        if isinstance(headers, Refusal):
            self._fail(headers)
        method, version, target = parser.get_method().decode(), parser.get_http_version(), self._target.decode()
        if fault := find_fault(method, version, target, headers):
            self._fail(fault)
        if parser.should_upgrade():
            self._is_upgrading = True
            return
        self._fields = None
        self.enter(Phase.BODY)
        self._window = (self.since, 0)
        # A caller that expected `100` and gets an answer instead may send its body or not: what follows is ambiguous.
        awaits = "expect" in headers
        keep_alive = not (self._is_retiring or awaits or version != "1.1") and parser.should_keep_alive()
        path, query = split(target)
        self._exchange = SocketExchange(method, path, query, version, headers, self.peer, awaits, keep_alive, self)
        self._exchange.run()
        self._known = None
        if keep_alive and self._first and "content-length" in headers:
            longest = min(LONGEST, self.limits.head - DIGITS)  # also with a length that has more digits
            self._known = known_head(self._first, self._exchange, longest=longest)

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._body += len(body)
        self._under_way.add(body)

    def on_message_complete(self) -> None:
        """Note the end of the body."""
        if self._is_upgrading:
            return
        exchange = self._under_way
        exchange.complete()
        self.enter(Phase.IDLE if exchange.is_over else Phase.ANSWERING)

    # Time

    def check(self, now: float) -> None:
        """Close the connection if a limit of time has passed."""
        if self.is_stuck(now):
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
            case Phase.BODY if self._under_way.is_over:
                if waited >= self.limits.unread_time:
                    self.linger()
            case Phase.BODY:
                self._check_progress(now)

    def _check_progress(self, now: float) -> None:
        begun, size = self._window
        if self.is_paused or self._under_way.awaits_continue:
            self._window = (now, self._body)  # the application is what is waited for
        elif now - begun >= self.limits.body_window:
            if self._body - size < self.limits.body_progress:
                self._refuse(refusals.SLOW_BODY)
            else:
                self._window = (now, self._body)
