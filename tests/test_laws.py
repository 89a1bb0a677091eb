"""The laws of the accounts find what breaks them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.laws import laws_broken
from tests.ledger.made import ended, start
from understudy.ledger.sqlite.store import SqliteLedger


def _ledger(folder: Path) -> Path:
    ledger = SqliteLedger(folder / "ledger.db")
    for number in range(1, 4):
        ledger.begin(start(number))
        ledger.record(ended(start(number)))
    ledger.flush()
    ledger.close()
    return ledger.path


def test_a_ledger_as_it_is_written_breaks_none(tmp_path: Path) -> None:
    assert laws_broken(_ledger(tmp_path)) == []


@pytest.mark.lawless(reason="that is the test")
@pytest.mark.parametrize(
    ("damage", "law"),
    [
        ("DELETE FROM entries WHERE id = (SELECT id FROM entries LIMIT 1)", "the sums of all"),
        ("UPDATE days SET cost = cost + 1 WHERE dimension = ''", "the sums by day"),
        ("UPDATE days SET attempts = attempts - 1 WHERE dimension = 'provider'", "add up to the sums of all"),
        ("UPDATE entries SET state = 'lost'", "I1"),
        ("UPDATE entries SET cost_basis = NULL", "how its cost is known"),
        ("UPDATE entries SET cost = 5, cost_basis = 'not_sent'", "A0, A2"),
        ("UPDATE entries SET cost = 0.5", "money is whole"),
        ("UPDATE entries SET input = -1", "not negative"),
        ("UPDATE entries SET opens = 1, request = x'01'", "one attempt opens"),
        (
            "INSERT INTO balances (budget, subject, unit, start, spent, reserved, overrun) "
            "VALUES ('team', '', 'money', 0, 7, 0, 0)",
            "spent is the sum",
        ),
    ],
)
def test_what_breaks_a_law_is_found(tmp_path: Path, damage: str, law: str) -> None:
    path = _ledger(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(damage)
        connection.commit()
    assert any(law in each for each in laws_broken(path))
