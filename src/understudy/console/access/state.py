"""What sign-ins need over all processes of a machine: codes that were used, sessions that were ended, and failures.

It is in the gateway's state file, or in memory while there is only one process. Reading and writing take some tens of
microseconds, on the event loop. What cannot be written refuses the sign-in.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from understudy.console.http import ConsoleError
from understudy.ledger.sqlite.opening import make_file, use_wal

log = logging.getLogger("understudy.gateway")

WINDOW = 60.0
"""Seconds for which failures count."""
_PATIENCE = 1.0
"""Seconds for which another process that writes is waited for."""
_TABLES = (
    "CREATE TABLE IF NOT EXISTS console_marks (name TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS console_failures (address TEXT NOT NULL, at REAL NOT NULL)",
)


class State:
    """Marks that expire, and failures of the last minute."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: a file that processes share; without one, only this process remembers."""
        self._path = path
        self._file: sqlite3.Connection | None = None

    def mark(self, name: str, until: float, now: float) -> bool:
        """Set a mark until a time in Unix seconds; return whether it was not set before, by any process."""
        with self._failing():
            file = self._opened()
            file.execute("DELETE FROM console_marks WHERE until < ?", (now,))
            return file.execute("INSERT OR IGNORE INTO console_marks VALUES (?, ?)", (name, until)).rowcount == 1

    def is_marked(self, name: str) -> bool:
        """Check whether a mark is set."""
        with self._failing():
            found = self._opened().execute("SELECT 1 FROM console_marks WHERE name = ?", (name,)).fetchone()
            return found is not None

    def fail(self, address: str, now: float) -> None:
        """Count a failure of an address."""
        with self._failing():
            file = self._opened()
            file.execute("DELETE FROM console_failures WHERE at < ?", (now - WINDOW,))
            file.execute("INSERT INTO console_failures VALUES (?, ?)", (address, now))

    def failures(self, address: str, now: float) -> tuple[list[float], list[float]]:
        """Return when an address, and when all addresses failed within the last minute, the earliest first."""
        with self._failing():
            query = "SELECT address, at FROM console_failures WHERE at > ? ORDER BY at"
            found = self._opened().execute(query, (now - WINDOW,)).fetchall()
        return [at for own, at in found if own == address], [at for _, at in found]

    def close(self) -> None:
        """Close the file, which the next use opens again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = _open(self._path)
        return self._file

    def _failing(self) -> _Failing:
        return _Failing(self._path)


class _Failing:
    """Refuses what needs the file while that cannot be used."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (sqlite3.Error, OSError)):
            log.error("state_file %s could not be used by the console: %s", self._path, error)
            message = "the gateway cannot use its state_file at the moment; its log says why"
            raise ConsoleError(503, "state_unavailable", message) from error


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        make_file(path)
    file = sqlite3.connect(path or ":memory:", timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        use_wal(file, _PATIENCE)
        file.execute("PRAGMA synchronous = NORMAL")
        for table in _TABLES:
            file.execute(table)
    except sqlite3.Error:
        file.close()
        raise
    return file
