"""Server-sent events, incrementally (WHATWG HTML, "Parsing an event stream").

The result never depends on how the bytes were split. Two deliberate differences from the standard: the `data` of an
event stays bytes (JSON decoding validates UTF-8), and an event that the end of input leaves open is still returned by
`close`, because some servers omit the last blank line; a cut event then fails as JSON, as it should.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from understudy.wire.bounds import BOUNDS, TooLarge
from understudy.wire.json import BOM

MAX_LINE = BOUNDS.line
MAX_EVENT = BOUNDS.event
_PLAIN = (b"data: ", b"event: ")
_DATA = ord("d")
_OTHER_FIELDS = (b":", b"id:", b"retry:")


class Pending:
    """A line that has begun and waits for its end; appending is O(1), so a drip of single bytes costs linear time."""

    __slots__ = ("_limit", "_pieces", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def ends_in_cr(self) -> bool:
        """Whether the next byte decides if a line end is CR or CRLF."""
        return bool(self._pieces) and self._pieces[-1].endswith(b"\r")

    def append(self, data: bytes) -> None:
        """Add bytes without a line end; a CR at the end may be half a line end and does not count. Raise `TooLarge`."""
        if data:
            self._pieces.append(data)
            self._size += len(data)
        if self._size - self.ends_in_cr > self._limit:
            raise TooLarge(f"a line of the stream exceeds {self._limit} bytes")

    def take(self) -> bytes:
        """Return the gathered bytes and start afresh."""
        if not self._pieces:
            return b""
        data = b"".join(self._pieces)
        self._pieces = []
        self._size = 0
        return data


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """One event. `name` is empty if the stream names none; `frame` is the event as received, blank line included, with
    the comments and blank lines ahead of it. So the frames together are the stream, byte by byte.

    `id` is the event's own, empty if it has none; the one of an earlier event, which the standard repeats, is not kept.
    """

    name: str
    data: bytes
    frame: bytes = b""
    id: bytes = b""


class SseDecoder:
    """Bytes in, events out. `keep_frames` keeps each event's own bytes beside it. What follows the last is then an
    event without data.

    With `bare_data`, a line without a field's name is data too: Google writes errors into its streams as plain JSON,
    often over several lines.

    Events ahead of what is too large are returned first; the next call then raises.
    """

    __slots__ = (
        "_bare", "_between", "_data", "_flaw", "_frame", "_id", "_keep", "_max_event", "_max_line", "_max_plain",
        "_name", "_pending", "_size", "_started",
    )  # fmt: skip

    def __init__(
        self,
        *,
        keep_frames: bool = False,
        bare_data: bool = False,
        max_line: int = MAX_LINE,
        max_event: int = MAX_EVENT,
    ) -> None:
        self._keep = keep_frames
        self._bare = bare_data
        self._max_line = max_line
        self._max_event = max_event
        self._max_plain = min(max_line, max_event)
        self._pending = Pending(max_line)
        self._started = False
        self._between = False
        """Whether the stream is between two events."""
        self._flaw: TooLarge | None = None
        self._reset()

    def _reset(self) -> None:
        self._name = ""
        self._id = b""
        self._data: list[bytes] = []
        self._frame: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[SseEvent]:
        """Return the events that more bytes complete. Raise `TooLarge`."""
        if self._between and data.startswith(_PLAIN) and (plain := self._plain(data)) is not None:
            return plain
        if self._flaw is not None:
            raise self._flaw
        if self._started and b"\n" not in data and b"\r" not in data and not self._pending.ends_in_cr:
            self._between = False
            self._pending.append(data)
            return []
        buffer = self._pending.take() + data
        if not self._started:
            if len(buffer) < len(BOM) and BOM.startswith(buffer):
                self._pending.append(buffer)
                return []
            self._started = True
            buffer = self._without_mark(buffer)
        events: list[SseEvent] = []
        if b"\r" in buffer:
            lines, rest = _split_any(buffer, keep_ends=self._keep)
        else:
            if buffer.startswith(_PLAIN) and not (self._size or self._name or self._frame):
                # Many events of a fast server arrive in one read, the last of them cut.
                whole = buffer[: buffer.rfind(b"\n\n") + 2]
                if (plain := self._plain(whole)) is not None:
                    events, buffer = plain, buffer[len(whole) :]
            lines = buffer.split(b"\n") if not self._keep else _with_ends(buffer)
            rest = lines.pop()
        self._between = False
        try:
            (self._take_framed if self._keep else self._take)(lines, events)
            self._pending.append(rest)
            self._between = not (rest or self._size or self._name or self._frame)
        except TooLarge as flaw:
            self._flaw = flaw
            if not events:
                raise
        return events

    def _without_mark(self, buffer: bytes) -> bytes:
        if self._keep and buffer.startswith(BOM):
            self._frame.append(BOM)
        return buffer.removeprefix(BOM)

    def _plain(self, data: bytes) -> list[SseEvent] | None:
        """Return the events of bytes that consist of whole events, each of one `data:` line that may have an `event:`
        line ahead of it, as most reads do; `None` for others.

        The hot path: it must give the same events as the general one.
        """
        if not data.endswith(b"\n\n") or b"\r" in data or len(data) > self._max_plain:
            return None
        ends = data.count(b"\n")
        if ends == 2 and data[0] == _DATA:
            return [SseEvent("", data[6:-2], data if self._keep else b"")]
        if data.startswith(b"event: "):
            return self._named(data)
        pieces = data[6:-2].split(b"\n\ndata: ")
        if ends != 2 * len(pieces):
            return self._named(data)
        if self._keep:
            return [SseEvent("", piece, b"data: %b\n\n" % piece) for piece in pieces]
        return [SseEvent("", piece) for piece in pieces]

    def _named(self, data: bytes) -> list[SseEvent] | None:
        events: list[SseEvent] = []
        for block in data[:-2].split(b"\n\n"):
            head, mark, content = block.partition(b"\ndata: ")
            if not mark and block.startswith(b"data: "):
                head, mark, content = b"event: ", b"\n", block[6:]
            if not mark or not head.startswith(b"event: ") or b"\n" in head or b"\n" in content:
                return None
            events.append(SseEvent(_name_in(head), content, block + b"\n\n" if self._keep else b""))
        return events

    def close(self) -> list[SseEvent]:
        """Return the event that the end of input leaves open, if it has data. Raise `TooLarge`."""
        if self._flaw is not None:
            raise self._flaw
        rest = self._pending.take()
        events: list[SseEvent] = []
        if rest:
            if self._keep:
                self._take_framed([rest], events)
            else:
                self._take([rest.rstrip(b"\r")], events)
        if self._data or self._frame:
            events.append(self._dispatch())
        return events

    def _take(self, lines: list[bytes], events: list[SseEvent]) -> None:
        for line in lines:
            if not line:
                if self._data:
                    events.append(self._dispatch())
                elif self._size:
                    self._reset()
                continue
            self._size += len(line)
            if len(line) > self._max_line or self._size > self._max_event:
                raise TooLarge(f"an event of the stream exceeds {self._max_event} bytes, or {self._max_line} a line")
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line.startswith(b"event:"):
                self._name = line[6:].strip().decode("utf-8", "replace")
            elif line.startswith(b"id:"):
                self._id = line[3:].strip()
            elif line == b"data":
                self._data.append(b"")
            elif self._bare and not line.startswith(_OTHER_FIELDS):
                self._data.append(line)

    def _take_framed(self, lines: list[bytes], events: list[SseEvent]) -> None:
        """Take lines with their ends. A comment, or an event without data, stays in the frame of the next event."""
        for line in lines:
            self._frame.append(line)
            if content := line.rstrip(b"\r\n"):
                self._take([content], events)
            elif self._data:
                events.append(self._dispatch())
            else:
                self._name, self._id = "", b""
                self._size += 1  # not reset, so that endless comments end too
                if self._size > self._max_event:
                    raise TooLarge(f"an event of the stream exceeds {self._max_event} bytes, with what is ahead of it")

    def _dispatch(self) -> SseEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        frame = b"".join(self._frame) if self._keep else b""
        event = SseEvent(self._name, data, frame, self._id)
        self._reset()
        return event


@lru_cache(maxsize=64)
def _name_in(line: bytes) -> str:
    """Return the name in a line `event: …`: a stream has few."""
    return line[7:].strip().decode("utf-8", "replace")


def _with_ends(buffer: bytes) -> list[bytes]:
    """Split at LF, which stays with its line. The last piece has none."""
    lines = buffer.splitlines(keepends=True)
    return lines if lines and not lines[-1].endswith(b"\n") else [*lines, b""]


def _split_any(buffer: bytes, *, keep_ends: bool = False) -> tuple[list[bytes], bytes]:
    """Split at LF, CR or CRLF. A CR at the very end waits: an LF may follow it."""
    tail = b""
    if buffer.endswith(b"\r"):
        buffer, tail = buffer[:-1], b"\r"
    if keep_ends:
        kept = buffer.splitlines(keepends=True)
        rest = kept.pop() if kept and not kept[-1].endswith((b"\n", b"\r")) else b""
        return kept, rest + tail
    lines = buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return lines[:-1], lines[-1] + tail


def frame(data: bytes, name: str = "") -> bytes:
    """Encode one event. `data` must not contain a line end; compact JSON never does."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data) if name else b"data: %b\n\n" % data
