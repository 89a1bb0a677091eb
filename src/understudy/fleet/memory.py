"""The store of a gateway of one process that keeps no ledger: in its memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from msgspec.structs import replace

from understudy.fleet.orders import Order, to_keep
from understudy.fleet.store import (
    FORGOTTEN,
    HISTORY,
    QUARTER,
    History,
    Member,
    history_of,
    joined,
    quarters_of,
    split,
    start_of,
    totals_of,
)
from understudy.telemetry.snapshot import Snapshot


class _Kept:
    """What is kept of a process."""

    __slots__ = ("ended", "filed", "heard", "snapshot")

    def __init__(self, snapshot: Snapshot, heard: float, filed: int, ended: bool) -> None:
        self.snapshot = snapshot
        self.heard = heard
        self.filed = filed
        self.ended = ended


class MemoryFleet:
    """Keeps what processes share, for as long as this one lives."""

    is_instant = True

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock`: Unix seconds."""
        self._clock = clock
        self._members: dict[str, _Kept] = {}
        self._removed: dict[str, Snapshot] = {}
        """By instance, the totals of its processes that were removed."""
        self._gone: dict[str, str] = {}
        """Those processes, each with its instance."""
        self._orders: list[Order] = []
        self._history: dict[int, History] = {}
        self._number = 0

    def put(self, snapshot: Snapshot, *, ended: bool = False) -> bool:
        """Keep what a process reports; see `FleetStore`."""
        if snapshot.worker in self._gone:
            return False
        known = self._members.get(snapshot.worker)
        filed = known.filed if known is not None else 0
        kept, over = split(snapshot, filed)
        self._file(over)
        filed = max(filed, start_of(snapshot.at))
        self._members[snapshot.worker] = _Kept(kept, self._clock(), filed, ended)
        return True

    def members(self) -> list[Member]:
        """Return all processes; see `FleetStore`."""
        now = self._clock()
        found = [
            Member(snapshot=each.snapshot, age=max(0.0, now - each.heard), ended=each.ended)
            for each in self._members.values()
        ]
        return found + [Member(snapshot=each, age=0.0, ended=True) for each in self._removed.values()]

    def end(self, workers: Collection[str]) -> None:
        """Note that processes were found to have ended."""
        for worker in workers:
            if (known := self._members.get(worker)) is not None:
                known.ended = True

    def sweep(self) -> None:
        """Remove what is too old: processes, minutes and orders."""
        now = self._clock()
        for worker, each in tuple(self._members.items()):
            if now - each.heard > FORGOTTEN:
                del self._members[worker]
                self._file(history_of(each.snapshot))
                instance = each.snapshot.instance
                self._removed[instance] = totals_of(self._removed.get(instance), each.snapshot)
                self._gone[worker] = instance
        living = {each.snapshot.instance for each in self._members.values()}
        self._removed = {name: each for name, each in self._removed.items() if name in living}
        self._gone = {worker: instance for worker, instance in self._gone.items() if instance in living}
        oldest = now - HISTORY
        self._history = {start: each for start, each in self._history.items() if start >= oldest}
        # Only where minutes are left: this is done on the event loop.
        fine = {start // QUARTER for start in self._history if start % QUARTER}
        quarters = quarters_of({start: each for start, each in self._history.items() if start // QUARTER in fine}, now)
        rest = {start: each for start, each in self._history.items() if start // QUARTER * QUARTER not in quarters}
        self._history = quarters | rest
        self._orders = to_keep(self._orders)

    def order(self, order: Order) -> Order:
        """Keep an order; return it with its number."""
        self._number += 1
        numbered = replace(order, number=self._number)
        self._orders.append(numbered)
        return numbered

    def orders(self, after: int = 0) -> list[Order]:
        """Return the orders with a higher number, the oldest first."""
        return [each for each in self._orders if each.number > after]

    def history(self, since: float, until: float) -> History:
        """Return what happened in a span of time; see `FleetStore`."""
        found = {start: [each] for start, each in self._history.items() if since <= start < until}
        for each in self._members.values():
            for start, own in history_of(each.snapshot).within(since, until).by_minute().items():
                found.setdefault(start, [History()]).append(own)
        # What is kept is in order, and each minute by itself: to join all of a day would hold the event loop up.
        parts = [same[0] if len(same) == 1 else joined(same) for _, same in sorted(found.items())]
        changes = (change for part in parts for change in part.changes if since <= start_of(change.at) < until)
        return History(
            minutes=tuple(each for part in parts for each in part.minutes),
            requests=tuple(each for part in parts for each in part.requests),
            changes=tuple(sorted(changes, key=lambda change: change.at)),
        )

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _file(self, history: History) -> None:
        for start, each in history.by_minute().items():
            self._history[start] = joined([self._history.get(start, History()), each])
