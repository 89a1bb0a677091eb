"""Sums by place: what is filtered is what its entries come to, whatever of them was added when, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.ledger.contract.stores import Postgres, Sqlite, Store
from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis
from understudy.domain.money import Cost, Money
from understudy.ledger import places
from understudy.ledger.postgres import upkeep as postgres_upkeep
from understudy.ledger.postgres import writer as postgres_writer
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sqlite import rolling, upkeep
from understudy.ledger.sqlite import writer as sqlite_writer
from understudy.ledger.sqlite.opening import open_for_writing
from understudy.ledger.sqlite.reading import LedgerReader

DAY = 86_400
AGAIN = 36_000.0
"""Seconds after which a writer adds what has ended."""
MIDNIGHT = NOON - DAY / 2
RED = LedgerSelection(tag="team=red", since=MIDNIGHT, until=MIDNIGHT + DAY)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Sqlite]:
    """A file."""
    store = Sqlite(tmp_path)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries may be added as soon as they have ended, and no writer adds any before the test says so: on a busy
    machine it would do so in the middle, and what is written then would be late."""
    monkeypatch.setattr(places, "SETTLED", -(10.0**9))
    for writer in (postgres_writer, sqlite_writer):
        monkeypatch.setattr(writer, "AGAIN", AGAIN)


def made(number: int, **fields: Any) -> AttemptRecord:
    """Return an attempt of one of two models, of the red team or of the blue one, which costs as much as its number."""
    team = "red" if number % 3 else "blue"
    begun = start(number, started=NOON + number / 100, model=f"model-{number % 2}", labels={"team": team, "env": "x"})
    cost = Cost(amount=Money(number), source="test")
    return ended(begun, **{"cost": cost, "cost_basis": CostBasis.EXACT, **fields})


def begun(number: int) -> AttemptStart:
    """Return the beginning of the same."""
    record = made(number)
    return AttemptStart(**{name: getattr(record, name) for name in AttemptStart.__struct_fields__})


def write(store: Store, records: list[AttemptRecord]) -> None:
    ledger = store.open()
    for record in records:
        ledger.record(record)
    ledger.flush(60)
    store.close()


def roll(store: Store) -> int:
    """Add all, and return in how many transactions."""
    transactions = 1
    while store.roll():
        transactions += 1
    return transactions


def costs(store: Store, selection: LedgerSelection = RED) -> dict[str, int]:
    """Return what each model cost."""
    with store.read() as reader:
        found = reader.usage("model", selection)
        days = reader.daily("model", selection)
    assert {value: sums.cost for value, sums in days.values.items()} == {each: found[each].cost for each in found}
    return {value: sums.cost for value, sums in found.items()}


def expected(*numbers: int) -> dict[str, int]:
    """Return the same by hand, of attempts by their numbers."""
    found: dict[str, int] = {}
    for number in numbers:
        if number % 3:
            found[f"model-{number % 2}"] = found.get(f"model-{number % 2}", 0) + number
    return found


def sums(store: Store, query: str) -> Any:
    """Return what a query of one value finds."""
    if isinstance(store, Postgres):
        (row,) = store.execute(query)
        return row[0]
    assert isinstance(store, Sqlite)
    file = open_for_writing(store.path)
    try:
        return file.execute(query).fetchone()[0]
    finally:
        file.close()


IN_PLACES = "SELECT COALESCE(SUM(attempts), 0) FROM places"


def test_many_entries_are_added_in_several_transactions(store: Store) -> None:
    write(store, [made(number) for number in range(1, 2_501)])
    assert costs(store) == expected(*range(1, 2_501))
    assert roll(store) == 3
    assert sums(store, IN_PLACES) == 2_500
    assert sums(store, "SELECT COUNT(*) FROM places") == 4, "two models of two teams"
    assert costs(store) == expected(*range(1, 2_501))
    assert roll(store) == 1, "nothing is left"
    assert sums(store, IN_PLACES) == 2_500


def test_what_is_under_way_holds_up_what_began_later(store: Store) -> None:
    ledger = store.open()
    first, second, third = made(1), made(2), made(4)
    ledger.record(first)
    ledger.begin(begun(2))
    ledger.record(third)
    ledger.flush()
    roll(store)
    assert sums(store, IN_PLACES) == 1
    assert costs(store) == expected(1, 4)
    ledger.record(second)
    ledger.flush()
    assert costs(store) == expected(1, 2, 4)
    roll(store)
    assert sums(store, IN_PLACES) == 3
    assert costs(store) == expected(1, 2, 4)


def test_a_day_of_which_something_came_late_is_added_up_from_its_entries(store: Store) -> None:
    another = replace(made(5), started=NOON + DAY, attempt_id=start(50, started=NOON + DAY).attempt_id)
    write(store, [made(4), another])
    roll(store)
    write(store, [made(1)])
    roll(store)
    assert sums(store, IN_PLACES) == 2
    assert costs(store) == expected(1, 4)
    assert costs(store, replace(RED, until=MIDNIGHT + 2 * DAY)) == expected(1, 4, 5)


def test_what_is_learned_of_an_attempt_later_counts(store: Store) -> None:
    ledger = store.open()
    ledger.begin(begun(1))
    ledger.record(made(2))
    ledger.flush()
    store.close()
    store.pass_time(120)
    write(store, [made(4)])
    roll(store)
    assert sums(store, "SELECT COALESCE(SUM(unknown), 0) FROM places") == 1
    assert costs(store) == expected(2, 4) | {"model-1": 0}
    write(store, [made(1)])
    assert costs(store) == expected(1, 2, 4)


def test_what_was_removed_stays_in_the_sums(store: Store) -> None:
    write(store, [made(number) for number in range(1, 20)])
    roll(store)
    if isinstance(store, Postgres):
        assert postgres_upkeep.prune(store.url, NOON + DAY) == 19
    elif isinstance(store, Sqlite):
        assert upkeep.prune(store.path, NOON + DAY) == 19
    assert costs(store) == expected(*range(1, 20))


def test_two_who_add_at_the_same_time_add_nothing_twice(store: Store) -> None:
    write(store, [made(number) for number in range(1, 3_500)])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: roll(store), range(2)))
    roll(store)
    assert sums(store, IN_PLACES) == 3_499
    assert sums(store, "SELECT SUM(cost) FROM days WHERE dimension = 'place'") == sum(range(1, 3_500))
    assert costs(store) == expected(*range(1, 3_500))


def test_a_writer_adds_beside(store: Store) -> None:
    ledger = store.open()
    ledger.record(made(1))
    ledger.flush()
    store.passed += 2 * AGAIN
    for number in (2, 4):  # what was written before is added after a transaction
        ledger.record(made(number))
        ledger.flush()
    store.close()
    assert sums(store, IN_PLACES) >= 1
    assert costs(store) == expected(1, 2, 4)


def test_places_are_told_apart_whatever_they_are_called(store: Store) -> None:
    awkward = ["", "a", 'a"b', "a\\b", "a,b", "a'b", "räserve", "a\x7fb", "null"]
    records = [
        replace(made(3 * number + 1), route=one, task=other, labels={"team": one, "env": other})
        for number, (one, other) in enumerate((one, other) for one in awkward for other in awkward)
    ]
    write(store, records)
    roll(store)
    for each in awkward:
        own = [3 * number + 1 for number, record in enumerate(records) if record.route == each]
        for words in ({"route": each}, {"tag": f"team={each}"}):
            selection = replace(LedgerSelection(since=MIDNIGHT, until=MIDNIGHT + DAY), **words)
            with store.read() as reader:
                found = reader.usage("task", selection)
                tags = reader.usage("tag", selection)
            assert {value: one.attempts for value, one in found.items()} == dict.fromkeys(awkward, 1)
            assert sum(one.cost for one in found.values()) == sum(own) == tags[f"team={each}"].cost


def test_nothing_is_added_by_a_transaction_that_fails(sqlite: Sqlite) -> None:
    write(sqlite, [made(number) for number in range(1, 1_200)])
    file = open_for_writing(sqlite.path)
    for steps in (100, 1_000, 10_000, 100_000):
        file.set_progress_handler(lambda: 1, steps)
        with pytest.raises(Exception, match="interrupted"):
            rolling.roll(file, NOON)
        file.set_progress_handler(None, 0)
        assert file.execute("SELECT COUNT(*) FROM places").fetchone() == (0,)
        assert file.execute("SELECT until FROM rolled").fetchone() == (b"",)
    file.close()
    assert roll(sqlite) == 2
    assert costs(sqlite) == expected(*range(1, 1_200))


def test_what_is_filtered_is_not_added_up_from_entries(sqlite: Sqlite) -> None:
    write(sqlite, [made(number) for number in range(1, 5_001)])
    assert steps_of(sqlite) > 5_000
    roll(sqlite)
    assert steps_of(sqlite) < 50


def steps_of(store: Sqlite) -> int:
    """Return how many hundreds of steps of SQLite's machine money by model of one team takes."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    with LedgerReader(store.path) as reader:
        reader._connection.set_progress_handler(step, 100)  # pyright: ignore[reportPrivateUsage]
        reader.daily("model", RED)
    return count
