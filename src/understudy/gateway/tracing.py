"""The traces of a gateway's requests: made as its configuration states, and continued where a caller began them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from understudy.config import Config
from understudy.ledger.observing import CALLERS_TRACE, TraceContext
from understudy.settings.capture import secrets_in

if TYPE_CHECKING:
    from understudy.telemetry.tracing.tracing import Tracing


class Traces:
    """The tracing that the configuration in use asks for; a reload may replace it."""

    def __init__(self, config: Config) -> None:
        """Raise `ConfigError` if OpenTelemetry is required and not installed."""
        self.current = _made(config)

    def prepared(self, config: Config) -> Tracing | None:
        """Return the tracing for another configuration: the same if nothing of it changes. Raise `ConfigError`."""
        tracing = config.telemetry.tracing
        if self.current is not None and self.current.config == tracing:
            return self.current
        return _made(config)

    async def use(self, tracing: Tracing | None) -> None:
        """Use another tracing. The former one sends what it still has."""
        former, self.current = self.current, tracing
        if former is not None and former is not tracing:
            await asyncio.to_thread(former.close)

    async def close(self) -> None:
        """Send what is left."""
        await self.use(None)


def note_caller(headers: Mapping[str, str]) -> None:
    """Note which trace the request belongs to that is served now."""
    CALLERS_TRACE.set(TraceContext(headers.get("traceparent"), headers.get("tracestate")))


def _made(config: Config) -> Tracing | None:
    tracing = config.telemetry.tracing
    if tracing is None or not tracing.enabled or tracing.endpoint is None:
        return None
    from understudy.telemetry.tracing.tracing import Tracing

    return Tracing(tracing, secrets=secrets_in(config))
