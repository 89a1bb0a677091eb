"""Holds and balances in a file, as one transaction sees them: read at their first use, written at its end."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from understudy.domain.attempts import AttemptRecord
from understudy.ledger.accounts import Account, Accounts, BalanceKey, claim_of
from understudy.ledger.holds import MINUTE, Claim, Shortage, Unit
from understudy.ledger.rows import id_of

_HOLD = "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)"
_OF_ATTEMPT = "SELECT * FROM holds WHERE attempt = ?"
_CHARGED = "UPDATE holds SET charged = ? WHERE attempt = ? AND budget = ? AND subject = ? AND unit = ? AND start = ?"
_BALANCE = "SELECT spent, reserved, overrun FROM balances WHERE budget = ? AND subject = ? AND unit = ? AND start = ?"
_SET = (
    "INSERT INTO balances VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
    "SET spent = excluded.spent, reserved = excluded.reserved, overrun = excluded.overrun"
)
_OLD = "DELETE FROM balances WHERE unit IN ('requests', 'tokens') AND start < ? AND reserved = 0"
_IDLE = "DELETE FROM balances WHERE unit = 'concurrent' AND reserved = 0"
_SETTLED = "DELETE FROM holds WHERE attempt = ? AND unit <> 'money'"


class Holding(Accounts):
    """The holds of one transaction, which no other one can change meanwhile."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection
        self._loaded: dict[BalanceKey, tuple[int, int, int]] = {}

    def load(self, key: BalanceKey) -> Account:
        """Read an account."""
        row = self._connection.execute(_BALANCE, key).fetchone()
        self._loaded[key] = (0, 0, 0) if row is None else tuple(row)
        return Account(*self._loaded[key])

    def reserve(self, attempt_id: str, claims: Sequence[Claim]) -> Shortage | None:
        """Hold all claims of an attempt, or do nothing and return why."""
        if (shortage := self.shortage(claims)) is not None:
            return shortage
        self.keep(attempt_id, claims)
        return None

    def keep(self, attempt_id: str, claims: Sequence[Claim]) -> None:
        """Hold all claims of an attempt, whatever is left."""
        self.hold(claims)
        attempt = id_of(attempt_id)
        self._connection.executemany(_HOLD, [_row(attempt, claim) for claim in claims])

    def end(self, attempt_id: str, record: AttemptRecord | None) -> None:
        """Settle what an attempt holds; `None`: how it ended is not known. Money that was charged because that
        was unknown is corrected once it is learned; counts of a minute are not, because that minute is over."""
        attempt = id_of(attempt_id)
        rows = self._connection.execute(_OF_ATTEMPT, (attempt,)).fetchall()
        if not rows:
            return
        for row in rows:
            claim = claim_of(row)
            if row["charged"] is None:
                charged = self.settle(claim, record)
            elif record is not None:
                charged = self.correct(claim, row["charged"], record)
            else:
                continue
            if claim.unit is Unit.MONEY:
                key = (claim.budget, claim.subject, claim.unit.value, claim.start)
                self._connection.execute(_CHARGED, (charged, attempt, *key))
        self._connection.execute(_SETTLED, (attempt,))

    def finish(self) -> None:
        """Write the balances that have changed."""
        now = {key: (each.spent, each.reserved, each.overrun) for key, each in self.held.items()}
        changed = [(*key, *values) for key, values in now.items() if values != self._loaded[key]]
        if changed:
            self._connection.executemany(_SET, changed)

    def sweep(self, now: float) -> None:
        """Remove windows of limits that are over."""
        self._connection.execute(_OLD, (int(now) - 10 * MINUTE,))
        self._connection.execute(_IDLE)


def _row(attempt: bytes, claim: Claim) -> tuple[object, ...]:
    return (
        attempt,
        claim.budget,
        claim.subject,
        claim.unit.value,
        claim.start,
        claim.amount,
        claim.if_unknown,
        claim.is_bound,
    )
