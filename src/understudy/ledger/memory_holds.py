"""Budgets and limits in memory: those of one process, for as long as it runs."""

from __future__ import annotations

from collections.abc import Sequence

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.accounts import Account, Accounts, BalanceKey, key_of
from understudy.ledger.holds import MINUTE, Balance, Claim, Shortage, Unit

KEPT = 2 * MINUTE
"""Seconds for which the windows of limits are kept."""


class MemoryHolds:
    """Keeps balances in a dictionary. Where several processes spend from one budget, a ledger must keep them."""

    def __init__(self) -> None:
        self._accounts = Accounts()
        self._holds: dict[str, tuple[Claim, ...]] = {}
        self._minute = 0

    async def reserve(
        self, start: AttemptStart, claims: Sequence[Claim], *, durable: bool, left: list[int] | None = None
    ) -> Shortage | None:
        """Hold all claims of an attempt, or do nothing and return why. `durable` has no meaning here."""
        shortage = self.take(start.attempt_id, claims)
        if shortage is None and left is not None:
            left.extend(self._accounts.left(claims))
        return shortage

    def take(self, attempt_id: str, claims: Sequence[Claim]) -> Shortage | None:
        """Hold all claims of an attempt at once, or do nothing and return why."""
        if attempt_id in self._holds:
            return None
        if (shortage := self._accounts.shortage(claims)) is not None:
            return shortage
        self._forget(max((claim.start for claim in claims if claim.unit in _OF_A_MINUTE), default=0))
        self._accounts.hold(claims)
        self._holds[attempt_id] = tuple(claims)
        return None

    def free(self, attempt_id: str) -> None:
        """Give back all that an attempt holds; nothing is spent."""
        for claim in self._holds.pop(attempt_id, ()):
            self._accounts.of(key_of(claim)).reserved -= claim.amount
            self._drop_if_idle(claim)

    def record(self, attempt: AttemptRecord) -> None:
        """Settle the holds of an attempt that has ended. A second end changes nothing."""
        for claim in self._holds.pop(attempt.attempt_id, ()):
            self._accounts.settle(claim, attempt)
            self._drop_if_idle(claim)

    async def balances(self, keys: Sequence[tuple[str, str, Unit, int]]) -> list[Balance]:
        """Return balances; empty ones for those that nothing was claimed of."""
        found = (BalanceKey(budget, subject, unit.value, start) for budget, subject, unit, start in keys)
        return [self._accounts.held.get(key, Account()).balance(key) for key in found]

    def _drop_if_idle(self, claim: Claim) -> None:
        """Forget a count of attempts under way once it is zero: subjects have no end."""
        if claim.unit is Unit.CONCURRENT and not self._accounts.of(key_of(claim)).reserved:
            del self._accounts.held[key_of(claim)]

    def _forget(self, minute: int) -> None:
        """Forget windows that are over, once a minute."""
        if minute <= self._minute:
            return
        self._minute = minute
        held = self._accounts.held
        old = [
            key
            for key, account in held.items()
            if key.unit in _OF_A_MINUTE and key.start < minute - KEPT and not account.reserved
        ]
        for key in old:
            del held[key]


_OF_A_MINUTE = frozenset({Unit.REQUESTS, Unit.TOKENS})
