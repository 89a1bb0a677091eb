"""Gathering a body without ever holding it twice."""

from __future__ import annotations

from io import BytesIO


class Gathered:
    """Pieces in, the whole out. A body of one piece, which most are, is not copied; others grow in place."""

    __slots__ = ("_first", "_grown")

    def __init__(self) -> None:
        self._first = b""
        self._grown: BytesIO | None = None

    def add(self, data: bytes) -> None:
        """Append bytes."""
        if self._grown is not None:
            self._grown.write(data)
        elif self._first:
            self._grown = BytesIO()
            self._grown.write(self._first)
            self._grown.write(data)
            self._first = b""
        else:
            self._first = data

    def take(self) -> bytes:
        """Return the gathered bytes and start afresh."""
        grown, self._grown = self._grown, None
        if grown is not None:
            return grown.getvalue()
        first, self._first = self._first, b""
        return first
