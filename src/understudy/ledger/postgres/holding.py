"""Holds and balances as one transaction sees them: all that it may touch is read and locked before anything changes.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from understudy.domain.attempts import AttemptRecord
from understudy.ledger.accounts import Account, Accounts, BalanceKey, claim_of, key_of
from understudy.ledger.holds import MINUTE, Claim, Shortage, Unit
from understudy.ledger.postgres.changes import clean
from understudy.ledger.rows import id_of

HOLD = ("attempt", "budget", "subject", "unit", "start", "amount", "if_unknown", "is_bound", "charged")
"""The columns of a hold."""


class _Hold(msgspec.Struct):
    claim: Claim
    charged: int | None = None


class Holding(Accounts):
    """The holds of one transaction, which no other one can change meanwhile."""

    def __init__(
        self, balances: Mapping[BalanceKey, tuple[int, int, int]], holds: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        """`balances`: spent, reserved and overrun of all that may change; `holds`: rows of attempts that may end."""
        super().__init__()
        self._loaded = dict(balances)
        self.held = {key: Account(*values) for key, values in balances.items()}
        self._holds: dict[bytes, list[_Hold]] = {}
        self._new: list[bytes] = []
        self._ended: set[bytes] = set()
        for row in holds:
            self._holds.setdefault(row["attempt"], []).append(_Hold(claim_of(row), row["charged"]))

    @property
    def changed(self) -> list[tuple[Any, ...]]:
        """Spent, reserved and overrun of the balances that have changed, with their keys."""
        now = {key: (each.spent, each.reserved, each.overrun) for key, each in self.held.items()}
        return [(*values, *key) for key, values in sorted(now.items()) if values != self._loaded[key]]

    @property
    def inserts(self) -> list[tuple[Any, ...]]:
        """Rows of holds that are new, and stay after this transaction."""
        return [
            _row(attempt, hold)
            for attempt in sorted(self._new)
            for hold in self._holds[attempt]
            if attempt not in self._ended or hold.claim.unit is Unit.MONEY
        ]

    @property
    def charges(self) -> list[tuple[Any, ...]]:
        """What known holds of money are charged, with their keys."""
        return [
            (hold.charged, attempt, *key_of(hold.claim))
            for attempt in sorted(self._ended.difference(self._new))
            for hold in self._holds[attempt]
            if hold.claim.unit is Unit.MONEY
        ]

    @property
    def settled(self) -> list[bytes]:
        """Attempts whose holds are settled: those of limits are over."""
        return sorted(self._ended.difference(self._new))

    def reserve(self, attempt_id: str, claims: Sequence[Claim]) -> Shortage | None:
        """Hold all claims of an attempt, or do nothing and return why."""
        claims = [cleaned(claim) for claim in claims]
        if (shortage := self.shortage(claims)) is not None:
            return shortage
        self.hold(claims)
        attempt = id_of(attempt_id)
        self._holds[attempt] = [_Hold(claim) for claim in claims]
        self._new.append(attempt)
        return None

    def end(self, attempt_id: str, record: AttemptRecord | None) -> None:
        """Settle what an attempt holds; `None`: how it ended is not known. Money that was charged because that was not
        known is corrected once it is learned; counts of a minute are not, because that minute is over."""
        attempt = id_of(attempt_id)
        for hold in self._holds.get(attempt, ()):
            if hold.charged is None:
                hold.charged = self.settle(hold.claim, record)
            elif record is not None and hold.claim.unit is Unit.MONEY:
                hold.charged = self.correct(hold.claim, hold.charged, record)
            self._ended.add(attempt)

    def load(self, key: BalanceKey) -> Account:
        """Raise `LookupError`: what was not locked must not be touched."""
        raise LookupError(f"the balance {key} was not locked")


def touched(claims: Iterable[Claim]) -> set[BalanceKey]:
    """Return the balances that claims are judged by."""
    found: set[BalanceKey] = set()
    for claim in claims:
        key = key_of(cleaned(claim))
        found.add(key)
        if claim.previous_share:
            found.add(key._replace(start=key.start - MINUTE))
    return found


def held(rows: Iterable[Mapping[str, Any]]) -> set[BalanceKey]:
    """Return the balances that rows of holds are of."""
    return {BalanceKey(row["budget"], row["subject"], row["unit"], row["start"]) for row in rows}


def cleaned(claim: Claim) -> Claim:
    """Return a claim as PostgreSQL stores it."""
    if "\0" in claim.budget or "\0" in claim.subject:
        return replace(claim, budget=clean(claim.budget), subject=clean(claim.subject))
    return claim


def _row(attempt: bytes, hold: _Hold) -> tuple[Any, ...]:
    claim = hold.claim
    return (attempt, *key_of(claim), claim.amount, claim.if_unknown, claim.is_bound, hold.charged)
