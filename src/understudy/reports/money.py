"""The report of money: what was spent today and this month, by day and by owner, and what budgets leave."""

from __future__ import annotations

import msgspec

from understudy.reports.budgets import BudgetResult
from understudy.reports.usage import UsageResult


class PeriodResult(msgspec.Struct, frozen=True, kw_only=True):
    """A day or a month in UTC, and the one before it as a whole."""

    name: str
    """`day` or `month`."""
    since: float
    """Unix seconds of its beginning, and of its end."""
    until: float
    elapsed: float
    """The part of it that is over, from 0 to 1."""
    usage: UsageResult
    """So far."""
    before: UsageResult
    """Of the whole period before."""


class DayResult(msgspec.Struct, frozen=True, kw_only=True):
    """One day of UTC. Costs are as far as they are known."""

    day: str
    """`2026-11-29`."""
    cost_usd: str
    """Of all."""
    parts_usd: tuple[str, ...]
    """Of each of the `values`, in their order."""
    other_usd: str
    """Of all other values."""
    none_usd: str
    """Of what belongs to no value, such as requests of no session."""
    requests: int
    attempts: int
    unknown_costs: int
    """Attempts whose cost is not known."""


class MoneyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent."""

    at: float
    """Unix seconds of the report."""
    today: PeriodResult
    month: PeriodResult
    by: str
    """What the days are split by: `model`, `provider`, `key`, `session`, `route`, `agent`, `tag`, …"""
    since: float
    """Unix seconds: the days from then until `until`."""
    until: float
    total: UsageResult
    """Of all these days."""
    unknown_share: float | None
    """The part of these days' attempts whose cost is not known, from 0 to 1; `None` without attempts."""
    values: tuple[UsageResult, ...]
    """Of the dearest values, the dearest first."""
    other: UsageResult | None
    """Of all other values together; `None` if there are none. Its `value` is how many they are."""
    none: UsageResult | None
    """Of what belongs to no value; `None` if there is nothing."""
    overlaps: bool
    """Whether one attempt may count for several values, as tags do: then parts add up to more than the total."""
    days: tuple[DayResult, ...]
    """Every day, also those without requests."""
    budgets: tuple[BudgetResult, ...]
