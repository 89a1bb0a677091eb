"""Writes log lines in a thread: a full disk or a reader that stalls must not stop the event loop."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from pathlib import Path

import msgspec

from understudy.gateway.access_log import AccessRecord, iso, line_of

MAX_WAITING = 10_000
"""Lines that may wait to be written; more are dropped, and their number is logged."""


class LineWriter:
    """Appends lines to a file, or writes them to stderr.

    Each line is one write of bytes, so lines of several processes do not mix. `reopen` follows a file that has been
    renamed by a log rotation.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Raise `OSError` if the file cannot be opened."""
        self.path = path
        self._descriptor = self._open()
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="understudy-log", daemon=True)
        self._thread.start()

    def _open(self) -> int:
        if self.path is None:
            return sys.stderr.fileno()
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)

    def write(self, line: bytes) -> None:
        """Write a line, which ends with a line break. Never block."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def record(self, record: AccessRecord) -> None:
        """Write an access record."""
        self.write(line_of(record))

    def reopen(self) -> None:
        """Open the file again under its name. The old one stays in use if that fails."""
        if self.path is not None:
            old, self._descriptor = self._descriptor, self._open()
            os.close(old)

    def close(self, seconds: float = 1.0) -> None:
        """Write what waits, within some seconds."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _write_all(self) -> None:
        while (line := self._waiting.get()) is not None:
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                line += event_line("warning", f"{dropped} lines of the log were dropped: the log cannot keep up")
            try:
                os.write(self._descriptor, line)
            except OSError:  # a full disk: the requests matter more than their log
                self._dropped += 1


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
