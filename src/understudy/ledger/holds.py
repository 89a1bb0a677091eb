"""What an attempt may take of budgets and limits, reserved before it is sent and settled by its record.

    reserve(start, claims) ──> all held and the entry `started`, in one transaction; or a `Shortage`, and nothing
    record(attempt)        ──> the entry's end and the settling of its holds, in one transaction
    the lease is over      ──> the entry is `unknown`, and its holds are spent: what it has cost is not known

A balance is `(budget, subject, unit, start)` with what was `spent` and what is `reserved`. At every commit `spent` is
the sum of what settled attempts were charged, and `reserved` the sum of what is held for those under way.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Sequence
from typing import Protocol

import msgspec

from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis
from understudy.domain.misuse import LLMError


class Unit(enum.StrEnum):
    """What a balance counts."""

    MONEY = "money"
    """Nano-USD, of a budget's period."""
    REQUESTS = "requests"
    """Attempts that were sent, of a minute."""
    TOKENS = "tokens"
    """Of prompts and answers, of a minute."""
    CONCURRENT = "concurrent"
    """Attempts under way: nothing is ever spent."""


MINUTE = 60
"""Seconds of the window of `REQUESTS` and `TOKENS`."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt takes of one balance.

    It is granted if `spent + reserved + carried + amount <= ceiling`, where `carried` is the share of the window before
    (`previous_share` thousandths of what was spent in it, rounded up); and always if it has no ceiling or is nothing.
    """

    budget: str
    """The id of the budget or limit."""
    subject: str
    """The value it is kept for, such as the name of a key; empty for all."""
    unit: Unit = Unit.MONEY
    start: int = 0
    """Unix seconds at which the period or window began; 0 if it never ends."""
    amount: int
    """What is held while the attempt is under way: of money the most that it can cost."""
    ceiling: int | None = None
    """`None`: it is only counted."""
    if_unknown: int = 0
    """What is spent if it is not known what the attempt has used: of a hard budget all that is held."""
    is_bound: bool = True
    """Whether no attempt should use more than is held: what goes beyond it is an overrun."""
    previous_share: int = 0
    """Thousandths of the window before that still count, so that a limit holds across the edge of two windows."""


def charge_of(claim: Claim, record: AttemptRecord) -> int:
    """Return what a balance is charged for an attempt that has ended."""
    if record.cost_basis is CostBasis.NOT_SENT or claim.unit is Unit.CONCURRENT:
        return 0
    if claim.unit is Unit.REQUESTS:
        return claim.amount
    if claim.unit is Unit.MONEY:
        return claim.if_unknown if record.cost is None else record.cost.amount.nano_usd
    used = record.usage.total
    if used is not None:
        return used
    return 0 if record.cost_basis is CostBasis.REFUSED else claim.if_unknown


class Shortage(msgspec.Struct, frozen=True, kw_only=True):
    """The first of the claims that was not granted, and the state of its balance."""

    claim: Claim
    spent: int
    """The carried share of the window before included."""
    reserved: int
    note: str = ""
    """What else is to be said of it, such as that only a share of the limit applies."""

    @property
    def left(self) -> int:
        """How much could still be claimed."""
        return max(0, (self.claim.ceiling or 0) - self.spent - self.reserved)


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one balance."""

    budget: str
    subject: str
    unit: Unit
    start: int
    spent: int = 0
    reserved: int = 0
    overrun: int = 0
    """Of what was spent, how much went beyond what was held: 0 unless a provider charged more than was thought
    possible."""


class LedgerUnavailable(LLMError):
    """The ledger cannot be used at the moment, so nothing may be spent, and no virtual key can be checked."""


class Holds(Protocol):
    """A ledger that keeps budgets and limits."""

    def reserve(
        self, start: AttemptStart, claims: Sequence[Claim], *, durable: bool, left: list[int] | None = None
    ) -> Awaitable[Shortage | None]:
        """Hold all claims of an attempt and keep its beginning, or do nothing and return why.

        `durable`: it must survive a power cut before this returns. A second call for the same attempt holds nothing
        more and returns `None`. `left`: a list that is given what is left below the ceiling of each claim, once all are
        held. If the caller gives up waiting, it records the attempt as not sent, which frees what
        may have been held. Raise `LedgerUnavailable` if the ledger cannot be written.
        """
        ...

    def record(self, attempt: AttemptRecord) -> None:
        """Keep how an attempt ended, and settle its holds by what it has used. Must not block."""
        ...

    def balances(self, keys: Sequence[tuple[str, str, Unit, int]]) -> Awaitable[list[Balance]]:
        """Return the balances of `(budget, subject, unit, start)`; empty ones for those that nothing was claimed of."""
        ...


class SharedLimits(Protocol):
    """Holds whose limits are kept in a server by its own clock, or by this process alone while that is away."""

    def limits_clock(self) -> float:
        """Return the time by which limits are counted, in Unix seconds."""
        ...

    def limited_alone(self, attempt_id: str) -> str | None:
        """Return why this process has granted the limits of an attempt by itself; `None` if it has not."""
        ...
