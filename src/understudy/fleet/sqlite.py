"""The store of the processes of one machine: a file beside the ledger.

What is in it is of use for a day at most, so a file that is damaged is replaced by an empty one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from msgspec.structs import replace

from understudy.fleet.documents import encode, history_in, order_in, snapshot_in
from understudy.fleet.orders import Order, to_keep
from understudy.fleet.store import (
    FINE,
    FORGOTTEN,
    HISTORY,
    QUARTER,
    FleetUnavailable,
    History,
    Member,
    history_of,
    joined,
    quarters_of,
    split,
    start_of,
    totals_of,
)
from understudy.ledger.sqlite.opening import make_file, use_wal
from understudy.telemetry.snapshot import Snapshot

log = logging.getLogger("understudy.gateway")

SUFFIX = "-fleet"
"""What the name of the file has behind that of the ledger."""
_PATIENCE = 2.0
"""Seconds for which another process that writes is waited for."""
_VERSION = 1
"""Of the tables."""
_TABLES = f"""
CREATE TABLE members (
    worker TEXT PRIMARY KEY, instance TEXT NOT NULL, heard REAL NOT NULL, filed INTEGER NOT NULL,
    ended INTEGER NOT NULL, document BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE removed (instance TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE gone (worker TEXT PRIMARY KEY, instance TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE orders (number INTEGER PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE history (start INTEGER PRIMARY KEY, document BLOB NOT NULL);
PRAGMA user_version = {_VERSION};
"""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqliteFleet:
    """Keeps what processes share in a file; see `FleetStore`. It is used by one thread at a time."""

    is_instant = False

    def __init__(self, path: Path, *, makes_file: bool = True, clock: Callable[[], float] = time.time) -> None:
        """`makes_file`: whether a file that is missing is made; else it is as an empty one. `clock`: Unix seconds."""
        self.path = path
        self._makes_file = makes_file
        self._clock = clock
        self._opened: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def put(self, snapshot: Snapshot, *, ended: bool = False) -> bool:
        """Keep what a process reports; see `FleetStore`."""
        with self._writing() as file:
            if file.execute("SELECT 1 FROM gone WHERE worker = ?", (snapshot.worker,)).fetchone():
                return False
            row = file.execute("SELECT filed FROM members WHERE worker = ?", (snapshot.worker,)).fetchone()
            filed = row[0] if row is not None else 0
            kept, over = split(snapshot, filed)
            _file(file, over)
            file.execute(
                "INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?, ?)",
                (
                    snapshot.worker,
                    snapshot.instance,
                    self._clock(),
                    max(filed, start_of(snapshot.at)),
                    ended,
                    encode(kept),
                ),
            )
        return True

    def members(self) -> list[Member]:
        """Return all processes; see `FleetStore`."""
        now = self._clock()
        with self._reading() as file:
            rows = file.execute("SELECT document, heard, ended FROM members").fetchall()
            removed = file.execute("SELECT document FROM removed").fetchall()
        found = [
            Member(snapshot=known, age=max(0.0, now - heard), ended=bool(ended))
            for document, heard, ended in rows
            if (known := snapshot_in(document)) is not None
        ]
        former = (snapshot_in(document) for (document,) in removed)
        return found + [Member(snapshot=each, age=0.0, ended=True) for each in former if each is not None]

    def end(self, workers: Collection[str]) -> None:
        """Note that processes were found to have ended."""
        with self._writing() as file:
            file.executemany("UPDATE members SET ended = 1 WHERE worker = ?", [(worker,) for worker in workers])

    def sweep(self) -> None:
        """Remove what is too old: processes, minutes and orders."""
        now = self._clock()
        with self._writing() as file:
            query = "SELECT worker, instance, document FROM members WHERE heard < ?"
            for worker, instance, document in file.execute(query, (now - FORGOTTEN,)).fetchall():
                _remove(file, worker, instance, snapshot_in(document))
            for table in ("removed", "gone"):
                file.execute(f"DELETE FROM {table} WHERE instance NOT IN (SELECT instance FROM members)")  # noqa: S608
            file.execute("DELETE FROM history WHERE start < ?", (now - HISTORY,))
            _sum_up(file, now)
            orders = _orders(file, 0)
            kept = {order.number for order in to_keep(orders)}
            dropped = [(order.number,) for order in orders if order.number not in kept]
            file.executemany("DELETE FROM orders WHERE number = ?", dropped)

    def order(self, order: Order) -> Order:
        """Keep an order; return it with its number."""
        with self._writing() as file:
            latest = file.execute("SELECT COALESCE(MAX(number), 0) FROM orders").fetchone()[0]
            # Also of a file that was begun anew, the numbers rise.
            numbered = replace(order, number=max(latest + 1, int(self._clock() * 1000)))
            file.execute("INSERT INTO orders VALUES (?, ?)", (numbered.number, encode(numbered)))
        return numbered

    def orders(self, after: int = 0) -> list[Order]:
        """Return the orders with a higher number, the oldest first."""
        with self._reading() as file:
            return _orders(file, after)

    def history(self, since: float, until: float) -> History:
        """Return what happened in a span of time; see `FleetStore`."""
        with self._reading() as file:
            file.execute("BEGIN")  # both are read as they are at one moment
            try:
                query = "SELECT document FROM history WHERE start >= ? AND start < ?"
                past = file.execute(query, (since, until)).fetchall()
                rows = file.execute("SELECT document FROM members").fetchall()
            finally:
                file.execute("ROLLBACK")
        own = (known for (document,) in rows if (known := snapshot_in(document)) is not None)
        return joined((*(history_in(document) for (document,) in past), *map(history_of, own))).within(since, until)

    def close(self) -> None:
        """Close the file, which the next use opens again."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    # ---- the file ----

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Read. Raise `FleetUnavailable`, after a damaged file was replaced."""
        try:
            yield self._connection()
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)
            raise FleetUnavailable(f"{self.path} cannot be used: {error}") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction, as `_reading`."""
        with self._reading() as file:
            file.execute("BEGIN IMMEDIATE")
            try:
                yield file
                file.execute("COMMIT")
            except BaseException:
                if file.in_transaction:
                    file.execute("ROLLBACK")
                raise

    def _connection(self) -> sqlite3.Connection:
        """Return the open connection to the file that is at its place now."""
        if self._opened is not None and _identity_of(self.path) != self._identity:
            self.close()  # another process has replaced it, or it was deleted
            log.warning("%s was deleted or replaced: the history and the orders of operators begin anew", self.path)
        if self._opened is None:
            if not self._makes_file and not self.path.exists():
                return _empty()
            self._identity = _identity_of(self.path)
            self._opened = _open(self.path)
            self._identity = _identity_of(self.path)
        return self._opened

    def _give_up(self, error: Exception) -> None:
        """Close the file after an error; replace it if it is damaged, unless another process did so meanwhile."""
        self.close()
        is_damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
        if is_damaged and self._makes_file and _identity_of(self.path) == self._identity:
            log.error(
                "%s is damaged and begun anew; what operators ordered must be ordered again: %s", self.path, error
            )
            _delete(self.path)


def _open(path: Path) -> sqlite3.Connection:
    """Open or make the file, which its owner alone may read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_file(path)
    file = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        use_wal(file, _PATIENCE)
        file.execute("PRAGMA synchronous = NORMAL")
        _prepare(file)
    except BaseException:
        file.close()
        raise
    return file


def _prepare(file: sqlite3.Connection) -> None:
    """Make the tables, unless they are there. Raise `FleetUnavailable` if a newer understudy made others."""
    known = file.execute("PRAGMA user_version").fetchone()[0]
    if known > _VERSION:
        raise FleetUnavailable("a newer version of understudy wrote the file of the fleet: upgrade this one")
    if known == _VERSION:
        return
    file.execute("BEGIN IMMEDIATE")
    try:
        if file.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                file.execute(f"DROP TABLE {name}")
            for statement in filter(str.strip, _TABLES.split(";")):
                file.execute(statement)
        file.execute("COMMIT")
    except BaseException:
        if file.in_transaction:
            file.execute("ROLLBACK")
        raise


def _empty() -> sqlite3.Connection:
    file = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    file.executescript(_TABLES)
    return file


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - each second, by each process
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _file(file: sqlite3.Connection, history: History) -> None:
    """Add what happened to the history."""
    for start, each in history.by_minute().items():
        row = file.execute("SELECT document FROM history WHERE start = ?", (start,)).fetchone()
        known = history_in(row[0]) if row is not None else History()
        file.execute("INSERT OR REPLACE INTO history VALUES (?, ?)", (start, encode(joined([known, each]))))


def _sum_up(file: sqlite3.Connection, now: float) -> None:
    """Replace minutes that are no longer kept one by one with quarters of an hour."""
    old = "start < ? AND start / ? IN (SELECT start / ? FROM history WHERE start < ? AND start % ? > 0)"
    before = now - FINE
    rows = file.execute(
        f"SELECT start, document FROM history WHERE {old}",  # noqa: S608
        (before, QUARTER, QUARTER, before, QUARTER),
    ).fetchall()
    minutes = {start: history_in(document) for start, document in rows}
    for quarter, each in quarters_of(minutes, now).items():
        file.execute("DELETE FROM history WHERE start >= ? AND start < ?", (quarter, quarter + QUARTER))
        file.execute("INSERT INTO history VALUES (?, ?)", (quarter, encode(each)))


def _remove(file: sqlite3.Connection, worker: str, instance: str, snapshot: Snapshot | None) -> None:
    """Remove a process; its totals stay with its instance."""
    file.execute("DELETE FROM members WHERE worker = ?", (worker,))
    file.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (worker, instance))
    if snapshot is None:
        return
    _file(file, history_of(snapshot))
    row = file.execute("SELECT document FROM removed WHERE instance = ?", (instance,)).fetchone()
    former = snapshot_in(row[0]) if row is not None else None
    document = encode(totals_of(former, snapshot))
    file.execute("INSERT OR REPLACE INTO removed VALUES (?, ?)", (instance, document))


def _orders(file: sqlite3.Connection, after: int) -> list[Order]:
    rows = file.execute("SELECT document FROM orders WHERE number > ? ORDER BY number", (after,)).fetchall()
    return [order for (document,) in rows if (order := order_in(document)) is not None]
