"""The page of money."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, get_args

import msgspec

from understudy.client.keys import budgets_of_keys
from understudy.console.http import ConsoleError, Reply, Request
from understudy.console.listing import Listing, listed, matching
from understudy.console.pages.drawings import COLOURS, money_chart, money_parts
from understudy.console.pages.frame import page
from understudy.console.pages.unused import after_first_request
from understudy.console.routes import ConsoleRoute
from understudy.ledger.selection import By
from understudy.policy.allowances import period_at
from understudy.reports.budgets import SUBJECTS, BudgetResult, KeptBalance, kept_balances
from understudy.reports.money import MoneyReport, report_money

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.ledger import LedgerQueries

_DIMENSIONS = tuple(each for each in get_args(By) if each != "day")
_SPANS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"))
_MOST_DAYS = 92
_MONTH = 31
"""Days up to which a chart shows as many values as there are colours: the page is to be small."""


class MoneyQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the page."""

    by: str = "model"
    days: int = 30
    tag: str = ""
    """With `by=tag`, the name of the tag whose values are meant."""
    q: str = ""
    """Words of the budgets that are searched for."""
    page: int = 1
    """Of the budgets."""


async def show(request: Request, context: ConsoleContext) -> Reply:
    """Return the page."""
    asked = request.query_as(MoneyQuery)
    if asked.by not in _DIMENSIONS:
        raise ConsoleError(400, "invalid_value", f"by must be one of {', '.join(_DIMENSIONS)}", where="by")
    if not 1 <= asked.days <= _MOST_DAYS:
        raise ConsoleError(400, "invalid_value", f"days must be from 1 to {_MOST_DAYS}", where="days")
    now, by = context.clock(), msgspec.convert(asked.by, By)

    def money(queries: LedgerQueries) -> MoneyReport:
        limit = COLOURS if asked.days <= _MONTH else COLOURS // 2
        return report_money(queries, now=now, by=by, days=asked.days, limit=limit, tag=asked.tag or None)

    report, budgets = await asyncio.gather(context.ask(money), _budgets(context, asked, now))
    return page(
        request,
        "money.html",
        title="Money",
        now=now,
        report=report,
        chart=money_chart(report),
        parts=money_parts(report),
        dimensions=[(each, each) for each in _DIMENSIONS],
        spans=_SPANS,
        days=str(asked.days),
        budgets=budgets,
        asked=asked,
    )


async def _budgets(context: ConsoleContext, asked: MoneyQuery, now: float) -> Listing[BudgetResult]:
    """Return a page of the budgets, those of keys included, the fullest first."""

    def found(queries: LedgerQueries) -> Listing[BudgetResult]:
        every = (*context.config.allowance.budgets, *budgets_of_keys(context.config))
        periods = [(each.name, period_at(each.period, now).start) for each in every]
        kept = list(kept_balances(every, queries.largest_balances(periods, SUBJECTS), now))
        kept.sort(key=lambda each: -each.used)
        those = matching(kept, asked.q, lambda each: f"{each.budget.name} {each.balance.subject}")
        return listed(those, asked.page, total=len(kept)).of(KeptBalance.report)

    return await context.ask(found)


ROUTES = (ConsoleRoute(method="GET", path="/console/money", handler=after_first_request("money", "Money", show)),)
