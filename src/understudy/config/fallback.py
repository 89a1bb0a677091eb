"""Reads `[llm.fallback]`, and the limits that a route may set for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from understudy.config.lines import KeyPath
from understudy.config.report import meant
from understudy.config.rules import Rule
from understudy.config.schema import FALLBACK
from understudy.config.tables import Context, read_table
from understudy.settings import FallbackConfig, FallbackStrategy, Whole

WHOLE: tuple[str, ...] = get_args(Whole)
"""The values of `whole`."""
_PATH: KeyPath = ("llm", "fallback")
_CHOICES = {
    "strategy": tuple(strategy.value for strategy in FallbackStrategy),
    "unknown_prices": ("last", "first"),
    "whole": WHOLE,
}
_WORDS = {"strategy": "strategy", "unknown_prices": "place of unknown prices", "whole": "way to fetch whole answers"}


def read_fallback(context: Context, table: Any) -> FallbackConfig:
    """Read the table; what is wrong goes to the report."""
    if not isinstance(table, dict):
        context.report.error(_PATH, "llm.fallback must be a table", "write it as [llm.fallback]")
        return FallbackConfig()
    context.report.unknown_keys(table, _PATH, "[llm.fallback]", FALLBACK)
    return FallbackConfig(**read_limits(context, table, _PATH, FALLBACK))


def read_limits(context: Context, table: Mapping[str, Any], path: KeyPath, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return the good values of a table that holds fields of `FallbackConfig`."""
    values = read_table(context, table, path, rules)
    for key, known in _CHOICES.items():
        if key in values:
            written = values.pop(key).strip().lower().replace("-", "_")
            if written in known:
                values[key] = FallbackStrategy(written) if key == "strategy" else written
            else:
                context.report.error((*path, key), f"unknown {_WORDS[key]}", meant(written, known))
    return values
