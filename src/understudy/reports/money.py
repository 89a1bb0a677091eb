"""The report of money: what was spent today and this month, by day and by owner, and what budgets leave."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import replace

from understudy.domain.money import dollars
from understudy.ledger.lasting import LedgerQueries
from understudy.ledger.pages import DailyUsage
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sql import ALL
from understudy.ledger.sums import DAY, UsageSums
from understudy.reports.budgets import BudgetResult, read_budgets
from understudy.reports.usage import UsageResult, report_sums
from understudy.settings.budgets import Budget

_NOTHING = UsageSums()


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
    """Of all other values together; `None` if there are none."""
    none: UsageResult | None
    """Of what belongs to no value; `None` if there is nothing."""
    overlaps: bool
    """Whether one attempt may count for several values, as tags do: then parts add up to more than the total."""
    days: tuple[DayResult, ...]
    """Every day, also those without requests."""
    budgets: tuple[BudgetResult, ...]


def report_money(  # noqa: PLR0913 - what is asked, each by its name
    queries: LedgerQueries,
    *,
    now: float,
    by: By = "model",
    days: int = 30,
    limit: int = 8,
    selection: LedgerSelection = ALL,
    tag: str | None = None,
    budgets: Sequence[Budget] = (),
) -> MoneyReport:
    """Return what was spent. Days are those of UTC, and `now` is in Unix seconds.

    `by`: what the last `days` are split by, today included; `limit`: values that are shown. `tag`: with `by="tag"` the
    name of one tag, so that only its values are meant. `selection`: only what agrees with it; its span is not used.
    By session, and with filters of a state, an outcome or a failure, entries are added up one by one. `budgets`: whose
    balances are reported.
    """
    today, month = _day(now), _month(now)
    until, since = today[1], today[1] - max(1, days) * DAY
    span = replace(selection, since=since, until=until)
    found = queries.daily(by, span, limit=limit, prefix=f"{tag}=" if tag and by == "tag" else "")
    sums, earlier = found.days, min(_month(month[0] - 1)[0], today[0] - DAY)
    if earlier < since:
        sums = {**queries.usage("day", replace(selection, since=earlier, until=since)), **found.days}
    total = _added(found.days.values())
    overlaps = by == "tag" and not tag
    shown, valued = _added(found.values.values()), _added(found.valued.values())
    other, none = valued + -shown, UsageSums() if overlaps else total + -valued
    return MoneyReport(
        at=now,
        today=_period("day", today, now, sums),
        month=_period("month", month, now, sums),
        by=by,
        since=since,
        until=until,
        total=report_sums("", total),
        unknown_share=total.unpriced / total.attempts if total.attempts else None,
        values=tuple(report_sums(value, each) for value, each in found.values.items()),
        other=report_sums("", other) if other.attempts else None,
        none=report_sums("", none) if none.attempts else None,
        overlaps=overlaps,
        days=tuple(_of_day(day, found, overlaps=overlaps) for day in _dates(since, until)),
        budgets=read_budgets(queries, budgets, now),
    )


def _of_day(day: str, found: DailyUsage, *, overlaps: bool) -> DayResult:
    total, valued = found.days.get(day, _NOTHING), found.valued.get(day, _NOTHING)
    parts = [found.parts.get((day, value), _NOTHING).cost for value in found.values]
    return DayResult(
        day=day,
        cost_usd=_usd(total.cost),
        parts_usd=tuple(map(_usd, parts)),
        other_usd=_usd(valued.cost - sum(parts)),
        none_usd=_usd(0 if overlaps else total.cost - valued.cost),
        requests=total.requests,
        attempts=total.attempts,
        unknown_costs=total.unpriced,
    )


def _period(name: str, span: tuple[float, float], now: float, sums: Mapping[str, UsageSums]) -> PeriodResult:
    since, until = span
    before = _month(since - 1)[0] if name == "month" else since - DAY
    return PeriodResult(
        name=name,
        since=since,
        until=until,
        elapsed=min(1.0, max(0.0, (now - since) / (until - since))),
        usage=report_sums("", _added(sums.get(day, _NOTHING) for day in _dates(since, until))),
        before=report_sums("", _added(sums.get(day, _NOTHING) for day in _dates(before, since))),
    )


def _day(moment: float) -> tuple[float, float]:
    """Return the beginning and the end of the day of a moment."""
    since = moment // DAY * DAY
    return since, since + DAY


def _month(moment: float) -> tuple[float, float]:
    first = datetime.fromtimestamp(moment, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.timestamp(), (first + timedelta(days=32)).replace(day=1).timestamp()


def _dates(since: float, until: float) -> list[str]:
    """Return the days of a span of whole days, as they are written."""
    return [datetime.fromtimestamp(moment, UTC).date().isoformat() for moment in range(int(since), int(until), DAY)]


def _added(sums: Iterable[UsageSums]) -> UsageSums:
    return functools.reduce(operator.add, sums, _NOTHING)


def _usd(nano_usd: int) -> str:
    return dollars(nano_usd)
