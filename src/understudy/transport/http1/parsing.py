"""Responses from bytes: llhttp through httptools, in its strict mode, with limits. Pure: no connection, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, repeat

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from understudy.wire.http import HttpHead

HEADERS = 256
"""Headers of a response at most; no provider sends more than 60."""
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
        *("_bodiless", "_count", "_fields", "_idle", "_limit", "_parser", "_problem", "_size"),
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
        self._fields: list[tuple[bytes, bytes]] = []
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
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Make the head of the final response; of repeated headers the last counts."""
        fields = self._fields
        self._count += len(fields)
        self._size += sum(map(len, chain.from_iterable(fields))) + SEPARATORS * len(fields)
        if self._size > self._limit or self._count > HEADERS:
            raise self._refusal(HeadTooLarge())
        status = self._parser.get_status_code()
        if not 200 <= status <= 599:
            if status == 101 or not 100 <= status < 200:
                raise self._refusal(OddStatus(status))
            fields.clear()
            return
        headers = _headers_of(fields)
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


@lru_cache(maxsize=512)
def _lowered(name: bytes) -> str:
    return name.decode("ascii").lower()


def _headers_of(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers as text, by name in lower case. Each step reads them all: answers have thirty."""
    names, values = zip(*fields, strict=True) if fields else ((), ())
    stripped = map(bytes.rstrip, values, repeat(b" \t"))
    decoded = map(str, stripped, repeat("utf-8"), repeat("surrogateescape"))
    return dict(zip(map(_lowered, names), decoded, strict=False))
