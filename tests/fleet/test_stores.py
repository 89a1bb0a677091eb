"""What every store of a fleet does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from tests.fleet.made import Clock, order, snapshot, tally
from tests.ledger.conftest import postgres, postgres_url
from understudy.fleet.memory import MemoryFleet
from understudy.fleet.orders import KEPT, OrderKind
from understudy.fleet.postgres import PostgresFleet
from understudy.fleet.sqlite import SqliteFleet
from understudy.fleet.store import FINE, FORGOTTEN, HISTORY, QUARTER, FleetStore
from understudy.telemetry.snapshot import (
    Minute,
    RequestMinute,
    TargetState,
    Transition,
    add_requests,
    add_tallies,
    sum_tallies,
)

__all__ = ["postgres", "postgres_url"]


class Opened:
    """A store, and its time."""

    def __init__(self, store: FleetStore, wait: Callable[[float], None]) -> None:
        self.store = store
        self.wait = wait
        """Lets seconds pass, as the store counts them."""
        self.start = int(time.time() // 60 * 60)
        """When a minute began."""

    def minutes(self, since: float, until: float) -> tuple[Minute, ...]:
        """Return the minutes of a span of time."""
        return self.store.history(since, until).minutes

    def succeeded(self) -> int:
        """Return the successes of all processes, whether they have ended or not."""
        return sum(each.total.succeeded for one in self.store.members() for each in one.snapshot.targets)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Every store, empty."""
    clock = Clock(time.time())
    wait = partial(_advance, clock)
    store: FleetStore
    match request.param:
        case "memory":
            store = MemoryFleet(clock)
        case "sqlite":
            store = SqliteFleet(tmp_path / "ledger.db-fleet", clock=clock)
        case _:
            url = request.getfixturevalue("postgres").url
            store = PostgresFleet(url)
            wait = partial(_age, url)
    yield Opened(store, wait)
    store.close()


def _advance(clock: Clock, seconds: float) -> None:
    clock.now += seconds


def _age(url: str, seconds: float) -> None:
    async def age() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(f"UPDATE understudy.fleet_members SET heard = heard - INTERVAL '{seconds} seconds'")
        await connection.close()

    asyncio.run(age())


def test_a_process_replaces_what_it_reported(opened: Opened) -> None:
    now = opened.start
    assert opened.store.put(snapshot("a", now, tally(1)))
    assert opened.store.put(snapshot("b", now, tally(5)))
    opened.wait(1)
    assert opened.store.put(snapshot("a", now + 1, tally(2)))
    found = {each.snapshot.worker: each for each in opened.store.members()}
    assert {name: each.snapshot.targets[0].total.succeeded for name, each in found.items()} == {"a": 2, "b": 5}
    assert round(found["b"].age - found["a"].age) == 1
    assert not any(each.ended for each in found.values())


def test_a_process_that_reports_the_same_again_is_heard(opened: Opened) -> None:
    report = snapshot("a", opened.start + 1, tally(1))
    assert opened.store.put(report)
    opened.wait(100)
    for seconds in (2, 3, 70):
        assert opened.store.put(replace(report, at=opened.start + seconds))
        (found,) = opened.store.members()
        assert (found.age < 50, found.ended, opened.succeeded()) == (True, False, 1)
    assert opened.store.put(replace(report, at=opened.start + 71, targets=()))
    assert opened.succeeded() == 0
    assert opened.store.put(replace(report, at=opened.start + 72))
    assert opened.store.put(replace(report, at=opened.start + 73), ended=True)
    assert [(each.ended, opened.succeeded()) for each in opened.store.members()] == [(True, 1)]


def test_minutes_that_are_over_are_in_the_history_once(opened: Opened) -> None:
    start, put = opened.start, opened.store.put
    put(snapshot("a", start + 59, tally(3), {start: tally(3, 30)}))
    put(snapshot("b", start + 59, tally(4), {start: tally(4, 40)}))
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
    start, put = opened.start, opened.store.put
    put(snapshot("a", start, tally(3, boom=2), {start: tally(3, boom=2)}))
    put(snapshot("b", start, tally(4, boom=1)))
    put(snapshot("c", start, tally(5)))
    assert put(snapshot("a", start + 1, tally(4, boom=2), {start: tally(4, boom=2)}), ended=True)
    opened.store.end(["b"])
    assert {each.snapshot.worker for each in opened.store.members() if each.ended} == {"a", "b"}
    assert opened.succeeded() == 13
    opened.wait(FORGOTTEN + 1)
    put(snapshot("c", start + FORGOTTEN + 1, tally(6)))
    opened.store.sweep()
    (former,) = (each for each in opened.store.members() if each.ended)
    assert former.snapshot.worker == ""
    assert former.snapshot.targets[0].total == add_tallies(tally(4, boom=2), tally(4, boom=1))
    assert sum(each.count for each in former.snapshot.faces) == 8
    assert opened.succeeded() == 14
    assert not put(snapshot("b", start + FORGOTTEN + 1, tally(9))), "what it counts is with its instance already"
    assert opened.succeeded() == 14
    assert [each.tally for each in opened.minutes(start, start + 60)] == [tally(4, boom=2)]


def test_a_process_that_was_taken_for_dead_counts_once(opened: Opened) -> None:
    now = opened.start
    opened.store.put(snapshot("a", now, tally(3)))
    opened.store.end(["a"])
    assert opened.store.put(snapshot("a", now + 30, tally(4)))
    (found,) = opened.store.members()
    assert (found.ended, found.snapshot.targets[0].total.succeeded) == (False, 4)


def test_an_instance_without_processes_is_forgotten(opened: Opened) -> None:
    opened.store.put(snapshot("a", opened.start, tally(3)))
    opened.wait(FORGOTTEN + 1)
    opened.store.sweep()
    assert opened.store.members() == []


def test_a_model_that_generates_and_embeds_has_one_minute(opened: Opened) -> None:
    start = opened.start
    one = snapshot("a", start + 30, minutes={start: tally(1)})
    opened.store.put(replace(one, minutes=one.minutes * 2))
    assert [each.tally.succeeded for each in opened.minutes(start, start + 60)] == [2]


def test_the_history_ends_after_a_day(opened: Opened) -> None:
    start = opened.start
    kept, old = (start - HISTORY) // QUARTER * QUARTER + 2 * QUARTER, start - HISTORY - 300
    opened.store.put(snapshot("a", start, minutes={old: tally(1), kept: tally(2), start: tally(3)}))
    assert [each.start for each in opened.minutes(0, 2e9)] == [old, kept, start]
    opened.store.sweep()
    assert [each.start for each in opened.minutes(0, 2e9)] == [kept, start]


def test_minutes_are_summed_up_after_a_while(opened: Opened) -> None:
    """By the quarter of an hour; what they come to stays, also if more is added later."""
    start = opened.start
    quarter = (start - FINE) // QUARTER * QUARTER - QUARTER
    fine = start - FINE + 300
    minutes = {quarter - 60: tally(1), quarter: tally(2, 5), quarter + 840: tally(4, 7, boom=1), fine: tally(8)}
    request = RequestMinute(start=quarter + 60, outcomes={"answered": 3})
    change = Transition(at=quarter + 70, entry="one", model="m", state=TargetState.OPEN, worker="a")
    opened.store.put(snapshot("a", start, minutes=minutes, requests=(request,), changes=(change,)))
    before = opened.minutes(0, 2e9)
    opened.store.sweep()
    found = opened.store.history(0, 2e9)
    expected = add_tallies(tally(2, 5), tally(4, 7, boom=1))
    assert [(each.start, each.tally) for each in found.minutes] == [
        (quarter - QUARTER, tally(1)), (quarter, expected), (fine, tally(8)),
    ]  # fmt: skip
    assert [(each.start, each.outcomes) for each in found.requests] == [(quarter, {"answered": 3})]
    assert found.changes == (change,)
    assert sum_tallies(each.tally for each in before) == sum_tallies(each.tally for each in found.minutes)
    opened.store.put(snapshot("b", start, minutes={quarter + 120: tally(16)}))
    opened.store.sweep()
    opened.store.sweep()
    assert [each.tally.succeeded for each in opened.minutes(quarter, quarter + QUARTER)] == [22]


def test_requests_and_changes_have_a_history_too(opened: Opened) -> None:
    start, put = opened.start, opened.store.put
    one = RequestMinute(start=start, outcomes={"answered": 3, "failed": 1})
    other = RequestMinute(start=start, outcomes={"answered": 5, "refused": 2})
    change = Transition(at=start + 7, entry="one", model="m", state=TargetState.OPEN, why="boom", worker="a")
    put(snapshot("a", start + 30, requests=(one,), changes=(change,)))
    put(snapshot("b", start + 90, requests=(other,)))
    put(snapshot("a", start + 90, requests=(one,), changes=(change,)))
    found = opened.store.history(start, start + 60)
    assert (found.requests, found.changes) == ((add_requests(one, other),), (change,))
    assert opened.store.history(start + 60, start + 120).changes == ()


def test_orders_are_numbered_and_found_by_those_who_have_not_seen_them(opened: Opened) -> None:
    kinds = [OrderKind.OPEN, OrderKind.PROBE, OrderKind.CLOSE]
    given = [opened.store.order(order(kind)) for kind in kinds]
    assert [each.kind for each in opened.store.orders()] == kinds
    assert given[0].number < given[1].number < given[2].number
    assert opened.store.orders(given[0].number) == given[1:]
    assert opened.store.orders(given[2].number) == []


def test_what_stands_is_kept_however_many_orders_follow(opened: Opened) -> None:
    stands = opened.store.order(order(OrderKind.DRAIN, "two"))
    for at in range(KEPT + 10):
        opened.store.order(order(OrderKind.PROBE, at=at))
    opened.store.sweep()
    found = opened.store.orders()
    assert len(found) == KEPT + 1
    assert found[0] == stands
    assert opened.store.order(order(OrderKind.PROBE)).number > found[-1].number


def test_nothing_is_known_at_first(opened: Opened) -> None:
    assert (opened.store.members(), opened.store.orders(), opened.minutes(0, 2e9)) == ([], [], ())
