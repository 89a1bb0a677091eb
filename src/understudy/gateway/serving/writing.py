"""Writes log lines in a thread: a full disk or a reader that stalls must not stop the event loop."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import sys
import threading
import time
from collections import deque
from pathlib import Path

import msgspec

from understudy.gateway.access_log import AccessRecord, iso, line_of
from understudy.wire.json import visible

MAX_WAITING = 10_000
"""Lines that may wait to be written; more are dropped, and their number is logged."""
CROWDED = "the log cannot keep up"
PAUSE = 0.05
"""Seconds in which lines gather before they are written: waking the thread for each costs as much as half a request."""
AT_ONCE = 4_096
"""Bytes of lines that are written at once: a pipe does not mix them with those of other processes (POSIX: PIPE_BUF)."""
MOVED = 1.0
"""Seconds that lines wait for another file once the one in use is not at its path any more: a log rotation that has
just renamed it may be about to make one. Then it is made here."""
AT_ONCE_TO_FILE = 65_536
"""The same of a regular file, to which each write appends: the thread must wait for the event loop after each."""


class LineWriter:
    """Appends lines to a file, or writes them to stderr.

    Lines are written whole, so those of several processes do not mix. A file that was renamed by a log rotation, or
    deleted, is not used any more.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Raise `OSError` if the file cannot be opened."""
        self.path = path
        self._descriptor = self._open()
        self._is_file = self._is_regular()
        self._reopening = threading.Lock()
        """Held while another file is opened, which two threads may do."""
        self._opened = 0
        """How often the file was opened again."""
        self._cut: int | None = None
        """The same when the last line was written in part; `None` if it was not."""
        self._missed: float | None = None
        """When it was first seen that no file is at the path any more, in seconds of the monotonic clock."""
        self._waiting: deque[bytes] = deque()
        self._some = threading.Event()
        self._closed = threading.Event()
        self._dropped = 0
        self._why = CROWDED
        """Why lines were dropped last."""
        self._thread = threading.Thread(target=self._write_all, name="understudy-log", daemon=True)
        self._thread.start()

    def _open(self) -> int:
        if self.path is None:
            return sys.stderr.fileno()
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)

    def _is_regular(self) -> bool:
        """Check whether lines are appended to a regular file under its name."""
        return self.path is not None and stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def write(self, line: bytes) -> None:
        """Write a line of JSON, which ends with a line break. Never block."""
        if len(self._waiting) >= MAX_WAITING:
            self._dropped += 1
            self._why = CROWDED
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
            with self._reopening:
                self._reopen()

    def _reopen(self) -> None:
        new = self._open()
        os.dup2(new, self._descriptor, inheritable=False)  # in one step: the thread may be writing
        os.close(new)
        self._is_file = self._is_regular()
        self._opened += 1

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
            while self._is_in_place() or not self._waits(is_closed=is_closed):
                if not (lines := self._taken()):
                    break
                self._write_now(lines)

    def _is_in_place(self) -> bool:
        """Check whether the file in use is at its path."""
        if self.path is None or not self._is_file:
            return True
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._descriptor))  # noqa: PTH116 - for each write
        except OSError:
            return False

    def _waits(self, *, is_closed: bool) -> bool:
        """Use the file at the path, or make it, unless that is to wait for a moment; return whether it is."""
        now = time.monotonic()
        if self.path is None or self.path.exists() or is_closed:
            self._missed = None
        else:
            self._missed = now if self._missed is None else self._missed
            if now < self._missed + MOVED:
                self._some.set()
                return True
        with self._reopening, contextlib.suppress(OSError):  # the former one stays in use
            if self._is_in_place():  # the writer was told meanwhile
                return False
            self._reopen()
            self._waiting.appendleft(
                event_line("info", f"{self.path} was moved or deleted: the log goes on in another")
            )
        return False

    def _taken(self) -> bytes:
        """Return the lines that are written next; empty if none waits."""
        lines: list[bytes] = []
        room, waiting = AT_ONCE_TO_FILE if self._is_file else AT_ONCE, self._waiting
        while waiting:
            room -= len(waiting[0])
            if room < 0 and lines:
                break
            lines.append(waiting.popleft())
        return b"".join(lines)

    def _write_now(self, lines: bytes) -> None:
        """Write lines, and how many were dropped before."""
        dropped, opened = self._dropped, self._opened
        was_cut = self._cut == opened
        if dropped:
            lines += event_line("warning", f"{dropped} lines of the log were dropped: {self._why}")
        if was_cut:
            lines = b"\n" + lines
        try:
            written = os.write(self._descriptor, lines)
        except OSError as error:  # a full disk: the requests matter more than their log
            written = 0
            self._why = error.strerror or str(error)
        if written:
            self._cut = opened if lines[written - 1 : written] != b"\n" else None
        if written < len(lines):
            if written:  # the next call would state why
                self._why = os.strerror(errno.ENOSPC) if self._is_file else CROWDED
            # The end of the line that was cut before, and how many were dropped, are not among the lines.
            self._dropped += lines.count(b"\n", written) - (was_cut and not written) - (dropped > 0)
        else:
            self._dropped -= dropped


def event_line(level: str, message: str, *, at: float | None = None, trace: str | None = None) -> bytes:
    """Return a line of JSON about something that is not a request."""
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
