"""Newline-delimited JSON, incrementally: one value a line, blank lines ignored."""

from __future__ import annotations

from understudy.wire.sse import MAX_EVENT, Pending, TooLarge


class NdjsonDecoder:
    """Bytes in, lines out. The result never depends on how the bytes were split."""

    __slots__ = ("_max_line", "_pending")

    def __init__(self, *, max_line: int = MAX_EVENT) -> None:
        self._pending = Pending(max_line)
        self._max_line = max_line

    def feed(self, data: bytes) -> list[bytes]:
        """Take more bytes and return the lines they complete, without their ends. Raises `TooLarge`."""
        if b"\n" not in data:
            self._pending.append(data)
            return []
        lines = (self._pending.take() + data).split(b"\n")
        self._pending.append(lines.pop())
        if any(len(line) > self._max_line for line in lines):
            raise TooLarge(f"a line of the stream exceeds {self._max_line} bytes")
        return [stripped for line in lines if (stripped := line.strip())]

    def close(self) -> list[bytes]:
        """Return the last line when no line end closed it."""
        rest = self._pending.take().strip()
        return [rest] if rest else []
