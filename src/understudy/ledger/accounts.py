"""Balances and the holds upon them, in memory; of a ledger in a file, those that one transaction touches. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from understudy.domain.attempts import AttemptRecord
from understudy.ledger.holds import MINUTE, Balance, Claim, Shortage, Unit, charge_of


class BalanceKey(NamedTuple):
    """What identifies a balance."""

    budget: str
    subject: str
    unit: str
    start: int


class Account:
    """A balance that changes."""

    __slots__ = ("overrun", "reserved", "spent")

    def __init__(self, spent: int = 0, reserved: int = 0, overrun: int = 0) -> None:
        self.spent = spent
        self.reserved = reserved
        self.overrun = overrun

    def balance(self, key: BalanceKey) -> Balance:
        """Return its state."""
        return Balance(
            budget=key.budget,
            subject=key.subject,
            unit=Unit(key.unit),
            start=key.start,
            spent=self.spent,
            reserved=self.reserved,
            overrun=self.overrun,
        )


class Accounts:
    """Balances by their keys. A subclass loads those that it does not hold yet."""

    def __init__(self) -> None:
        self.held: dict[BalanceKey, Account] = {}

    def of(self, key: BalanceKey) -> Account:
        """Return an account, an empty one if nothing was ever claimed of it."""
        account = self.held.get(key)
        if account is None:
            account = self.held[key] = self.load(key)
        return account

    def load(self, key: BalanceKey) -> Account:
        """Return an account that is not held yet."""
        return Account()

    def shortage(self, claims: Iterable[Claim]) -> Shortage | None:
        """Return why claims cannot all be granted; `None` if they can."""
        taken: dict[BalanceKey, int] = {}
        for claim in claims:
            if claim.ceiling is None or not claim.amount:
                continue
            key = key_of(claim)
            account = self.of(key)
            spent = account.spent + self._carried(claim, key)
            reserved = account.reserved + taken.get(key, 0)
            if spent + reserved + claim.amount > claim.ceiling:
                return Shortage(claim=claim, spent=spent, reserved=reserved)
            taken[key] = taken.get(key, 0) + claim.amount
        return None

    def hold(self, claims: Sequence[Claim]) -> None:
        """Hold claims."""
        for claim in claims:
            self.of(key_of(claim)).reserved += claim.amount

    def left(self, claims: Iterable[Claim]) -> list[int]:
        """Return what is left below the ceiling of each claim that is held; 0 for one without a ceiling."""
        return [max(0, (claim.ceiling or 0) - self._counted(claim)) for claim in claims]

    def _counted(self, claim: Claim) -> int:
        """Return what is spent and reserved of what a claim is upon, as far as it was looked at."""
        key = key_of(claim)
        account, before = self.held.get(key), self.held.get(key._replace(start=key.start - MINUTE))
        carried = 0 if before is None else -(-before.spent * claim.previous_share // 1_000)
        return carried if account is None else carried + account.spent + account.reserved

    def settle(self, claim: Claim, record: AttemptRecord | None) -> int:
        """Spend what an attempt has used instead of what it held; `None`: that is not known. Return how much."""
        account = self.of(key_of(claim))
        account.reserved -= claim.amount
        charged = unknown_charge(claim) if record is None else charge_of(claim, record)
        self.charge(account, claim, charged)
        return charged

    def correct(self, claim: Claim, charged: int, record: AttemptRecord) -> int:
        """Spend what an attempt has used instead of what it was charged while that was not known. Return how much."""
        account = self.of(key_of(claim))
        actual = charge_of(claim, record)
        self.charge(account, claim, charged, sign=-1)
        self.charge(account, claim, actual)
        return actual

    @staticmethod
    def charge(account: Account, claim: Claim, charged: int, sign: int = 1) -> None:
        """Add to what is spent, and to the overrun what goes beyond the claim."""
        account.spent += sign * charged
        if claim.is_bound and charged > claim.amount:
            account.overrun += sign * (charged - claim.amount)

    def _carried(self, claim: Claim, key: BalanceKey) -> int:
        if not claim.previous_share:
            return 0
        before = self.of(key._replace(start=key.start - MINUTE)).spent
        return -(-before * claim.previous_share // 1_000)


def key_of(claim: Claim) -> BalanceKey:
    """Return the key of the balance of a claim."""
    return BalanceKey(claim.budget, claim.subject, claim.unit.value, claim.start)


def claim_of(row: Any) -> Claim:
    """Return the claim of a hold, as a database returns its row: values by the names of the columns."""
    return Claim(
        budget=row["budget"],
        subject=row["subject"],
        unit=Unit(row["unit"]),
        start=row["start"],
        amount=row["amount"],
        if_unknown=row["if_unknown"],
        is_bound=bool(row["is_bound"]),
    )


def unknown_charge(claim: Claim) -> int:
    """Return what is spent of a claim if nothing is known of how its attempt ended."""
    match claim.unit:
        case Unit.CONCURRENT:
            return 0
        case Unit.REQUESTS:
            return claim.amount
        case _:
            return claim.if_unknown
