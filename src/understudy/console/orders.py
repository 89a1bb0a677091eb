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


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """Orders."""

    orders: tuple[Order, ...]
    """The latest, the newest first."""
    standing: dict[str, Order]
    """By entry, the order that keeps it from being asked."""


async def order(context: ConsoleContext, operator: Operator, kind: OrderKind, entry: str) -> Order:
    """Order something of an entry; all processes obey within seconds. Raise `ConsoleError`."""
    try:
        return await context.fleet.order(kind, entry, operator.name)
    except Misuse as error:
        raise ConsoleError(404, "unknown_entry", error.message, where="entry") from None
    except FleetUnavailable as error:
        raise _unavailable(error) from error


async def list_orders(context: ConsoleContext) -> OrderList:
    """Return the latest orders, and those that stand. Raise `ConsoleError`."""
    try:
        found = await context.fleet.orders()
    except FleetUnavailable as error:
        raise _unavailable(error) from error
    return OrderList(orders=tuple(reversed(found)), standing=dict(context.fleet.standing))


def _unavailable(error: FleetUnavailable) -> ConsoleError:
    message = f"the processes of the gateway cannot share orders at the moment: {error}"
    return ConsoleError(503, "fleet_unavailable", message)
