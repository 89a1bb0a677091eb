"""What the providers of this module have in common: the whole face of a built-in provider, and one attempt per call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, cast, overload

from understudy.client.calls import Calls
from understudy.client.stream import ResponseStream
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, HealthStatus, ModelInfo, T, TokenCount
from understudy.domain.stats import ProviderStats
from understudy.engine.backend import Backend
from understudy.engine.custom_backend import CustomBackend
from understudy.engine.engine import Engine
from understudy.engine.registry import backend_of
from understudy.planning.single import SinglePlanner
from understudy.policy.plan import Plan
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
from understudy.settings import FallbackConfig

if TYPE_CHECKING:
    from understudy import blocking
    from understudy.client.tools.stream import RunStream
    from understudy.domain.runs import RunResult

ONE_ATTEMPT = FallbackConfig(max_retries=1, max_attempts=1)


class DirectProvider:
    """A provider that passes each call on to another one, once.

    Calls are checked, and answers are read, by the code of the built-in providers. Nothing is retried or remembered
    between calls, so that what is scripted is what the caller sees; in a manager, the manager's rules apply.
    """

    def __init__(self, inner: LLMProvider) -> None:
        self._inner = inner

    @cached_property
    def _backend(self) -> Backend:
        """What the engine asks."""
        return CustomBackend(self._inner)

    @property
    def _calls(self) -> Calls:
        # A new engine for each call: no cooldown or budget outlives it.
        planner = SinglePlanner(self._backend, ONE_ATTEMPT)
        return Calls(Engine(), planner, {self.name: self._backend}, frozenset((str(self.provider_type),)))

    @property
    def provider_type(self) -> str:
        """The type."""
        return self._inner.provider_type

    @property
    def name(self) -> str:
        """The name of the entry."""
        return self._inner.name

    @property
    def priority(self) -> int:
        """Lower is tried first."""
        return self._inner.priority

    @property
    def blocking(self) -> blocking.LLMProvider:
        """The same provider for synchronous code: `fake.blocking.generate("Hello")`."""
        from understudy.blocking import LLMProvider as BlockingProvider

        # It calls the methods of this class, which are those of built-in providers.
        return BlockingProvider(cast("Any", self))

    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> GenerationResponse[T]: ...
    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse: ...
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse:
        """Answer a prompt. Raise the scripted error."""
        return await self._calls.generate(prompt, options)

    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> ResponseStream[T]: ...
    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream: ...
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream:
        """Answer a prompt piece by piece."""
        return self._calls.stream(prompt, options)

    @overload
    async def run_tools(self, prompt: Prompt, /, **options: Unpack[TypedRunOptions[T]]) -> RunResult[T]: ...
    @overload
    async def run_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunResult: ...
    async def run_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunResult:
        """Answer a prompt, executing the tool calls of the answers."""
        from understudy.client.tools.loop import ToolLoop

        return await ToolLoop(self._calls, prompt, options).to_end()

    @overload
    def stream_tools(self, prompt: Prompt, /, **options: Unpack[TypedRunOptions[T]]) -> RunStream[T]: ...
    @overload
    def stream_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunStream: ...
    def stream_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunStream:
        """Do what `run_tools` does, and report answers, tool calls and results as they arrive."""
        from understudy.client.tools.loop import ToolLoop
        from understudy.client.tools.stream import RunStream

        return RunStream(ToolLoop(self._calls, prompt, options))

    def explain(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> Plan:
        """Return the plan of a request: this one target."""
        return self._calls.explain(prompt, options)

    async def embed(self, texts: Texts, /, **options: Unpack[EmbedOptions]) -> EmbeddingResponse:
        """Turn texts into vectors."""
        return await self._calls.embed(texts, options)

    async def list_models(self, *, limit: int | None = None) -> list[ModelInfo]:
        """Return the models that the provider offers, at most `limit`."""
        return await self._inner.list_models(limit=limit)

    async def is_model_available(self, model: str) -> bool:
        """Check whether the provider offers a model."""
        return await self._inner.is_model_available(model)

    async def health_check(self) -> HealthStatus:
        """Return whether the provider could answer."""
        return await self._inner.health_check()

    async def count_tokens(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> TokenCount:
        """Count the tokens of a prompt."""
        from understudy.client.prompt import read_prompt

        return await self._inner.count_tokens(read_prompt(prompt, options, (str(self.provider_type),)).request)

    def stats(self) -> ProviderStats:
        """Return the statistics so far."""
        return self._backend.stats()

    async def aclose(self) -> None:
        """Close what is open. The provider may be used again afterwards."""
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


@backend_of.register(DirectProvider)
def _(provider: DirectProvider) -> Backend:
    return provider._backend  # noqa: SLF001 - its own  # pyright: ignore[reportPrivateUsage]


class Inner:
    """The methods that a provider behind a `DirectProvider` needs and that do nothing."""

    def __init__(self, name: str, provider_type: str, priority: int, models: Sequence[str]) -> None:
        self.name = name
        self.provider_type = provider_type
        self.priority = priority
        self._models = tuple(models)

    async def list_models(self, *, limit: int | None = None) -> list[ModelInfo]:
        """Return the models, at most `limit`."""
        return [ModelInfo(id=name, provider=self.name) for name in self._models[:limit]]

    async def is_model_available(self, model: str) -> bool:
        """Check whether a model is offered; any is if none are named."""
        return model in self._models or not self._models

    async def health_check(self) -> HealthStatus:
        """Return that all is well."""
        return HealthStatus(provider=self.name, reachable=True, serving=True)

    def stats(self) -> ProviderStats:
        """Return no statistics: those of the attempts count."""
        return ProviderStats()

    async def aclose(self) -> None:
        """Do nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
