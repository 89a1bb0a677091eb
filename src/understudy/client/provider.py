"""The built-in provider: the face that users hold, over its backend."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack, overload

from msgspec.structs import replace

from understudy.client.door.options import check_limit, check_model
from understudy.domain.errors import ModelNotFound, Unsupported
from understudy.domain.events import Warned
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, ModelsRequest
from understudy.domain.stats import ProviderStats
from understudy.engine.registry import backend_of
from understudy.protocol import EmbedOptions, Prompt, RequestOptions, RunOptions, Texts, TypedOptions, TypedRunOptions
from understudy.providers.base import ProviderRow
from understudy.settings import FallbackConfig, ProviderConfig

if TYPE_CHECKING:
    from understudy.client.calls import Calls
    from understudy.client.stream import ResponseStream
    from understudy.client.tools.stream import RunStream
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
    from understudy.engine.http_backend import HttpBackend
    from understudy.ledger import LedgerSink, Observer
    from understudy.planning.single import SinglePlanner
    from understudy.policy.plan import Plan
    from understudy.settings.budgets import Allowance
    from understudy.transport.base import Transport


SLICE = 500
"""Models of a list that are processed at once, which takes 2 ms; then the event loop gets a turn."""


class Provider:
    """A built-in provider: a row of data, spoken through its dialects, over the transport.

    What a call needs beyond the row is loaded at the first call, so that building many providers costs little.
    """

    def __init__(  # noqa: PLR0913 - the factory's keywords
        self,
        config: ProviderConfig,
        row: ProviderRow,
        *,
        fallback: FallbackConfig,
        transport: Transport | None = None,
        sink: LedgerSink | None = None,
        observers: Sequence[Observer] = (),
        allowance: Allowance | None = None,
    ) -> None:
        self.config = config
        self.row = row
        self._transport = transport
        self._fallback = fallback
        self._sink = sink
        self._observers = observers
        self._allowance = allowance

    @cached_property
    def backend(self) -> HttpBackend:
        """What the engine asks: made at the first call."""
        from understudy.engine.http_backend import HttpBackend

        return HttpBackend(self.config, self.row, transport=self._transport)

    @cached_property
    def _planner(self) -> SinglePlanner:
        from understudy.planning.single import SinglePlanner

        return SinglePlanner(self.backend, self._fallback)

    @cached_property
    def _calls(self) -> Calls:
        from understudy.client.calls import Calls
        from understudy.engine.admission import budgeted
        from understudy.engine.engine import Engine

        engine = budgeted(Engine(sink=self._sink, observers=tuple(self._observers)), self._allowance)
        return Calls(engine, self._planner, {self.name: self.backend}, frozenset((self.row.type,)))

    @property
    def provider_type(self) -> str:
        """The type, such as `openai`."""
        return self.row.type

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.config.entry

    @property
    def priority(self) -> int:
        """Lower is tried first."""
        return self.config.priority

    @property
    def text_model(self) -> str | None:
        """The model for generations that do not name one: the entry's, else the row's dated default."""
        return self.backend.text_model

    @property
    def embeds(self) -> bool:
        """Whether the provider supports embeddings."""
        return Operation.EMBED in self.row.dialects

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} ({self.provider_type}) {self.config.text_model or ''}>"

    # ---- calls ----

    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> GenerationResponse[T]: ...
    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse: ...
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse:
        """Answer a prompt. Raise `Misuse`, `Refused` or `Unavailable`."""
        return await self._calls.generate(prompt, options)

    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> ResponseStream[T]: ...
    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream: ...
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream:
        """Answer a prompt piece by piece; see `ResponseStream`. Raise `Misuse` at once for a wrong call."""
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
        """Return the plan of a request without sending it: this one target, and what it would cost."""
        return self._calls.explain(prompt, options)

    async def embed(self, texts: Texts, /, **options: Unpack[EmbedOptions]) -> EmbeddingResponse:
        """Turn texts into vectors. Raise `ConfigError` if no embedding model is known."""
        return await self._calls.embed(texts, options)

    async def list_models(self, *, limit: int | None = None) -> list[ModelInfo]:
        """Return the models that the provider offers, over all pages, at most `limit`."""
        import asyncio

        check_limit(limit)
        found = await self._ask_for_models(ModelsRequest(limit=limit))
        named: list[ModelInfo] = []
        for start in range(0, len(found), SLICE):
            if start:
                await asyncio.sleep(0)
            some = found[start : start + SLICE]
            self.backend.prices.learn(some)
            named += [replace(model, provider=self.name) for model in some]
        return named

    async def is_model_available(self, model: str) -> bool:
        """Check whether the provider offers a model by looking it up. Raise `Unsupported` if that cannot show it."""
        check_model(model)
        if self.row.catalogue_only:
            raise Unsupported(
                f"{self.row.title} cannot report whether a model is available: its list shows what can be deployed, "
                "not what is deployed; ask the deployment itself for a short answer (max_tokens=1, billed)"
            )
        try:
            found = await self._ask_for_models(ModelsRequest(model=model))
        except ModelNotFound:
            return False
        self.backend.prices.learn(found)
        return bool(found)

    async def count_tokens(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> TokenCount:
        """Count the tokens of a prompt. Raise `Unsupported` if the provider does not support it."""
        from understudy.client.prompt import read_prompt
        from understudy.domain.wire_answer import wire_answer_of, with_wire_answer
        from understudy.engine.exchanges import require

        request = read_prompt(prompt, options, frozenset((self.row.type,))).request
        require(self.row, Operation.COUNT_TOKENS)
        planned = await self._planner.plan(request)
        *warned, count = await self._calls.ask(Operation.COUNT_TOKENS, request, planned)
        warnings = (*(step.warning for step in warned), *count.warnings)
        counted: TokenCount = replace(count, provider=self.name, warnings=warnings)
        return with_wire_answer(counted, wire_answer_of(count))

    async def health_check(self) -> HealthStatus:
        """Check by free calls whether the provider is reachable, accepts the key and has the text model."""
        from understudy.client.health_check import status_of

        return await status_of(self.backend)

    async def _ask_for_models(self, request: ModelsRequest) -> list[ModelInfo]:
        """Run a free operation with this provider's retries."""
        from understudy.engine.exchanges import require

        require(self.row, Operation.MODELS)
        planned = self._planner.only(self.backend.target(self.text_model or ""))
        return await self._calls.ask(Operation.MODELS, request, planned)

    # ---- prices, and what else is known ----

    async def prices_ready(self, model: str | None = None) -> None:
        """Wait until the published prices are loaded, if the price of a model (unset: of any model) needs them."""
        if (prices := self.backend.prices_ready(model)) is not None:
            await prices

    def price_of(self, model: str | None) -> Price | None:
        """Return what a model costs here; `None` if that is unknown.

        The price is the one in the entry's own table, else the one in the provider's list of models if that was
        fetched, else the published one (genai-prices) as soon as it is loaded.
        """
        return self.backend.price_of(model)

    def known(self, model: str | None) -> ModelInfo | None:
        """Return what a fetched list of models states about a model, or what is published about it; else `None`."""
        return self.backend.known(model)

    def configuration_warnings(self) -> list[Warning]:
        """Return warnings of settings of the entry that its text model rejects; every request omits them."""
        from understudy.domain.messages import Message
        from understudy.engine.exchanges import dialect_of

        config = self.config
        if config.embeds_alone or self.text_model is None:
            return []  # there is no text model to refuse anything: each call names its own, or none is made
        request = GenerationRequest(
            messages=(Message.user("?"),), max_tokens=config.max_tokens, temperature=config.temperature
        )
        endpoint = self.backend.endpoint(self.text_model)
        exchange = dialect_of(self.row, Operation.CHAT, endpoint, request).open(Operation.CHAT, request, endpoint)
        return [step.warning for step in exchange.start() if isinstance(step, Warned)]

    def stats(self) -> ProviderStats:
        """Return what was done so far, under whichever manager."""
        return self.backend.stats()

    async def aclose(self) -> None:
        """End what runs on the running event loop with `Unavailable`, and close its connections.

        Waits, 2 seconds at most, until the provider has been asked to stop what is abandoned. It may be used again.
        """
        if "_calls" in self.__dict__:
            await self._calls.engine.close()
        await self.backend.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


@backend_of.register(Provider)
def _(provider: Provider) -> HttpBackend:
    return provider.backend
