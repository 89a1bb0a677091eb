"""The ledger in a file: what is written is there, once, whatever happens to the process that wrote it."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.ledger.made import NOON, ended, start
from understudy.domain.errors import ConfigError
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


def test_the_file_is_its_owners_alone(ledger: SqliteLedger) -> None:
    ledger.record(ended(start()))
    ledger.flush()
    for each in ledger.path.parent.iterdir():
        assert each.stat().st_mode & 0o077 == 0, each


def test_a_file_of_an_older_version_can_be_read_at_once(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:1])
    connection.close()
    with LedgerReader(path) as reader:
        assert reader.usage("provider", LedgerSelection(provider="openai")) == {}
        assert reader.entries() == []


def test_entries_of_before_there_were_classes_stay_as_they_are(path: Path) -> None:
    """The entry is written as the fifth version of the schema had it, by hand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:5])
    columns = "id, request, number, state, owner, opens, started, operation, provider, provider_type, model, streamed"
    values = (bytes(16), bytes(16), 1, "started", 0, 1, round(NOON * 1e6), "chat", "p", "openai", "m", 0)
    connection.execute(
        f"INSERT INTO entries ({columns}, agent, tags, details) VALUES ({', '.join('?' * 15)})",
        (*values, "codex", '{"team":"search"}', "{}"),
    )
    connection.close()
    ledger = SqliteLedger(path)
    labels = {"client": "codex", "request_class": "auxiliary"}
    ledger.record(ended(start(7, labels=labels)))
    ledger.flush()
    ledger.close()
    with LedgerReader(path) as reader:
        found = [each.start.labels for each in reader.entries()]
        assert found == [labels, {"client": "codex", "team": "search"}]
        assert reader.usage("class").keys() == {"auxiliary"}
        selected = reader.entries(LedgerSelection(request_class="auxiliary"))
    assert [each.start.labels for each in selected] == [labels]


def test_a_back_off_that_was_no_number_in_an_earlier_version_keeps_nothing_from_being_read(
    ledger: SqliteLedger, path: Path
) -> None:
    """JSON has no NaN, so it was written as null."""
    for seed in (1, 2):
        ledger.record(ended(start(seed)))
    ledger.flush()
    file = sqlite3.connect(path, isolation_level=None)
    file.execute(
        'UPDATE entries SET details = \'{"waited":null,"why":"first"}\' WHERE id = (SELECT MIN(id) FROM entries)'
    )
    file.close()
    with LedgerReader(path) as reader:
        entries = reader.entries()
    assert len(entries) == 2
    assert {each.start.waited for each in entries} == {0.0}
    assert "first" in {each.start.why for each in entries}


def test_a_newer_file_is_refused(path: Path) -> None:
    SqliteLedger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(ConfigError, match="a newer version of understudy wrote it"):
        SqliteLedger(path)


def test_a_process_waits_for_another_one_that_applies_a_step(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    migrate(other, MIGRATIONS[:-1])
    other.execute("BEGIN IMMEDIATE")
    ends = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.01)
    ends.start()
    migrate(connection)
    ends.join()
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (10,), "as it was"
    connection.close()
    other.close()


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
    ledger._writer._opened.connection.execute(f"PRAGMA max_page_count = {pages}")
    for seed in range(2, 200):
        ledger.record(ended(start(seed)))
    assert ledger.unwritable is None
    with pytest.raises(sqlite3.OperationalError, match="full"):
        ledger.flush()
    assert "full" in str(ledger.unwritable)
    ledger._writer._opened.connection.execute("PRAGMA max_page_count = 1000000")
    ledger.flush(10)
    assert ledger.unwritable is None
    with LedgerReader(ledger.path) as reader:
        assert reader.usage("day", LedgerSelection(since=NOON - 1))["2026-11-29"].attempts == 199
    assert caplog.text.count("the ledger cannot be written") == 1
    blocker.close()


def test_a_disk_that_stays_full_does_not_keep_a_process_from_ending(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PAUSES", (0.001,) * 4)
    ledger = SqliteLedger(path)
    ledger.record(ended(start(1)))
    ledger.flush()
    ledger._writer._opened.connection.execute("PRAGMA max_page_count = 1")
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
