"""What was used and what budgets leave, as the command line shows it: for the API and the pages alike."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from understudy.client.keys import budgets_of_keys
from understudy.console.http import ConsoleError
from understudy.domain.errors import Misuse
from understudy.ledger.selection import By, LedgerSelection
from understudy.reports.budgets import MOST, BudgetResult, read_budgets
from understudy.reports.selecting import FILTERS, select
from understudy.reports.usage import UsageResult, report_sums

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.ledger import LedgerQueries


class SelectionQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which attempts are meant: those of a span of time that agree with every value that is set."""

    since: str | None = None
    """`30m`, `24h`, `7d` or `2w` ago, or an ISO date or time, which is UTC without an offset."""
    until: str | None = None
    """As `since`; what began before."""
    provider: str | None = None
    """Name of the entry."""
    model: str | None = None
    target: str | None = None
    """`entry/model`, or an entry alone."""
    key: str | None = None
    agent: str | None = None
    request_class: str | None = msgspec.field(name="class", default=None)
    session: str | None = None
    route: str | None = None
    task: str | None = None
    state: str | None = None
    """`succeeded`, `failed`, `aborted`, `started` or `unknown`: that of an attempt."""
    outcome: str | None = None
    """How the request ended: `answered`, `recovered`, `failed`, …"""
    failure: str | None = None
    """A kind of failure, such as `rate_limited`."""
    tag: str | None = None
    """`name=value`."""

    def selection(self, now: float, since: str | None = None) -> LedgerSelection:
        """Return what is selected. `since`: what applies if nothing is set. Raise `ConsoleError`."""
        given: dict[str, str] = {**({} if since is None else {"since": since}), **msgspec.to_builtins(self)}
        try:
            return select(given, datetime.fromtimestamp(now, UTC))
        except (Misuse, OverflowError) as error:
            where = re.split(r"\W", str(error), maxsplit=1)[0]
            raise ConsoleError(400, "invalid_value", str(error), where=where if where in FILTERS else None) from None


class UsageQuery(SelectionQuery, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
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
    """The balances of all budgets in their present periods: of each budget the largest 10,000, the largest first."""

    budgets: tuple[BudgetResult, ...]


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
        return BudgetList(budgets=read_budgets(queries, all_, context.clock(), MOST))

    return await context.ask(found)


def _importance(result: UsageResult) -> tuple[float, int, str]:
    """Return what sorts the dearest first, then what was used most."""
    return -float(result.cost_usd), -(result.input_tokens + result.output_tokens), result.value
