"""The providers of a manager as targets: who they are, what is known of them, and what a call's `model` means."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from understudy.client.provider import Provider
from understudy.dialects.base import extra_fields
from understudy.domain.bounded import BoundedDict
from understudy.domain.errors import ConfigError, Misuse
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import ModelInfo
from understudy.policy.embedding_spaces import EmbeddingSpace, canonical
from understudy.policy.targets import Target, TargetFacts
from understudy.pricing.cache import PRICE_CACHE
from understudy.protocol import LLMProvider
from understudy.settings import FallbackConfig, FallbackStrategy, Route


class Selection(msgspec.Struct, frozen=True):
    """What a call's `model` names: a route, or an entry with a model of it; or nothing at all."""

    route: str | None = None
    provider: LLMProvider | None = None
    model: str | None = None
    """`None`: the entry's own."""


NOTHING = Selection()
KNOWN = 1024
"""Targets about which something is remembered; names of models come from callers and have no end."""


class TargetCatalog:
    """All providers of a manager, by name."""

    def __init__(self, providers: Sequence[LLMProvider], routes: Iterable[Route] = ()) -> None:
        self.providers = tuple(providers)
        self.by_name: Mapping[str, LLMProvider] = {each.name: each for each in providers}
        self.routes: dict[str, Route] = {}
        for route in routes:
            if route.name in self.routes:
                raise ConfigError(f"two routes are called {route.name!r}: give each its own name")
            self.routes[route.name] = route
        self._known: BoundedDict[str, _Known] = BoundedDict(KNOWN)

    # ---- what a call names ----

    def wanted(self, model: str | None) -> Selection:
        """Read a call's `model`: a route, `entry`, `entry/model`, or the model of an entry. Raises `Misuse`."""
        if model is None:
            return NOTHING
        if model in self.routes:
            return Selection(route=model)
        entry, _, rest = model.partition("/")
        if entry in self.by_name:
            return Selection(provider=self.by_name[entry], model=rest or None)
        for provider in self.providers:
            if isinstance(provider, Provider) and model in (
                provider.config.text_model,
                provider.config.embedding_model,
            ):
                return Selection(provider=provider, model=model)
        example = next(iter(self.by_name))
        routes = f"; the routes are {', '.join(self.routes)}" if self.routes else ""
        entries = ", ".join(self.by_name)
        raise Misuse(f"model {model!r} names no entry: write {example}/{model}; the entries are {entries}{routes}")

    def check(self, fallbacks: Iterable[FallbackConfig]) -> None:
        """Raise `ConfigError` for a route that has an entry's name, for a route or task without targets or with one
        that is no entry, and for what is no strategy."""
        for route in self.routes.values():
            if route.name in self.by_name:
                raise ConfigError(f"route {route.name!r} has the name of an entry: give it another")
            self._check_names(route.targets, f"route {route.name!r}")
        for fallback in fallbacks:
            for task, names in fallback.tasks.items():
                self._check_names(names, f"task {task!r}")
            _check_strategy(fallback)

    def _check_names(self, names: Sequence[str], where: str) -> None:
        if isinstance(names, str):
            raise ConfigError(f"{where} names its targets in a text: give a list, such as [{names!r}]")
        if not names:
            raise ConfigError(f"{where} has no targets")
        for place, name in enumerate(names):
            self._entry(name, where)
            if name in names[:place]:
                raise ConfigError(f"{where} names {name!r} twice")

    def _entry(self, name: str, where: str) -> tuple[LLMProvider, str | None]:
        """Return the entry, and the model of it, that a route or task names. Raises `ConfigError`."""
        entry, _, model = name.partition("/")
        provider = self.by_name.get(entry)
        if provider is None:
            entries = ", ".join(self.by_name)
            raise ConfigError(f"{where} names {name!r}, which is no entry: the entries are {entries}")
        return provider, model or None

    # ---- targets ----

    def text_targets(self) -> tuple[Target, ...]:
        """Return all entries that generate, each with its own model."""
        able = [each for each in self.providers if self._generates(each)]
        return tuple(self.text_target(each, index) for index, each in enumerate(able))

    def route_targets(self, route: Route, *, embedding: bool = False) -> tuple[Target, ...]:
        """Return the targets of a route; their order is their priority. Embeddings pass over who has none."""
        make = self.embedding_target if embedding else self.text_target
        found: list[Target] = []
        for place, name in enumerate(route.targets, start=1):
            if embedding and not self._embeds(*self._entry(name, "the configuration")):
                continue
            target = make(*self._asked(name, place - 1))
            found.append(msgspec.structs.replace(target, priority=place, default=True))
        return tuple(found)

    def with_named(self, targets: tuple[Target, ...], tasks: Mapping[str, Iterable[str]]) -> tuple[Target, ...]:
        """Add what tasks name beyond the entries' own models."""
        labels = {each.label for each in targets}
        more: list[Target] = []
        for name in (name for names in tasks.values() for name in names):
            target = self.text_target(*self._asked(name, len(targets) + len(more)))
            if target.label not in labels:
                labels.add(target.label)
                more.append(target)
        return (*targets, *more)

    def _asked(self, name: str, index: int) -> tuple[LLMProvider, int, str | None]:
        provider, model = self._entry(name, "the configuration")
        return provider, index, model

    def text_target(self, provider: LLMProvider, index: int, model: str | None = None) -> Target:
        """Return an entry as a target of generations. Raises `ConfigError` when no model is known."""
        if isinstance(provider, Provider):
            own = model is None or model == provider.text_model
            return msgspec.structs.replace(provider.target(model), index=index, default=own)
        return _foreign(provider, index, model)

    def embedding_targets(self) -> tuple[Target, ...]:
        """Return all entries that embed, each with its own model."""
        able = [each for each in self.providers if self._embeds(each)]
        return tuple(self.embedding_target(each, index) for index, each in enumerate(able))

    def embedding_target(self, provider: LLMProvider, index: int, model: str | None = None) -> Target:
        """Return an entry as a target of embeddings. Raises `ConfigError` when no model is known."""
        if isinstance(provider, Provider):
            return msgspec.structs.replace(provider.embedding_target(model), index=index, default=model is None)
        return _foreign(provider, index, model)

    def space_of(self, target: Target, request: EmbeddingRequest) -> EmbeddingSpace | None:
        """Return the space that a target's vectors live in; `None` when it is unknown.

        An entry's `embedding_space` is that of its own model: what a call or a route asks of another model lives apart.
        """
        provider = self.by_name[target.name]
        if not isinstance(provider, Provider):
            name: object = getattr(provider, "embedding_space", None)
            return EmbeddingSpace(name, request.dimensions) if isinstance(name, str) and target.model is None else None
        own = provider.config.embedding_space if target.model == provider.config.embedding_model else None
        return EmbeddingSpace(own or canonical(target.model or ""), _dimensions(provider, target, request))

    def _generates(self, provider: LLMProvider) -> bool:
        """An entry that is there for its embeddings alone has no text model."""
        return not isinstance(provider, Provider) or provider.text_model is not None

    def _embeds(self, provider: LLMProvider, model: str | None = None) -> bool:
        if not isinstance(provider, Provider):
            return True
        return provider.embeds and (model or provider.config.embedding_model) is not None

    # ---- what is known of them ----

    async def prices_ready(self, targets: Iterable[Target]) -> None:
        """Wait until what is published of the targets' prices is loaded."""
        for target in targets:
            if isinstance(provider := self.by_name[target.name], Provider):
                await provider.prices_ready(target.model)

    def load_prices(self, targets: Iterable[Target]) -> None:
        """Do what `prices_ready` does, in the calling thread."""
        for target in targets:
            if isinstance(provider := self.by_name[target.name], Provider):
                provider.load_prices(target.model)

    def describe(self, target: Target, facts: TargetFacts) -> TargetFacts:
        """Add to the facts of a target what its entry and the lists that were fetched tell."""
        provider = self.by_name[target.name]
        if not isinstance(provider, Provider):
            return facts
        known = self._known.get(target.label)
        if known is None or known.news != PRICE_CACHE.version:
            known = self._known[target.label] = _look_up(provider, target)
        return msgspec.structs.replace(
            facts,
            context_window=known.context_window,
            capabilities=known.capabilities,
            price=provider.price_of(target.model),
        )


def _check_strategy(fallback: FallbackConfig) -> None:
    """Raise `ConfigError` for what cannot order targets."""
    strategy: object = fallback.strategy
    if inspect.iscoroutinefunction(strategy):
        raise ConfigError("the strategy is asynchronous: it is called without await, so write def, not async def")
    if not callable(strategy) and strategy not in list(FallbackStrategy):
        there_are = ", ".join(FallbackStrategy)
        raise ConfigError(f"unknown strategy {strategy!r}: there are {there_are}, and any function of the signature")
    if fallback.unknown_prices not in ("last", "first"):
        raise ConfigError(f"unknown_prices={fallback.unknown_prices!r}: it must be 'last' or 'first'")


class _Known(msgspec.Struct, frozen=True):
    """What is known of a target, as of `PublishedPriceCache.version`. Not its price, which may have a date."""

    news: int
    context_window: int | None
    capabilities: Mapping[str, bool]


def _look_up(provider: Provider, target: Target) -> _Known:
    """Find out about a target. What the entry says of its text model holds for no other of its models."""
    news = PRICE_CACHE.version
    info, config = provider.known(target.model), provider.config
    told = info.context_window if info is not None else None
    if provider.text_model not in (None, target.model):
        return _Known(news, told, _abilities(provider, target, info))
    return _Known(news, config.context_window or told, {**_abilities(provider, target, info), **config.capabilities})


def _abilities(provider: Provider, target: Target, info: ModelInfo | None) -> dict[str, bool]:
    """What a target can and cannot: the fetched list says so, else what its wire carries at all."""
    quirks = provider.endpoint(target.model).quirks
    cannot = {
        "tools": "tools" in quirks.refused,
        "structured_output": "json_schema" not in quirks.output_formats,
        "vision": "image" not in quirks.inputs,
        "audio_input": "audio" not in quirks.inputs,
        "pdf_input": "file" not in quirks.inputs,
    }
    abilities = {name: False for name, lacks in cannot.items() if lacks}
    if info is not None:
        abilities.update(dict.fromkeys(info.capabilities or (), True))
        abilities.update(dict.fromkeys(info.lacks, False))
    return abilities


_DIMENSIONS = ("dimensions", "output_dimension", "outputDimensionality", "output_dimensionality")
"""What the wires call it; entries and calls may write it among their extra fields."""


def _dimensions(provider: Provider, target: Target, request: EmbeddingRequest) -> int | None:
    """Return how many dimensions are asked of a target; `None` where it takes none."""
    endpoint = provider.endpoint(target.model)
    if "dimensions" in endpoint.quirks.refused:
        return None
    sent = extra_fields(request.extra, provider.row.dialects[Operation.EMBED], endpoint)
    return next((sent[name] for name in _DIMENSIONS if name in sent), request.dimensions)


def _foreign(provider: LLMProvider, index: int, model: str | None) -> Target:
    return Target(
        name=provider.name,
        model=model,
        priority=provider.priority,
        index=index,
        provider_type=str(provider.provider_type),
        default=model is None,
    )
