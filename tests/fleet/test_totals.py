"""Whichever process of a gateway is asked: no total is lower than in any answer before."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.fleet.made import Clock, snapshot, tally
from understudy.fleet.fleet import Fleet, InstanceTotals
from understudy.fleet.memory import MemoryFleet
from understudy.fleet.orders import Order, ProbeResult
from understudy.fleet.store import FleetUnavailable, Member
from understudy.telemetry.snapshot import Snapshot


class Busy:
    """A process that answers another request whenever it is looked at."""

    def __init__(self, worker: str, clock: Clock) -> None:
        self.worker = worker
        self.count = 0
        self._clock = clock

    def snapshot(self) -> Snapshot:
        self.count += 1
        return snapshot(self.worker, self._clock(), tally(self.count))

    def filed(self, before: int) -> None: ...

    def begin_anew(self) -> None:
        self.worker, self.count = f"{self.worker}'", 0

    def has_entry(self, name: str) -> bool:
        return True

    def obey(self, order: Order, stands: Mapping[str, Order]) -> None: ...

    async def probe(self, entry: str) -> ProbeResult:
        return ProbeResult(ok=True)


class Cut(MemoryFleet):
    """A store that can be written, and not be read."""

    def members(self) -> list[Member]:
        raise FleetUnavailable("it is away")


def total(found: InstanceTotals) -> int:
    return sum(each.targets[0].total.succeeded for each in (*found.live, *found.ended))


async def test_totals_never_fall_from_one_process_to_the_other() -> None:
    clock = Clock()
    store = MemoryFleet(clock)
    fleets = [Fleet(Busy(name, clock), store) for name in ("a", "b")]
    seen = 0
    for turn in range(20):
        for fleet in fleets:
            if turn == 10 and fleet is fleets[1]:
                clock.now += 5_000.0
                await fleets[0].instance_totals()
                store.sweep()  # this one was silent for so long that it is removed, and begins anew
            now = total(await fleet.instance_totals())
            assert now > seen
            seen = now


async def test_what_is_stated_was_stored() -> None:
    clock = Clock()
    store = MemoryFleet(clock)
    found = await Fleet(Busy("a", clock), store).instance_totals()
    assert [each.snapshot for each in store.members()] == list(found.live)


async def test_totals_are_unknown_while_the_other_processes_cannot_be_read() -> None:
    clock = Clock()
    fleet = Fleet(Busy("a", clock), Cut(clock))
    with pytest.raises(FleetUnavailable):
        await fleet.instance_totals()
    assert len(await fleet.snapshots()) == 1
