"""What the report of a configuration shows of traces and alerts: where they go, and no secret of it."""

from __future__ import annotations

import msgspec

from understudy.config import parse
from understudy.reports.configuration import HIDDEN, report_configuration

TEXT = """
[[llm.providers]]
provider = "ollama"

[llm.telemetry.tracing]
endpoint = "http://collector.example:4318"
headers = { authorization = "Basic header-canary-31" }

[llm.telemetry.alerts]
down_after = 5

[[llm.telemetry.alerts.webhooks]]
name = "pager"
url = "https://hooks.example/url-canary-31"
secret = "signing-canary-0123456789"
"""


def test_traces_and_alerts_are_shown_without_their_secrets() -> None:
    report = report_configuration(parse(TEXT, environ={}))
    tables = {(each.table, each.name): {one.key: one for one in each.settings} for each in report.tables}
    tracing = tables["llm.telemetry.tracing", None]
    assert tracing["endpoint"].value == "http://collector.example:4318"
    assert tracing["headers"].value == {"authorization": HIDDEN}
    assert (tracing["sample"].value, tracing["sample"].is_default) == (1.0, True)
    assert tables["llm.telemetry.alerts", None]["down_after"].value == 5
    pager = tables["llm.telemetry.alerts.webhooks", "pager"]
    assert (pager["url"].value, pager["secret"].value, pager["form"].value) == (HIDDEN, HIDDEN, "json")
    assert b"canary" not in msgspec.json.encode(report)


def test_without_them_there_are_no_tables() -> None:
    report = report_configuration(parse('[[llm.providers]]\nprovider = "ollama"\n', environ={}))
    assert not [each.table for each in report.tables if each.table.startswith("llm.telemetry")]
