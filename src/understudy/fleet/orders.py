"""What an operator orders of the entries of a gateway, and what follows for processes that start later."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec


class OrderKind(enum.StrEnum):
    """What is done to an entry."""

    OPEN = "open"
    """Ask it for nothing until `close`. Attempts under way go on."""
    CLOSE = "close"
    """Ask it again, and forget its failures and cooldowns."""
    DRAIN = "drain"
    """As `open`, and report when the last attempt under way has ended."""
    PROBE = "probe"
    """Check now whether it works, with calls that are not billed; if it does, end what is held against its keys."""


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe found."""

    ok: bool
    detail: str | None = None
    """What is wrong."""
    latency: float | None = None
    """Seconds of the call."""
    refused_keys: tuple[int, ...] = ()
    """Of a pool of keys, the positions of those that the provider refuses, from 1."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order of an operator."""

    number: int = 0
    """Rises with each order of the fleet; 0 while only the process that was asked obeys it, because it cannot be
    stored."""
    kind: OrderKind
    entry: str
    by: str
    """The name of the operator's key."""
    at: float
    """Unix seconds."""
    probe: ProbeResult | None = None
    """What a probe found; `None` for the other kinds."""

    @property
    def why(self) -> str:
        """Why an entry is not asked after this order."""
        return f"{'drained' if self.kind is OrderKind.DRAIN else 'disabled'} by {self.by}"


def standing(orders: Iterable[Order]) -> dict[str, Order]:
    """Return, by entry, the order that keeps it from being asked. `orders`: the oldest first."""
    found: dict[str, Order] = {}
    for order in orders:
        match order.kind:
            case OrderKind.OPEN | OrderKind.DRAIN:
                found[order.entry] = order
            case OrderKind.CLOSE:
                found.pop(order.entry, None)
            case OrderKind.PROBE:
                pass
    return found


KEPT = 200
"""Orders that are kept; of each entry also the latest that is no probe."""


def to_keep(orders: Iterable[Order]) -> list[Order]:
    """Return the orders that a store keeps. `orders`: the oldest first."""
    found = list(orders)
    latest = {order.entry: order.number for order in found if order.kind is not OrderKind.PROBE}
    return [each for at, each in enumerate(found) if at >= len(found) - KEPT or latest.get(each.entry) == each.number]
