"""Orders of operators to the targets of the gateway: for the API and the pages alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.console.http import ConsoleError, Operator
from understudy.domain.errors import Misuse
from understudy.fleet.orders import Order, OrderKind
from understudy.fleet.store import FleetUnavailable, History
from understudy.reports.now import now_report
from understudy.telemetry.snapshot import TargetState

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


_VERBS = {OrderKind.OPEN: "take out", OrderKind.DRAIN: "drain"}
"""What is done by orders after which an entry is not asked."""


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


async def order(
    context: ConsoleContext, operator: Operator, kind: OrderKind, entry: str, *, confirmed: bool
) -> GivenOrder:
    """Order something of an entry; all processes obey within seconds, this one always. Raise `ConsoleError`.

    Unless it is `confirmed`, the last entry that may be asked is not taken out.
    """
    if not confirmed and await is_last(context, kind, entry):
        message = f'no other entry may be asked at this moment: send "confirm": true to {_VERBS[kind]} {entry!r} anyway'
        raise ConsoleError(409, "last_entry", message, where="confirm")
    try:
        given = await context.fleet.order(kind, entry, operator.name)
    except Misuse as error:
        raise ConsoleError(404, "unknown_entry", error.message, where="entry") from None
    return GivenOrder(**msgspec.structs.asdict(given), is_stored=given.number > 0)


async def is_last(context: ConsoleContext, kind: OrderKind, entry: str) -> bool:
    """Check whether no entry may be asked after an order. An order for an unknown entry is refused anyway."""
    if kind not in _VERBS:
        return False
    targets = now_report(await context.fleet.members(), History(), context.clock()).targets
    asked = any(each.entry != entry and each.state in (TargetState.CLOSED, TargetState.HALF_OPEN) for each in targets)
    return not asked and any(each.entry == entry for each in targets)


async def list_orders(context: ConsoleContext) -> OrderList:
    """Return the latest orders, and those that stand. Raise `ConsoleError`."""
    try:
        found = await context.fleet.orders()
    except FleetUnavailable as error:
        message = f"the processes of the gateway cannot share orders at the moment: {error}"
        raise ConsoleError(503, "fleet_unavailable", message) from error
    return OrderList(orders=tuple(reversed(found)), standing=dict(context.fleet.standing))
