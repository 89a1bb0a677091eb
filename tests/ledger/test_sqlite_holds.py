"""Holds in a file: shared by processes, kept through crashes, refused where the file cannot be written."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.ledger.made import NOON, ended, start
from tests.ledger.money import check_money
from understudy.domain.money import Cost, Money
from understudy.ledger.holds import Claim, LedgerUnavailable, Unit
from understudy.ledger.sqlite.store import SqliteLedger

CLAIM = Claim(budget="team", subject="", amount=60, ceiling=100, if_unknown=60)
KEY = ("team", "", Unit.MONEY, 0)


async def spent(ledger: SqliteLedger) -> tuple[int, int]:
    (found,) = await ledger.balances([KEY])
    return found.spent, found.reserved


async def test_a_reservation_is_in_the_file_before_it_is_granted(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    begun = start(1)
    await ledger.reserve(begun, [CLAIM], durable=True)
    with sqlite3.connect(ledger.path) as other:
        assert other.execute("SELECT state FROM entries").fetchall() == [("started",)]
        assert other.execute("SELECT amount, charged FROM holds").fetchall() == [(60, None)]
    check_money(ledger.path)
    ledger.close()


async def test_what_may_cost_nothing_is_held_too_and_may_turn_out_to_cost(tmp_path: Path) -> None:
    ledger, begun = SqliteLedger(tmp_path / "ledger.db"), start(1)
    await ledger.reserve(begun, [msgspec.structs.replace(CLAIM, amount=0)], durable=True)
    check_money(ledger.path)
    ledger.record(ended(begun, cost=Cost(amount=Money(13), source="test")))
    ledger.flush()
    assert await spent(ledger) == (13, 0)
    check_money(ledger.path)
    ledger.close()


async def test_what_a_lost_process_held_is_spent_and_corrected_by_the_truth(tmp_path: Path) -> None:
    clock = [NOON]
    path = tmp_path / "ledger.db"
    lost, other = SqliteLedger(path, clock=lambda: NOON), SqliteLedger(path, clock=lambda: clock[0])
    begun = start(1)
    await lost.reserve(begun, [CLAIM], durable=True)
    clock[0] += 3_600
    other.record(ended(start(2)))
    other.flush()
    assert await spent(other) == (60, 0)
    check_money(path)
    lost.record(ended(begun, cost=Cost(amount=Money(13), source="test")))
    lost.flush()
    assert await spent(other) == (13, 0)
    check_money(path)
    lost.close()
    other.close()


async def test_a_file_that_cannot_be_written_grants_nothing_until_it_can_be_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    real, full = ledger._writer._transact, [True]  # pyright: ignore

    def transact(items: Any) -> None:
        if full[0]:
            raise sqlite3.OperationalError("database or disk is full")
        real(items)

    monkeypatch.setattr(ledger._writer, "_transact", transact)  # pyright: ignore
    with pytest.raises(LedgerUnavailable, match="disk is full"):
        await asyncio.wait_for(ledger.reserve(start(1), [CLAIM], durable=True), 30)
    full[0] = False
    assert await asyncio.wait_for(ledger.reserve(start(2), [CLAIM], durable=True), 30) is None
    ledger.flush()
    assert await spent(ledger) == (0, 60)
    check_money(ledger.path)
    ledger.close()


async def test_a_closed_ledger_grants_nothing(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.close()
    with pytest.raises(LedgerUnavailable, match="closed"):
        await ledger.reserve(start(1), [CLAIM], durable=True)
