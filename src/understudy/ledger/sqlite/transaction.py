"""What one transaction writes: entries that begin or end, the sums that they add to, and the lease of their writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from operator import add
from typing import NamedTuple

from msgspec.structs import astuple

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.entries import OUTCOME_OF, STATE_OF, EntryState, kept
from understudy.ledger.rows import COLUMNS, ending_of, entry_of, id_of, row_of, row_of_start
from understudy.ledger.sqlite.holding import Holding
from understudy.ledger.sqlite.reserving import Reservation
from understudy.ledger.sums import FIELDS, UsageSums, belongings, day_of, sums_of, sums_of_unknown

LEASE = 30
"""Seconds after which the entries of a writer that was not heard of are `unknown`."""
_INSERT = f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_ENDING = ("state", *COLUMNS[COLUMNS.index("details") :])
_END = f"UPDATE entries SET {', '.join(f'{name} = ?' for name in _ENDING)} WHERE id = ?"
_ADD = (
    f"INSERT INTO days (day, dimension, value, {', '.join(FIELDS)}) VALUES (?, ?, ?, {', '.join('?' * len(FIELDS))}) "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in FIELDS)}"
)
_LOST = "SELECT * FROM entries WHERE state = 'started' AND owner NOT IN (SELECT id FROM owners WHERE until >= ?)"


class _Known(NamedTuple):
    state: EntryState
    opens: bool


class Transaction:
    """Writes of one writer, from `BEGIN` to `COMMIT`."""

    def __init__(self, connection: sqlite3.Connection, owner: int) -> None:
        self._connection = connection
        self._owner = owner
        self._sums: dict[tuple[int, str, str], tuple[int, ...]] = {}
        self._holding = Holding(connection)

    def write(self, items: Iterable[AttemptStart | Reservation]) -> None:
        """Write entries. What has ended stays as it is: to write an end twice changes nothing."""
        for item in items:
            if isinstance(item, Reservation):
                self._reserve(item)
            elif isinstance(item, AttemptRecord):
                self._end(item)
            else:
                self._start(item)

    def _start(self, start: AttemptStart) -> None:
        if self._known(start.attempt_id) is None:
            self._connection.execute(_INSERT, row_of_start(start, self._owner, opens=self._opens(start.request_id)))

    def _reserve(self, item: Reservation) -> None:
        """Hold the claims of an attempt and keep its beginning; or neither, if one of them cannot be granted."""
        item.shortage = None
        if not item.is_over and self._known(item.start.attempt_id) is None:
            item.shortage = self._holding.reserve(item.start.attempt_id, item.claims)
            if item.shortage is None:
                self._start(item.start)

    def _end(self, record: AttemptRecord) -> None:
        record, known = kept(record), self._known(record.attempt_id)
        if known is not None and known.state in OUTCOME_OF:
            return
        opens = known.opens if known is not None else self._opens(record.request_id)
        if known is None:
            self._connection.execute(_INSERT, row_of(record, self._owner, opens=opens))
        else:
            state = STATE_OF[record.outcome].value
            self._connection.execute(_END, (state, *ending_of(record), id_of(record.attempt_id)))
            self._holding.end(record.attempt_id, record)
        self._add(record, sums_of(record, opens=opens))
        if known is not None and known.state is EntryState.UNKNOWN:
            self._add(record, sums_of_unknown(opens=opens), sign=-1)

    def sweep(self, now: float) -> int:
        """Give up the entries of writers whose lease is over; return how many those are."""
        lost = self._connection.execute(_LOST, (int(now),)).fetchall()
        for row in lost:
            start = entry_of(row).start
            self._connection.execute("UPDATE entries SET state = 'unknown' WHERE id = ?", (row["id"],))
            self._add(start, sums_of_unknown(opens=bool(row["opens"])))
            self._holding.end(start.attempt_id, None)
        self._holding.sweep(now)
        self._connection.execute("DELETE FROM owners WHERE until < ?", (int(now),))
        return len(lost)

    def renew(self, pid: int, until: float) -> None:
        """Extend the lease of this writer."""
        self._connection.execute("INSERT OR REPLACE INTO owners VALUES (?, ?, ?)", (self._owner, pid, int(until)))

    def finish(self) -> None:
        """Write the sums and the balances. It comes last."""
        self._holding.finish()
        self._connection.executemany(_ADD, [(*key, *sums) for key, sums in self._sums.items()])

    def _known(self, attempt_id: str) -> _Known | None:
        row = self._connection.execute("SELECT state, opens FROM entries WHERE id = ?", (id_of(attempt_id),)).fetchone()
        return None if row is None else _Known(EntryState(row["state"]), bool(row["opens"]))

    def _opens(self, request_id: str) -> bool:
        """Check whether no attempt of a request is known yet."""
        found = self._connection.execute("SELECT 1 FROM entries WHERE request = ? LIMIT 1", (id_of(request_id),))
        return found.fetchone() is None

    def _add(self, start: AttemptStart, sums: UsageSums, sign: int = 1) -> None:
        day, added = day_of(start.started), astuple(sums)
        if sign < 0:
            added = tuple(-value for value in added)
        for dimension, value in belongings(start):
            key = (day, dimension, value)
            known = self._sums.get(key)
            self._sums[key] = added if known is None else tuple(map(add, known, added))
