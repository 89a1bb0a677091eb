"""The manager behind the gateway: a configuration's providers, and the runs of its requests."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from understudy.client.asking import asked, named_models
from understudy.client.factory import create_provider
from understudy.client.manager import ProviderManager
from understudy.client.provider import Provider
from understudy.config import Config
from understudy.dialects import load
from understudy.domain.errors import ConfigError, LLMError
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.responses import EmbeddingResponse, HealthStatus, ModelInfo
from understudy.engine.backend import ModelFacts
from understudy.policy.strategies import place
from understudy.policy.targets import Target
from understudy.protocol import EmbedOptions, RequestOptions
from understudy.settings import FallbackStrategy, Route

if TYPE_CHECKING:
    from understudy.client.stream import Reading
    from understudy.domain.failures import Failure
    from understudy.engine.relay import Relay, RelayRequest
    from understudy.engine.run import Run
    from understudy.ledger import LedgerSink, Observer
    from understudy.settings.budgets import Allowance
    from understudy.telemetry.meters import TargetName
    from understudy.telemetry.states import TargetStates
    from understudy.transport.base import Transport

CHECKING = 25.0
"""Seconds for the check of an entry, which makes two calls at most."""
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
        return cls(providers, fallback, routes=routes, sink=sink, observers=observers, allowance=config.allowance)

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

    @cached_property
    def _built_in(self) -> Mapping[str, Provider]:
        return {each.name: each for each in self.providers if isinstance(each, Provider)}

    def has_entry(self, name: str) -> bool:
        """Check whether requests can be handed on to an entry."""
        return name in self._built_in

    # ---- what an operator sees and does ----

    @cached_property
    def states(self) -> TargetStates:
        """The states of the targets, as they are at a moment."""
        from understudy.telemetry.states import TargetStates

        return TargetStates(self._catalog, self._engine.health, self.fallback, self.routes)

    @property
    def waiting(self) -> int:
        """The number of requests of which no attempt is under way."""
        return sum(each.waits for each in self._engine.running)

    def take_out(self, entry: str) -> None:
        """Ask an entry for nothing until `take_in`; attempts under way go on."""
        self._engine.health.disable(entry)

    def is_out(self, entry: str) -> bool:
        """Check whether an entry was taken out."""
        return entry in self._engine.health.disabled

    def take_in(self, entry: str, counted: Iterable[TargetName] = ()) -> None:
        """Ask an entry again, and forget what is held against its targets: also those `counted` that callers named."""
        self._engine.health.enable(entry, self.states.of_entry(entry, counted))

    def lift(self, entry: str, refused: Collection[int] = ()) -> None:
        """Enable what was disabled for an entry, after a check proved that it works. `refused`: the positions of those
        keys of its pool, from 1, that the provider refused."""
        for target in self.states.of_entry(entry):
            self._engine.health.lift(target, refused=refused)

    async def check(self, entry: str) -> HealthStatus | LLMError:
        """Check whether an entry works, with calls that are not billed; return what is found, or why it cannot be."""
        return await asked(self._built_in[entry], lambda each: each.health_check(), CHECKING)

    def relay(self, entry: str, request: RelayRequest, request_id: str) -> Relay:
        """Return a request to an entry that is handed on as it is. Raise `LLMError` if it cannot be sent."""
        from understudy.engine.relay import Relay

        return Relay(self._engine, self._built_in[entry].backend, request, request_id)

    def targets_of(self, name: str | None) -> tuple[Target, ...]:
        """Return the targets of a route, an `entry`, `entry/model`, or all that generate, by their priority."""
        found = self._catalog.select(name)
        if found.route is not None:
            return self._catalog.route_targets(self._catalog.routes[found.route])
        if found.entry is None:
            return tuple(sorted(self._catalog.text_targets(), key=place))
        if found.model is None and not self._backend(found.entry).generates:
            return ()
        return (self._catalog.text_target(found.entry, found.model),)

    def speaks(self, entry: str, dialect: str) -> bool:
        """Check whether a provider speaks a wire format, if only with some of its models."""
        row = self._built_in[entry].row
        families = (family.quirks.get("responses", "never") for family in row.families)
        return dialect in row.dialects.values() or (dialect == "responses" and set(families) > {"never"})

    async def models_at(self, entry: str) -> list[ModelInfo] | None:
        """Return the models of an entry under the manager's names for them; `None` if it does not answer."""
        provider = next(each for each in self.providers if each.name == entry)
        answer = await asked(provider, lambda each: named_models(each, None), self._patience)
        return None if isinstance(answer, LLMError) else answer  # the engine has logged the error

    def has_several_accounts(self, dialect: str) -> bool:
        """Check whether several servers or accounts speak a wire format, of which one refuses what another signed."""
        half, found = load(dialect), set[tuple[str, str | None]]()
        for name, provider in self._built_in.items():
            if self.speaks(name, dialect):
                with suppress(ConfigError):  # without a key it is not asked
                    found.add((provider.backend.endpoint(None).server, provider.backend.account(half)))
        return len(found) > 1

    def binds_thinking(self, dialect: str, *names: str | None) -> bool:
        """Check whether a wire format has models that accept no thinking but their own; with a name, whether it may
        stand for one."""
        targets = [each for name in names for each in self.targets_of(name) if self.speaks(each.name, dialect)]
        if names:
            quirks = (self._built_in[each.name].backend.endpoint(each.model).quirks for each in targets)
            return any(each.thinking_bound_to_model for each in quirks)
        rows = (each.row for name, each in self._built_in.items() if self.speaks(name, dialect))
        return any(family.quirks.get("thinking_bound_to_model") for row in rows for family in row.families)

    def name_at(self, target: Target) -> str | None:
        """Return the name by which the provider of a target knows its model."""
        return self._built_in[target.name].backend.endpoint(target.model).model

    def facts_of(self, name: str) -> ModelFacts:
        """Return what is known of a route, an `entry` or `entry/model`: of a route, what holds for all its targets."""
        targets = self.targets_of(name)
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

    def open(
        self,
        request: GenerationRequest,
        options: RequestOptions,
        reading: Reading | None = None,
        *,
        request_id: str,
        allowances: tuple[Allowance, ...] = (),
    ) -> Awaitable[Run]:
        """Plan a generation, streamed if it has a `reading`; nothing is sent before the run is driven. `allowances`:
        budgets and limits of the caller.

        Raise `Misuse` and `Unavailable`.
        """
        return self._calls.open(request, options, reading, request_id=request_id, allowances=allowances)

    def refused(
        self, request: GenerationRequest | EmbeddingRequest, failure: Failure, *, streamed: bool, request_id: str
    ) -> None:
        """Report a request that is refused before it is planned to those who follow requests."""
        self._calls.refused(request, failure, streamed=streamed, request_id=request_id)

    async def vectors(
        self,
        request: EmbeddingRequest,
        options: EmbedOptions,
        *,
        request_id: str,
        allowances: tuple[Allowance, ...] = (),
    ) -> EmbeddingResponse:
        """Turn texts into vectors, as `embed` does. `allowances`: budgets and limits of the caller."""
        return await self._calls.embed(request, options, request_id=request_id, allowances=allowances)
