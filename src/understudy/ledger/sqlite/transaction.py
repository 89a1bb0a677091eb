"""What one transaction writes: entries that begin or end, the sums that they add to, and the lease of their writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import compress
from typing import Any

from msgspec.structs import astuple

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.entries import STATE_OF, EntryState, kept
from understudy.ledger.reserving import Reservation
from understudy.ledger.rows import COLUMNS, captured_row, ending_of, entry_of, id_of, row_of, row_of_start
from understudy.ledger.sql import without_nul
from understudy.ledger.sqlite.holding import Holding
from understudy.ledger.sums import FIELDS, UsageSums, belongings, day_of, sums_of, sums_of_unknown

LEASE = 30
"""Seconds after which the entries of a writer that was not heard of are `unknown`."""
_OPENS = "NOT EXISTS (SELECT 1 FROM entries WHERE request = ?2)"
"""Whether no attempt of a request is known yet: decided by the statement that writes one."""
_STATEMENTS = 64
"""Statements that are kept: few sets of columns occur."""


def _inserting(columns: Sequence[str]) -> str:
    """Return the statement that writes an entry, unless it is there."""
    values = ", ".join(_OPENS if name == "opens" else f"?{at}" for at, name in enumerate(columns, 1))
    return f"INSERT INTO entries ({', '.join(columns)}) VALUES ({values}) ON CONFLICT (id) DO NOTHING"


@lru_cache(_STATEMENTS)
def _inserting_ended(has_value: tuple[bool, ...]) -> str:
    """Return the statement that writes an entry that has ended, unless it is there, with its columns that have values.

    To bind `None` costs several times what other values do."""
    return f"{_inserting(tuple(compress(COLUMNS, has_value)))} RETURNING opens"


_BEGINNING = COLUMNS.index("duration")
_START = _inserting(COLUMNS[:_BEGINNING])
"""What is known only at the end is left out."""
_ENDING = ("state", *COLUMNS[COLUMNS.index("details") :])
_END = f"UPDATE entries SET {', '.join(f'{name} = ?' for name in _ENDING)} WHERE id = ?"
_END_STARTED = f"{_END} AND state = 'started' RETURNING opens"
_ADD = (
    f"INSERT INTO days (day, dimension, value, {', '.join(FIELDS)}) VALUES (?, ?, ?, {', '.join('?' * len(FIELDS))}) "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in FIELDS)}"
)
_LOST = "SELECT * FROM entries WHERE state = 'started' AND owner NOT IN (SELECT id FROM owners WHERE until >= ?)"

_CAPTURE = "INSERT INTO captured VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"

_Belongs = tuple[int, tuple[tuple[str, str], ...]]
"""The day of an entry, and dimensions with the values that it counts for."""


class Transaction:
    """Writes of one writer, from `BEGIN` to `COMMIT`."""

    def __init__(self, connection: sqlite3.Connection, owner: int) -> None:
        self._connection = connection
        self._owner = owner
        self._sums: dict[_Belongs, UsageSums] = {}
        self._holding = Holding(connection)

    def write(self, items: Sequence[AttemptStart | Reservation | CapturedDocument]) -> None:
        """Write entries. What has ended stays as it is: to write an end twice changes nothing.

        What begins and ends here is written once, as it ended: others never see what a transaction has not finished.
        """
        ends: dict[str, AttemptRecord | None] = {}
        for item in items:
            if isinstance(item, AttemptRecord):
                ends.setdefault(item.attempt_id, item)
        for item in items:
            if isinstance(item, Reservation):
                self._reserve(item)
            elif isinstance(item, CapturedDocument):
                self._connection.execute(_CAPTURE, captured_row(item))
            elif item.attempt_id not in ends:
                self._start(item)
            elif (record := ends[item.attempt_id]) is not None:
                ends[item.attempt_id] = None
                self._end(kept(record), begins=item is not record)

    def _start(self, start: AttemptStart) -> None:
        self._connection.execute(_START, row_of_start(start, self._owner, opens=False)[:_BEGINNING])

    def _reserve(self, item: Reservation) -> None:
        """Hold the claims of an attempt and keep its beginning; or neither, if one of them cannot be granted."""
        item.shortage = None
        if not item.is_over and self._known(item.start.attempt_id) is None:
            item.shortage = self._holding.reserve(item.start.attempt_id, item.claims)
            if item.shortage is None:
                item.left = self._holding.left(item.claims)
                self._start(item.start)

    def _end(self, record: AttemptRecord, *, begins: bool) -> None:
        """Write how an attempt ended. `begins`: whether it begins in this transaction, too."""
        if begins:
            opens = self._inserted(record)
            if opens is None:
                opens = self._updated(record)
        else:
            opens = self._updated(record)
            if opens is None:
                opens = self._inserted(record)
        if opens is not None:
            self._add(record, sums_of(record, opens=opens))
        else:
            self._correct(record)

    def _inserted(self, record: AttemptRecord) -> bool | None:
        """Write an entry that is not there yet, and return whether it opens its request; `None` if it is there."""
        row = row_of(record, self._owner, opens=False)
        has_value = tuple([value is not None for value in row])
        found = self._connection.execute(_inserting_ended(has_value), tuple(compress(row, has_value))).fetchone()
        return None if found is None else bool(found["opens"])

    def _updated(self, record: AttemptRecord) -> bool | None:
        """Write the end of an entry that is under way, and return whether it opens its request; `None` if none is."""
        found = self._connection.execute(_END_STARTED, _ending_row(record)).fetchone()
        if found is None:
            return None
        self._holding.end(record.attempt_id, record)
        return bool(found["opens"])

    def _correct(self, record: AttemptRecord) -> None:
        """Write the end of an entry that was given up; leave one that has ended as it is."""
        known = self._known(record.attempt_id)
        if known is None or EntryState(known["state"]) is not EntryState.UNKNOWN:
            return
        opens = bool(known["opens"])
        self._connection.execute(_END, _ending_row(record))
        self._holding.end(record.attempt_id, record)
        self._add(record, sums_of(record, opens=opens))
        self._add(record, -sums_of_unknown(opens=opens))

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
        added: dict[tuple[int, str, str], UsageSums] = {}
        for (day, belongs), sums in self._sums.items():
            for dimension, value in belongs:
                key = (day, dimension, without_nul(value) if dimension == "tag" else value)
                added[key] = added[key] + sums if key in added else sums
        self._connection.executemany(_ADD, [(*key, *astuple(sums)) for key, sums in added.items()])

    def _add(self, start: AttemptStart, sums: UsageSums) -> None:
        """Add to the sums of the session, and to all others at once: many entries have those in common."""
        day, session = day_of(start.started), start.session
        belongs = tuple(belongings(start))
        if session is not None:
            own = ("session", session)
            self._gather((day, (own,)), sums)
            belongs = tuple(each for each in belongs if each != own)
        self._gather((day, belongs), sums)

    def _known(self, attempt_id: str) -> Mapping[str, Any] | None:
        """Return the state of an entry and whether it opens its request; `None` if it is not there."""
        found = self._connection.execute("SELECT state, opens FROM entries WHERE id = ?", (id_of(attempt_id),))
        return found.fetchone()  # type: ignore[no-any-return]  # the row factory makes mappings

    def _gather(self, key: _Belongs, sums: UsageSums) -> None:
        self._sums[key] = self._sums[key] + sums if key in self._sums else sums


def _ending_row(record: AttemptRecord) -> tuple[Any, ...]:
    return (STATE_OF[record.outcome].value, *ending_of(record), id_of(record.attempt_id))
