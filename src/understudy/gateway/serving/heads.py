"""Writes the head of an answer: the status line and the header fields."""

from __future__ import annotations

import http
import re
from functools import lru_cache
from operator import itemgetter

from understudy.wire.http import Headers

_FIELDS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*\r\n)*")
"""Fields as RFC 9110, 5 allows them: a line break in a value would begin another field."""
_TEXT = bytes([ord("\t"), *range(0x20, 0x7F), *range(0x80, 0x100)])
"""What lines consist of."""
REMEMBERED = 512
"""Names of fields that are known to be valid."""
_names: set[str] = set()
_name = itemgetter(0)
LENGTH = re.compile(rb"(?:^|\n)content-length: ([0-9]+)\r")


@lru_cache(maxsize=128)
def status_line(status: int) -> bytes:
    """Return the first line of an answer."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:  # a status of a provider that no standard knows
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


def fields_of(headers: Headers) -> bytes:
    """Return header fields as they are sent. Raise `ValueError` if one could be read as anything but itself."""
    if not headers:
        return b""
    fields = ("\r\n".join(map(": ".join, headers)) + "\r\n").encode("latin-1", "replace")
    if _names.issuperset(map(_name, headers)) and fields.translate(None, _TEXT) == b"\r\n" * len(headers):
        return fields  # names that were valid before, and lines that hold nothing but text
    if _FIELDS.fullmatch(fields) is None or fields.count(b"\n") != len(headers):
        raise ValueError("a header field of an answer is invalid")
    if len(_names) < REMEMBERED:
        _names.update(map(_name, headers))
    return fields
