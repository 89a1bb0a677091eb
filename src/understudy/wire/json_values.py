"""Streamed JSON, incrementally: the elements of an array as they complete, or objects in a row.

    [{"n": 1},
    {"n": 2}]

gives two objects, each as soon as its last brace is there. Only the structure is examined: whether an object is valid
inside is up to the JSON decoder. The result never depends on how the bytes were split.
"""

from __future__ import annotations

import re

from understudy.wire.bounds import TooLarge
from understudy.wire.json import BadJson
from understudy.wire.sse import MAX_EVENT

_BETWEEN = re.compile(rb"[\s,\[\]]*")
_OUTSIDE_STRINGS = re.compile(rb'["{}\[\]]')
_INSIDE_STRINGS = re.compile(rb'["\\]')


class JsonValuesDecoder:
    """Bytes in, objects out. What stands between objects (brackets of an array around them, commas) is skipped.

    Objects ahead of a flaw are returned first; the next call then raises.
    """

    __slots__ = ("_depth", "_escaped", "_flaw", "_in_string", "_max_value", "_pieces", "_size")

    def __init__(self, *, max_value: int = MAX_EVENT) -> None:
        self._max_value = max_value
        self._pieces: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._flaw: BadJson | TooLarge | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Return the objects that more bytes complete. Raise `TooLarge`, and `BadJson` for other values."""
        if self._flaw is not None:
            raise self._flaw
        found: list[bytes] = []
        try:
            self._scan(data, found)
        except (BadJson, TooLarge) as flaw:
            self._flaw = flaw
            if not found:
                raise
        return found

    def close(self) -> list[bytes]:
        """Return the object that the end of input cuts, if one has begun; it fails as JSON, as it should."""
        if self._flaw is not None:
            raise self._flaw
        return [b"".join(self._pieces)] if self._pieces else []

    def _scan(self, data: bytes, found: list[bytes]) -> None:
        at, start = 0, 0
        while at < len(data):
            if self._depth == 0:
                start = _skipped(data, at)
                if start == len(data):
                    return
                self._depth, at = 1, start + 1
                continue
            at = self._step(data, at)
            if self._depth == 0:
                self._keep(data[start:at])
                found.append(b"".join(self._pieces))
                self._pieces, self._size = [], 0
        if self._depth > 0:
            self._keep(data[start:])

    def _step(self, data: bytes, at: int) -> int:
        """Return the position behind the next significant byte."""
        if self._escaped:
            self._escaped = False
            return at + 1
        match = (_INSIDE_STRINGS if self._in_string else _OUTSIDE_STRINGS).search(data, at)
        if match is None:
            return len(data)
        mark = match.group()
        if mark == b'"':
            self._in_string = not self._in_string
        elif self._in_string:
            self._escaped = True
        else:
            self._depth += 1 if mark in b"{[" else -1
        return match.end()

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._max_value:
            raise TooLarge(f"a value of the stream exceeds {self._max_value} bytes")


def _skipped(data: bytes, at: int) -> int:
    """Return the position of the next object, or of the end of the data."""
    between = _BETWEEN.match(data, at)
    place = between.end() if between else at
    if place < len(data) and data[place : place + 1] != b"{":
        raise BadJson(f"expected a JSON object, got {data[place : place + 1]!r}")
    return place
