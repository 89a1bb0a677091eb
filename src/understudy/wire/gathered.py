"""Gathering a body without ever holding a large one twice."""

from __future__ import annotations

from io import BytesIO

from understudy.wire.bounds import MIB


class Gathered:
    """Pieces in, the whole out. A body of one piece, which most are, is not copied; one beyond `MIB` grows in place."""

    __slots__ = ("_grown", "_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._grown: BytesIO | None = None

    def add(self, data: bytes) -> None:
        """Append bytes."""
        if self._grown is not None:
            self._grown.write(data)
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MIB:
            self._grown = BytesIO()
            self._grown.writelines(self._pieces)
            self._pieces.clear()

    def take(self) -> bytes:
        """Return the gathered bytes and start afresh."""
        grown, self._grown = self._grown, None
        pieces, self._pieces = self._pieces, []
        self._size = 0
        return grown.getvalue() if grown is not None else b"".join(pieces)
