"""What a gateway tells others of its requests: traces."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from understudy.domain.rules import Rule
from understudy.settings.checking import Settings
from understudy.settings.tracing import TracingConfig


class TelemetryConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """What the gateway sends to other systems: the table `[llm.telemetry]`."""

    tracing: TracingConfig | None = None
    """Where traces go; `None`: there are none."""


TELEMETRY: Mapping[str, Rule] = {
    "tracing": Rule("table", '{ endpoint = "http://localhost:4318" }', "where traces go; see below", "no traces"),
}
"""The keys of `[llm.telemetry]`: the fields of `TelemetryConfig`."""
