"""Reads `[llm.fallback]`."""

from __future__ import annotations

from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.report import meant
from understudy.config.schema import FALLBACK
from understudy.config.tables import Context, read_table
from understudy.provider import FallbackConfig, FallbackStrategy

_PATH: KeyPath = ("llm", "fallback")


def read_fallback(context: Context, table: Any) -> FallbackConfig:
    """Read the table; what is wrong goes to the report."""
    if not isinstance(table, dict):
        context.report.error(_PATH, "llm.fallback must be a table", "write it as [llm.fallback]")
        return FallbackConfig()
    context.report.unknown_keys(table, _PATH, "[llm.fallback]", FALLBACK)
    values = read_table(context, table, _PATH, FALLBACK)
    if "strategy" in values:
        written = values.pop("strategy").strip().lower().replace("-", "_")
        known = [strategy.value for strategy in FallbackStrategy]
        if written in known:
            values["strategy"] = FallbackStrategy(written)
        else:
            context.report.error((*_PATH, "strategy"), "unknown strategy", meant(written, known))
    return FallbackConfig(**values)
