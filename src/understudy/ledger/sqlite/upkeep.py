"""Upkeep of a file: old entries go, the space that they took is given back, and what is in it is checked."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from understudy.domain.errors import ConfigError
from understudy.ledger.freed import Freed
from understudy.ledger.rows import SECOND
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sql import Database, checks, conditions, differences
from understudy.ledger.sqlite.opening import open_for_reading, open_for_writing
from understudy.ledger.sqlite.reserve import give_up, lacks_room
from understudy.ledger.sums import DAY

MOST = 1_000
"""Entries that one transaction removes: others wait for its end."""
_ANY = Database("?", "")
_SIDES = ("", "-wal", "-shm")


def remove_old(connection: sqlite3.Connection, before: float) -> int:
    """Remove the oldest entries that ended and began before that time (Unix seconds), as many as one transaction may;
    return how many. The sums of their days stay, and what budgets have spent."""
    old, values = _old(before)
    oldest = f"SELECT id FROM entries WHERE {old} ORDER BY id LIMIT {MOST}"
    _erase(connection, f"DELETE FROM captured WHERE attempt IN ({oldest})", values)
    connection.execute(f"DELETE FROM holds WHERE attempt IN ({oldest})", values)
    return connection.execute(f"DELETE FROM entries WHERE id IN ({oldest})", values).rowcount


def remove_captured(connection: sqlite3.Connection, before: float) -> int:
    """Remove the oldest prompts and answers of attempts that began before that time, as many as one transaction may;
    return how many. Their bytes in the file are overwritten (https://www.sqlite.org/pragma.html#pragma_secure_delete).
    """
    oldest = f"SELECT attempt FROM captured WHERE started < ? ORDER BY started LIMIT {MOST}"
    return _erase(connection, f"DELETE FROM captured WHERE attempt IN ({oldest})", (round(before * SECOND),))


def _erase(connection: sqlite3.Connection, statement: str, values: Sequence[Any]) -> int:
    connection.execute("PRAGMA secure_delete = ON")
    try:
        return connection.execute(statement, values).rowcount
    finally:
        connection.execute("PRAGMA secure_delete = OFF")


def prune(path: Path, before: float) -> int:
    """Remove all entries that ended and began before that time, with their prompts and answers; return how many. Raise
    `ConfigError`."""
    return _prune(path, before, remove_old)


def prune_captured(path: Path, before: float) -> int:
    """Remove all prompts and answers of attempts that began before that time; return how many. Raise `ConfigError`."""
    return _prune(path, before, remove_captured)


def _prune(path: Path, before: float, remove: Callable[[sqlite3.Connection, float], int]) -> int:
    connection = _opened(path)
    try:
        removed = 0
        while True:
            try:
                count = _remove_some(connection, before, remove)
            except sqlite3.OperationalError as error:
                if lacks_room(error) and give_up(path):  # the room of what is removed is used for new entries
                    continue
                raise ConfigError(f"the ledger {path} cannot be pruned now: {error}") from error
            removed += count
            if count < MOST:
                return removed
            time.sleep(0.01)  # programs that write come in between
    finally:
        connection.close()


def _remove_some(
    connection: sqlite3.Connection, before: float, remove: Callable[[sqlite3.Connection, float], int]
) -> int:
    """Remove what one transaction may. Raise `sqlite3.OperationalError`, with nothing removed."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        count = remove(connection, before)
        connection.execute("COMMIT")
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return count


def count_captured(path: Path, before: float) -> int:
    """Return of how many attempts `prune_captured` would remove prompts and answers. Raise `ConfigError`."""
    connection = open_for_reading(path)
    try:
        query = "SELECT COUNT(*) FROM captured WHERE started < ?"
        found: int = connection.execute(query, (round(before * SECOND),)).fetchone()[0]
        return found
    finally:
        connection.close()


def count_old(path: Path, before: float) -> int:
    """Return how many entries `prune` would remove. Raise `ConfigError`."""
    connection = open_for_reading(path)
    try:
        old, values = _old(before)
        found: int = connection.execute(f"SELECT COUNT(*) FROM entries WHERE {old}", values).fetchone()[0]
        return found
    finally:
        connection.close()


def _old(before: float) -> tuple[str, list[Any]]:
    """Return the condition of entries that ended and began before that time, and its values. Ids sort by time, so only
    old entries are looked at."""
    where, values = conditions(LedgerSelection(until=before), _ANY)
    return f"{where} AND state <> 'started'", values


def vacuum(path: Path) -> Freed:
    """Give back the space that removed entries took. Raise `ConfigError`, also if the file is in use for too long."""
    connection, size = _opened(path), _size(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        raise ConfigError(f"the ledger {path} cannot be vacuumed now: {error}") from error
    finally:
        connection.close()
    return Freed(before=size, after=_size(path))


def verify(path: Path) -> list[str]:
    """Return what is wrong with a file: damage, and sums of days that differ from those of their entries. Days whose
    entries were removed in part have only their sums. Raise `ConfigError` if it cannot be opened."""
    connection = open_for_reading(path)
    try:
        damage = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
        found = [] if damage == ["ok"] else damage
        connection.execute("BEGIN")
        first = connection.execute("SELECT MIN(started) FROM entries WHERE state <> 'started'").fetchone()[0]
        if first is not None:
            day = first // (DAY * SECOND)
            removed = connection.execute("SELECT 1 FROM days WHERE day < ? LIMIT 1", (day,)).fetchone()
            found += _differences(connection, day + (removed is not None))
        connection.execute("COMMIT")
        return found
    except sqlite3.DatabaseError as error:
        return [str(error)]
    finally:
        connection.close()


def _differences(connection: sqlite3.Connection, since: int) -> list[str]:
    """Return the days from one on whose sums are not those of their entries."""
    return differences(*(connection.execute(query, (since,)).fetchall() for query in checks("?")))


def _opened(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise ConfigError(f"there is no ledger at {path}\n  it is made by the first request")
    return open_for_writing(path)


def _size(path: Path) -> int:
    files = (path.with_name(path.name + side) for side in _SIDES)
    return sum(each.stat().st_size for each in files if each.exists())
