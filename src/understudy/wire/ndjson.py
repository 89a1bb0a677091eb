"""Newline-delimited JSON, incrementally: one value per line; blank lines are ignored."""

from __future__ import annotations

from understudy.wire.bounds import TooLarge
from understudy.wire.json import BOM
from understudy.wire.sse import MAX_EVENT, Pending, SseEvent


class NdjsonDecoder:
    """Bytes in, events out: one for each line, without the line end. The result never depends on how the bytes were
    split: lines ahead of one that is too large are returned first, and the next call raises."""

    __slots__ = ("_end", "_flaw", "_head", "_max_line", "_pending")

    def __init__(self, *, keep_frames: bool = False, max_line: int = MAX_EVENT) -> None:
        self._end = b"\n" if keep_frames else None
        self._pending = Pending(max_line)
        self._max_line = max_line
        self._flaw: TooLarge | None = None
        self._head: bytes | None = b""
        """A begun byte order mark; `None` once it is known whether there is one."""

    def feed(self, data: bytes) -> list[SseEvent]:
        """Return the lines that more bytes complete. Raise `TooLarge`."""
        if self._flaw is not None:
            raise self._flaw
        if self._head is not None:
            data = self._head + data
            if len(data) < len(BOM) and BOM.startswith(data):
                self._head = data
                return []
            data, self._head = data.removeprefix(BOM), None
        if b"\n" not in data:
            self._pending.append(data)
            return []
        lines = (self._pending.take() + data).split(b"\n")
        rest = lines.pop()
        found: list[SseEvent] = []
        end = self._end
        try:
            for line in lines:
                if len(line) - line.endswith(b"\r") > self._max_line:
                    raise TooLarge(f"a line of the stream exceeds {self._max_line} bytes")
                if stripped := line.strip():
                    found.append(SseEvent("", stripped, stripped + end if end else b""))
            self._pending.append(rest)
        except TooLarge as flaw:
            self._flaw = flaw
            if not found:
                raise
        return found

    def close(self) -> list[SseEvent]:
        """Return the last line if no line end closed it. Raise `TooLarge`."""
        if self._flaw is not None:
            raise self._flaw
        rest = (self._head or self._pending.take()).strip()
        return [SseEvent("", rest, rest + self._end if self._end else b"")] if rest else []
