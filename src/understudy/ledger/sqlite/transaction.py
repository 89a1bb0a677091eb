"""What one transaction writes: entries that begin or end, the sums that they add to, and the lease of their writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.accounts import claim_of
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.changes import Changes
from understudy.ledger.entries import kept
from understudy.ledger.holds import Claim
from understudy.ledger.reserving import Reservation
from understudy.ledger.rows import COLUMNS, captured_row, entry_of, row_of, row_of_start
from understudy.ledger.sql import without_nul
from understudy.ledger.sqlite import statements
from understudy.ledger.sqlite.asking import Answers
from understudy.ledger.sqlite.holding import Holding
from understudy.ledger.sqlite.statements import bound, pieces
from understudy.ledger.sums import AddedSums, sums_of_unknown

LEASE = 30
"""Seconds after which the entries of a writer that was not heard of are `unknown`."""
_LOST = "SELECT * FROM entries WHERE state = 'started' AND owner NOT IN (SELECT id FROM owners WHERE until >= ?)"
_CAPTURE = "INSERT INTO captured VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


_HELD = (
    "SELECT holds.* FROM holds JOIN entries ON entries.id = holds.attempt "
    "WHERE entries.state = 'started' AND entries.owner = ? AND holds.charged IS NULL"
)
UnderWay = list[tuple[AttemptStart, list[Claim]]]
"""Attempts that have begun, with what they hold."""


class Transaction:
    """Writes of one writer, from `BEGIN` to `COMMIT`."""

    def __init__(self, connection: sqlite3.Connection, owner: int) -> None:
        self._connection = connection
        self._owner = owner
        self._sums = AddedSums(_with_nul)
        self._holding = Holding(connection)

    def write(self, items: Sequence[AttemptStart | Reservation | CapturedDocument]) -> None:
        """Write entries. What has ended stays as it is: to write an end twice changes nothing.

        What begins and ends here is written once, as it ended: others never see what a transaction has not finished.
        """
        answers = Answers(self._connection)
        answers.ask(items)
        changes, holding = Changes(self._sums, answers.known, answers.opened), answers.holding
        for item in items:
            if isinstance(item, CapturedDocument):
                self._connection.execute(_CAPTURE, captured_row(item))
            elif isinstance(item, Reservation):
                if self._is_reserved(item, changes):
                    holding.add(item.start.attempt_id)
            elif changes.add(item) and item.attempt_id in holding and isinstance(item, AttemptRecord):
                self._holding.end(item.attempt_id, kept(item))
        owner = self._owner
        begun = [row_of_start(each.start, owner, opens=each.opens) for each in changes.begun.values()]
        self._write(statements.begin, begun)
        ended = [row_of(each.record, owner, opens=each.opens) for each in changes.ended.values()]
        self._write(statements.end, ended)

    def carry_over(self, under_way: UnderWay) -> None:
        """Keep attempts that another file had, with what they hold, whatever is left of it. Known ones stay as they
        are."""
        answers = Answers(self._connection)
        answers.ask([start for start, _ in under_way])
        changes = Changes(self._sums, answers.known, answers.opened)
        for start, claims in under_way:
            if changes.add(start):
                self._holding.keep(start.attempt_id, claims)
        begun = [row_of_start(each.start, self._owner, opens=each.opens) for each in changes.begun.values()]
        self._write(statements.begin, begun)

    def _is_reserved(self, item: Reservation, changes: Changes) -> bool:
        """Hold the claims of an attempt and keep its beginning; or neither, if one of them cannot be granted, or the
        attempt is known. Return whether that was done."""
        item.shortage = None
        if item.is_over or changes.knows(item.start):
            return False
        item.shortage = self._holding.reserve(item.start.attempt_id, item.claims)
        if item.shortage is not None:
            return False
        item.left = self._holding.left(item.claims)
        return changes.add(item.start)

    def _write(self, statement: Callable[[tuple[str, ...], int], str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows of entries."""
        if rows:
            columns, values = bound(COLUMNS, rows)
            width = len(columns)
            for piece in pieces(range(len(rows))):
                self._connection.execute(
                    statement(columns, len(piece)), values[piece[0] * width : (piece[-1] + 1) * width]
                )

    def sweep(self, now: float) -> int:
        """Give up the entries of writers whose lease is over; return how many those are."""
        lost = self._connection.execute(_LOST, (int(now),)).fetchall()
        for row in lost:
            start = entry_of(row).start
            self._connection.execute("UPDATE entries SET state = 'unknown' WHERE id = ?", (row["id"],))
            self._sums.add(start, sums_of_unknown(opens=bool(row["opens"])))
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
        for rows in pieces(self._sums.rows()):
            self._connection.execute(statements.add(len(rows)), list(chain.from_iterable(rows)))


def under_way(connection: sqlite3.Connection, owner: int) -> UnderWay:
    """Return the attempts of a writer that have not ended."""
    held: dict[bytes, list[Claim]] = {}
    for row in connection.execute(_HELD, (owner,)):
        held.setdefault(row["attempt"], []).append(claim_of(row))
    rows = connection.execute("SELECT * FROM entries WHERE state = 'started' AND owner = ?", (owner,))
    return [(entry_of(row).start, held.get(row["id"], [])) for row in rows]


def _with_nul(dimension: str, value: str) -> str:
    return without_nul(value) if dimension == "tag" else value
