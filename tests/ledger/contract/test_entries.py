"""Every ledger that lasts keeps an attempt from its beginning, and its end once, whoever writes it and how often."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.ledger.contract.stores import Store
from tests.ledger.made import NOON, ended, start, uuid_of
from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.money import Cost, Money
from understudy.domain.usage import Usage
from understudy.ledger.entries import EntryState
from understudy.ledger.selection import LedgerSelection

DAY = "2026-11-29"


def test_an_attempt_begins_and_ends(store: Store) -> None:
    ledger = store.open()
    begun = start(started=NOON)
    ledger.begin(begun)
    ledger.flush()
    with store.read() as reader:
        (entry,) = reader.entries()
        assert (entry.state, entry.start, entry.record) == (EntryState.STARTED, begun, None)
        assert reader.usage("provider") == {}
    record = ended(begun)
    ledger.record(record)
    ledger.flush()
    with store.read() as reader:
        (entry,) = reader.entries()
        assert (entry.state, entry.record) == (EntryState.SUCCEEDED, record)
        (sums,) = reader.usage("provider").values()
    assert (sums.requests, sums.attempts, sums.succeeded) == (1, 1, 1)
    assert (sums.input, sums.cached, sums.output, sums.cost) == (120, 20, 30, 1_234)


def test_an_end_counts_once(store: Store) -> None:
    ledger = store.open()
    record = ended(start())
    for _ in range(3):
        ledger.record(record)
        ledger.flush()
    ledger.record(ended(start(), Outcome.FAILED))
    ledger.begin(start())
    ledger.flush()
    with store.read() as reader:
        assert [each.record for each in reader.entries()] == [record]
        assert reader.usage("day")[DAY].attempts == 1


@pytest.mark.parametrize("at_once", [True, False], ids=["in one transaction", "one by one"])
def test_of_several_ends_the_first_counts(store: Store, at_once: bool) -> None:
    ledger = store.open()
    for item in (start(), ended(start(), Outcome.ABORTED), ended(start()), start()):
        ledger.begin(item) if not isinstance(item, AttemptRecord) else ledger.record(item)
        if not at_once:
            ledger.flush()
    ledger.flush()
    with store.read() as reader:
        assert [each.state for each in reader.entries()] == [EntryState.ABORTED]
        sums = reader.usage("day")[DAY]
    assert (sums.requests, sums.attempts, sums.aborted, sums.succeeded) == (1, 1, 1, 0)


def test_a_request_counts_once_whatever_it_took(store: Store) -> None:
    ledger = store.open()
    for number, outcome in ((1, Outcome.FAILED), (2, Outcome.ABORTED), (3, Outcome.WON)):
        ledger.record(ended(start(number, request=1, number=number), outcome))
    ledger.flush()
    with store.read() as reader:
        sums = reader.usage("day")[DAY]
        assert (sums.requests, sums.attempts, sums.succeeded, sums.failed, sums.aborted) == (1, 3, 1, 1, 1)
        found = reader.request(start(1).request_id)
        assert [each.start.number for each in found] == [1, 2, 3]


def test_what_cannot_be_is_not_added_up(store: Store) -> None:
    ledger = store.open()
    for seed in range(1, 4):
        absurd = Usage(input=2**53, output=2**53)
        ledger.record(ended(start(seed), usage=absurd, cost=Cost(amount=Money(2**70), source="x")))
    ledger.record(ended(start(9)))
    ledger.flush()
    with store.read() as reader:
        sums = reader.usage("day")[DAY]
    assert (sums.cost, sums.unpriced, sums.input) == (1_234, 3, 3 * 2**53 + 120)


@pytest.mark.parametrize(
    "odd",
    [
        *({"answered_model": "\ud800"}, {"outcome": "odd"}, {"cost_basis": "odd"}, {"provider": None}),
        *({"duration": math.nan}, {"waited": math.nan}, {"waited": math.inf}),
    ],
    ids=str,
)
def test_an_entry_that_cannot_be_stored_costs_no_other(
    store: Store, caplog: pytest.LogCaptureFixture, odd: dict[str, Any]
) -> None:
    ledger = store.open()
    ledger.record(ended(start(1)))
    ledger.record(ended(start(2), **odd))
    ledger.record(ended(start(3)))
    ledger.flush()
    with store.read() as reader:
        assert [each.start.attempt_id for each in reader.entries()] == [uuid_of(3), uuid_of(1)]
    assert "cannot store an entry" in caplog.text


def test_any_text_is_kept(store: Store) -> None:
    """A database may replace what its texts cannot hold, but an entry counts, and is found by what it was given."""
    ledger = store.open()
    odd = "a'\"\\ $1 %s {} \x00 \x1b ü 🎭 \u2028"
    team = odd.replace("\0", "")
    ledger.record(ended(start(model=odd, session=odd, labels={"key": odd, "team": team})))
    ledger.flush()
    with store.read() as reader:
        for selection in (
            *(LedgerSelection(model=odd), LedgerSelection(session=odd), LedgerSelection(key=odd)),
            LedgerSelection(tag=f"team={team}"),
        ):
            assert reader.usage("day", selection)[DAY].attempts == 1
            (entry,) = reader.entries(selection)
            assert entry.state is EntryState.SUCCEEDED
        assert list(reader.usage("tag")) == [f"team={team}"]


def test_writers_of_several_processes_count_each_attempt_once(store: Store) -> None:
    """Four writers tell of the same attempts, each in an order of its own; four attempts make a request."""
    made = [ended(start(seed, request=1_000 + seed // 4)) for seed in range(1, 200)]
    ledgers = [store.open() for _ in range(4)]

    def tell(number: int) -> None:
        mixed = random.Random(number).sample(made, len(made))
        for at, record in enumerate(mixed):
            if at % 3 == number % 3:
                ledgers[number].begin(record)
            ledgers[number].record(record)
            if at % 40 == number:
                ledgers[number].flush(30)
        ledgers[number].flush(30)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, range(4)))
    with store.read() as reader:
        for selection in (LedgerSelection(), LedgerSelection(provider="primary")):
            sums = reader.usage("provider", selection)["primary"]
            assert (sums.attempts, sums.succeeded, sums.requests) == (199, 199, 50)
            assert sums.cost == 199 * 1_234
        assert [each.record for each in reader.entries(limit=300)] == made[::-1]


KILLED = """
import time
from tests.ledger.made import ended, start
{opening}
for seed in range(1, 1000):
    begun = start(seed, started=time.time())
    ledger.begin(begun)
    ledger.flush()
    print("begun", begun.attempt_id, flush=True)
    if seed % 3:
        ledger.record(ended(begun))
        ledger.flush()
        print("ended", begun.attempt_id, flush=True)
"""


def test_a_killed_process_loses_nothing_that_was_written(store: Store) -> None:
    told: dict[str, str] = {}
    program = KILLED.format(opening=store.opening)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            word, attempt = line.split()
            told[attempt] = word
            if len(told) == 20:
                child.kill()
                break
    with store.read() as reader:
        found = {each.start.attempt_id: each.state for each in reader.entries(limit=10_000)}
    assert {attempt for attempt, word in told.items() if word == "ended"} <= {
        attempt for attempt, state in found.items() if state is EntryState.SUCCEEDED
    }
    assert told.keys() <= found.keys()
    left = [attempt for attempt, state in found.items() if state is EntryState.STARTED]
    assert left

    store.pass_time(31)
    later = store.open()
    later.record(ended(start(5_000, started=time.time())))
    later.flush()
    with store.read() as reader:
        states = {each.start.attempt_id: each.state for each in reader.entries(limit=10_000)}
        (sums,) = reader.usage("provider").values()
    assert {attempt for attempt, state in states.items() if state is EntryState.UNKNOWN} == set(left)
    assert (sums.unknown, sums.unpriced) == (len(left), len(left))


def test_a_writer_that_was_given_up_for_lost_may_still_tell_the_truth(store: Store) -> None:
    slow, other = store.open(is_lost=True), store.open()
    slow.begin(start(1))
    slow.flush()
    store.pass_time(3_600)
    other.record(ended(start(2)))
    other.flush()
    with store.read() as reader:
        assert reader.usage("day")[DAY].unknown == 1
    slow.record(ended(start(1)))
    slow.flush()
    with store.read() as reader:
        sums = reader.usage("day")[DAY]
    assert (sums.attempts, sums.succeeded, sums.unknown, sums.unpriced, sums.cost) == (2, 2, 0, 0, 2_468)


def test_what_runs_long_is_not_given_up(store: Store) -> None:
    """The lease is renewed while something is under way, by a writer that has nothing else to write."""
    slow, other = store.open(), store.open()
    slow.begin(start(1))
    slow.flush()
    for number in range(2, 8):
        store.pass_time(20)
        slow.flush()
        other.record(ended(start(number)))
        other.flush()
    with store.read() as reader:
        assert reader.usage("day")[DAY].unknown == 0
