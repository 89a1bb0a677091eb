"""Upkeep of the file: retention, vacuum and verification."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.ledger.made import NOON, ended, start
from understudy.domain.errors import ConfigError
from understudy.domain.money import Cost, Money
from understudy.ledger.holds import Claim, Unit
from understudy.ledger.sqlite import upkeep
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.ledger.sums import DAY

DAYS = 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with two attempts a day, and one that is under way since the first day."""
    ledger = SqliteLedger(tmp_path / "ledger.db", clock=lambda: NOON)
    for day in range(DAYS):
        for number in range(2):
            begun = start(10 * day + number + 1, started=NOON + day * DAY)
            ledger.begin(begun)
            ledger.record(ended(begun))
    ledger.begin(start(99, started=NOON))
    ledger.flush()
    ledger.close()
    return ledger.path


def test_old_entries_go_and_the_sums_of_their_days_stay(path: Path) -> None:
    before = NOON + 2 * DAY
    with LedgerReader(path) as reader:
        sums = reader.usage("day")
    assert upkeep.count_old(path, before) == 4
    assert upkeep.prune(path, before) == 4
    with LedgerReader(path) as reader:
        assert reader.usage("day") == sums
        left = [entry.start.started for entry in reader.entries()]
    assert len(left) == 2 * (DAYS - 2) + 1, "what is under way is never removed"
    assert upkeep.prune(path, before) == 0
    assert upkeep.verify(path) == []


async def test_what_budgets_have_spent_stays(tmp_path: Path) -> None:
    ledger, old = SqliteLedger(tmp_path / "ledger.db"), start(1, started=NOON)
    claim = Claim(budget="team", subject="", amount=100, ceiling=1_000, if_unknown=100)
    assert await ledger.reserve(old, [claim], durable=True) is None
    ledger.record(ended(old, cost=Cost(amount=Money(60), source="test")))
    ledger.flush()
    assert upkeep.prune(ledger.path, NOON + DAY) == 1
    (found,) = await ledger.balances([("team", "", Unit.MONEY, 0)])
    assert (found.spent, found.reserved) == (60, 0)
    ledger.close()
    with sqlite3.connect(ledger.path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM holds").fetchone() == (0,)
    connection.close()


def test_many_are_removed_in_several_transactions(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "MOST", 3)
    assert upkeep.prune(path, NOON + DAYS * DAY) == 2 * DAYS


def test_a_writer_removes_what_is_older_than_it_keeps(tmp_path: Path) -> None:
    now = NOON + 10 * DAY
    ledger = SqliteLedger(tmp_path / "ledger.db", keep_days=3, clock=lambda: now)
    for number, age in enumerate((9, 4, 2, 0), start=1):
        begun = start(number, started=now - age * DAY)
        ledger.begin(begun)
        ledger.record(ended(begun))
    ledger.flush()
    ledger.close()
    with LedgerReader(ledger.path) as reader:
        assert len(reader.entries()) == 2
        assert sum(sums.attempts for sums in reader.usage("day").values()) == 4


def test_a_vacuum_makes_the_file_smaller(path: Path) -> None:
    ledger = SqliteLedger(path, clock=lambda: NOON)
    for number in range(300, 900):
        ledger.record(ended(start(number, started=NOON, why="x" * 500)))
    ledger.flush()
    ledger.close()
    upkeep.prune(path, NOON + DAYS * DAY)
    freed = upkeep.vacuum(path)
    assert 0 < freed.after < freed.before / 2
    assert upkeep.verify(path) == []


@pytest.mark.lawless(reason="the sums are falsified")
def test_sums_that_differ_from_their_entries_are_found(path: Path) -> None:
    assert upkeep.verify(path) == []
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE days SET cost = cost + 1 WHERE dimension = '' AND day = ?", (NOON // DAY + 1,))
    connection.close()
    (found,) = upkeep.verify(path)
    assert found.endswith("differ from its entries: cost")


def test_damage_is_found(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    path.write_bytes(data)
    assert upkeep.verify(path)


def test_without_a_file_there_is_nothing_to_keep_up(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no ledger"):
        upkeep.prune(tmp_path / "ledger.db", NOON)
