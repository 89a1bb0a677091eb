"""The manager: many providers behind the face of one, with an understudy ready for each."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

import msgspec

from understudy.domain.errors import ConfigError, LLMError, Misuse, Unavailable, Unsupported
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, HealthStatus, ModelInfo, TokenCount
from understudy.factory import DialectProvider, create_provider
from understudy.policy import strategies
from understudy.policy.plan import Plan, Skip, Step
from understudy.policy.targets import Facts, Target
from understudy.provider import (
    EmbedOptions,
    FallbackConfig,
    FallbackStrategy,
    LLMProvider,
    Prompt,
    ProviderStats,
    RequestOptions,
)

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.attempt import Performer
    from understudy.config import Config
    from understudy.domain.requests import EmbeddingRequest, GenerationRequest
    from understudy.ledger import LedgerSink, Observer
    from understudy.routing import Desk
    from understudy.stream import ResponseStream
    from understudy.transport import Transport

T = TypeVar("T")

_STRATEGIES: Mapping[FallbackStrategy, strategies.Strategy] = {FallbackStrategy.PRIORITY: strategies.priority}


class ProviderManager:
    """Many providers behind the same protocol: when one fails, the next goes on, and every attempt is accounted for.

    `providers` may be built-in ones, a user's own and other managers, each with a name of its own. A call's `model` may
    be `entry`, `entry/model`, or the text model of an entry; that target is tried first, the others stay behind it.
    """

    name = "multi-provider-manager"

    def __init__(
        self,
        providers: Sequence[LLMProvider],
        fallback: FallbackConfig | None = None,
        *,
        sink: LedgerSink | None = None,
        observers: Sequence[Observer] = (),
        priority: int = 10,
        name: str | None = None,
    ) -> None:
        """Raises `ConfigError` when there is no provider, or when two share a name."""
        if not providers:
            raise ConfigError("a manager needs at least one provider")
        names = [provider.name for provider in providers]
        if twice := next((each for each in names if names.count(each) > 1), None):
            raise ConfigError(f"two providers are called {twice!r}: give each entry its own name")
        self.providers = tuple(providers)
        self.fallback = fallback or FallbackConfig()
        self.priority = priority
        if name is not None:
            self.name = name
        self._sink = sink
        self._observers = observers
        self._targets: tuple[Target, ...] | None = None
        self._by_name = dict(zip(names, self.providers, strict=True))

    @cached_property
    def _desk(self) -> Desk:
        """What a call needs, loaded at the first one."""
        from understudy.adapter import ForeignPerformer
        from understudy.routing import Desk

        performers: dict[str, Performer] = {
            each.name: each if isinstance(each, DialectProvider) else ForeignPerformer(each) for each in self.providers
        }
        return Desk(performers, self.fallback, sink=self._sink, observers=self._observers)

    @property
    def provider_type(self) -> str:
        """The type of the primary: the provider of the lowest priority."""
        return min(self.providers, key=lambda each: each.priority).provider_type

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(self._by_name)}>"

    # ---- generations ----

    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse:
        """Answer a prompt. Raises `Misuse`, `Refused` or `Unavailable`, with every attempt."""
        ask = self._desk.read(prompt, options)
        return await self._desk.generate(ask, self._plan(ask.request))

    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream:
        """Answer a prompt piece by piece. Until the first content any target may replace any other; not after it."""
        ask = self._desk.read(prompt, options)
        return self._desk.stream(ask, self._plan(ask.request))

    def explain(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> Plan:
        """Return the plan of a request without sending it: the order of the targets, and why."""
        return self._plan(self._desk.read(prompt, options).request)

    # ---- embeddings ----

    async def embed(self, texts: str | Sequence[str], /, **options: Unpack[EmbedOptions]) -> EmbeddingResponse:
        """Turn texts into vectors. Falls back only within one embedding space, because vectors of different models
        cannot be compared. Raises `ConfigError` when no entry has an embedding model."""
        read = self._desk.read_texts(texts, options)
        return await self._desk.embed(read, self._embedding_plan(read.request))

    def _embedding_plan(self, request: EmbeddingRequest) -> Plan:
        chosen, model = self._resolve(request.model)
        able = [each for each in self.providers if self._embeds(each, model if each is chosen else None)]
        if chosen is not None:
            able = [chosen, *(each for each in able if each is not chosen)]
        if not able:
            raise ConfigError("embed: no entry has an embedding_model: add embedding_model to one, or pass model=…")
        targets = tuple(
            self._embedding_target(each, index, model if each is chosen else None) for index, each in enumerate(able)
        )
        plan = (
            self._strategy(request, targets) if chosen is None else Plan(tuple(Step(t, "asked for") for t in targets))
        )
        return _one_space(plan, self._by_name)

    def _embeds(self, provider: LLMProvider, model: str | None) -> bool:
        if not isinstance(provider, DialectProvider):
            return True
        return provider.embeds and (model or provider.config.embedding_model) is not None

    def _embedding_target(self, provider: LLMProvider, index: int, model: str | None) -> Target:
        if isinstance(provider, DialectProvider):
            return msgspec.structs.replace(provider.embedding_target(model), index=index)
        return _foreign(provider, index, model)

    # ---- everything else ----

    async def list_models(self, *, limit: int | None = None) -> list[ModelInfo]:
        """Return the models of all providers as `entry/model`; a provider that does not answer is left out.

        Raises the first provider's error when none answers.
        """
        found = await _gather(self.providers, lambda each: each.list_models(limit=limit))
        lists = [
            [msgspec.structs.replace(model, id=f"{name}/{model.id}", provider=name) for model in models]
            for name, models in found.items()
            if not isinstance(models, LLMError)
        ]
        if not lists:
            raise next(error for error in found.values() if isinstance(error, LLMError))
        return list(itertools.islice(itertools.chain.from_iterable(lists), limit))

    async def is_model_available(self, model: str) -> bool:
        """Tell whether any provider offers a model; `entry/model` asks that entry alone."""
        entry, _, rest = model.partition("/")
        if rest and entry in self._by_name:
            return await self._by_name[entry].is_model_available(rest)
        found = await _gather(self.providers, lambda each: each.is_model_available(model))
        if all(isinstance(answer, LLMError) for answer in found.values()):
            raise next(answer for answer in found.values() if isinstance(answer, LLMError))
        return any(answer is True for answer in found.values())

    async def health_check(self) -> HealthStatus:
        """Check every target; the manager is well when one of them is. A target that is well again is no longer set
        aside."""
        found = await _gather(self.providers, lambda each: each.health_check())
        targets = tuple(
            HealthStatus(provider=name, reachable=False, detail=status.message)
            if isinstance(status, LLMError)
            else status
            for name, status in found.items()
        )
        for status in targets:
            provider = self._by_name.get(status.provider)
            if status.ok and isinstance(provider, DialectProvider):
                self._desk.engine.health.lift(provider.target())
        well = [status for status in targets if status.ok]
        return HealthStatus(
            provider=self.name,
            reachable=any(status.reachable for status in targets),
            authenticated=any(status.authenticated is not False for status in well),
            model_available=bool(well),
            latency=min((status.latency for status in well if status.latency is not None), default=None),
            detail=None if well else "no target is well",
            targets=targets,
        )

    async def count_tokens(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> TokenCount:
        """Count the tokens of a prompt at the first target that can. Raises `Unsupported` when none can."""
        ask = self._desk.read(prompt, options)
        last: LLMError = Unsupported("no provider can count tokens")
        for step in self._plan(ask.request).steps:
            request = msgspec.structs.replace(ask.request, model=step.target.model)
            try:
                return await self._by_name[step.target.name].count_tokens(request)
            except (Unsupported, Unavailable) as error:
                last = error
        raise last

    def stats(self) -> ProviderStats:
        """Return the sum over all providers."""
        return sum((each.stats() for each in self.providers), ProviderStats())

    async def aclose(self) -> None:
        """Close the connections of all providers."""
        for each in self.providers:
            await each.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # ---- planning ----

    def _plan(self, request: GenerationRequest) -> Plan:
        chosen, model = self._resolve(request.model)
        able = [each for each in self.providers if each is chosen or self._generates(each)]
        targets = self._targets
        if targets is None or chosen is not None:
            targets = tuple(
                self._target(each, index, model if each is chosen else None) for index, each in enumerate(able)
            )
        if chosen is None:
            self._targets = targets
        plan = self._strategy(request, targets)
        if chosen is not None:
            plan = _first(plan, chosen.name)
        if self.fallback.enabled is False:
            plan = plan.only_first("fallback is switched off")
        return plan

    def _generates(self, provider: LLMProvider) -> bool:
        """An entry that is there for its embeddings alone has no text model."""
        return not isinstance(provider, DialectProvider) or provider.text_model is not None

    def _strategy(self, request: GenerationRequest | EmbeddingRequest, targets: tuple[Target, ...]) -> Plan:
        now = time.monotonic()
        engine = self._desk.engine
        facts = Facts(turn=engine.turn, targets={each.name: engine.health.facts(each, now) for each in targets})
        strategy = self.fallback.strategy
        order = _STRATEGIES[strategy] if isinstance(strategy, FallbackStrategy) else strategy
        return order(request, targets, facts, now, engine.rng)

    def _target(self, provider: LLMProvider, index: int, model: str | None) -> Target:
        if isinstance(provider, DialectProvider):
            return msgspec.structs.replace(provider.target(model), index=index)
        return _foreign(provider, index, model)

    def _resolve(self, model: str | None) -> tuple[LLMProvider | None, str | None]:
        """Return the entry that a call's `model` names, and the model there. Raises `Misuse` when it names none."""
        if model is None:
            return None, None
        entry, _, rest = model.partition("/")
        if entry in self._by_name:
            return self._by_name[entry], rest or None
        for provider in self.providers:
            if isinstance(provider, DialectProvider) and model in (
                provider.config.text_model,
                provider.config.embedding_model,
            ):
                return provider, model
        example = next(iter(self._by_name))
        raise Misuse(
            f"model {model!r} names no entry: write {example}/{model}; the entries are {', '.join(self._by_name)}"
        )


def _first(plan: Plan, name: str) -> Plan:
    """Put the target that the call names ahead of the others."""
    chosen = [Step(step.target, "asked for", step.context_window) for step in plan.steps if step.target.name == name]
    return Plan((*chosen, *(step for step in plan.steps if step.target.name != name)), plan.skipped)


def _one_space(plan: Plan, providers: Mapping[str, LLMProvider]) -> Plan:
    """Keep the targets whose vectors live in the same space as the first one's; unknown spaces are alone."""
    space = _space(plan.steps[0].target, providers)
    same = [step for step in plan.steps[1:] if space is not None and _space(step.target, providers) == space]
    kept = {plan.steps[0].target.name, *(step.target.name for step in same)}
    skipped = tuple(Skip(step.target, "another embedding space") for step in plan.steps if step.target.name not in kept)
    return Plan((plan.steps[0], *same), (*plan.skipped, *skipped))


def _space(target: Target, providers: Mapping[str, LLMProvider]) -> str | None:
    provider = providers[target.name]
    if not isinstance(provider, DialectProvider):
        return None
    return provider.config.embedding_space or (target.model.removesuffix(":latest") if target.model else None)


def _foreign(provider: LLMProvider, index: int, model: str | None) -> Target:
    return Target(
        name=provider.name,
        model=model,
        priority=provider.priority,
        index=index,
        provider_type=str(provider.provider_type),
    )


async def _gather(
    providers: Sequence[LLMProvider], ask: Callable[[LLMProvider], Awaitable[T]]
) -> dict[str, T | LLMError]:
    """Ask all providers at once; an error of one is its answer."""
    import asyncio

    async def one(provider: LLMProvider) -> T | LLMError:
        try:
            return await ask(provider)
        except LLMError as error:
            return error

    answers = await asyncio.gather(*(one(provider) for provider in providers))
    return dict(zip((provider.name for provider in providers), answers, strict=True))


def from_config(
    path: str | Path | None = None,
    *,
    transport: Transport | None = None,
    sink: LedgerSink | None = None,
    observers: Sequence[Observer] = (),
) -> DialectProvider | ProviderManager:
    """Make what a configuration file describes: one provider, or a manager of several.

    Without `path`: `UNDERSTUDY_CONFIG`, `./understudy.toml`, the user's configuration folder; without any file, every
    provider whose key is in the environment. Raises `ConfigError`, which says what is wrong and where.
    """
    from understudy.config import load

    return from_loaded(load(path), transport=transport, sink=sink, observers=observers)


def from_loaded(
    config: Config,
    *,
    transport: Transport | None = None,
    sink: LedgerSink | None = None,
    observers: Sequence[Observer] = (),
) -> DialectProvider | ProviderManager:
    """Make what a loaded configuration describes; see `from_config`."""
    if len(config.providers) == 1:
        return create_provider(
            config.providers[0],
            row=config.row_of(config.providers[0]),
            fallback=config.fallback,
            transport=transport,
            sink=sink,
            observers=observers,
        )
    providers = [create_provider(entry, row=config.row_of(entry), transport=transport) for entry in config.providers]
    return ProviderManager(providers, config.fallback, sink=sink, observers=observers)
