"""How pages show budgets, limits and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from understudy.console.pages.formats import counted, dollars, share, words
from understudy.reports.budgets import BudgetResult
from understudy.reports.money import PeriodResult


class Use(NamedTuple):
    """Parts of a budget's ceiling: 1 is all of it."""

    spent: float
    reserved: float

    @property
    def total(self) -> float:
        """What is spent and reserved."""
        return self.spent + self.reserved


def budget_use(budget: BudgetResult) -> Use:
    """Return how much of a budget is used. Of a ceiling of nothing, everything is."""
    ceiling = Decimal(budget.max_usd)
    if not ceiling:
        return Use(1.0, 0.0)
    return Use(float(Decimal(budget.spent_usd) / ceiling), float(Decimal(budget.reserved_usd) / ceiling))


def budget_words(fields: Mapping[str, Any]) -> str:
    """Return the fields of a key's budget in words: `$5 a day, then cheaper`."""
    period = {"day": "a day", "month": "a month", "total": "in all"}.get(str(fields.get("period", "total")), "")
    per = " for each session" if fields.get("per") == "session" else ""
    then = ", then cheaper" if fields.get("on_exceeded") == "cheaper" else ""
    return f"{dollars(str(fields['max']).replace('$', '') or '0')} {period}{per}{then}"


def limit_words(fields: Mapping[str, Any]) -> str:
    """Return the fields of a key's limit in words: `60 requests per minute, 4 concurrent`."""
    return ", ".join(f"{value:,} {words(name)}" for name, value in fields.items() if isinstance(value, int))


def pace(period: PeriodResult) -> str:
    """Return how what is spent so far compares to the same part of the period before."""
    before = Decimal(period.before.cost_usd) * Decimal(str(period.elapsed))
    if not before:
        return counted(period.before.requests, "request")
    ratio = float(Decimal(period.usage.cost_usd) / before)
    named = "yesterday" if period.name == "day" else "last month"
    if 0.95 <= ratio <= 1.05:
        return f"this one is on the pace of {named}"
    if ratio >= 2:
        return f"pace {ratio:,.1f} × that of {named}"
    return f"pace {share(abs(ratio - 1))} {'above' if ratio > 1 else 'below'} {named}"


FILTERS = {each.__name__: each for each in (budget_use, budget_words, limit_words)}
"""What templates call."""
