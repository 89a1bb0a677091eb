"""The manager: many providers behind the face of one, with an understudy ready for each."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

import msgspec

from understudy.client.asking import asked, closed, counting, named_models, of_type
from understudy.client.door.given import check_recording, read_list, read_provider, read_routes
from understudy.client.door.options import check_model
from understudy.client.factory import create_provider
from understudy.client.provider import Provider
from understudy.domain.errors import ConfigError, LLMError, Misuse, Unavailable, Unsupported
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, HealthStatus, ModelInfo, T, TokenCount
from understudy.domain.stats import ProviderStats
from understudy.domain.suggestions import shown
from understudy.policy.selection import split_name
from understudy.protocol import (
    EmbedOptions,
    LLMProvider,
    Prompt,
    RequestOptions,
    RunOptions,
    Texts,
    TypedOptions,
    TypedRunOptions,
)
from understudy.settings import FallbackConfig, FallbackStrategy, ProviderConfig, Route
from understudy.settings.fallback import read_fallback

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.client.calls import Calls
    from understudy.client.stream import ResponseStream
    from understudy.client.tools.stream import RunStream
    from understudy.config import Config
    from understudy.domain.runs import RunResult
    from understudy.engine.backend import Backend
    from understudy.engine.engine import Engine
    from understudy.ledger import LedgerSink, Observer
    from understudy.planning.catalog import TargetCatalog
    from understudy.planning.planner import Planner
    from understudy.policy.plan import Plan
    from understudy.settings.budgets import Allowance
    from understudy.transport.base import Transport

GIVING_UP = 0.2
"""Seconds for a built-in provider to report why it did not answer."""


class ProviderManager:
    """Several providers behind the same protocol: if one fails, the next takes over, and every attempt is recorded.

    `providers` may be built-in ones, custom ones and other managers, each with a unique name. A `ProviderConfig`, or a
    provider's type such as `"openai"`, becomes a built-in provider. A call's `model` may be
    `entry`, `entry/model`, or a model that an entry names; that target is tried first, the others stay behind it. Or it
    is the name of one of `routes`, whose targets, strategy and limits then apply.
    """

    name = "multi-provider-manager"

    def __init__(  # noqa: PLR0913 - the face: each is a keyword of its own
        self,
        providers: Sequence[LLMProvider | ProviderConfig | Mapping[str, Any] | str],
        fallback: FallbackConfig | Mapping[str, Any] | None = None,
        *,
        routes: Sequence[Route] = (),
        sink: LedgerSink | None = None,
        observers: Sequence[Observer] = (),
        allowance: Allowance | None = None,
        priority: int = 10,
        name: str | None = None,
    ) -> None:
        """Raise `ConfigError` if `providers` is empty or two share a name, if a route or task is empty or names an
        unknown entry, or if the strategy is invalid.

        `allowance`: budgets and limits. They are kept in the `sink` if it is a ledger that keeps them, else in memory.
        """
        given = map(read_provider, read_list("providers", providers))
        made = [create_provider(each) if isinstance(each, ProviderConfig) else each for each in given]
        if not made:
            raise ConfigError("a manager needs at least one provider")
        observers = check_recording(sink, observers)
        names = [provider.name for provider in made]
        if twice := next((each for each in names if names.count(each) > 1), None):
            raise ConfigError(f"the name {twice!r} is used by two providers: give each entry a unique name")
        self.providers: tuple[LLMProvider, ...] = tuple(made)
        self._by_name = dict(zip(names, made, strict=True))
        self.fallback = read_fallback(fallback)
        self.priority = priority
        if name is not None:
            self.name = name
        self.routes = read_routes(routes)
        self._sink = sink
        self._observers = observers
        self._allowance = allowance
        if self.routes or self.fallback.tasks or self.fallback.strategy is not FallbackStrategy.PRIORITY:
            self._catalog.check((self.fallback, *(route.fallback for route in self.routes)))

    @cached_property
    def _catalog(self) -> TargetCatalog:
        from understudy.engine.registry import backend_of
        from understudy.planning.catalog import TargetCatalog

        return TargetCatalog(map(backend_of, self.providers), self.routes)

    @cached_property
    def _engine(self) -> Engine:
        from understudy.engine.admission import budgeted

        return budgeted(self._make_engine(), self._allowance)

    def _make_engine(self) -> Engine:
        """Make the engine that calls run on; a subclass may pass its own clock, randomness and memory."""
        from understudy.engine.engine import Engine

        return Engine(sink=self._sink, observers=tuple(self._observers))

    @cached_property
    def _planner(self) -> Planner:
        from understudy.planning.planner import Planner

        engine = self._engine
        return Planner(self._catalog, self.fallback, health=engine.health, rng=engine.rng, sessions=engine.sessions)

    @cached_property
    def _calls(self) -> Calls:
        from understudy.client.calls import Calls

        return Calls(self._engine, self._planner, self._catalog.backends, self._types)

    @property
    def _types(self) -> frozenset[str]:
        """The provider types of all providers, those inside managers included: names that `extra` may have."""
        own = frozenset(str(each.provider_type) for each in self.providers)
        inner = (getattr(each, "_types", None) for each in self.providers)
        return own.union(*(types for types in inner if isinstance(types, frozenset)))

    @property
    def provider_type(self) -> str:
        """The type of the primary: the provider of the lowest priority."""
        return min(self.providers, key=lambda each: each.priority).provider_type

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(each.name for each in self.providers)}>"

    # ---- generations ----

    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> GenerationResponse[T]: ...
    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse: ...
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse:
        """Answer a prompt. Raise `Misuse`, `Refused` or `Unavailable`, with every attempt."""
        return await self._calls.generate(prompt, options)

    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> ResponseStream[T]: ...
    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream: ...
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream:
        """Answer a prompt piece by piece. Until the first content any target may replace any other; not after it."""
        return self._calls.stream(prompt, options)

    @overload
    async def run_tools(self, prompt: Prompt, /, **options: Unpack[TypedRunOptions[T]]) -> RunResult[T]: ...
    @overload
    async def run_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunResult: ...
    async def run_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunResult:
        """Answer a prompt, executing the tool calls of the model until it needs no more; see `RunOptions`.

        Asynchronous functions run on the event loop, others in threads; the calls of one answer run side by side. Each
        step may be answered by another target. Raise `RunLimitExceeded` at a limit; every error has `run`.
        """
        from understudy.client.tools.loop import ToolLoop

        return await ToolLoop(self._calls, prompt, options).to_end()

    @overload
    def stream_tools(self, prompt: Prompt, /, **options: Unpack[TypedRunOptions[T]]) -> RunStream[T]: ...
    @overload
    def stream_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunStream: ...
    def stream_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunStream:
        """Do what `run_tools` does, and report answers, tool calls and results as they arrive; see `RunStream`."""
        from understudy.client.tools.loop import ToolLoop
        from understudy.client.tools.stream import RunStream

        return RunStream(ToolLoop(self._calls, prompt, options))

    def explain(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> Plan:
        """Return the plan of a request without sending it: the order of the targets, why, and what each would cost.

        Loads the price list, which takes a moment at the first call.
        """
        return self._calls.explain(prompt, options)

    async def embed(self, texts: Texts, /, **options: Unpack[EmbedOptions]) -> EmbeddingResponse:
        """Turn texts into vectors. Falls back only within one embedding space, because vectors of different models
        cannot be compared. Raise `ConfigError` if no entry has an embedding model."""
        return await self._calls.embed(texts, options)

    # ---- everything else ----

    async def _gather(self, ask: Callable[[LLMProvider], Awaitable[T]]) -> dict[str, T | LLMError]:
        """Ask all providers at once and return their answers by name; for one that fails, its error."""
        import asyncio

        answers = await asyncio.gather(*(asked(each, ask, self._patience) for each in self.providers))
        return dict(zip((each.name for each in self.providers), answers, strict=True))

    async def _gather_answers(self, ask: Callable[[LLMProvider], Awaitable[T]]) -> list[T]:
        """Ask all providers at once and return what those answer that do not fail. Raise the first error if all do."""
        found = (await self._gather(ask)).values()
        answers = [answer for answer in found if not isinstance(answer, LLMError)]
        if not answers:
            raise next(error for error in found if isinstance(error, LLMError))
        return answers

    @property
    def _patience(self) -> float:
        """Seconds within which a provider must answer a free call. A built-in one times out by itself just before."""
        from understudy.client.calls import FREE_DEADLINE

        return min(FREE_DEADLINE, self.fallback.deadline) + GIVING_UP

    async def list_models(self, *, limit: int | None = None) -> list[ModelInfo]:
        """Return the models of all providers as `entry/model`; a provider that does not answer is left out.

        Raise the first provider's error if none answers.
        """
        lists = await self._gather_answers(lambda each: named_models(each, limit))
        return list(itertools.islice(itertools.chain.from_iterable(lists), limit))

    async def is_model_available(self, model: str) -> bool:
        """Check whether any provider offers a model; `entry/model` asks that entry alone."""
        check_model(model)
        entry, rest = split_name(model)
        if rest is not None and (named := self._by_name.get(entry)) is not None:
            answer = await asked(named, lambda each: of_type(bool, each.is_model_available(rest)), self._patience)
            if isinstance(answer, LLMError):
                raise answer
            return answer
        return any(await self._gather_answers(lambda each: of_type(bool, each.is_model_available(model))))

    async def health_check(self) -> HealthStatus:
        """Check every target; the manager is healthy if one is. Enable disabled targets that are healthy again."""
        found = await self._gather(lambda each: of_type(HealthStatus, each.health_check()))
        targets = tuple(
            HealthStatus(provider=name, reachable=False, detail=status.message)
            if isinstance(status, LLMError)
            else status
            for name, status in found.items()
        )
        for name, status in zip(found, targets, strict=True):
            backend = self._catalog.backends[name]
            if status.ok and backend.generates:
                self._engine.health.lift(backend.text_target(), refused=status.refused_keys)
        well = [status for status in targets if status.ok]
        return HealthStatus(
            provider=self.name,
            reachable=any(status.reachable for status in targets),
            authenticated=any(status.authenticated is not False for status in well),
            model_available=bool(well),
            latency=min((status.latency for status in well if status.latency is not None), default=None),
            detail=None if well else "no target is healthy",
            targets=targets,
        )

    def disable(self, name: str) -> None:
        """Ask an entry for nothing until `enable`; requests under way go on. Raise `Misuse` for an unknown name."""
        self._engine.health.disable(self._backend(name).name)

    def enable(self, name: str) -> None:
        """Ask an entry again, and forget its cooldowns and failures. Raise `Misuse` for an unknown name."""
        backend = self._backend(name)
        own = (backend.text_target(),) if backend.generates else ()
        self._engine.health.enable(name, (*own, *((backend.embedding_target(),) if backend.embeds() else ())))

    def _backend(self, name: str) -> Backend:
        try:
            return self._catalog.backends[name]
        except (KeyError, TypeError):
            known = ", ".join(self._catalog.backends)
            raise Misuse(f"no entry is called {shown(name)}; this manager has {known}") from None

    async def count_tokens(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> TokenCount:
        """Count the tokens of a prompt at the first target that supports it. Raise `Unsupported` if none does."""
        from understudy.client.prompt import read_prompt
        from understudy.engine import clock

        read = read_prompt(prompt, options, self._types)
        last: LLMError = Unsupported("no provider can count tokens")
        steps = (await self._planner.plan(read.request, take=False)).plan.steps
        end = clock.now() + self._patience
        for at, step in enumerate(steps):
            request = msgspec.structs.replace(read.request, model=step.target.model)
            # A silent provider must leave the others their share of the time.
            share = max(0.0, end - clock.now()) / (len(steps) - at)
            count = await asked(self._by_name[step.target.name], counting(request), share)
            if not isinstance(count, LLMError):
                return count
            last = count
            if not isinstance(count, Unsupported | Unavailable):
                break
        raise last

    def stats(self) -> ProviderStats:
        """Return the sum over all providers. For one that keeps no statistics, the attempts of this manager count."""
        return sum((each.stats() for each in self._catalog.backends.values()), ProviderStats())

    async def aclose(self) -> None:
        """End what runs on the running event loop with `Unavailable`, and close the connections of all providers.

        What one of them raises is logged, and the others are closed nevertheless. The manager may be used again.
        """
        import asyncio

        if "_engine" in self.__dict__:
            await self._engine.close()
        await asyncio.gather(*map(closed, self.providers))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def from_config(
    path: str | Path | Mapping[str, Any] | None = None,
    *,
    transport: Transport | None = None,
    sink: LedgerSink | None = None,
    observers: Sequence[Observer] = (),
) -> Provider | ProviderManager:
    """Make what a configuration describes: one provider, or a manager of several.

    `path` is that of a file, or a dictionary with the file's tables: `{"llm": {"providers": [...]}}`, or the inner
    dictionary alone. Without it: `UNDERSTUDY_CONFIG`, `./understudy.toml`, the user's configuration folder; without any
    file, every provider whose key is in the environment. Raise `ConfigError`, which states what is wrong and where.
    """
    from understudy.config import read_given

    return from_loaded(read_given(path), transport=transport, sink=sink, observers=observers)


def from_loaded(
    config: Config,
    *,
    transport: Transport | None = None,
    sink: LedgerSink | None = None,
    observers: Sequence[Observer] = (),
) -> Provider | ProviderManager:
    """Make what a loaded configuration describes; see `from_config`."""
    if len(config.providers) == 1 and not config.routes and not config.fallback.tasks:
        return create_provider(
            config.providers[0],
            row=config.row_of(config.providers[0]),
            fallback=config.fallback,
            transport=transport,
            sink=sink,
            observers=observers,
            allowance=config.allowance,
        )
    providers = [create_provider(entry, row=config.row_of(entry), transport=transport) for entry in config.providers]
    return ProviderManager(
        providers,
        config.fallback,
        routes=config.routes,
        sink=sink,
        observers=observers,
        allowance=config.allowance,
    )
