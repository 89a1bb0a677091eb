"""One process of a fleet: what it reports, what it sees of the others, and how it obeys."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from tests.fleet.made import Clock, order, snapshot, tally
from understudy.domain.errors import Misuse
from understudy.fleet import fleet as module
from understudy.fleet import ordering
from understudy.fleet.fleet import SILENT, Fleet
from understudy.fleet.memory import MemoryFleet
from understudy.fleet.orders import Order, OrderKind, ProbeResult
from understudy.fleet.store import FORGOTTEN, FleetStore, FleetUnavailable, History, Member
from understudy.telemetry.snapshot import Snapshot


class Process:
    """A process that counts as it is told to."""

    def __init__(self, worker: str, clock: Clock) -> None:
        self.worker = worker
        self.clock = clock
        self.succeeded = 0
        self.filed_before = 0
        self.obeyed: list[tuple[OrderKind, str]] = []
        self.stands: dict[str, Order] = {}
        self.found = ProbeResult(ok=True)

    def snapshot(self) -> Snapshot:
        return snapshot(self.worker, self.clock.now, tally(self.succeeded))

    def filed(self, before: int) -> None:
        self.filed_before = before

    def begin_anew(self) -> None:
        self.worker += "'"
        self.succeeded = 0

    def has_entry(self, name: str) -> bool:
        return name in ("one", "two")

    def obey(self, order: Order, stands: Mapping[str, Order]) -> None:
        self.obeyed.append((order.kind, order.entry))
        self.stands = dict(stands)

    async def probe(self, entry: str) -> ProbeResult:
        return self.found


class Failing(MemoryFleet):
    """A store that fails while it is told to."""

    fails = False

    def put(self, snapshot: Snapshot, *, ended: bool = False) -> bool:
        self._check()
        return super().put(snapshot, ended=ended)

    def members(self) -> list[Member]:
        self._check()
        return super().members()

    def history(self, since: float, until: float) -> History:
        self._check()
        return super().history(since, until)

    def order(self, order: Order) -> Order:
        self._check()
        return super().order(order)

    def orders(self, after: int = 0) -> list[Order]:
        self._check()
        return super().orders(after)

    def _check(self) -> None:
        if self.fails:
            raise FleetUnavailable("the disk is full")


class Running:
    """Some processes over one store, in virtual time."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = Failing(self.clock)

    def start(self, worker: str) -> tuple[Fleet, Process]:
        process = Process(worker, self.clock)
        return Fleet(process, self.store, clock=self.clock), process


@pytest.fixture
def running() -> Running:
    return Running()


def workers(snapshots: list[Snapshot]) -> list[str]:
    return [each.worker for each in snapshots]


async def test_processes_see_each_other_while_they_report(running: Running) -> None:
    (a, _), (b, _) = running.start("a"), running.start("b")
    await a.step()
    await b.step()
    assert workers(await a.snapshots()) == ["a", "b"]
    assert workers(await b.snapshots()) == ["b", "a"]
    running.clock.now += SILENT + 1
    await a.step()
    assert workers(await a.snapshots()) == ["a"]
    silent = {each.snapshot.worker: each for each in await a.members()}["b"]
    assert (silent.ended, silent.age > SILENT) == (False, True)
    await b.step()
    running.clock.now += 1
    assert workers(await a.snapshots()) == ["a", "b"]


async def test_a_process_that_leaves_is_seen_no_more_and_counted_for_ever(running: Running) -> None:
    (a, _), (b, other) = running.start("a"), running.start("b")
    await a.step()
    other.succeeded = 7
    await b.leave()
    assert workers(await a.snapshots()) == ["a"], "it never reported"
    await b.step()
    await b.leave()
    running.clock.now += 1
    assert workers(await a.snapshots()) == ["a"]
    totals = await a.instance_totals()
    assert (workers(list(totals.live)), workers(list(totals.ended))) == (["a"], ["b"])
    assert totals.ended[0].targets[0].total.succeeded == 7


async def test_a_process_that_was_removed_begins_anew(running: Running) -> None:
    (a, _), (b, other) = running.start("a"), running.start("b")
    await a.step()
    other.succeeded = 7
    await b.step()
    running.clock.now += FORGOTTEN + 1
    await a.step()
    running.store.sweep()
    other.succeeded = 9
    await b.step()
    assert (other.worker, other.succeeded) == ("b'", 0)
    other.succeeded = 2
    await b.step()
    totals = await a.instance_totals()
    found = [each.targets[0].total.succeeded for each in (*totals.live, *totals.ended)]
    assert sorted(found) == [0, 2, 7]


async def test_orders_are_obeyed_by_all_in_their_order(running: Running) -> None:
    (a, mine), (b, other) = running.start("a"), running.start("b")
    await a.join()
    await b.join()
    first = await a.order(OrderKind.OPEN, "one", "ann")
    await b.order(OrderKind.DRAIN, "two", "bob")
    await a.step()
    assert mine.obeyed == other.obeyed == [(OrderKind.OPEN, "one"), (OrderKind.DRAIN, "two")]
    assert (first.by, first.why) == ("ann", "disabled by ann")
    assert {name: each.by for name, each in b.standing.items()} == {"one": "ann", "two": "bob"}
    await b.order(OrderKind.CLOSE, "one", "bob")
    await a.step()
    assert mine.obeyed[-1] == (OrderKind.CLOSE, "one")
    assert set(mine.stands) == {"two"}
    assert a.snapshot().obeyed == (await a.orders())[-1].number


async def test_the_first_order_is_obeyed_whatever_it_is(running: Running) -> None:
    """Also by a process that did not look for orders before."""
    a, mine = running.start("a")
    await a.order(OrderKind.CLOSE, "one", "ann")
    assert mine.obeyed == [(OrderKind.CLOSE, "one")]


async def test_a_process_that_starts_later_obeys_what_stands(running: Running) -> None:
    a, _ = running.start("a")
    await a.order(OrderKind.OPEN, "one", "ann")
    await a.order(OrderKind.DRAIN, "two", "ann")
    await a.order(OrderKind.PROBE, "two", "ann")
    latest = await a.order(OrderKind.CLOSE, "one", "ann")
    b, other = running.start("b")
    await b.join()
    assert other.obeyed == [(OrderKind.DRAIN, "two")]
    assert b.snapshot().obeyed == latest.number


async def test_a_probe_is_made_once_and_its_result_known_to_all(running: Running) -> None:
    (a, mine), (b, other) = running.start("a"), running.start("b")
    await b.join()
    mine.found = ProbeResult(ok=False, detail="no route to host")
    found = await a.order(OrderKind.PROBE, "one", "ann")
    assert found.probe == mine.found
    await b.step()
    assert other.obeyed == [(OrderKind.PROBE, "one")]
    assert (await b.orders())[-1].probe == mine.found


async def test_an_order_for_an_unknown_entry_is_refused(running: Running) -> None:
    a, _ = running.start("a")
    with pytest.raises(Misuse, match="no entry is called 'three'"):
        await a.order(OrderKind.OPEN, "three", "ann")
    assert await a.orders() == []


async def test_a_store_that_fails_is_survived(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    (a, _), (b, _) = running.start("a"), running.start("b")
    await b.step()
    await a.step()
    assert workers(await a.snapshots()) == ["a", "b"]
    running.store.fails = True
    running.clock.now += 2
    for _ in range(3):
        await a.step()
    assert a.trouble == "the disk is full"
    assert len([each for each in caplog.records if "cannot share" in each.message]) == 1
    assert workers(await a.snapshots()) == ["a", "b"], "as it was read last"
    running.clock.now += SILENT
    assert workers(await a.snapshots()) == ["a"]
    running.store.fails = False
    await a.step()
    assert a.trouble is None


async def test_an_order_that_cannot_be_stored_is_obeyed_at_once_and_stored_later(running: Running) -> None:
    (a, mine), (b, other) = running.start("a"), running.start("b")
    await a.join()
    await b.join()
    running.store.fails = True
    given = await a.order(OrderKind.OPEN, "one", "ann")
    assert (given.number, mine.obeyed, other.obeyed) == (0, [(OrderKind.OPEN, "one")], [])
    await a.step()
    assert {name: each.by for name, each in a.standing.items()} == {"one": "ann"}
    running.store.fails = False
    await a.step()
    await b.step()
    assert other.obeyed == [(OrderKind.OPEN, "one")]
    assert [(each.number, each.at) for each in await b.orders()] == [(1, given.at)]
    assert a.standing == b.standing
    assert a.standing["one"].number == 1


async def test_an_order_that_is_stored_late_gives_way_to_a_later_one(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    (a, mine), (b, other) = running.start("a"), running.start("b")
    await a.join()
    await b.join()
    running.store.fails = True
    given = await a.order(OrderKind.OPEN, "one", "ann")
    await a.order(OrderKind.DRAIN, "two", "ann")
    running.store.fails = False
    for each in (OrderKind.CLOSE, OrderKind.PROBE):
        running.store.order(replace(order(each), at=given.at + 1))
    monkeypatch.setattr(ordering, "LATE", -60.0)
    await a.step()
    await b.step()
    assert set(a.standing) == set(b.standing) == {"two"}
    assert (OrderKind.OPEN, "one") not in other.obeyed
    assert mine.obeyed[-1][0] is not OrderKind.OPEN


async def test_an_order_in_a_store_that_hangs_is_obeyed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    store, process = Hanging(), Process("a", Clock())
    fleet = Fleet(process, store)
    async with asyncio.timeout(30):
        given = await fleet.order(OrderKind.OPEN, "one", "ann")
        assert (given.number, process.obeyed) == (0, [(OrderKind.OPEN, "one")])
        store.go_on.set()
        await fleet.step()
    assert [each.at for each in store.orders()] == [given.at], "once"
    assert fleet.standing["one"].number == 1
    await fleet.leave()


async def test_what_stands_when_the_store_is_away_at_the_start_is_obeyed_later(running: Running) -> None:
    a, _ = running.start("a")
    await a.order(OrderKind.OPEN, "one", "ann")
    running.store.fails = True
    b, other = running.start("b")
    await b.join()
    assert other.obeyed == []
    running.store.fails = False
    await b.step()
    assert other.obeyed == [(OrderKind.OPEN, "one")]


class Hanging(MemoryFleet):
    """A store that hangs until it is let go."""

    is_instant = False

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def orders(self, after: int = 0) -> list[Order]:
        self.go_on.wait(30)
        return super().orders(after)


async def test_neither_start_nor_end_waits_for_a_store_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JOINING", 0.01)
    monkeypatch.setattr(module, "LEAVING", 0.01)
    store = Hanging()
    fleet = Fleet(Process("a", Clock()), store)
    await fleet.join()
    assert fleet.trouble == "no answer in time"
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await fleet.leave()
    ticking.cancel()
    assert ticks > 0, "the loop ran meanwhile"
    store.go_on.set()


async def test_whoever_looks_does_not_wait_for_a_store_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOKING", "READING"):
        monkeypatch.setattr(module, name, 0.05)
    store = Hanging()
    fleet = Fleet(Process("a", Clock()), store)
    following = asyncio.create_task(fleet.step())  # the thread hangs from now on
    async with asyncio.timeout(30):
        while not fleet._reported:  # pyright: ignore[reportPrivateUsage]
            await asyncio.sleep(0.001)
        with pytest.raises(FleetUnavailable, match="no answer in time"):
            await fleet.history(0, 120)
        assert [each.worker for each in await fleet.snapshots()] == ["a"]
        assert fleet.trouble == "no answer in time"
        store.go_on.set()
        await following
        await fleet.step()
        assert fleet.trouble is None
        await fleet.history(0, 120)


async def test_what_one_process_obeys_twice_is_done_once(running: Running) -> None:
    """Looks for orders may overlap."""
    a, mine = running.start("a")
    await a.join()
    store: FleetStore = running.store
    store.order(replace(order(OrderKind.OPEN), at=1.0))
    await asyncio.gather(a.step(), a.step(), a.order(OrderKind.DRAIN, "two", "ann"))
    assert mine.obeyed == [(OrderKind.OPEN, "one"), (OrderKind.DRAIN, "two")]
