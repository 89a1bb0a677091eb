"""Responses from bytes: llhttp through httptools, in its strict mode, with limits. Pure: no connection, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from understudy.wire.http import HttpHead

HEADERS = 256
"""Headers of a response at most; no provider sends more than 60."""
SHORT = 2048
"""Bytes of the names of headers up to which it is remembered what they are in lower case."""
SEPARATORS = len(": \r\n")
TLS_ALERT = b"\x15\x03"
"""How a TLS alert begins (RFC 8446 §5.1): the answer of a TLS port to plain HTTP."""


_BODILESS = ("HEAD", "CONNECT")
"""Methods whose responses have no body, whatever their headers state (RFC 9112 §6.3)."""


class Malformed(Exception):
    """What arrived is not a response. It carries nothing of what arrived."""


class HeadTooLarge(Malformed):
    """The status line and headers, or the interim responses before them, are too large."""


class SpeaksTls(Malformed):
    """The answer to a plain request is a TLS record."""


class OddStatus(Malformed):
    """The status does not belong to an answer: another protocol (101), or unknown to HTTP (RFC 9110 §15)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the status {status}")
        self.status = status


class ResponseParser:
    """Reads the responses of one connection, one after the other; `expect` comes before each.

    Interim responses and trailers are ignored. The methods `on_…` are httptools' callbacks.
    """

    __slots__ = (
        *("_bodiless", "_count", "_idle", "_limit", "_names", "_parser", "_problem", "_size", "_values"),
        *("ends_with_connection", "head", "is_complete", "is_followed", "keeps_alive", "on_body", "pieces"),
    )

    def __init__(self, limit: int) -> None:
        """`limit` is that of a head, and of what a body may hold besides its content at one place, in bytes."""
        self._limit = limit
        self.pieces: list[bytes] = []
        """What arrived of the body; whoever takes it clears the list, which stays the same."""
        self.on_body = self.pieces.append
        self.expect("GET")
        self._parser = HttpResponseParser(self)

    def expect(self, method: str) -> None:
        """Begin with the response to a request of this method."""
        self.head: HttpHead | None = None
        self.is_complete = False
        self.is_followed = False
        """Whether more arrived than the response."""
        self.keeps_alive = False
        """Whether the server lets the connection serve another request; known with the head."""
        self.ends_with_connection = False
        """Whether the body has no length of its own."""
        self._bodiless = method in _BODILESS
        self._names: list[bytes] = []
        self._values: list[bytes] = []
        self._count = self._size = self._idle = 0
        self._problem: Malformed | None = None

    def feed(self, data: bytes) -> None:
        """Parse what arrived. Raise `Malformed`; what arrived of the body before that is in `pieces`."""
        begun = self.has_begun
        self._idle += len(data)
        flaw = False
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            flaw = not self.is_complete
        except HttpParserError:
            if self.is_complete:
                self.is_followed = True
            else:
                flaw = True
        if flaw:
            raise self._problem or self._flaw(data, begun=begun)
        if self._bodiless:
            self.pieces.clear()
        if self.pieces:
            self._idle = 0
        elif self._idle > self._limit and not self.is_complete:
            raise Malformed if self.head is not None else HeadTooLarge

    @property
    def has_begun(self) -> bool:
        """Whether anything of the response has arrived."""
        return self.head is not None or self._idle > 0

    def end(self) -> bool:
        """Note that the connection has ended; return whether the response is whole."""
        if self.head is not None and self.ends_with_connection:
            self.is_complete = True
        return self.is_complete

    def _flaw(self, data: bytes, *, begun: bool) -> Malformed:
        if self.head is None and not begun and data.startswith(TLS_ALERT):
            return SpeaksTls()
        return Malformed()

    # ---- callbacks ----

    def on_message_begin(self) -> None:
        """Stop at whatever follows a response."""
        if self.is_complete:
            self.is_followed = True
            raise self._refusal(Malformed())

    def on_status(self, reason: bytes) -> None:
        """Count the reason phrase."""
        self._size += len(reason)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, unless it is a trailer. All are read together."""
        if self.head is None:
            self._names.append(name)
            self._values.append(value)

    def on_headers_complete(self) -> None:
        """Make the head of the final response; of repeated headers the last counts."""
        names, values = self._names, self._values
        name_lines, value_lines, number = b"\n".join(names), b"\n".join(values), len(names)
        self._count += number
        self._size += len(name_lines) + len(value_lines) + SEPARATORS * number - 2 * max(0, number - 1)
        if self._size > self._limit or self._count > HEADERS:
            raise self._refusal(HeadTooLarge())
        status = self._parser.get_status_code()
        if not 200 <= status <= 599:
            if status == 101 or not 100 <= status < 200:
                raise self._refusal(OddStatus(status))
            names.clear()
            values.clear()
            return
        headers = dict(zip(_names_in(name_lines), _values_in(value_lines, values), strict=True)) if names else {}
        # No transfer coding is asked for, so one without chunks is not a body whose end the connection marks.
        self.ends_with_connection = "content-length" not in headers and "transfer-encoding" not in headers
        self.keeps_alive = self._parser.should_keep_alive()
        self.head = HttpHead(status, headers)
        self._idle = 0
        if self._bodiless:
            self.is_complete = True
            self.keeps_alive = False  # llhttp waits for the body that the headers describe.

    def on_message_complete(self) -> None:
        """Note the end of the response."""
        if self.head is not None:
            self.is_complete = True

    def _refusal(self, problem: Malformed) -> Malformed:
        self._problem = problem
        return problem


def _names_in(lines: bytes) -> Sequence[str]:
    """Return the names of headers, one a line, in lower case."""
    return _names_again(lines) if len(lines) <= SHORT else _lowered(lines)


def _lowered(lines: bytes) -> tuple[str, ...]:
    return tuple(lines.decode("ascii").lower().split("\n"))


_names_again = lru_cache(maxsize=128)(_lowered)
"""The same for what is short: the answers of a server mostly have the same headers."""


def _values_in(lines: bytes, values: Sequence[bytes]) -> Sequence[str]:
    """Return the values of headers, which `lines` holds one a line, as text. All are decoded at once: answers have
    thirty."""
    if b" \n" not in lines and b"\t\n" not in lines and not lines.endswith((b" ", b"\t")):
        decoded = lines.decode("utf-8", "surrogateescape").split("\n")
        if len(decoded) == len(values):
            return decoded
    return [value.rstrip(b" \t").decode("utf-8", "surrogateescape") for value in values]
