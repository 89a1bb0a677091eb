"""Reports of budgets: what is spent, reserved and left in the period that is under way."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from understudy.domain.money import Money
from understudy.ledger.holds import Balance, Unit
from understudy.policy.allowances import period_at
from understudy.settings.budgets import Budget

if TYPE_CHECKING:
    from understudy.ledger.lasting import LedgerQueries


SUBJECTS = 100
"""Balances of each budget that are read where people look at a few: there may be one for each session."""
MOST = 10_000
"""Balances of each budget that are read where all are wanted, at most."""


class BudgetResult(msgspec.Struct, frozen=True, kw_only=True):
    """One balance of a budget, in US dollars."""

    budget: str
    subject: str
    """Whose it is, such as the name of a key; empty for all."""
    period: str
    spent_usd: str
    reserved_usd: str
    """Of attempts under way: the most that they can cost; nothing of a budget that is not hard."""
    left_usd: str
    max_usd: str
    overrun_usd: str = "0"
    """What providers charged beyond what was reserved; included in what is spent."""
    resets: int | None = None
    """Unix seconds; `None` if it never does."""


def read_budgets(
    queries: LedgerQueries, budgets: Sequence[Budget], now: float, limit: int = SUBJECTS
) -> tuple[BudgetResult, ...]:
    """Read the balances of budgets in their present periods (`now`: Unix seconds), each budget's largest first and at
    most `limit` of them. Those of former periods are not read."""
    periods = [(each.name, period_at(each.period, now).start) for each in budgets]
    return tuple(report_budgets(budgets, queries.largest_balances(periods, limit) if periods else (), now))


def report_budgets(budgets: Iterable[Budget], balances: Iterable[Balance], now: float) -> Iterator[BudgetResult]:
    """Yield the balances of budgets in their present periods (`now`: Unix seconds), each budget's largest first."""
    return (each.report() for each in kept_balances(budgets, balances, now))


class KeptBalance(NamedTuple):
    """A budget and one of its balances."""

    budget: Budget
    balance: Balance
    resets: int | None

    @property
    def used(self) -> float:
        """The part of the budget that is spent or reserved; of one without any money, all is."""
        ceiling = self.budget.ceiling
        return (self.balance.spent + self._reserved) / ceiling if ceiling else math.inf

    @property
    def _reserved(self) -> int:
        # What holds of a budget that is not hard ask for is a mark, a billionth each, that something is left.
        return self.balance.reserved if self.budget.hard else 0

    def report(self) -> BudgetResult:
        """Report it, in US dollars."""
        balance, ceiling = self.balance, self.budget.ceiling
        return BudgetResult(
            budget=self.budget.name,
            subject=balance.subject,
            period=self.budget.period,
            spent_usd=_usd(balance.spent),
            reserved_usd=_usd(self._reserved),
            left_usd=_usd(max(0, ceiling - balance.spent - self._reserved)),
            max_usd=_usd(ceiling),
            overrun_usd=_usd(balance.overrun),
            resets=self.resets,
        )


def kept_balances(budgets: Iterable[Budget], balances: Iterable[Balance], now: float) -> Iterator[KeptBalance]:
    """Yield each budget with its balances in its present period (`now`: Unix seconds), each budget's largest first."""
    known = defaultdict[tuple[str, int], list[Balance]](list)
    for balance in balances:
        if balance.unit is Unit.MONEY:
            known[balance.budget, balance.start].append(balance)
    for budget in budgets:
        span = period_at(budget.period, now)
        found = known.get((budget.name, span.start), [])
        if not found and budget.per == "all":
            found = [Balance(budget=budget.name, subject="", unit=Unit.MONEY, start=span.start)]
        for one in sorted(found, key=lambda each: (-each.spent - each.reserved, each.subject)):
            yield KeptBalance(budget, one, span.end)


def _usd(nano_usd: int) -> str:
    return f"{Money(nano_usd).usd.normalize():f}"
