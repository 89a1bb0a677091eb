"""What a gateway sends to other systems: traces and alerts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from understudy.domain.rules import Rule
from understudy.settings.alerts import AlertsConfig
from understudy.settings.checking import Settings
from understudy.settings.tracing import TracingConfig


class TelemetryConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """What the gateway sends to other systems: the table `[llm.telemetry]`."""

    tracing: TracingConfig | None = None
    """Where traces go; `None`: there are none."""
    alerts: AlertsConfig | None = None
    """Of what operators are alerted; `None`: of nothing."""


TELEMETRY: Mapping[str, Rule] = {
    "tracing": Rule("table", '{ endpoint = "http://localhost:4318" }', "where traces go; see below", "no traces"),
    "alerts": Rule("table", "{ down_after = 30 }", "when alerts are sent, and where to; see below", "no alerts"),
}
"""The keys of `[llm.telemetry]`: the fields of `TelemetryConfig`."""
