"""Reads `[[llm.budgets]]` and `[[llm.limits]]`: how much may be spent, and how often requests may come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from understudy.config.tables import Context, read_table
from understudy.domain.errors import ConfigError
from understudy.domain.rules import Rule
from understudy.settings.budgets import BUDGET, LIMIT, Allowance, Budget, Limit

_T = TypeVar("_T", Budget, Limit)


def read_allowance(context: Context, llm: Mapping[str, Any]) -> Allowance:
    """Read both lists of tables."""
    budgets = _read(context, llm, "budgets", BUDGET, Budget)
    names = set[str]()
    for number, budget in enumerate(budgets):
        if budget.name in names:
            what = f'two budgets are called "{budget.name}"'
            context.report.error(("llm", "budgets", number, "name"), what, "give each a name of its own")
        names.add(budget.name)
    ledger = llm.get("ledger")
    if budgets and isinstance(ledger, dict) and ledger.get("enabled") is False:
        what = "budgets are kept in the ledger, which is switched off"
        context.report.error(("llm", "ledger", "enabled"), what, "remove enabled = false, or the budgets")
    return Allowance(budgets=tuple(budgets), limits=tuple(_read(context, llm, "limits", LIMIT, Limit)))


def _read(
    context: Context, llm: Mapping[str, Any], key: str, rules: Mapping[str, Rule], make: Callable[..., _T]
) -> list[_T]:
    tables, report, found = llm.get(key, []), context.report, list[_T]()
    if not isinstance(tables, list):
        report.error(("llm", key), f"llm.{key} must be a list of tables", f"write each as [[llm.{key}]]")
        return found
    for number, table in enumerate(tables):
        path = ("llm", key, number)
        if not isinstance(table, dict):
            report.error(path, f"llm.{key} must be a list of tables", f"write each as [[llm.{key}]]")
            continue
        report.unknown_keys(table, path, f"[[llm.{key}]]", rules)
        values = read_table(context, table, path, rules)
        if values.keys() != table.keys() & rules.keys():
            continue  # what is wrong is reported
        try:
            found.append(make(**values))
        except ConfigError as error:
            for line in error.message.splitlines():
                report.error(path, line.partition(": ")[2], f"see {key} in docs/budgets.md")
    return found
