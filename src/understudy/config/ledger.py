"""Reads `[llm.ledger]`: where attempts are kept."""

from __future__ import annotations

from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.report import Report
from understudy.config.schema import LEDGER
from understudy.config.tables import Context, read_table
from understudy.domain.capture import pattern_complaint
from understudy.settings.ledger import LedgerConfig

_LEDGER: KeyPath = ("llm", "ledger")
_SCHEMES = ("postgresql://", "postgres://")
_LIMITS_SCHEMES = ("redis://", "rediss://", "valkey://", "valkeys://", "unix://")


def read_ledger(context: Context, table: Any) -> LedgerConfig:
    """Read the table."""
    report = context.report
    if not isinstance(table, dict):
        report.error(_LEDGER, "llm.ledger must be a table", "write it as [llm.ledger]")
        return LedgerConfig()
    report.unknown_keys(table, _LEDGER, "[llm.ledger]", LEDGER)
    values = read_table(context, table, _LEDGER, LEDGER)
    if "url" in values and not values["url"].strip().startswith(_SCHEMES):
        report.error(
            (*_LEDGER, "url"), "url must begin with postgresql://", f"for example: url = {LEDGER['url'].example}"
        )
        del values["url"]
    if "url" in values and "path" in values:
        report.error((*_LEDGER, "path"), "set either path or url, not both", "omit one of them")
        del values["path"]
    if "spool" in values and "url" not in values:
        if "url" not in table:
            report.error((*_LEDGER, "spool"), "spool needs url", "omit it: entries of a file need no spool")
        del values["spool"]
    if "capture_redact" in values:
        patterns = values["capture_redact"]
        if complaint := next(filter(None, map(pattern_complaint, patterns)), None):
            report.error((*_LEDGER, "capture_redact"), complaint, f"for example: {LEDGER['capture_redact'].example}")
            patterns = ()
        values["capture_redact"] = tuple(patterns)
    if values.get("on_ledger_down") == "spool" and "url" not in values:
        if "url" not in table:
            report.error(
                (*_LEDGER, "on_ledger_down"),
                'on_ledger_down = "spool" needs url',
                "omit it: entries of a file wait in memory while it cannot be written",
            )
        del values["on_ledger_down"]
    if values.get("on_ledger_down") == "closed" and not values.get("enabled", True):
        report.error(
            (*_LEDGER, "on_ledger_down"), 'on_ledger_down = "closed" needs the ledger, which is switched off', "omit it"
        )
        del values["on_ledger_down"]
    _check_limits(report, table, values)
    return LedgerConfig(**values)


def _check_limits(report: Report, table: Any, values: dict[str, Any]) -> None:
    if "limits_url" in values and not values["limits_url"].strip().startswith(_LIMITS_SCHEMES):
        what, example = "limits_url must begin with redis:// or rediss://", LEDGER["limits_url"].example
        report.error((*_LEDGER, "limits_url"), what, f"for example: limits_url = {example}")
        del values["limits_url"]
    if "limits_processes" in values and "limits_url" not in values:
        if "limits_url" not in table:
            report.error((*_LEDGER, "limits_processes"), "limits_processes needs limits_url", "set both, or omit it")
        del values["limits_processes"]
