"""Gathering a body without ever holding a large one twice."""

from __future__ import annotations

from io import BytesIO

from understudy.wire.bounds import MIB


class Gathered:
    """Pieces in, the whole out. A body of one piece, which most are, is not copied; one beyond `MIB` grows in place."""

    __slots__ = ("_first", "_grown", "_pieces", "_size")

    _size: int
    """Bytes of the pieces."""

    def __init__(self) -> None:
        self._first = b""
        self._pieces: list[bytes] | None = None
        self._grown: BytesIO | None = None

    def add(self, data: bytes) -> None:
        """Append bytes."""
        if self._grown is not None:
            self._grown.write(data)
        elif self._pieces is not None:
            self._pieces.append(data)
            self._size += len(data)
            if self._size > MIB:
                self._grown = BytesIO()
                self._grown.writelines(self._pieces)
                self._pieces = None
        elif self._first:
            self._pieces, self._size = [self._first, data], len(self._first) + len(data)
            self._first = b""
        else:
            self._first = data

    def take(self) -> bytes:
        """Return the gathered bytes and start afresh."""
        first, pieces, grown = self._first, self._pieces, self._grown
        self._first, self._pieces, self._grown = b"", None, None
        if grown is not None:
            return grown.getvalue()
        return first if pieces is None else b"".join(pieces)
