"""The table of `understudy usage --budgets`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, say, show
from understudy.reports.budgets import BudgetResult


def print_budgets(results: list[BudgetResult]) -> None:
    """Print what is spent, reserved and left of each budget."""
    if not results:
        say("no budget has been used: [[llm.budgets]] configures them", label="note")
        return
    table = plain_table("budget")
    table.add_column("of")
    for title in ("spent", "reserved", "left", "max"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("resets", no_wrap=True)
    for each in results:
        amounts = (each.spent_usd, each.reserved_usd, each.left_usd, each.max_usd)
        overrun = "" if float(each.overrun_usd) == 0 else f" (${each.overrun_usd} more than reserved)"
        table.add_row(
            clean_line(each.budget),
            clean_line(each.subject),
            *(f"${float(amount):,.4f}" for amount in amounts),
            _reset(each.resets) + overrun,
        )
    show(table, sys.stdout)


def _reset(moment: int | None) -> str:
    return "never" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
