"""Reads `[llm.telemetry.alerts]`: of what operators are alerted, and where to."""

from __future__ import annotations

from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.tables import Context, expand_text, read_table
from understudy.domain.misuse import ConfigError
from understudy.domain.secret import Secret
from understudy.settings.alerts import ALERTS, WEBHOOK, AlertsConfig, Webhook

_ALERTS: KeyPath = ("llm", "telemetry", "alerts")
_SECRETS = ("url", "secret")
_SHORT = 16
"""Characters: a shorter secret may be guessed."""


def read_alerts(context: Context, table: Any) -> AlertsConfig | None:
    """Read the table."""
    report = context.report
    if not isinstance(table, dict):
        report.error(_ALERTS, "llm.telemetry.alerts must be a table", "write it as [llm.telemetry.alerts]")
        return None
    report.unknown_keys(table, _ALERTS, "[llm.telemetry.alerts]", ALERTS)
    plain = {key: value for key, value in table.items() if key != "webhooks"}
    values = read_table(context, plain, _ALERTS, ALERTS)
    webhooks = _read_webhooks(context, table.get("webhooks", []))
    if not table.get("webhooks") and values.get("enabled", True):
        report.error(_ALERTS, "there is no webhook to send alerts to", "add [[llm.telemetry.alerts.webhooks]]")
    return AlertsConfig(**values, webhooks=webhooks)


def _read_webhooks(context: Context, tables: Any) -> tuple[Webhook, ...]:
    path = (*_ALERTS, "webhooks")
    if not isinstance(tables, list):
        what = "llm.telemetry.alerts.webhooks must be a list of tables"
        context.report.error(path, what, "write each as [[llm.telemetry.alerts.webhooks]]")
        return ()
    found: list[Webhook] = []
    for index, table in enumerate(tables):
        webhook = _read_webhook(context, table, (*path, index))
        if webhook is None:
            continue
        if any(each.name == webhook.name for each in found):
            context.report.error((*path, index, "name"), "another webhook has this name", "choose another name")
        found.append(webhook)
    return tuple(found)


def _read_webhook(context: Context, table: Any, path: KeyPath) -> Webhook | None:
    report = context.report
    if not isinstance(table, dict):
        report.error(path, "a webhook must be a table", "write [[llm.telemetry.alerts.webhooks]] above it")
        return None
    report.unknown_keys(table, path, "[[llm.telemetry.alerts.webhooks]]", WEBHOOK)
    plain = {key: value for key, value in table.items() if key not in _SECRETS}
    values = read_table(context, plain, path, WEBHOOK)
    for name in ("name", "url"):
        if name not in table:
            report.error(path, f'the webhook has no "{name}"', f"for example: {name} = {WEBHOOK[name].example}")
    read = {key: _secret(context, table[key], (*path, key)) for key in _SECRETS if key in table}
    secrets = {key: value for key, value in read.items() if value is not None}
    if "name" not in values or len(secrets) < len(read) or "url" not in secrets:
        return None
    try:
        return Webhook(**{**values, **secrets})
    except ConfigError as error:
        report.error(
            (*path, "url"), str(error).removeprefix("Webhook: "), f"for example: url = {WEBHOOK['url'].example}"
        )
        return None


def _secret(context: Context, written: Any, path: KeyPath) -> Secret | None:
    """Return a secret of the file. Its value is never repeated."""
    report, name = context.report, str(path[-1])
    example = f"for example: {name} = {WEBHOOK[name].example}"
    if not isinstance(written, str):
        report.error(path, f"{name} must be a string", example)
        return None
    expanded = expand_text(context, written, path)
    if expanded is None:
        return None
    for missing in expanded.missing:
        report.error(path, f"the environment variable {missing} is not set", f"set it, or write {name} in another way")
    if expanded.missing:
        return None
    if name == "secret" and len(expanded.text) < _SHORT:
        report.error(path, f"secret must have at least {_SHORT} characters", example)
        return None
    return Secret(expanded.text.strip())
