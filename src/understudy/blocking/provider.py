"""Providers and managers for synchronous code: each wraps its asynchronous twin, and runs every call on the loop.

Signatures and first lines of docstrings are those of the twins; tests/blocking/test_surface.py compares them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from understudy.blocking.bridge import BRIDGE
from understudy.blocking.stream import ResponseStream, RunStream
from understudy.client import factory, manager, provider
from understudy.client.door.given import read_list, read_provider
from understudy.domain.stats import ProviderStats
from understudy.policy.plan import Plan
from understudy.protocol import EmbedOptions, Prompt, RequestOptions, RunOptions, Texts, TypedOptions, TypedRunOptions
from understudy.protocol import LLMProvider as AsyncProvider
from understudy.settings import FallbackConfig, ProviderConfig, Route

if TYPE_CHECKING:
    from understudy.domain.prices import Price
    from understudy.domain.responses import (
        EmbeddingResponse,
        GenerationResponse,
        HealthStatus,
        ModelInfo,
        T,
        TokenCount,
    )
    from understudy.domain.runs import RunResult
    from understudy.domain.warnings import Warning  # noqa: A004 - the public name
    from understudy.ledger import LedgerSink, Observer
    from understudy.providers.base import ProviderRow
    from understudy.settings.budgets import Allowance
    from understudy.transport.base import Transport


class LLMProvider:
    """The base of all blocking providers, each of which wraps an asynchronous one. Use it in type annotations.

    Created by `create_provider`, `from_config` and `ProviderManager`. Safe to use from many threads at once.
    """

    def __init__(self, wrapped: provider.Provider | manager.ProviderManager) -> None:
        self._wrapped = wrapped
        release = weakref.finalize(self, BRIDGE.release, wrapped)
        release.atexit = False  # the loop closes all open connections then

    @property
    def wrapped(self) -> provider.Provider | manager.ProviderManager:
        """The asynchronous provider behind this one, for asynchronous code."""
        return self._wrapped

    @property
    def provider_type(self) -> str:
        """The type, such as `openai`."""
        return self._wrapped.provider_type

    @property
    def name(self) -> str:
        """The entry's name."""
        return self._wrapped.name

    @property
    def priority(self) -> int:
        """Lower is tried first."""
        return self._wrapped.priority

    def __repr__(self) -> str:
        return f"<blocking {repr(self._wrapped).strip('<>')}>"

    @overload
    def generate(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> GenerationResponse[T]: ...
    @overload
    def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse: ...
    def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse:
        """Answer a prompt. Raise `Misuse`, `Refused` or `Unavailable`."""
        return self._run_coroutine(lambda: self._wrapped.generate(prompt, **options))

    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> ResponseStream[T]: ...
    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream: ...
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream:
        """Answer a prompt piece by piece."""
        thread = BRIDGE.loop_thread()
        thread.check()
        return ResponseStream(self._run(lambda: self._wrapped.stream(prompt, **options)), thread, self)

    @overload
    def run_tools(self, prompt: Prompt, /, **options: Unpack[TypedRunOptions[T]]) -> RunResult[T]: ...
    @overload
    def run_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunResult: ...
    def run_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunResult:
        """Answer a prompt, executing the tool calls of the model until it needs no more; see `RunOptions`.

        Functions without `async` run in threads, which may use this same interface; the calls of one answer run side
        by side.
        """
        return self._run_coroutine(lambda: self._wrapped.run_tools(prompt, **options))

    @overload
    def stream_tools(self, prompt: Prompt, /, **options: Unpack[TypedRunOptions[T]]) -> RunStream[T]: ...
    @overload
    def stream_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunStream: ...
    def stream_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunStream:
        """Do what `run_tools` does, and report answers, tool calls and results as they arrive; see `RunStream`."""
        thread = BRIDGE.loop_thread()
        thread.check()
        return RunStream(self._run(lambda: self._wrapped.stream_tools(prompt, **options)), thread, self)

    def explain(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> Plan:
        """Return the plan of a request without sending it: the order of the targets, why, and what each would cost."""
        return self._run(lambda: self._wrapped.explain(prompt, **options))

    def embed(self, texts: Texts, /, **options: Unpack[EmbedOptions]) -> EmbeddingResponse:
        """Turn texts into vectors."""
        return self._run_coroutine(lambda: self._wrapped.embed(texts, **options))

    def list_models(self, *, limit: int | None = None) -> list[ModelInfo]:
        """Return the models that the provider offers, at most `limit`."""
        return self._run_coroutine(lambda: self._wrapped.list_models(limit=limit))

    def is_model_available(self, model: str) -> bool:
        """Check whether the provider offers a model. Raise `Unsupported` if only a billed call could establish it."""
        return self._run_coroutine(lambda: self._wrapped.is_model_available(model))

    def health_check(self) -> HealthStatus:
        """Check, without a billed call, whether the provider could answer."""
        return self._run_coroutine(self._wrapped.health_check)

    def count_tokens(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> TokenCount:
        """Count the tokens of a prompt. Raise `Unsupported` if the provider cannot."""
        return self._run_coroutine(lambda: self._wrapped.count_tokens(prompt, **options))

    def stats(self) -> ProviderStats:
        """Return the statistics so far."""
        return self._run(self._wrapped.stats)

    def close(self) -> None:
        """Close connections. The provider may be used again afterwards."""
        if BRIDGE.thread is not None:
            self._run_coroutine(self._wrapped.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run_coroutine(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return BRIDGE.loop_thread().run_coroutine(self._wrapped, make)

    def _run(self, function: Callable[[], T]) -> T:
        return BRIDGE.loop_thread().run_function(self._wrapped, function)


class Provider(LLMProvider):
    """A built-in provider: a row of data, spoken through its dialects, over the transport."""

    def __init__(self, wrapped: provider.Provider) -> None:
        super().__init__(wrapped)
        self._provider = wrapped

    @property
    def wrapped(self) -> provider.Provider:
        """The asynchronous provider behind this one, for asynchronous code."""
        return self._provider

    @property
    def config(self) -> ProviderConfig:
        """The entry."""
        return self.wrapped.config

    @property
    def text_model(self) -> str | None:
        """The model for generations that do not name one: the entry's, else the row's dated default."""
        return self.wrapped.text_model

    @property
    def embeds(self) -> bool:
        """Whether the provider supports embeddings."""
        return self.wrapped.embeds

    def explain(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> Plan:
        """Return the plan of a request without sending it: this one target, and what it would cost."""
        return super().explain(prompt, **options)

    def prices_ready(self, model: str | None = None) -> None:
        """Wait until the published prices are loaded, if the price of a model (unset: of any model) needs them."""
        self._run_coroutine(lambda: self.wrapped.prices_ready(model))

    def price_of(self, model: str | None) -> Price | None:
        """Return what a model costs here; `None` if that is unknown."""
        return self._run(lambda: self.wrapped.price_of(model))

    def known(self, model: str | None) -> ModelInfo | None:
        """Return what a fetched list of models states about a model, or what is published about it; else `None`."""
        return self._run(lambda: self.wrapped.known(model))

    def configuration_warnings(self) -> list[Warning]:
        """Return warnings of settings of the entry that its text model rejects; every request omits them."""
        return self._run(self.wrapped.configuration_warnings)


class ProviderManager(LLMProvider):
    """Several providers behind the same protocol: if one fails, the next takes over, and every attempt is recorded.

    `providers` may be those of this module and custom asynchronous ones, each with a unique name. A call's `model` may
    be `entry`, `entry/model`, or the text model of an entry; that target is tried first, and the others follow. Or it
    is the name of one of `routes`, whose targets, strategy and limits then apply.
    """

    def __init__(  # noqa: PLR0913 - the face: each is a keyword of its own
        self,
        providers: Sequence[LLMProvider | AsyncProvider | ProviderConfig | str | Mapping[str, Any]],
        fallback: FallbackConfig | Mapping[str, Any] | None = None,
        *,
        routes: Sequence[Route] = (),
        sink: LedgerSink | None = None,
        observers: Sequence[Observer] = (),
        allowance: Allowance | None = None,
        priority: int = 10,
        name: str | None = None,
    ) -> None:
        """Raise `ConfigError` if there is no provider, two share a name, or a route or task names an unknown one."""
        given = read_list("providers", providers)
        wrapped = manager.ProviderManager(
            given,
            fallback,
            routes=routes,
            sink=sink,
            observers=observers,
            allowance=allowance,
            priority=priority,
            name=name,
        )
        self._hold(wrapped, tuple(map(_face, given, wrapped.providers)))

    @classmethod
    def of(cls, wrapped: manager.ProviderManager) -> Self:
        """Make the blocking form of an asynchronous manager."""
        face = cls.__new__(cls)
        faces = (Provider(each) if isinstance(each, provider.Provider) else each for each in wrapped.providers)
        face._hold(wrapped, tuple(faces))  # noqa: SLF001 - its own
        return face

    def _hold(self, wrapped: manager.ProviderManager, providers: tuple[LLMProvider | AsyncProvider, ...]) -> None:
        super().__init__(wrapped)
        self._manager = wrapped
        self.providers = providers

    @property
    def wrapped(self) -> manager.ProviderManager:
        """The asynchronous manager behind this one, for asynchronous code."""
        return self._manager

    @property
    def fallback(self) -> FallbackConfig:
        """What happens when a target fails."""
        return self.wrapped.fallback

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes that a call's `model` may name."""
        return self.wrapped.routes

    def disable(self, name: str) -> None:
        """Ask an entry for nothing until `enable`; requests under way go on. Raise `Misuse` for an unknown name."""
        self.wrapped.disable(name)

    def enable(self, name: str) -> None:
        """Ask an entry again, and forget its cooldowns and failures. Raise `Misuse` for an unknown name."""
        self.wrapped.enable(name)


@read_provider.register
def _(face: LLMProvider) -> Any:
    return face.wrapped


def _face(given: Any, made: AsyncProvider) -> LLMProvider | AsyncProvider:
    """Return a provider of a manager as it was given, or the blocking face of one that was made of its entry."""
    if isinstance(made, provider.Provider) and isinstance(given, (ProviderConfig, str, Mapping)):
        return Provider(made)
    return given  # type: ignore[no-any-return]  # a provider, which the manager has accepted


def create_provider(  # noqa: PLR0913 - the face: each is a keyword of its own
    config: ProviderConfig | str | Mapping[str, Any],
    *,
    row: ProviderRow | None = None,
    fallback: FallbackConfig | Mapping[str, Any] | None = None,
    transport: Transport | None = None,
    sink: LedgerSink | None = None,
    observers: Sequence[Observer] = (),
    allowance: Allowance | None = None,
) -> Provider:
    """Make a provider of an entry, without I/O. Raise `ConfigError` for an unknown type or an invalid address.

    `row` describes a provider whose type is not built in; `config.provider` is then only a name. `allowance` are its
    budgets and limits.
    """
    return Provider(
        factory.create_provider(
            config, row=row, fallback=fallback, transport=transport, sink=sink, observers=observers, allowance=allowance
        )
    )


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
    made = manager.from_config(path, transport=transport, sink=sink, observers=observers)
    return ProviderManager.of(made) if isinstance(made, manager.ProviderManager) else Provider(made)
