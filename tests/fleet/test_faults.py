"""A store that fails: a full disk, a lost database, another version. Nothing but what is shared suffers."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.fleet.made import order, snapshot, tally
from understudy.fleet.orders import OrderKind
from understudy.fleet.postgres import PostgresFleet
from understudy.fleet.sqlite import SqliteFleet
from understudy.fleet.store import FleetUnavailable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db-fleet"


def test_processes_that_start_together_wait_for_each_other(path: Path) -> None:
    """SQLite refuses at once, whatever its time-out is, to change the journal while another connection writes."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.2, other.execute, ("COMMIT",))
        end.start()
        store = SqliteFleet(path)
        assert store.put(snapshot("a", time.time(), tally(3)))
        end.join()
    store.close()


def test_a_full_disk_is_reported_and_what_is_there_can_be_read(path: Path) -> None:
    store = SqliteFleet(path)
    now = time.time()
    assert store.put(snapshot("a", now, tally(3)))
    file = store._connection()  # pyright: ignore[reportPrivateUsage]
    pages = file.execute("PRAGMA page_count").fetchone()[0]
    file.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(FleetUnavailable, match="full"):
        store.put(snapshot("b", now, tally(3), {int(now) // 60 * 60 - 60 * each: tally(3) for each in range(2000)}))
    assert [each.snapshot.worker for each in store.members()] == ["a"]
    assert store.put(snapshot("b", now, tally(1))), "there is room again"
    store.close()


def test_a_file_that_is_damaged_while_it_is_open(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store, other = SqliteFleet(path), SqliteFleet(path)
    now = time.time()
    assert store.put(snapshot("a", now, tally(3)))
    store.order(order(OrderKind.OPEN))
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    with path.open("r+b") as raw:
        raw.seek(0)
        raw.write(b"\xff" * path.stat().st_size)
    with caplog.at_level(logging.ERROR), pytest.raises(FleetUnavailable):
        store.put(snapshot("a", now, tally(3)))
    assert "is damaged and begun anew" in caplog.text
    assert store.put(snapshot("a", now, tally(4)))
    assert other.put(snapshot("b", now, tally(5)))
    assert {each.snapshot.worker for each in store.members()} == {"a", "b"}
    numbered = other.order(order(OrderKind.CLOSE))
    assert [each.number for each in store.orders(1)] == [numbered.number]
    store.close()
    other.close()


def test_orders_of_a_file_that_was_begun_anew_have_higher_numbers(path: Path) -> None:
    """So that processes which remember the latest one obey those that follow."""
    store = SqliteFleet(path)
    first = store.order(order(OrderKind.OPEN))
    store.close()
    for each in path.parent.iterdir():
        each.unlink()
    time.sleep(0.002)
    assert store.order(order(OrderKind.CLOSE)).number > first.number
    store.close()


def test_a_file_is_for_its_owner_alone(path: Path) -> None:
    store = SqliteFleet(path)
    store.put(snapshot("a", time.time()))
    assert path.stat().st_mode & 0o077 == 0
    store.close()


def test_a_file_of_a_newer_version_is_left_to_it(path: Path) -> None:
    """While a new version replaces the old one, both run."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE members (other TEXT)")
        file.execute("PRAGMA user_version = 99")
        file.commit()
    store = SqliteFleet(path)
    with pytest.raises(FleetUnavailable, match="newer version"):
        store.put(snapshot("a", time.time()))
    store.close()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT name FROM sqlite_master").fetchall() == [("members",)]


def test_what_another_version_wrote_is_left_out(path: Path) -> None:
    """A newer one may report more, or what this one does not know."""
    store = SqliteFleet(path)
    now = time.time()
    store.put(snapshot("a", now))
    more = msgspec.to_builtins(snapshot("b", now)) | {"invented": 1}
    odd = msgspec.to_builtins(snapshot("c", now)) | {"targets": [{"entry": "x", "provider_type": "y", "state": "odd"}]}
    file = store._connection()  # pyright: ignore[reportPrivateUsage]
    for each in (more, odd):
        row = (each["worker"], "gateway", now, 0, 0, msgspec.msgpack.encode(each))
        file.execute("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?)", row)
    assert {each.snapshot.worker for each in store.members()} == {"a", "b"}
    assert store.history(0, 2e9).minutes == ()
    store.close()


def test_a_file_that_is_missing_is_as_an_empty_one_to_a_reader(path: Path) -> None:
    store = SqliteFleet(path, makes_file=False)
    assert (store.members(), store.orders(), store.history(0, 2e9).minutes) == ([], [], ())
    assert not path.exists()
    store.close()


def test_a_database_that_is_away() -> None:
    pytest.importorskip("asyncpg")
    store = PostgresFleet("postgresql://user:secret@127.0.0.1:9/none")
    with pytest.raises(FleetUnavailable, match=r"127\.0\.0\.1:9/none") as failed:
        store.put(snapshot("a", time.time()))
    assert "secret" not in str(failed.value)
    store.close()
