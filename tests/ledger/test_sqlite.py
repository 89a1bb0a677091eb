"""The ledger in a file: what is written is there, once, whatever happens to the process that wrote it."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.ledger.made import NOON, ended, start, uuid_of
from understudy.domain.attempts import Outcome
from understudy.domain.errors import ConfigError
from understudy.domain.money import Cost, Money
from understudy.domain.usage import Usage
from understudy.ledger.entries import EntryState
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sqlite import writer
from understudy.ledger.sqlite.migrations import MIGRATIONS, migrate
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    made = SqliteLedger(path)
    yield made
    made.close()


def test_an_attempt_begins_and_ends(ledger: SqliteLedger) -> None:
    begun = start(started=NOON)
    ledger.begin(begun)
    ledger.flush()
    with LedgerReader(ledger.path) as reader:
        (entry,) = reader.entries()
        assert (entry.state, entry.start) == (EntryState.STARTED, begun)
        assert reader.usage("provider") == {}
    record = ended(begun)
    ledger.record(record)
    ledger.flush()
    with LedgerReader(ledger.path) as reader:
        (entry,) = reader.entries()
        assert (entry.state, entry.record) == (EntryState.SUCCEEDED, record)
        (sums,) = reader.usage("provider").values()
    assert (sums.requests, sums.attempts, sums.succeeded) == (1, 1, 1)
    assert (sums.input, sums.cached, sums.output, sums.cost) == (120, 20, 30, 1_234)


def test_an_end_counts_once(ledger: SqliteLedger) -> None:
    record = ended(start())
    for _ in range(3):
        ledger.record(record)
        ledger.flush()
    ledger.record(ended(start(), Outcome.FAILED))
    ledger.begin(start())
    ledger.flush()
    with LedgerReader(ledger.path) as reader:
        assert [each.record for each in reader.entries()] == [record]
        assert reader.usage("day")["2026-11-29"].attempts == 1


def test_a_request_counts_once_whatever_it_took(ledger: SqliteLedger) -> None:
    for number, outcome in ((1, Outcome.FAILED), (2, Outcome.ABORTED), (3, Outcome.WON)):
        ledger.record(ended(start(number, request=1, number=number), outcome))
    ledger.flush()
    with LedgerReader(ledger.path) as reader:
        sums = reader.usage("day")["2026-11-29"]
        assert (sums.requests, sums.attempts, sums.succeeded, sums.failed, sums.aborted) == (1, 3, 1, 1, 1)
        found = reader.request(start(1).request_id)
        assert [each.start.number for each in found] == [1, 2, 3]


def test_what_cannot_be_is_not_added_up(ledger: SqliteLedger) -> None:
    for seed in range(1, 4):
        absurd = Usage(input=2**53, output=2**53)
        ledger.record(ended(start(seed), usage=absurd, cost=Cost(amount=Money(2**70), source="x")))
    ledger.record(ended(start(9)))
    ledger.flush()
    with LedgerReader(ledger.path) as reader:
        sums = reader.usage("day")["2026-11-29"]
    assert (sums.cost, sums.unpriced, sums.input) == (1_234, 3, 3 * 2**53 + 120)


def test_an_entry_that_cannot_be_stored_costs_no_other(ledger: SqliteLedger, caplog: pytest.LogCaptureFixture) -> None:
    ledger.record(ended(start(1)))
    ledger.record(ended(start(2), answered_model="\ud800"))
    ledger.record(ended(start(3)))
    ledger.flush()
    with LedgerReader(ledger.path) as reader:
        assert [each.start.attempt_id for each in reader.entries()] == [uuid_of(3), uuid_of(1)]
    assert "cannot store an entry" in caplog.text


def test_the_file_is_its_owners_alone(ledger: SqliteLedger) -> None:
    ledger.record(ended(start()))
    ledger.flush()
    for each in ledger.path.parent.iterdir():
        assert each.stat().st_mode & 0o077 == 0, each


KILLED = """
import sys, time
from pathlib import Path
from tests.ledger.made import ended, start
from understudy.ledger.sqlite.store import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]))
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


def test_a_killed_process_loses_nothing_that_was_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, str] = {}
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            word, attempt = line.split()
            told[attempt] = word
            if len(told) == 20:
                os.kill(child.pid, signal.SIGKILL)
                break
    with LedgerReader(path) as reader:
        found = {each.start.attempt_id: each.state for each in reader.entries(limit=10_000)}
    assert {attempt for attempt, word in told.items() if word == "ended"} <= {
        attempt for attempt, state in found.items() if state is EntryState.SUCCEEDED
    }
    assert told.keys() <= found.keys()
    left = [attempt for attempt, state in found.items() if state is EntryState.STARTED]
    assert left

    later = SqliteLedger(path, clock=lambda: time.time() + 31)
    later.record(ended(start(5_000, started=time.time())))
    later.flush()
    later.close()
    with LedgerReader(path) as reader:
        states = {each.start.attempt_id: each.state for each in reader.entries(limit=10_000)}
        (sums,) = reader.usage("provider").values()
    assert {attempt for attempt, state in states.items() if state is EntryState.UNKNOWN} == set(left)
    assert (sums.unknown, sums.unpriced) == (len(left), len(left))
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_writer_that_was_given_up_for_lost_may_still_tell_the_truth(path: Path) -> None:
    clock = [NOON]
    slow, other = SqliteLedger(path, clock=lambda: clock[0]), SqliteLedger(path, clock=lambda: clock[0])
    slow.begin(start(1))
    slow.flush()
    clock[0] += 3_600
    other.record(ended(start(2)))
    other.flush()
    with LedgerReader(path) as reader:
        assert reader.usage("day")["2026-11-29"].unknown == 1
    slow.record(ended(start(1)))
    slow.flush()
    with LedgerReader(path) as reader:
        sums = reader.usage("day")["2026-11-29"]
    assert (sums.attempts, sums.succeeded, sums.unknown, sums.unpriced, sums.cost) == (2, 2, 0, 0, 2_468)
    slow.close()
    other.close()


def test_what_runs_long_is_not_given_up(path: Path) -> None:
    """The lease is renewed while something is under way, by a writer that has nothing else to write."""
    clock = [NOON]
    slow, other = SqliteLedger(path, clock=lambda: clock[0]), SqliteLedger(path, clock=lambda: clock[0])
    slow.begin(start(1))
    slow.flush()
    for number in range(2, 12):
        clock[0] += 20
        slow.flush()
        other.record(ended(start(number)))
        other.flush()
    with LedgerReader(path) as reader:
        assert reader.usage("day")["2026-11-29"].unknown == 0
    slow.close()
    other.close()


def test_a_file_of_an_older_version_can_be_read_at_once(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:1])
    connection.close()
    with LedgerReader(path) as reader:
        assert reader.usage("provider", LedgerSelection(provider="openai")) == {}
        assert reader.entries() == []


def test_a_newer_file_is_refused(path: Path) -> None:
    SqliteLedger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(ConfigError, match="a newer version of understudy wrote it"):
        SqliteLedger(path)


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        raise sqlite3.OperationalError("disk I/O error")

    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*MIGRATIONS, broken))
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchone() is None
    migrate(connection)
    connection.close()


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(ConfigError, match=r"letter\.txt cannot be opened: file is not a database"):
        SqliteLedger(other)
    assert other.read_text().startswith("Dear Sir")
    with pytest.raises(ConfigError, match="there is no ledger at"):
        LedgerReader(tmp_path / "nothing.db")


def test_a_disk_that_is_full_for_a_while_loses_nothing(ledger: SqliteLedger, caplog: pytest.LogCaptureFixture) -> None:
    blocker = sqlite3.connect(ledger.path, isolation_level=None)
    ledger.record(ended(start(1)))
    ledger.flush()
    pages = blocker.execute("PRAGMA page_count").fetchone()[0]
    ledger._writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    for seed in range(2, 200):
        ledger.record(ended(start(seed)))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        ledger.flush()
    ledger._writer._connection.execute("PRAGMA max_page_count = 1000000")
    ledger.flush(10)
    with LedgerReader(ledger.path) as reader:
        assert reader.usage("day", LedgerSelection(since=NOON - 1))["2026-11-29"].attempts == 199
    assert caplog.text.count("the ledger cannot be written") == 1
    blocker.close()


def test_a_disk_that_stays_full_does_not_keep_a_process_from_ending(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_PAUSES", (0.001,) * 4)
    ledger = SqliteLedger(path)
    ledger.record(ended(start(1)))
    ledger.flush()
    ledger._writer._connection.execute("PRAGMA max_page_count = 1")
    for seed in range(2, 200):
        ledger.record(ended(start(seed)))
    for _ in range(10):
        with pytest.raises(sqlite3.OperationalError, match="full"):
            ledger.flush()
    ledger.close()
    assert not ledger._writer._thread.is_alive()
    assert "the ledger was closed before 198 entries could be written: database or disk is full" in caplog.text


def test_a_second_connection_of_a_process_costs_the_first_nothing(ledger: SqliteLedger) -> None:
    """On POSIX whoever closes any descriptor of a file gives up all locks of the process on it. Another process would
    then take itself for the last one, and delete the write-ahead log."""
    ledger.record(ended(start(2)))
    ledger.flush()
    second = SqliteLedger(ledger.path)
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT 1 FROM days').fetchall()"
    subprocess.run([sys.executable, "-c", code, str(ledger.path)], check=True)
    second.record(ended(start(3)))
    second.close()
    ledger.record(ended(start(4)))
    ledger.flush()
    with LedgerReader(ledger.path) as reader:
        assert len(reader.entries()) == 3


def test_a_new_file_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    """SQLite does not wait for another connection that makes the write-ahead log at the same moment."""
    for number in range(10):
        path = tmp_path / f"{number}.db"
        with ThreadPoolExecutor(8) as pool:
            for each in pool.map(lambda _, path=path: SqliteLedger(path), range(8)):
                each.close()
