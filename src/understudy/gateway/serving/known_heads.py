"""The head of the last request on a connection: clients send the same one each time, but for the length of the body.

What the parser and all checks said of a head holds for the same bytes again. So a head that differs from a known one in
nothing but the digits of its Content-Length is not parsed again.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from understudy.gateway.exchange import Exchange

LONGEST = 2048
"""Bytes up to which a head is kept: each open connection may have one."""
DIGITS = 9
"""Digits of a length up to which it is read here: a body that is larger is never accepted."""

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})\r\n", re.IGNORECASE)


class KnownHead(msgspec.Struct, frozen=True):
    """A head that was found to be valid, of a request that left its connection open."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    before: bytes
    """The bytes ahead of the digits of the Content-Length."""
    after: bytes
    """Those behind them, up to the end of the head."""
    notes: dict[Any, Any]
    """What the application has noted of it."""

    def begin(self, data: bytes) -> tuple[int, str] | None:
        """Return where the body begins in a request with this head, and how long it is, as it is written there.

        `None` for a request with another head, and for one that more follows than its body.
        """
        before, after = self.before, self.after
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + DIGITS + 1)
        digits = data[start:end]
        if end < 0 or not digits.isdigit() or not data.startswith(after, end):
            return None
        begin, length = end + len(after), digits.decode()
        return (begin, length) if len(data) - begin <= int(length) else None


def known_head(data: bytes, exchange: Exchange, *, longest: int) -> KnownHead | None:
    """Return the head with which these bytes begin, if it is worth keeping: it is not longer than `longest`, has come
    as a whole, and states the length of a body. `exchange` is what it was found to mean."""
    end = data.find(_END, 0, max(longest, 0))
    length = _LENGTH.search(data, 0, end + 2) if end >= 0 else None
    if length is None:
        return None
    before, after = data[: length.start(1)], data[length.end(1) : end + len(_END)]
    method, path, query, headers = exchange.method, exchange.path, exchange.query, exchange.headers
    return KnownHead(method, path, query, headers, before, after, exchange.notes)
