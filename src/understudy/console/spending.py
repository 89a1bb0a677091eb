"""What was used and what budgets leave, as the command line shows it: for the API and the pages alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from understudy.client.keys import budgets_of_keys
from understudy.console.http import ConsoleError
from understudy.ledger.selection import By, LedgerSelection, parse_time
from understudy.reports.budgets import BudgetResult, report_budgets
from understudy.reports.usage import UsageResult, report_sums

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.ledger import LedgerQueries


class SelectionQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries are meant: those of a span of time that agree with every value that is set."""

    since: str | None = None
    """`30m`, `24h`, `7d` or `2w` ago, an ISO date or time, or Unix seconds."""
    until: str | None = None
    """As `since`; entries that began before."""
    provider: str | None = None
    """Name of the entry."""
    model: str | None = None
    key: str | None = None
    agent: str | None = None
    request_class: str | None = None
    session: str | None = None
    route: str | None = None
    task: str | None = None
    state: str | None = None
    """`succeeded`, `failed`, `aborted`, `started` or `unknown`: that of an attempt."""
    tag: str | None = None
    """`name=value`."""

    def selection(self, now: float, since: str | None = None) -> LedgerSelection:
        """Return what is selected. `since`: what applies if nothing is set. Raise `ConsoleError`."""
        names = (name for name in LedgerSelection.__struct_fields__ if name not in ("since", "until"))
        begin, end = self.since or since, self.until
        return LedgerSelection(
            since=None if begin is None else moment(begin, now, "since"),
            until=None if end is None else moment(end, now, "until"),
            **{name: getattr(self, name) for name in names},
        )


class UsageQuery(SelectionQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is added up."""

    by: By = "day"


class UsageList(msgspec.Struct, frozen=True, kw_only=True):
    """Sums by one thing."""

    by: str
    since: float | None
    """Unix seconds."""
    until: float | None
    usage: tuple[UsageResult, ...]
    """Days in order; of anything else the dearest first."""


class BudgetList(msgspec.Struct, frozen=True, kw_only=True):
    """The balances of all budgets in their present periods."""

    budgets: tuple[BudgetResult, ...]


def moment(text: str, now: float, where: str) -> float:
    """Return a time that was written in one of the forms of `SelectionQuery`. Raise `ConsoleError`."""
    try:
        return float(text) if text.replace(".", "", 1).isdigit() else parse_time(text, datetime.fromtimestamp(now, UTC))
    except (ValueError, OverflowError):
        message = f"{where} must be a time such as 30m, 24h, 7d, 2026-11-01 or Unix seconds, got {text[:80]!r}"
        raise ConsoleError(400, "invalid_value", message, where=where) from None


async def usage(context: ConsoleContext, asked: UsageQuery) -> UsageList:
    """Return sums; of the last 30 days unless a span is set."""
    selection = asked.selection(context.clock(), "30d")
    found = await context.ask(lambda queries: queries.usage(asked.by, selection))
    results = [report_sums(value, sums) for value, sums in found.items()]
    results.sort(key=(lambda each: (each.value,)) if asked.by == "day" else _importance)
    return UsageList(by=asked.by, since=selection.since, until=selection.until, usage=tuple(results))


async def budgets(context: ConsoleContext) -> BudgetList:
    """Return the balances of the configured budgets, and of those of virtual keys."""

    def found(queries: LedgerQueries) -> BudgetList:
        config = context.config
        all_ = (*config.allowance.budgets, *budgets_of_keys(config))
        return BudgetList(budgets=tuple(report_budgets(all_, queries.all_balances(), context.clock())))

    return await context.ask(found)


def _importance(result: UsageResult) -> tuple[float, int, str]:
    """Return what sorts the dearest first, then what was used most."""
    return -float(result.cost_usd), -(result.input_tokens + result.output_tokens), result.value
