"""Orders of operators, in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.console import orders
from understudy.console.http import Request
from understudy.console.orders import GivenOrder, OrderList
from understudy.console.routes import ConsoleRoute
from understudy.fleet.orders import OrderKind

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be done to an entry."""

    kind: OrderKind
    """`open` asks it for nothing until `close`; `drain` does the same and reports the end of its last attempt; `probe`
    checks it now."""
    entry: str
    """Name of the entry."""
    confirm: bool = False
    """Whether it is meant for the last entry that may be asked, too: without it such an `open` or `drain` is refused
    with 409, because requests fail afterwards."""


async def _list(request: Request, context: ConsoleContext) -> OrderList:
    return await orders.list_orders(context)


async def _order(request: Request, context: ConsoleContext) -> GivenOrder:
    asked = await request.json_as(NewOrder)
    return await orders.order(context, request.operator, asked.kind, asked.entry, confirmed=asked.confirm)


ROUTES = (
    ConsoleRoute(
        method="GET", path="/admin/v1/orders", handler=_list, says="the latest orders of operators", answer=OrderList
    ),
    ConsoleRoute(
        method="POST",
        path="/admin/v1/orders",
        handler=_order,
        scope="operate",
        says="open, close, drain or probe an entry, in all processes",
        body=NewOrder,
        answer=GivenOrder,
        status=201,
    ),
)
