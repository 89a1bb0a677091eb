"""Reads `[llm.ledger]`: where attempts are kept."""

from __future__ import annotations

from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.schema import LEDGER
from understudy.config.tables import Context, read_table
from understudy.settings.ledger import LedgerConfig

_LEDGER: KeyPath = ("llm", "ledger")


def read_ledger(context: Context, table: Any) -> LedgerConfig:
    """Read the table."""
    report = context.report
    if not isinstance(table, dict):
        report.error(_LEDGER, "llm.ledger must be a table", "write it as [llm.ledger]")
        return LedgerConfig()
    report.unknown_keys(table, _LEDGER, "[llm.ledger]", LEDGER)
    return LedgerConfig(**read_table(context, table, _LEDGER, LEDGER))
