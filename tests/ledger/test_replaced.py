"""The file of a ledger is deleted, moved away or restored while it is in use: nothing that is written then is lost."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ledger.made import NOON, ended, start
from tests.ledger.money import check_money
from understudy.domain.money import Cost, Money
from understudy.ledger.entries import EntryState
from understudy.ledger.holds import Claim, LedgerUnavailable, Unit
from understudy.ledger.keys import KeyToken, VirtualKey
from understudy.ledger.sqlite import following, opening, upkeep
from understudy.ledger.sqlite.keys import SqliteKeys
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger

CLAIM = Claim(budget="team", subject="", amount=100, ceiling=10_000, if_unknown=100)
BALANCE = ("team", "", Unit.MONEY, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


@pytest.fixture
def ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteLedger]:
    monkeypatch.setattr(following, "LOOK", 0.02)
    monkeypatch.setattr(following, "SETTLED", 0.005)
    ledger = SqliteLedger(path)
    yield ledger
    ledger.close()


def delete(path: Path) -> None:
    """Delete a ledger with all that is beside it, as a shell does: one file after another."""
    for each in sorted(path.parent.glob(f"{path.name}*")):
        each.unlink()


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def states(path: Path) -> dict[str, EntryState]:
    with LedgerReader(path) as reader:
        return {each.start.attempt_id: each.state for each in reader.entries(limit=100_000)}


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def test_what_comes_after_the_file_was_deleted_under_load_is_in_the_new_one(
    path: Path, ledger: SqliteLedger, caplog: pytest.LogCaptureFixture
) -> None:
    deleted, is_over = threading.Event(), threading.Event()
    late: list[str] = []

    def load() -> None:
        seed = 0
        while not is_over.is_set():
            seed += 1
            begun, counts = start(seed, started=NOON + seed), deleted.is_set()
            ledger.begin(begun)
            ledger.record(ended(begun))
            if counts:
                late.append(begun.attempt_id)
            time.sleep(0.000_1)

    thread = threading.Thread(target=load)
    thread.start()
    until(lambda: path.with_name("ledger.db-wal").stat().st_size > 100_000)
    delete(path)
    deleted.set()
    until(lambda: len(late) > 500)
    is_over.set()
    thread.join()
    ledger.flush()
    found = states(path)
    assert set(late) <= found.keys()
    assert set(found.values()) == {EntryState.SUCCEEDED}
    assert upkeep.verify(path) == []
    (alarm,) = alarms(caplog)
    assert "was deleted while it was in use" in alarm
    assert str(path) in alarm
    assert path.with_name("ledger.db-reserve").stat().st_size


async def test_attempts_under_way_are_carried_over_with_what_they_hold(path: Path, ledger: SqliteLedger) -> None:
    begun = [start(seed, started=NOON + seed) for seed in range(1, 6)]
    for each in begun[:3]:
        assert await ledger.reserve(each, [CLAIM], durable=True) is None
    ledger.begin(begun[3])
    ledger.record(ended(begun[0], cost=Cost(amount=Money(7), source="test")))
    ledger.flush()
    delete(path)
    assert await ledger.reserve(begun[4], [CLAIM], durable=True) is None
    (balance,) = await ledger.balances([BALANCE])
    assert (balance.spent, balance.reserved) == (0, 300)
    assert states(path) == {each.attempt_id: EntryState.STARTED for each in begun[1:]}
    for each in begun[1:]:
        ledger.record(ended(each, cost=Cost(amount=Money(7), source="test")))
    ledger.flush()
    (balance,) = await ledger.balances([BALANCE])
    assert (balance.spent, balance.reserved) == (21, 0)
    check_money(path)
    assert upkeep.verify(path) == []


def test_it_is_noticed_without_requests_and_reported_for_an_hour(
    path: Path, ledger: SqliteLedger, caplog: pytest.LogCaptureFixture
) -> None:
    assert ledger.notice is None
    delete(path)
    until(lambda: ledger.notice)
    assert f"the ledger {path} was deleted at " in (ledger.notice or "")
    assert path.exists()
    assert len(alarms(caplog)) == 1
    ledger._opened._clock = lambda: time.monotonic() + 3_601
    assert ledger.notice is None


@pytest.mark.parametrize("leaves_log", [False, True], ids=["as documented", "with the log of the former file"])
def test_a_backup_that_is_put_in_its_place_is_used_and_whole(
    path: Path, ledger: SqliteLedger, *, leaves_log: bool
) -> None:
    for seed in range(1, 50):
        ledger.record(ended(start(seed, started=NOON + seed)))
    ledger.flush()
    backup = path.with_name("backup.db")
    copy_in_use(path, backup)
    for seed in range(50, 400):
        ledger.record(ended(start(seed, started=NOON + seed)))
    ledger.flush()
    if not leaves_log:
        for each in ("-wal", "-shm"):
            path.with_name(path.name + each).unlink()
    backup.replace(path)
    for seed in range(1_000, 1_400):
        ledger.record(ended(start(seed, started=NOON + seed)))
    ledger.flush()
    assert "was replaced by another one" in (ledger.notice or "")
    assert len(states(path)) == 49 + 400
    assert upkeep.verify(path) == []


def copy_in_use(path: Path, backup: Path) -> None:
    """Copy a file that is in use, as `sqlite3 .backup` does."""
    source, copy = sqlite3.connect(path), sqlite3.connect(backup)
    source.backup(copy)
    source.close()
    copy.close()


def test_a_file_that_was_moved_away_is_whole(path: Path, ledger: SqliteLedger, tmp_path: Path) -> None:
    for seed in range(1, 50):
        ledger.record(ended(start(seed, started=NOON + seed)))
    ledger.flush()
    former = tmp_path / "former.db"
    path.rename(former)
    ledger.record(ended(start(100)))
    ledger.flush()
    assert len(states(path)) == 1
    assert upkeep.verify(path) == []
    assert len(states(former)) == 49
    assert upkeep.verify(former) == []


def test_ledgers_that_share_a_file_go_on_with_the_same_one(path: Path, ledger: SqliteLedger) -> None:
    other = SqliteLedger(path)
    try:
        for round_ in range(3):
            for seed in range(1, 40):
                each = round_ * 1_000 + seed
                (other if seed % 2 else ledger).record(ended(start(each, started=NOON + each)))
            ledger.flush()
            other.flush()
            assert len(states(path)) == 39
            assert upkeep.verify(path) == []
            time.sleep(0.03)  # so long, one that was just opened is left alone
            delete(path)
    finally:
        other.close()


def test_a_folder_that_was_deleted_is_made_again(path: Path, ledger: SqliteLedger) -> None:
    shutil.rmtree(path.parent)
    ledger.record(ended(start(1)))
    ledger.flush()
    assert len(states(path)) == 1


async def test_without_a_place_for_a_new_file_entries_wait(path: Path, ledger: SqliteLedger) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("in the way")
    ledger.record(ended(start(1)))
    with pytest.raises(sqlite3.OperationalError, match="cannot be opened"):
        ledger.flush()
    with pytest.raises(LedgerUnavailable):
        await ledger.reserve(start(2), [CLAIM], durable=True)
    assert "cannot be opened" in str(ledger.unwritable)
    path.parent.unlink()
    until(lambda: ledger.unwritable is None)
    ledger.flush()
    assert len(states(path)) == 1


def test_a_copy_in_place_of_a_damaged_file_is_trusted(path: Path, ledger: SqliteLedger) -> None:
    ledger._distrust("page 7 is odd")
    delete(path)
    until(lambda: ledger.damage is None)
    assert not ledger._writer.distrusts


def test_virtual_keys_are_those_of_the_file_at_the_path(path: Path, ledger: SqliteLedger) -> None:
    with SqliteKeys(path) as keys:
        token = KeyToken(digest=b"1" * 32, ending="abcd", pepper=b"2" * 8, created=NOON)
        keys.add(VirtualKey(name="ada", created=NOON), token)
        assert keys.read([token.digest]).found
        delete(path)
        with contextlib.suppress(LedgerUnavailable):  # until the ledger has made another one
            assert not keys.read([token.digest]).found
        until(lambda: ledger.notice)
        assert not keys.read([token.digest]).found
        keys.add(VirtualKey(name="ada", created=NOON), token)
        assert [each.name for each in keys.listed()] == ["ada"]
        ledger.record(ended(start(1)))
        ledger.flush()
        assert len(states(path)) == 1


def test_without_a_ledger_virtual_keys_wait_a_moment_before_they_make_a_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever deletes a file may be about to delete what is beside it, or to put another one in its place."""
    monkeypatch.setattr(opening, "SETTLED", 600.0)
    with SqliteKeys(path) as keys:
        delete(path)
        with pytest.raises(LedgerUnavailable, match="was deleted"):
            keys.listed()
        assert not path.exists()
        monkeypatch.setattr(opening, "SETTLED", 0.05)
        time.sleep(0.06)
        assert keys.listed() == []
        assert path.exists()


def test_without_its_log_a_file_gets_everything_at_once(
    path: Path, ledger: SqliteLedger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.record(ended(start(1)))
    ledger.flush()
    for each in ("-wal", "-shm"):
        path.with_name(path.name + each).unlink()
    ledger.record(ended(start(2)))
    ledger.flush()
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    assert len(states(copy)) == 2
    ledger.record(ended(start(3)))
    ledger.flush()
    (alarm,) = alarms(caplog)
    assert "ledger.db-wal was deleted while it was in use" in alarm
    assert "start them again" in (ledger.notice or "")
