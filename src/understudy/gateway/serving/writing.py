"""Writes log lines in a thread: a full disk or a reader that stalls must not stop the event loop."""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
from collections import deque
from pathlib import Path

import msgspec

from understudy.gateway.access_log import AccessRecord, iso, line_of
from understudy.wire.json import visible

MAX_WAITING = 10_000
"""Lines that may wait to be written; more are dropped, and their number is logged."""
PAUSE = 0.05
"""Seconds in which lines gather before they are written: waking the thread for each costs as much as half a request."""
AT_ONCE = 4_096
"""Bytes of lines that are written at once: a pipe does not mix them with those of other processes (POSIX: PIPE_BUF)."""
AT_ONCE_TO_FILE = 65_536
"""The same of a regular file, to which each write appends: the thread must wait for the event loop after each."""


class LineWriter:
    """Appends lines to a file, or writes them to stderr.

    Lines are written whole, so those of several processes do not mix. `reopen` follows a file that has been
    renamed by a log rotation.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Raise `OSError` if the file cannot be opened."""
        self.path = path
        self._descriptor = self._open()
        self._at_once = self._most()
        self._is_cut = False
        """Whether the last line was written in part."""
        self._waiting: deque[bytes] = deque()
        self._some = threading.Event()
        self._closed = threading.Event()
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="understudy-log", daemon=True)
        self._thread.start()

    def _open(self) -> int:
        if self.path is None:
            return sys.stderr.fileno()
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)

    def _most(self) -> int:
        """Return the bytes that may be written at once."""
        is_file = self.path is not None and stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        return AT_ONCE_TO_FILE if is_file else AT_ONCE

    def write(self, line: bytes) -> None:
        """Write a line of JSON, which ends with a line break. Never block."""
        if len(self._waiting) >= MAX_WAITING:
            self._dropped += 1
            return
        self._waiting.append(visible(line))  # callers choose names, and logs are read in terminals
        if not self._some.is_set():
            self._some.set()

    def record(self, record: AccessRecord) -> None:
        """Write an access record."""
        self.write(line_of(record))

    def reopen(self) -> None:
        """Open the file again under its name. The old one stays in use if that fails."""
        if self.path is not None:
            old, self._descriptor = self._descriptor, self._open()
            self._at_once = self._most()
            os.close(old)

    def close(self, seconds: float = 1.0) -> None:
        """Write what waits, within some seconds."""
        self._closed.set()
        self._some.set()
        self._thread.join(seconds)

    def _write_all(self) -> None:
        is_closed = False
        while not is_closed:
            self._some.wait()
            is_closed = self._closed.wait(PAUSE)
            self._some.clear()
            while lines := self._taken():
                self._write_now(lines)

    def _taken(self) -> bytes:
        """Return the lines that are written next; empty if none waits."""
        lines: list[bytes] = []
        room, waiting = self._at_once, self._waiting
        while waiting:
            room -= len(waiting[0])
            if room < 0 and lines:
                break
            lines.append(waiting.popleft())
        return b"".join(lines)

    def _write_now(self, lines: bytes) -> None:
        """Write lines, and how many were dropped before."""
        dropped, was_cut = self._dropped, self._is_cut
        if dropped:
            lines += event_line("warning", f"{dropped} lines of the log were dropped: the log cannot keep up")
        if was_cut:
            lines = b"\n" + lines
        try:
            written = os.write(self._descriptor, lines)
        except OSError:  # a full disk: the requests matter more than their log
            written = 0
        if written:
            self._is_cut = lines[written - 1 : written] != b"\n"
        if written < len(lines):
            # The end of the line that was cut before, and how many were dropped, are not among the lines.
            self._dropped += lines.count(b"\n", written) - (was_cut and not written) - (dropped > 0)
        else:
            self._dropped -= dropped


def event_line(level: str, message: str, *, at: float | None = None, trace: str | None = None) -> bytes:
    """Return a line of JSON about something that is not a request."""
    import time

    values = {"event": "log", "time": iso(time.time() if at is None else at), "level": level, "message": message}
    return msgspec.json.encode(values | ({"traceback": trace} if trace else {})) + b"\n"


class LineHandler(logging.Handler):
    """Writes what the library logs in the form of the access log."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
            level, text = record.levelname.lower(), record.getMessage()
            self._writer.write(event_line(level, text, at=record.created, trace=trace))
        except Exception:  # noqa: BLE001 - as every handler of `logging`
            self.handleError(record)
