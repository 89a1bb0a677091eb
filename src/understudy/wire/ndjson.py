"""Newline-delimited JSON, incrementally: one value per line; blank lines are ignored."""

from __future__ import annotations

from typing import Any

from understudy.wire.bounds import TooLarge
from understudy.wire.json import BOM, encode
from understudy.wire.sse import MAX_EVENT, Pending, SseEvent

_DIVIDES = {text.encode(): b"\\u%04x" % ord(text) for text in ("\u2028", "\u2029", "\x85")}
"""What some readers take for the end of a line, and how JSON writes it otherwise."""


def encode_line(value: Any) -> bytes:
    """Encode a value as a line that every reader takes for one.

    Ollama's Python client reads with `httpx.Response.iter_lines`, which divides as `str.splitlines`. Servers written in
    Go, such as Ollama, escape two of these characters anyway (https://pkg.go.dev/encoding/json#Marshal).
    """
    line: bytes = encode(value)
    if not line.isascii():
        for text, escape in _DIVIDES.items():
            line = line.replace(text, escape)
    return line + b"\n"


class NdjsonDecoder:
    """Bytes in, events out: one for each line, without the line end. The result never depends on how the bytes were
    split: lines ahead of one that is too large are returned first, and the next call raises.

    With `keep_frames` each event has its line as it came, with the blank lines ahead of it; what follows the last is an
    event without data."""

    __slots__ = ("_flaw", "_frame", "_head", "_keep", "_max_line", "_pending")

    def __init__(self, *, keep_frames: bool = False, max_line: int = MAX_EVENT) -> None:
        self._keep = keep_frames
        self._frame: list[bytes] = []
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
            if self._keep and data.startswith(BOM):
                self._frame.append(BOM)
            data, self._head = data.removeprefix(BOM), None
        if b"\n" not in data:
            self._pending.append(data)
            return []
        lines = (self._pending.take() + data).split(b"\n")
        rest = lines.pop()
        found: list[SseEvent] = []
        keep = self._keep
        try:
            for line in lines:
                if len(line) - line.endswith(b"\r") > self._max_line:
                    raise TooLarge(f"a line of the stream exceeds {self._max_line} bytes")
                stripped = line.strip()
                if keep:
                    self._frame += (line, b"\n")
                if stripped:
                    found.append(SseEvent("", stripped, self._take_frame() if keep else b""))
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
        rest = self._head or self._pending.take()
        if self._keep:
            self._frame.append(rest)
        frame = self._take_frame()
        return [SseEvent("", rest.strip(), frame)] if frame or rest.strip() else []

    def _take_frame(self) -> bytes:
        frame = b"".join(self._frame)
        self._frame = []
        return frame
