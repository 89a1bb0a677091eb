"""The orders of operators as one process gives and obeys them, also while the store that all share is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from understudy.fleet.orders import Order, OrderKind, standing
from understudy.fleet.store import FleetStore, FleetUnavailable

log = logging.getLogger("understudy.gateway")
T = TypeVar("T")

LATE = 5.0
"""Seconds after which an order that was not stored at once gives way to later ones of the same entry, by the clocks of
the machines."""


class InThread(Protocol):
    """Does what may block, in the thread of a store, and returns the result."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """Return what `work` returns, or raise what it raises."""
        ...


class Ordering:
    """What one process knows of orders."""

    def __init__(
        self, store: FleetStore, in_thread: InThread, obey: Callable[[Order, Mapping[str, Order]], None]
    ) -> None:
        """`obey`: see `MemberProcess`."""
        self._store = store
        self._in_thread = in_thread
        self._obey = obey
        self._follows = False
        """Whether the orders that stand are known."""
        self._unstored: list[Order] = []
        """Orders of this process that no other one knows."""
        self.obeyed = 0
        """The number of the latest order that is obeyed."""
        self.standing: dict[str, Order] = {}
        """By entry, the order that keeps it from being asked."""

    @property
    def unstored(self) -> int:
        """How many orders wait to be stored."""
        return len(self._unstored)

    async def give(self, order: Order) -> Order:
        """Store an order, and obey it; return it with its number. Raise `FleetUnavailable` if that is not possible now:
        then `share` tries again."""
        try:
            if not self._follows:
                await self.follow()
            stored = await self._in_thread(lambda: self._stored(order))
        except FleetUnavailable:
            self._unstored.append(order)
            raise
        if stored is None:
            log.warning("order to %s %r by %r: a later one has taken its place", order.kind, order.entry, order.by)
        else:
            found = "" if stored.probe is None else f": {'it works' if stored.probe.ok else stored.probe.detail}"
            log.info("order %d: %s %r by %r%s", stored.number, stored.kind, stored.entry, stored.by, found)
        await self.follow()
        return stored or order

    def obey_alone(self, order: Order) -> None:
        """Obey an order that is not stored yet."""
        log.warning("order to %s %r by %r: only this process obeys it so far", order.kind, order.entry, order.by)
        self.standing = standing([*self.standing.values(), order])
        self._obey(order, self.standing)

    async def share(self) -> None:
        """Store what could not be stored before. Raise `FleetUnavailable`."""
        while self._unstored:
            await self.give(self._unstored.pop(0))

    async def follow(self) -> None:
        """Obey the orders that are new. Of those before this process began, only what stands concerns it. Raise
        `FleetUnavailable`."""
        after, began = self.obeyed, self._follows
        found = await self._in_thread(lambda: self._store.orders(after))
        self._follows = True
        fresh = [order for order in found if order.number > self.obeyed]
        if not fresh:
            return
        self.obeyed = fresh[-1].number
        self.standing = standing([*self.standing.values(), *fresh])
        for order in fresh if began else self.standing.values():
            self._obey(order, self.standing)

    def _stored(self, order: Order) -> Order | None:
        """Store an order; return `None` if it comes late, and another operator has ordered something since. Block."""
        if time.time() > order.at + LATE and order.kind is not OrderKind.PROBE:
            same = (each for each in self._store.orders() if each.entry == order.entry)
            if any(each.at > order.at and each.kind is not OrderKind.PROBE for each in same):
                return None
        return self._store.order(order)
