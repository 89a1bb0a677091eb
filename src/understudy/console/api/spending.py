"""Usage and budgets, in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.console import spending
from understudy.console.http import Request
from understudy.console.routes import ConsoleRoute
from understudy.console.spending import BudgetList, UsageList, UsageQuery

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


async def _usage(request: Request, context: ConsoleContext) -> UsageList:
    return await spending.usage(context, request.query_as(UsageQuery))


async def _budgets(request: Request, context: ConsoleContext) -> BudgetList:
    return await spending.budgets(context)


ROUTES = (
    ConsoleRoute(
        method="GET",
        path="/admin/v1/usage",
        handler=_usage,
        says="what was used, added up by day, model, key or another thing",
        query=UsageQuery,
        answer=UsageList,
    ),
    ConsoleRoute(
        method="GET",
        path="/admin/v1/budgets",
        handler=_budgets,
        says="what is spent, reserved and left of each budget",
        answer=BudgetList,
    ),
)
