"""Orders of operators to the targets of the gateway: for the API and the pages alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.console.http import ConsoleError, Operator
from understudy.domain.errors import Misuse
from understudy.fleet.orders import Order, OrderKind
from understudy.fleet.store import FleetUnavailable

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


class GivenOrder(Order, frozen=True, kw_only=True):
    """An order that was given just now."""

    is_stored: bool
    """Whether all processes obey it within seconds; else only the one that was asked does, until the store is back."""


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """Orders."""

    orders: tuple[Order, ...]
    """The latest, the newest first."""
    standing: dict[str, Order]
    """By entry, the order that keeps it from being asked."""


async def order(context: ConsoleContext, operator: Operator, kind: OrderKind, entry: str) -> GivenOrder:
    """Order something of an entry; all processes obey within seconds, this one always. Raise `ConsoleError`."""
    try:
        given = await context.fleet.order(kind, entry, operator.name)
    except Misuse as error:
        raise ConsoleError(404, "unknown_entry", error.message, where="entry") from None
    return GivenOrder(**msgspec.structs.asdict(given), is_stored=given.number > 0)


async def list_orders(context: ConsoleContext) -> OrderList:
    """Return the latest orders, and those that stand. Raise `ConsoleError`."""
    try:
        found = await context.fleet.orders()
    except FleetUnavailable as error:
        message = f"the processes of the gateway cannot share orders at the moment: {error}"
        raise ConsoleError(503, "fleet_unavailable", message) from error
    return OrderList(orders=tuple(reversed(found)), standing=dict(context.fleet.standing))
