"""The manager behind the gateway: a configuration's providers, and the runs of its requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from understudy.client.factory import create_provider
from understudy.client.manager import ProviderManager
from understudy.config import Config
from understudy.domain.requests import GenerationRequest

if TYPE_CHECKING:
    from understudy.client.stream import Reading
    from understudy.engine.run import Run
    from understudy.ledger import LedgerSink, Observer
    from understudy.transport.base import Transport


class GatewayManager(ProviderManager):
    """A manager whose generations are handed out as runs, so that what is known of them can be sent before they end."""

    @classmethod
    def of(
        cls,
        config: Config,
        *,
        transport: Transport | None = None,
        sink: LedgerSink | None = None,
        observers: Sequence[Observer] = (),
    ) -> GatewayManager:
        """Return the manager of a configuration, also of one provider alone."""
        providers = [
            create_provider(entry, row=config.row_of(entry), transport=transport) for entry in config.providers
        ]
        fallback, routes = config.fallback, config.routes
        if config.gateway.affinity:
            fallback = replace(fallback, affinity=True)
            routes = tuple(replace(route, fallback=replace(route.fallback, affinity=True)) for route in routes)
        return cls(providers, fallback, routes=routes, sink=sink, observers=observers)

    async def open(self, request: GenerationRequest, options: Any, reading: Reading | None = None) -> Run:
        """Plan a generation, streamed if it has a `reading`; nothing is sent before the run is driven.

        Raise `Misuse` and `Unavailable`.
        """
        return await self._calls.open(request, options, reading)
