"""Where the processes of a fleet keep what they share: the protocol, and what is the same in every store."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

import msgspec
from msgspec.structs import replace

from understudy.fleet.orders import Order
from understudy.telemetry.snapshot import (
    FaceTally,
    Minute,
    RequestMinute,
    Snapshot,
    TargetSnapshot,
    Transition,
    add_requests,
    add_tallies,
    sum_tallies,
)

MINUTE = 60
HISTORY = 24 * 3600
"""Seconds for which minutes are kept."""
FINE = 2 * 3600
"""Seconds for which they are kept one by one; those before are summed up by `QUARTER`, so that a day is read soon."""
QUARTER = 15 * MINUTE
FORGOTTEN = 600.0
"""Seconds after which a process that is not heard of any more is removed; its totals stay with its instance."""


class FleetUnavailable(Exception):
    """The store cannot be read or written at this moment."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the fleet, as it was last heard of."""

    snapshot: Snapshot
    age: float
    """Seconds since then, by the clock of the store."""
    ended: bool = False
    """Whether it has ended: its totals are final. The totals of processes that were removed count as one such member
    of their instance, whose `worker` is empty."""


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened in some minutes."""

    minutes: tuple[Minute, ...] = ()
    """By time and target."""
    requests: tuple[RequestMinute, ...] = ()
    """By time."""
    changes: tuple[Transition, ...] = ()
    """By time."""

    def within(self, since: float, until: float) -> History:
        """Return what belongs to the minutes that begin in a span of time."""
        return History(
            minutes=tuple(each for each in self.minutes if since <= each.start < until),
            requests=tuple(each for each in self.requests if since <= each.start < until),
            changes=tuple(each for each in self.changes if since <= start_of(each.at) < until),
        )

    def by_minute(self) -> dict[int, History]:
        """Return the history of each minute by itself."""
        counted = {each.start for each in self.minutes} | {each.start for each in self.requests}
        starts = sorted(counted | {start_of(each.at) for each in self.changes})
        return {start: self.within(start, start + MINUTE) for start in starts}


class FleetStore(Protocol):
    """Keeps what processes share. All methods block, and raise `FleetUnavailable`."""

    is_instant: bool
    """Whether no method takes noticeable time, so that an event loop may call it."""

    def put(self, snapshot: Snapshot, *, ended: bool = False) -> bool:
        """Keep what a process reports of itself, in place of its last report, and move its minutes that are over to the
        history, each once. Return false, with nothing kept, if the process was removed meanwhile.

        `ended`: it reports for the last time.
        """
        ...

    def members(self) -> list[Member]:
        """Return all processes, those that have ended or are silent included."""
        ...

    def end(self, workers: Collection[str]) -> None:
        """Note that processes were found to have ended."""
        ...

    def sweep(self) -> None:
        """Remove what is too old: processes, minutes and orders; and sum up minutes that are older than `FINE`."""
        ...

    def order(self, order: Order) -> Order:
        """Keep an order; return it with its number."""
        ...

    def orders(self, after: int = 0) -> list[Order]:
        """Return the orders with a higher number, the oldest first."""
        ...

    def history(self, since: float, until: float) -> History:
        """Return what happened in the minutes that begin in a span of time, of all processes together; those before
        `FINE` are quarters of an hour."""
        ...

    def close(self) -> None:
        """Close the file or connection, which the next use opens again."""
        ...


# ---- what stores make of snapshots ----


def history_of(snapshot: Snapshot) -> History:
    """Return what of a snapshot belongs to the history."""
    return History(minutes=snapshot.minutes, requests=snapshot.requests, changes=snapshot.changes)


def split(snapshot: Snapshot, filed: int) -> tuple[Snapshot, History]:
    """Return a snapshot as it is kept, and what of it is over and belongs to the history.

    `filed`: until when the minutes of this process are in the history already, because it did not learn that they are.
    """
    now, whole = start_of(snapshot.at), history_of(snapshot)
    rest = whole.within(max(now, filed), math.inf)
    kept = replace(snapshot, minutes=rest.minutes, requests=rest.requests, changes=rest.changes)
    return kept, whole.within(filed, now)


def joined(parts: Iterable[History]) -> History:
    """Return several histories as one: of the same minutes, what they came to together."""
    found = list(parts)
    return History(
        minutes=merged(each for part in found for each in part.minutes),
        requests=merged_requests(each for part in found for each in part.requests),
        changes=tuple(sorted((each for part in found for each in part.changes), key=lambda each: each.at)),
    )


def quarters_of(minutes: Mapping[int, History], now: float) -> dict[int, History]:
    """Return what a store keeps instead of minutes that are no longer kept one by one, by the start of each quarter of
    an hour. `minutes`: those by their start, the quarters that are kept already included."""
    found: dict[int, list[History]] = {}
    for start, each in minutes.items():
        quarter = start // QUARTER * QUARTER
        if quarter + QUARTER <= now - FINE:
            found.setdefault(quarter, []).append(_at(quarter, each))
    return {start: joined(parts) for start, parts in found.items()}


def _at(start: int, history: History) -> History:
    """Return what happened as if it had happened in one minute; changes stay when they were."""
    return History(
        minutes=tuple(replace(each, start=start) for each in history.minutes),
        requests=tuple(replace(each, start=start) for each in history.requests),
        changes=history.changes,
    )


def start_of(seconds: float) -> int:
    """Return when the minute of a moment began."""
    return int(seconds // MINUTE) * MINUTE


def merged(minutes: Iterable[Minute]) -> tuple[Minute, ...]:
    """Return minutes with one of each target at each time, by time and target."""
    found: dict[tuple[int, str, str], list[Minute]] = {}
    for each in minutes:
        found.setdefault((each.start, each.entry, each.model or ""), []).append(each)
    return tuple(
        same[0] if len(same) == 1 else replace(same[0], tally=sum_tallies(each.tally for each in same))
        for _, same in sorted(found.items())
    )


def merged_requests(minutes: Iterable[RequestMinute]) -> tuple[RequestMinute, ...]:
    """Return minutes with one at each time, by time."""
    found: dict[int, list[RequestMinute]] = {}
    for each in minutes:
        found.setdefault(each.start, []).append(each)
    return tuple(functools.reduce(add_requests, found[start]) for start in sorted(found))


def totals_of(former: Snapshot | None, removed: Snapshot) -> Snapshot:
    """Return the totals of processes of one instance that were removed, as those of one. `former`: those so far."""
    found = [removed] if former is None else [former, removed]
    targets: dict[tuple[str, str | None, str], TargetSnapshot] = {}
    faces: dict[tuple[str, str, int], FaceTally] = {}
    for one in found:
        for target in one.targets:
            name = (target.entry, target.model, target.operation)
            known = targets.get(name)
            targets[name] = TargetSnapshot(
                entry=target.entry,
                model=target.model,
                provider_type=target.provider_type,
                operation=target.operation,
                total=target.total if known is None else add_tallies(known.total, target.total),
            )
        for face in one.faces:
            answer = (face.face, face.outcome, face.status)
            counted = faces.get(answer)
            faces[answer] = (
                face
                if counted is None
                else replace(face, count=counted.count + face.count, latency=counted.latency + face.latency)
            )
    return replace(
        removed,
        worker="",
        under_way=0,
        waiting=0,
        targets=tuple(targets.values()),
        stand_ins=(),
        faces=tuple(faces.values()),
        minutes=(),
        requests=(),
        changes=(),
    )
