"""The report of budgets: what is reserved is what may still be spent, never a mark of the ledger's."""

from __future__ import annotations

import pytest

from understudy.ledger.holds import Balance, Unit
from understudy.reports.budgets import report_budgets
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
