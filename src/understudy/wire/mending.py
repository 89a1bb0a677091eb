"""JSON with small flaws: numbers that JSON does not have, and lone surrogates.

By default Python's `json` writes `NaN` and `Infinity`, and a server that cuts text into pieces may cut a character
outside the basic plane in two. Everything around the flaw is sound, so it is read, and the flaw is reported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import msgspec

from understudy.domain.regexes import regex
from understudy.wire.bounds import BOUNDS

MAX_SIZE = 64 << 10
"""Bytes beyond which nothing is mended: real flaws occur in small messages."""

NUMBERS = "numbers"
SURROGATES = "text"

_TOKEN = regex(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|-?Infinity|NaN|(?<![\w.])-?\d{1,32}(?:\.\d{1,32})?[eE]\+?\d{3,9}', re.S)
"""Strings, to skip them, and numbers that may be invalid."""
_ESCAPE = regex(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.S
)
_SUSPECT = regex(rb"NaN|Infinity|\d[eE]\+?\d{3}|\\u[dD][89a-fA-F]")


_NUMBER_OR_STRING = regex(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d++(?:\.\d++)?+(?:[eE][+-]?\d++)?+', re.S)


class Mended(msgspec.Struct, frozen=True):
    """The text without its flaws, and the flaws that were found."""

    data: bytes
    flaws: tuple[str, ...]


def mend(data: bytes) -> Mended | None:
    """Replace invalid numbers by `null` and lone surrogates by U+FFFD; return `None` if the text has neither."""
    if len(data) > MAX_SIZE or _SUSPECT.search(data) is None:
        return None
    return _replaced(data, _TOKEN, lambda number: math.isfinite(float(number)))


def mend_extremes(data: bytes) -> Mended | None:
    """Replace what is valid JSON and has no value in Python: lone surrogates by U+FFFD, and by `null` numbers beyond
    the range of floats and integers of more digits than are converted. Return `None` if the text has neither."""
    return _replaced(data, _NUMBER_OR_STRING, _has_value)


def _has_value(number: bytes) -> bool:
    digits = len(number) - number.startswith(b"-")
    return digits <= BOUNDS.digits if number[-digits:].isdigit() else math.isfinite(float(number))


def _replaced(data: bytes, tokens: re.Pattern[bytes], is_valid: Callable[[bytes], bool]) -> Mended | None:
    """Replace the numbers that are not valid, and lone surrogates. `tokens` matches strings, to skip them, and
    numbers."""
    flaws: set[str] = set()

    def token(match: re.Match[bytes]) -> bytes:
        found = match[0]
        if found.startswith(b'"'):
            return _ESCAPE.sub(escape, found) if b"\\u" in found else found
        if is_valid(found):
            return found
        flaws.add(NUMBERS)
        return b"null"

    def escape(match: re.Match[bytes]) -> bytes:
        if match[1] is None:
            return match[0]
        flaws.add(SURROGATES)
        return rb"\ufffd"

    mended = tokens.sub(token, data)
    return Mended(mended, tuple(sorted(flaws))) if flaws else None
