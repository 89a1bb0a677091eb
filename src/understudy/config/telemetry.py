"""Reads `[llm.telemetry]`: what the gateway sends to other systems."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from understudy.config.alerts import read_alerts
from understudy.config.lines import KeyPath
from understudy.config.report import did_you_mean
from understudy.config.tables import Context, read_table
from understudy.domain.capture import pattern_complaint
from understudy.domain.misuse import ConfigError
from understudy.settings.telemetry import TELEMETRY, TelemetryConfig
from understudy.settings.tracing import TRACING, TracingConfig

_TELEMETRY: KeyPath = ("llm", "telemetry")
_TRACING: KeyPath = (*_TELEMETRY, "tracing")
_ANY = "*"


def read_telemetry(context: Context, table: Any, entries: Collection[str]) -> TelemetryConfig:
    """Read the table. `entries`: the names of all entries, usable or not."""
    report = context.report
    if not isinstance(table, dict):
        report.error(_TELEMETRY, "llm.telemetry must be a table", "write [llm.telemetry.tracing]")
        return TelemetryConfig()
    report.unknown_keys(table, _TELEMETRY, "[llm.telemetry]", TELEMETRY)
    return TelemetryConfig(
        tracing=_read_tracing(context, table["tracing"], entries) if "tracing" in table else None,
        alerts=read_alerts(context, table["alerts"]) if "alerts" in table else None,
    )


def _read_tracing(context: Context, table: Any, entries: Collection[str]) -> TracingConfig | None:
    report = context.report
    if not isinstance(table, dict):
        report.error(_TRACING, "llm.telemetry.tracing must be a table", "write it as [llm.telemetry.tracing]")
        return None
    report.unknown_keys(table, _TRACING, "[llm.telemetry.tracing]", TRACING)
    values = read_table(context, table, _TRACING, TRACING)
    if "endpoint" not in table and values.get("enabled", True):
        example = TRACING["endpoint"].example
        report.error(_TRACING, 'the tracing has no "endpoint"', f"for example: endpoint = {example}")
    for name in values.get("propagate", ()):
        if name != _ANY and name not in entries:
            what = f'propagate names "{name}", which is not an entry'
            report.error((*_TRACING, "propagate"), what, did_you_mean(name, entries))
    return _made(context, values) if values.get("endpoint") else None


def _made(context: Context, values: Mapping[str, Any]) -> TracingConfig | None:
    patterns = tuple(values.get("content_redact", ()))
    if complaint := next(filter(None, map(pattern_complaint, patterns)), None):
        example = TRACING["content_redact"].example
        context.report.error((*_TRACING, "content_redact"), complaint, f"for example: {example}")
        return None
    lists = {"content_redact": patterns} | {key: tuple(values.get(key, ())) for key in ("backends", "propagate")}
    try:
        return TracingConfig(**{**values, **lists})
    except ConfigError as error:
        what = str(error).removeprefix("TracingConfig: ")
        key = what.partition(" ")[0].rstrip(":")
        example = TRACING[key].example if key in TRACING else ""
        context.report.error((*_TRACING, key), what, f"for example: {key} = {example}")
        return None
