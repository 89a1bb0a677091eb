"""What every store of a fleet does."""

from __future__ import annotations

import pytest

from tests.fleet.made import Clock, order, snapshot, tally
from understudy.fleet.memory import MemoryFleet
from understudy.fleet.orders import KEPT, OrderKind
from understudy.fleet.store import FORGOTTEN, HISTORY, FleetStore
from understudy.telemetry.snapshot import Minute, Tally, add_tallies


class Opened:
    """A store, and the clock it reads."""

    def __init__(self, store: FleetStore, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    def minutes(self, since: float, until: float) -> tuple[Minute, ...]:
        """Return the minutes of a span of time."""
        return self.store.history(since, until).minutes

    def succeeded(self) -> int:
        """Return the successes of all processes, whether they have ended or not."""
        return sum(each.total.succeeded for one in self.store.members() for each in one.snapshot.targets)


@pytest.fixture
def opened() -> Opened:
    clock = Clock()
    return Opened(MemoryFleet(clock), clock)


def test_a_process_replaces_what_it_reported(opened: Opened) -> None:
    now = opened.clock.now
    assert opened.store.put(snapshot("a", now, tally(1)), joins=True)
    assert opened.store.put(snapshot("b", now, tally(5)), joins=True)
    opened.clock.now += 1
    assert opened.store.put(snapshot("a", now + 1, tally(2)))
    found = {each.snapshot.worker: each for each in opened.store.members()}
    assert {name: each.snapshot.targets[0].total.succeeded for name, each in found.items()} == {"a": 2, "b": 5}
    assert round(found["b"].age - found["a"].age) == 1
    assert not any(each.ended for each in found.values())


def test_minutes_that_are_over_are_in_the_history_once(opened: Opened) -> None:
    start = int(opened.clock.now)
    put, clock = opened.store.put, opened.clock
    put(snapshot("a", start + 59, tally(3), {start: tally(3, 30)}), joins=True)
    put(snapshot("b", start + 59, tally(4), {start: tally(4, 40)}), joins=True)
    clock.now = start + 61
    put(snapshot("a", start + 61, tally(6), {start: tally(5, 50), start + 60: tally(1, 10)}))
    # It did not learn that its minute is in the history, and reports it again.
    put(snapshot("a", start + 62, tally(6), {start: tally(5, 50), start + 60: tally(1, 10)}))
    found = opened.minutes(start, start + 120)
    assert [(each.start, each.tally) for each in found] == [
        (start, add_tallies(tally(5, 50), tally(4, 40))),
        (start + 60, tally(1, 10)),
    ]
    assert [each.start for each in opened.minutes(start + 60, start + 120)] == [start + 60]


def test_totals_of_processes_that_ended_stay_with_their_instance(opened: Opened) -> None:
    put, clock = opened.store.put, opened.clock
    start = int(clock.now)
    put(snapshot("a", start, tally(3, boom=2), {start: tally(3, boom=2)}), joins=True)
    put(snapshot("b", start, tally(4, boom=1)), joins=True)
    put(snapshot("c", start, tally(5)), joins=True)
    assert put(snapshot("a", start + 1, tally(4, boom=2), {start: tally(4, boom=2)}), ended=True)
    opened.store.end(["b"])
    assert {each.snapshot.worker for each in opened.store.members() if each.ended} == {"a", "b"}
    assert opened.succeeded() == 13
    clock.now += FORGOTTEN + 1
    put(snapshot("c", clock.now, tally(6)))
    opened.store.sweep()
    (former,) = (each for each in opened.store.members() if each.ended)
    assert former.snapshot.worker == ""
    assert former.snapshot.targets[0].total == add_tallies(tally(4, boom=2), tally(4, boom=1))
    assert sum(each.count for each in former.snapshot.faces) == 8
    assert opened.succeeded() == 14
    assert not put(snapshot("b", clock.now, tally(9))), "what it counts is with its instance already"
    assert opened.succeeded() == 14
    assert [each.tally for each in opened.minutes(start, start + 60)] == [tally(4, boom=2)]


def test_a_process_that_was_taken_for_dead_counts_once(opened: Opened) -> None:
    now = opened.clock.now
    opened.store.put(snapshot("a", now, tally(3)), joins=True)
    opened.store.end(["a"])
    assert opened.store.put(snapshot("a", now + 30, tally(4)))
    (found,) = opened.store.members()
    assert (found.ended, found.snapshot.targets[0].total.succeeded) == (False, 4)


def test_an_instance_without_processes_is_forgotten(opened: Opened) -> None:
    opened.store.put(snapshot("a", opened.clock.now, tally(3)), joins=True)
    opened.clock.now += FORGOTTEN + 1
    opened.store.sweep()
    assert opened.store.members() == []


def test_the_history_ends_after_a_day(opened: Opened) -> None:
    start = int(opened.clock.now)
    opened.store.put(snapshot("a", start + 60, minutes={start: tally(1)}), joins=True)
    opened.clock.now = start + HISTORY - 60
    opened.store.sweep()
    assert len(opened.minutes(0, 2e9)) == 1
    opened.clock.now = start + HISTORY + 60
    opened.store.sweep()
    assert opened.minutes(0, 2e9) == ()


def test_orders_are_numbered_and_found_by_those_who_have_not_seen_them(opened: Opened) -> None:
    kinds = [OrderKind.OPEN, OrderKind.PROBE, OrderKind.CLOSE]
    given = [opened.store.order(order(kind)) for kind in kinds]
    assert [each.kind for each in opened.store.orders()] == kinds
    assert given[0].number < given[1].number < given[2].number
    assert opened.store.orders(given[0].number) == given[1:]
    assert opened.store.orders(given[2].number) == []


def test_what_stands_is_kept_however_many_orders_follow(opened: Opened) -> None:
    stands = opened.store.order(order(OrderKind.DRAIN, "two"))
    for _ in range(KEPT + 10):
        opened.store.order(order(OrderKind.PROBE))
    opened.store.sweep()
    found = opened.store.orders()
    assert len(found) == KEPT + 1
    assert found[0] == stands
    assert opened.store.order(order(OrderKind.PROBE)).number > found[-1].number


def test_nothing_is_known_at_first(opened: Opened) -> None:
    assert (opened.store.members(), opened.store.orders(), opened.minutes(0, 2e9)) == ([], [], ())
    assert not opened.store.put(snapshot("a", opened.clock.now, Tally()))
