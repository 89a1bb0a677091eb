"""Whether a file is damaged: checked when a gateway starts, before it is opened for writing or while it is in use."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from understudy.ledger.sqlite.opening import connect_for_reading, damaged

logger = logging.getLogger("understudy")

AT_ONCE = 32 * 2**20
"""Bytes of a file that is checked before anything else is done: SQLite checks some 250 MiB a second."""
_FINDINGS = 5
"""Pieces of damage after which the check ends: one is enough not to trust a file."""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PATIENCE = 20
"""Tries to interrupt a check, 50 ms apart."""


def refuse_damaged(path: Path) -> bool:
    """Check a file that is not large. Raise `ConfigError` if it is damaged; nothing in it is changed.

    Return whether that was possible: a large file is for `BackgroundCheck`.
    """
    size = sum(each.stat().st_size for each in (path, path.with_name(f"{path.name}-wal")) if each.exists())
    if size > AT_ONCE:
        return False
    if size and (found := damage_of(connect_for_reading(path))) is not None:
        raise damaged(path, found, opens=True)
    return True


def damage_of(connection: sqlite3.Connection) -> str | None:
    """Return what is damaged in a file, the first of it, or `None`; and close the connection. A file that cannot be
    read at the moment is not damaged."""
    try:
        rows = connection.execute(f"PRAGMA quick_check({_FINDINGS})").fetchall()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            return str(error)
        logger.warning("the ledger could not be checked for damage: %s", error)
        return None
    finally:
        connection.close()
    found = [str(row[0]) for row in rows]
    # The lines of one finding may begin with a heading, such as "*** in database main ***".
    return None if found == ["ok"] else " ".join(" ".join(found).split())[:300]


class BackgroundCheck:
    """Checks a large file while it is in use. It reads all of the file once."""

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        """`report`: called in a thread of its own with what is damaged. Raise `ConfigError` if it cannot be opened."""
        self._report = report
        self._connection = connect_for_reading(path)
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="understudy-ledger-check", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        if (found := damage_of(self._connection)) is not None and not self._ended:
            self._report(found)

    def close(self) -> None:
        """End it, whether it is done or not. Block for a second at most."""
        self._ended = True
        for _ in range(_PATIENCE):  # an interruption is lost if the query has not begun
            if not self._thread.is_alive():
                return
            with contextlib.suppress(sqlite3.ProgrammingError):  # it has just been closed
                self._connection.interrupt()
            self._thread.join(0.05)
