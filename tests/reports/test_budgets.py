"""The report of budgets: what is reserved is what may still be spent, never a mark of the ledger's."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from understudy.ledger.holds import Balance, Unit
from understudy.ledger.sqlite.opening import open_for_writing
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.reports.budgets import read_budgets, report_budgets
from understudy.settings.budgets import Budget

DAY = 1_796_083_200
"""1 December 2026, 00:00 UTC."""


@pytest.mark.parametrize(
    ("hard", "reserved", "left"),
    # Of 2 USD half a dollar is spent. A hard budget holds what attempts can cost; another one holds a mark.
    [(True, "0.25", "1.25"), (False, "0", "1.5")],
)
def test_only_a_hard_budget_reserves(hard: bool, reserved: str, left: str) -> None:
    budget = Budget(name="team", max="2", period="day", hard=hard)
    held = 250_000_000 if hard else 3
    balance = Balance(budget="team", subject="", unit=Unit.MONEY, start=DAY, spent=500_000_000, reserved=held)
    (found,) = report_budgets([budget], [balance], DAY + 60.0)
    assert (found.spent_usd, found.reserved_usd, found.left_usd) == ("0.5", reserved, left)
    assert found.resets == DAY + 86_400


def test_balances_of_former_periods_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_for_writing(path)) as file:
        rows = [("each", f"s{n:05}", "money", DAY - n // 100 * 86_400, n, 0, 0) for n in range(5_000)]
        file.executemany("INSERT INTO balances VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    budgets = (Budget(name="each", per="session", max="2", period="day"), Budget(name="all", max="1", period="month"))
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with LedgerReader(path) as reader:
        reader._connection.set_progress_handler(count, 100)  # pyright: ignore[reportPrivateUsage]
        found = read_budgets(reader, budgets, DAY + 60.0, 3)
    assert [(each.budget, each.subject) for each in found] == [
        ("each", "s00099"),
        ("each", "s00098"),
        ("each", "s00097"),
        ("all", ""),
    ]
    assert steps < 40, "of 5,000 balances, the hundred of the day are looked at"
