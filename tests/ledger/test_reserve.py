"""A full disk: attempts under way are kept thanks to the reserve, and nothing new may be spent until there is room."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.full_disk import SIZE, fill, small_disk
from tests.ledger.made import NOON, ended, start
from tests.ledger.money import check_money
from understudy.domain.capture import Capture
from understudy.domain.errors import ConfigError
from understudy.domain.money import Cost, Money
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.entries import EntryState
from understudy.ledger.holds import Claim, LedgerUnavailable, Unit
from understudy.ledger.replays import KeptAnswer, ScopeState
from understudy.ledger.sqlite import reserve, upkeep
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.replays import SqliteReplays
from understudy.ledger.sqlite.reserve import RESERVE, Reserve
from understudy.ledger.sqlite.store import SqliteLedger

UNDER_WAY = 300
CLAIM = Claim(budget="team", subject="", amount=100, ceiling=10_000_000, if_unknown=100)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserve, "RETRY", 0.02)


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def is_there(path: Path) -> bool:
    return reserve.path_of(path).exists() and reserve.path_of(path).stat().st_size == RESERVE


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_file_in_its_place_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """To open a FIFO would wait for its reader, for ever."""
    path = tmp_path / "ledger.db"
    place = reserve.path_of(path)
    os.mkfifo(place) if kind == "fifo" else place.mkdir()
    held = Reserve(path, RESERVE).is_held()
    assert held, "the ledger works without it"
    assert f"{place} is not a regular file: move it away" in caplog.text
    assert not place.is_file()


async def granted(ledger: SqliteLedger, seed: int) -> None:
    """Ask until it is granted."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(LedgerUnavailable):
                assert await ledger.reserve(start(seed), [CLAIM], durable=True) is None
                return
            await asyncio.sleep(0.01)


async def test_what_is_under_way_when_the_disk_is_full_is_kept_and_settled(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = SqliteLedger(disk / "ledger.db", capture=Capture(mode="all"))
    other = SqliteLedger(ledger.path)
    assert is_there(ledger.path)
    held = [start(seed, started=NOON + seed) for seed in range(1, UNDER_WAY + 1)]
    free = [start(seed, started=NOON + seed) for seed in range(1_001, UNDER_WAY + 1_001)]
    for each in held:
        assert await ledger.reserve(each, [CLAIM], durable=True) is None
    for each in free:
        ledger.begin(each)
    ledger.flush()
    filler = fill(disk)

    for each in (*held, *free):
        ledger.record(ended(each, cost=Cost(amount=Money(7), source="test")))
        ledger.keep_captured(
            CapturedDocument(
                attempt_id=each.attempt_id, request_id=each.request_id, started=each.started, document=os.urandom(9_000)
            )
        )
    ledger.flush()
    for which in (ledger, other):
        with pytest.raises(LedgerUnavailable, match="disk is full"):
            await which.reserve(start(5_000), [CLAIM], durable=True)
    assert len(alarms(caplog)) == 2, "one of each ledger, as of each process"
    assert all("attempts under way are kept" in each for each in alarms(caplog))
    ledger.record(ended(start(5_001)))  # what no budget concerns goes on
    ledger.flush()

    filler.unlink()
    await granted(ledger, 5_002)
    await granted(other, 5_003)
    assert is_there(ledger.path)
    assert "has room again" in caplog.text
    ledger.close()
    other.close()
    assert len(alarms(caplog)) == 2

    check_money(ledger.path)
    assert upkeep.verify(ledger.path) == []
    with LedgerReader(ledger.path) as reader:
        entries = reader.entries(limit=10_000)
        assert sum(each.state is EntryState.SUCCEEDED for each in entries) == 2 * UNDER_WAY + 1
        (balance,) = reader.balances([("team", "", Unit.MONEY, 0)])
        assert (balance.spent, balance.reserved) == (7 * UNDER_WAY, 200)


async def test_a_full_disk_is_noticed_by_a_ledger_that_is_opened_then(disk: Path) -> None:
    filler = disk / "filler"
    filler.write_bytes(bytes(SIZE - RESERVE - 2**20))
    ledger = SqliteLedger(disk / "ledger.db")
    assert reserve.is_given_up(reserve.path_of(ledger.path))
    with pytest.raises(LedgerUnavailable, match="disk is full"):
        await ledger.reserve(start(1), [CLAIM], durable=True)
    filler.unlink()
    await granted(ledger, 2)
    ledger.close()


async def test_a_full_disk_does_not_keep_a_ledger_from_being_opened(disk: Path) -> None:
    """What a killed process left is opened again: the memory that processes share must be made anew."""
    SqliteLedger(disk / "ledger.db").close()
    filler = fill(disk)
    ledger = SqliteLedger(disk / "ledger.db")
    ledger.record(ended(start(1)))
    ledger.flush()
    with pytest.raises(LedgerUnavailable, match="disk is full"):
        await ledger.reserve(start(2), [CLAIM], durable=True)
    filler.unlink()
    await granted(ledger, 3)
    ledger.close()


def test_a_ledger_on_a_full_disk_can_be_pruned(disk: Path) -> None:
    ledger = SqliteLedger(disk / "ledger.db", clock=lambda: NOON)
    for seed in range(1, 3_000):
        ledger.record(ended(start(seed, started=NOON + seed)))
    ledger.flush(30)
    ledger.close()
    assert is_there(ledger.path)
    fill(disk)
    assert upkeep.prune(ledger.path, NOON + 2_001) == 2_000
    assert reserve.is_given_up(reserve.path_of(ledger.path))
    fill(disk)
    with pytest.raises(ConfigError, match=r"cannot be (pruned now|opened)"):
        upkeep.prune(ledger.path, NOON + 4_000)
    (disk / "filler").unlink()
    assert upkeep.prune(ledger.path, NOON + 4_000) == 999


async def test_a_reserve_comes_back_without_requests(disk: Path) -> None:
    """The writer's thread looks for room by itself while it is missing."""
    (disk / "filler").write_bytes(bytes(20 * 2**20))
    ledger = SqliteLedger(disk / "ledger.db")
    assert not is_there(ledger.path)
    ledger.flush()
    (disk / "filler").unlink()
    async with asyncio.timeout(30):
        while not is_there(ledger.path):
            await asyncio.sleep(0.02)
    ledger.close()


def test_processes_that_share_a_disk_lose_nothing_when_it_is_full(disk: Path, *, deep: bool) -> None:
    path = disk / "ledger.db"
    SqliteLedger(path).close()
    command = [sys.executable, "-m", "tests.ledger.full_disk_storm", str(path)]
    processes = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(1, 4)
    ]
    patience = threading.Timer(120, end, [processes])
    patience.start()
    try:
        assert {line(each) for each in processes} == {"granted"}
        for _ in range(10 if deep else 2):
            filler = fill(disk)
            assert {line(each) for each in processes} == {"refused"}
            filler.unlink()
            assert {line(each) for each in processes} == {"granted"}
        for each in processes:
            assert each.stdin is not None
            each.stdin.close()
            each.stdin = None  # `communicate` would flush it
        kept = sum(int(line(each).split()[1]) for each in processes)
    finally:
        patience.cancel()
        end(processes)
        for each in processes:
            each.communicate()
    check_money(path)
    assert upkeep.verify(path) == []
    with LedgerReader(path) as reader:
        sums = reader.usage("provider")["primary"]
        (balance,) = reader.balances([("team", "", Unit.MONEY, 0)])
    assert (sums.attempts, sums.succeeded) == (kept, kept)
    assert balance.reserved == 0
    assert 0 < balance.spent < 7 * kept
    assert is_there(path)


def end(processes: list[subprocess.Popen[str]]) -> None:
    for each in processes:
        each.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_answers_do_not_take_the_room_of_entries(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    replays = SqliteReplays(ledger.path)
    assert replays.begin(b"scope", b"request", 1).state is ScopeState.NEW
    assert reserve.give_up(ledger.path)
    with pytest.raises(LedgerUnavailable, match="is full"):
        replays.begin(b"other", b"request", 1)
    replays.keep(b"scope", 1, KeptAnswer(200, (), b"x" * 10_000))
    ledger.flush()
    assert replays.begin(b"scope", b"request", 2).answer is None
    replays.close()
    ledger.close()


async def test_a_reserve_that_was_removed_is_made_again(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    reserve.path_of(ledger.path).unlink()
    assert await ledger.reserve(start(1), [CLAIM], durable=True) is None
    assert is_there(ledger.path)
    ledger.close()


async def test_without_a_reserve_there_is_no_file(tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "ledger.db").close()
    assert is_there(tmp_path / "ledger.db")
    ledger = SqliteLedger(tmp_path / "ledger.db", reserve_bytes=0)
    assert not reserve.path_of(ledger.path).exists()
    assert await ledger.reserve(start(1), [CLAIM], durable=True) is None
    ledger.close()


def test_the_room_is_really_allocated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Reserve(tmp_path / "one.db", RESERVE)
    assert made.is_held()
    assert reserve.path_of(tmp_path / "one.db").stat().st_blocks * 512 >= RESERVE

    def cannot(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", cannot)
    written = Reserve(tmp_path / "two.db", RESERVE)
    assert written.is_held()
    assert reserve.path_of(tmp_path / "two.db").stat().st_blocks * 512 >= RESERVE


def test_it_is_beside_the_file_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "ledger.db").symlink_to(tmp_path / "disk" / "real.db")
    assert reserve.path_of(tmp_path / "ledger.db") == tmp_path / "disk" / "real.db-reserve"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_tried_again_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reserve, "RETRY", 5.0)
    now, tries = [0.0], list[int]()

    def full(file: int, *_: int) -> None:
        tries.append(file)
        os.pwrite(file, b"x", 1_000)
        raise OSError(code, "full")

    monkeypatch.setattr(os, "posix_fallocate", full)
    made = Reserve(tmp_path / "ledger.db", RESERVE, clock=lambda: now[0])
    for moment in (0.0, 1.0, 4.9, 5.0, 9.9):
        now[0] = moment
        assert not made.is_held()
    assert len(tries) == 2, "tried every five seconds"
    assert len(alarms(caplog)) == 1
    assert reserve.is_given_up(reserve.path_of(tmp_path / "ledger.db"))
    monkeypatch.undo()
    now[0] = 20.0
    assert made.is_held()


def test_a_reserve_that_cannot_be_made_keeps_nothing_from_being_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "posix_fallocate", broken)
    made = Reserve(tmp_path / "ledger.db", RESERVE)
    assert made.is_held()
    assert made.is_held()
    assert caplog.text.count("no room is reserved") == 1
    assert not made.give_up()


def test_what_is_given_up_is_not_taken_back_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is full for another reason than the disk must not make the writer give it up without end."""
    monkeypatch.setattr(reserve, "RETRY", 5.0)
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.record(ended(start(1)))
    ledger.flush()
    ledger._writer._opened.connection.execute("PRAGMA max_page_count = 1")
    for seed in range(2, 200):
        ledger.record(ended(start(seed)))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        ledger.flush()
    assert reserve.is_given_up(reserve.path_of(ledger.path))
    ledger._writer._opened.connection.execute("PRAGMA max_page_count = 1000000")
    ledger.flush(20)
    ledger.close()
    with LedgerReader(ledger.path) as reader:
        assert len(reader.entries(limit=1_000)) == 199
