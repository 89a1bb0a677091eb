"""The state of alerts in a file, for the processes of one machine, and for their successors."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from understudy.ledger.sqlite.opening import make_file
from understudy.telemetry.alerts.store import AlertsUnavailable

SUFFIX = "-alerts"
"""What the name of the file has behind that of the ledger."""
_PATIENCE = 2.0
"""Seconds for which another process that writes is waited for."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS alerts (id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL, "
    "until REAL NOT NULL, document BLOB NOT NULL)"
)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqliteAlerts:
    """Keeps the state of alerts; see `AlertStore`. It is opened for each use: that is rare."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """`clock`: Unix seconds, the same for all processes of the machine."""
        self._path = path
        self._clock = clock

    def claim(self, owner: str, seconds: float) -> bytes | None:
        """Return the document if it may be changed; see `AlertStore`."""
        with self._writing() as file:
            now = self._clock()
            row = file.execute("SELECT owner, until, document FROM alerts").fetchone()
            # A clock that was set back must not keep everyone out for long.
            if row is not None and row[0] != owner and now < row[1] <= now + 2 * seconds:
                return None
            document = row[2] if row is not None else b""
            file.execute("INSERT OR REPLACE INTO alerts VALUES (1, ?, ?, ?)", (owner, now + seconds, document))
            return bytes(document)

    def keep(self, owner: str, document: bytes) -> bool:
        """Keep a document; see `AlertStore`."""
        with self._writing() as file:
            query = "UPDATE alerts SET document = ? WHERE owner = ? AND until > ?"
            return file.execute(query, (document, owner, self._clock())).rowcount == 1

    def release(self, owner: str) -> None:
        """Let another process take over at once."""
        with self._writing() as file:
            file.execute("UPDATE alerts SET until = 0 WHERE owner = ?", (owner,))

    def close(self) -> None:
        """Do nothing: it is closed after each use."""

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction. Raise `AlertsUnavailable`; a damaged file is removed."""
        try:
            with contextlib.closing(self._opened()) as file:
                file.execute("PRAGMA synchronous = OFF")  # a file that a power failure damages is begun anew
                file.execute("BEGIN IMMEDIATE")
                try:
                    file.execute(_TABLE)
                    yield file
                    file.execute("COMMIT")
                except BaseException:
                    if file.in_transaction:
                        file.execute("ROLLBACK")
                    raise
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                self._path.unlink(missing_ok=True)
            raise AlertsUnavailable(f"{self._path} cannot be used: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_file(self._path)
        return sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
