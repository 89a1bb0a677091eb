"""The manager behind the gateway: a configuration's providers, and the runs of its requests."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from understudy.client.factory import create_provider
from understudy.client.manager import ProviderManager
from understudy.config import Config
from understudy.domain.requests import GenerationRequest
from understudy.engine.backend import ModelFacts
from understudy.settings import FallbackStrategy, Route

if TYPE_CHECKING:
    from understudy.client.stream import Reading
    from understudy.engine.run import Run
    from understudy.ledger import LedgerSink, Observer
    from understudy.transport.base import Transport

LISTS = 1_000
"""Lists of models that are remembered: callers choose them, and most use one."""


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

    def listed(self, models: tuple[str, ...]) -> str:
        """Return the name of a route over these models, in this order: what `model` is for a caller's own list."""
        found = (self._own.get(name, (name,)) for name in models)
        targets = tuple(dict.fromkeys(itertools.chain.from_iterable(found)))
        name = f"models: {', '.join(targets)}".replace("/", "\u2215")  # names of routes hold no slash
        if name not in self._lists:
            if len(self._lists) >= LISTS:
                self._planner.forget(self._lists.pop(0))
            fallback = replace(self.fallback, strategy=FallbackStrategy.PRIORITY)
            self._planner.add(Route(name=name, targets=targets, fallback=fallback))
            self._lists.append(name)
        return name

    def facts_of(self, name: str) -> ModelFacts:
        """Return what is known of a route, an `entry` or `entry/model`: of a route, what holds for all its targets."""
        found = self._catalog.select(name)
        if found.route is not None:
            targets = self._catalog.route_targets(self._catalog.routes[found.route])
        elif found.entry is not None and (found.model is not None or self._backend(found.entry).generates):
            targets = (self._catalog.text_target(found.entry, found.model),)
        else:
            targets = ()
        facts = [self._backend(target.name).facts(target.model) for target in targets]
        windows = [each.context_window for each in facts]
        words = set().union(*(each.capabilities for each in facts))
        abilities = {word: [each.capabilities.get(word) for each in facts] for word in words}
        return ModelFacts(
            None if None in windows else min(filter(None, windows), default=None),
            {word: False not in known for word, known in abilities.items() if False in known or None not in known},
        )

    @cached_property
    def _own(self) -> Mapping[str, tuple[str, ...]]:
        """The targets of the configured routes."""
        return {route.name: route.targets for route in self.routes}

    @cached_property
    def _lists(self) -> list[str]:
        """The names of the routes that callers' lists made, the oldest first."""
        return []

    async def open(self, request: GenerationRequest, options: Any, reading: Reading | None = None) -> Run:
        """Plan a generation, streamed if it has a `reading`; nothing is sent before the run is driven.

        Raise `Misuse` and `Unavailable`.
        """
        return await self._calls.open(request, options, reading)
