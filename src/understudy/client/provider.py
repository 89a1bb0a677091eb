"""The built-in provider: a row of data behind the face that users hold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, overload
from urllib.parse import urlsplit

import msgspec

from understudy.dialects.base import Dialect, Endpoint
from understudy.domain.bounded import BoundedDict
from understudy.domain.errors import ConfigError, ModelNotFound, Unsupported
from understudy.domain.events import Event, Warned
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, ModelsRequest
from understudy.domain.secret import Secret
from understudy.domain.stats import ProviderStats
from understudy.engine.access import endpoint_for, secret_for
from understudy.engine.exchanges import dialect_of, limit_of, open_exchange, require, widened
from understudy.engine.inner_streams import InnerStreams
from understudy.ledger.tally import StatsCounter
from understudy.policy.batches import BatchLimits
from understudy.policy.plan import Plan, Step
from understudy.policy.targets import Limits, Target
from understudy.protocol import EmbedOptions, Prompt, RequestOptions, Texts, TypedOptions
from understudy.providers.base import ProviderRow
from understudy.settings import FallbackConfig, ProviderConfig

if TYPE_CHECKING:
    from understudy.client.calls import Calls, PlannedRun
    from understudy.client.stream import ResponseStream
    from understudy.domain.attempts import AttemptRecord
    from understudy.domain.money import Cost
    from understudy.domain.prices import Price, PriceQuery
    from understudy.domain.responses import (
        EmbeddingResponse,
        GenerationResponse,
        HealthStatus,
        ModelInfo,
        T,
        TokenCount,
    )
    from understudy.domain.warnings import Warning  # noqa: A004 - the design's word
    from understudy.engine.auth import Credential
    from understudy.engine.background import Background
    from understudy.engine.http_attempt import HttpAttempt
    from understudy.engine.job import Job
    from understudy.ledger import LedgerSink, Observer
    from understudy.pricing.lookup import PriceLookup
    from understudy.transport.base import Transport

ENDPOINTS = 1024
"""Models of one entry about which something is remembered; names of models come from callers and have no end."""
THINKING_FIRST_EVENT = 300.0
"""Seconds until the first content when the model thinks first."""


class Provider:
    """A built-in provider: a row of data, spoken through its dialects, over the transport.

    What a call needs beyond the row is loaded at the first call, so that building many providers costs little.
    """

    def __init__(
        self,
        config: ProviderConfig,
        row: ProviderRow,
        *,
        fallback: FallbackConfig,
        transport: Transport | None = None,
        sink: LedgerSink | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.config = config
        self.row = row
        self._fallback = fallback
        self._given_transport = transport
        self._sink = sink
        self._observers = observers
        self._tally = StatsCounter()
        self._endpoints: BoundedDict[str | None, Endpoint] = BoundedDict(ENDPOINTS)
        self._inner_streams = InnerStreams()

    @cached_property
    def _calls(self) -> Calls:
        from understudy.client.calls import Calls
        from understudy.engine.engine import Engine

        return Calls({self.name: self}, Engine(sink=self._sink, observers=tuple(self._observers)))

    @cached_property
    def _background(self) -> Background:
        from understudy.engine.background import Background

        return Background()

    @cached_property
    def _transport(self) -> Transport:
        from understudy.transport.aiohttp_transport import AioTransport
        from understudy.transport.network import Network

        return self._given_transport or AioTransport(network=Network(self.config))

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

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} ({self.provider_type}) {self.config.text_model or ''}>"

    # ---- the face ----

    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> GenerationResponse[T]: ...
    @overload
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse: ...
    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> GenerationResponse:
        """Answer a prompt. Raises `Misuse`, `Refused` or `Unavailable`."""
        ask = self._calls.read(prompt, options)
        return await self._calls.generate(ask, self._planned(self.target(ask.request.model)))

    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[TypedOptions[T]]) -> ResponseStream[T]: ...
    @overload
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream: ...
    def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> ResponseStream:
        """Answer a prompt piece by piece; see `ResponseStream`. Raises `Misuse` at once for a wrong call."""
        ask = self._calls.read(prompt, options)
        target = self.target(ask.request.model)

        async def plan() -> PlannedRun:
            return self._planned(target)

        return self._calls.stream(ask, plan)

    def explain(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> Plan:
        """Return the plan of a request without sending it: this one target, and what it would cost."""
        from understudy.policy.cost_order import Estimate

        request = self._calls.read(prompt, options).request
        target = self.target(request.model)
        self.load_prices()
        known = self.known(target.model)
        own = self.config.context_window if self.text_model in (None, target.model) else None
        window = own or (known.context_window if known else None)
        cost = Estimate(request).cost_at(self.price_of(target.model))
        return Plan((Step(target, "the only target", window, cost),), why="the only target")

    async def embed(self, texts: Texts, /, **options: Unpack[EmbedOptions]) -> EmbeddingResponse:
        """Turn texts into vectors. Raises `ConfigError` when no embedding model is known."""
        read = self._calls.read_texts(texts, options)
        return await self._calls.embed(read, self._planned(self.embedding_target(read.request.model)))

    async def list_models(self, *, limit: int | None = None) -> list[ModelInfo]:
        """Return the models that the provider offers, over all pages, at most `limit`."""
        from understudy.client.model_lists import catalogue

        found: list[ModelInfo] = await self._ask(Operation.MODELS, ModelsRequest(limit=limit))
        return await catalogue(found, self.name, self._tariff.learn)

    async def is_model_available(self, model: str) -> bool:
        """Tell whether the provider offers a model, by asking for that one. Raises `Unsupported` where none can say."""
        if self.row.catalogue_only:
            raise Unsupported(
                f"{self.row.title} cannot tell whether a model is available: its list shows what could be deployed, "
                "not what is; ask the deployment itself for a short answer (max_tokens=1, billed)"
            )
        try:
            found = await self._ask(Operation.MODELS, ModelsRequest(model=model))
        except ModelNotFound:
            return False
        self._tariff.learn(found)
        return bool(found)

    async def health_check(self) -> HealthStatus:
        """Find out by free calls whether the provider is reachable, takes the key and has the text model."""
        from understudy.client.health_check import status_of

        return await status_of(self)

    async def count_tokens(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> TokenCount:
        """Count the tokens of a prompt. Raises `Unsupported` where the provider has no such operation."""
        ask = self._calls.read(prompt, options)
        *warned, count = await self._ask(Operation.COUNT_TOKENS, ask.request, model=ask.request.model)
        warnings = (*(step.warning for step in warned), *count.warnings)
        counted: TokenCount = msgspec.structs.replace(count, provider=self.name, warnings=warnings)
        return counted

    def stats(self) -> ProviderStats:
        """Return what was done so far, under whichever manager."""
        return self._tally.stats()

    async def aclose(self) -> None:
        """End what runs on the running event loop with `Unavailable`, and close its connections.

        Waits, 5 seconds at most, until the provider was told to stop what was given up. The provider may be used again.
        """
        if "_calls" in self.__dict__:
            await self._calls.close()
        await self._background.finish()
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # ---- what the engine launches ----

    def target(self, model: str | None = None) -> Target:
        """Return this entry as a target for generations. `entry/model` is accepted beside a plain model name."""
        return self._target(self._own(model) or self.text_model, "text_model")

    def embedding_target(self, model: str | None = None) -> Target:
        """Return this entry as a target for embeddings."""
        require(self.row, Operation.EMBED)
        return self._target(self._own(model) or self.config.embedding_model, "embedding_model")

    @property
    def text_model(self) -> str | None:
        """The model of generations that name none: the entry's, else the row's dated default."""
        return self.config.text_model or self.row.text_model

    @property
    def embeds(self) -> bool:
        """Whether the provider has embeddings at all."""
        return Operation.EMBED in self.row.dialects

    def attempt(self, job: Job, target: Target, limits: Limits, attempt_id: str) -> HttpAttempt:
        """Open an attempt; nothing is sent before it is iterated."""
        # Before the imports: the first attempt of a process loads its dialect and the HTTP library here.
        from understudy.engine import clock

        began = clock.now()
        from understudy.dialects.history import localize
        from understudy.engine.http_attempt import HttpAttempt, HttpContext

        request = job.request
        if job.operation.billed:
            self._tariff.begin(target.model)
        endpoint = self.endpoint(target.model)
        warnings: list[Event] = []
        chat = isinstance(request, GenerationRequest) and job.operation is Operation.CHAT
        if chat:
            request = self._with_defaults(request)
            endpoint = widened(endpoint, request)
            if request.reasoning is not None and limits.first_event < THINKING_FIRST_EVENT:
                limits = msgspec.structs.replace(limits, first_event=THINKING_FIRST_EVENT)
        dialect = dialect_of(self.row, job.operation, endpoint, request)
        streamed = chat and (job.streamed or self._streams_inside(job, request, dialect, limits, endpoint))
        if isinstance(request, GenerationRequest):
            request, warnings = localize(request, dialect.name, endpoint)
        inside = streamed and not job.streamed
        passage = HttpContext(
            transport=self._transport,
            credential=self.credential,
            limits=limits,
            attempt_id=attempt_id,
            server=endpoint.server,
            fact_headers=self.row.fact_headers if job.operation is Operation.CHAT else (),
            streamed=streamed,
            keep_raw=not job.streamed,
            whole=partial(self._inner_streams.unstreamed_after, dialect, request, endpoint) if inside else None,
            background=self._background,
            strict=job.strict,
            bounds=endpoint.bounds,
            limit=limit_of(request, endpoint.bounds, streamed),
            began=began,
        )
        exchange = open_exchange(dialect, job.operation, request, endpoint, streamed)
        return HttpAttempt(exchange, passage, dialect=dialect.name, before=warnings)

    def _streams_inside(self, job: Job, request: Any, dialect: Dialect, limits: Limits, endpoint: Endpoint) -> bool:
        whole, others = self.config.whole or job.whole, limits.yield_by is not None
        return self._inner_streams.wanted(request, dialect, endpoint, whole=whole, others=others)

    def cost_of(self, bill: PriceQuery) -> Cost | None:
        """Return what an attempt cost, at the price of the model that answered; `None` when that is unknown."""
        return self._tariff.cost(bill)

    def price_of(self, model: str | None) -> Price | None:
        """Return what a model costs here; `None` when that is unknown.

        It is that of the entry's own table, else the one that the provider's list of models told when it was fetched,
        else the published one (genai-prices) as soon as it is loaded.
        """
        return self._tariff.price(model) if model is not None else None

    def known(self, model: str | None) -> ModelInfo | None:
        """Return what a fetched list of models told of a model, or what is published of it; `None` when nothing is."""
        return self._tariff.known(model) if model is not None else None

    async def prices_ready(self, model: str | None = None) -> None:
        """Wait until the published prices are loaded, where the price of a model (unset: of any model) needs them."""
        await self._tariff.ready(model)

    def load_prices(self, model: str | None = None) -> None:
        """Do what `prices_ready` does, in the calling thread: it takes 0.4 seconds, once a process."""
        self._tariff.load(model)

    @cached_property
    def _tariff(self) -> PriceLookup:
        from understudy.pricing.lookup import PriceLookup

        return PriceLookup(self.config, self.row, self.endpoint(None).base_url)

    def batch_limits(self, target: Target) -> BatchLimits:
        """Return how much one request for embeddings may hold, as the row says."""
        quirks = self.endpoint(target.model).quirks
        return BatchLimits(quirks.embed_batch, quirks.embed_batch_tokens)

    def tally(self, attempt: AttemptRecord) -> None:
        """Add an attempt to the statistics."""
        self._tally.record(attempt)

    @property
    def credential(self) -> Credential:
        """The key and where it may go. Read from the provider's own environment variable when the entry has none."""
        return self._credential

    @cached_property
    def _credential(self) -> Credential:
        from understudy.engine.auth import Credential

        config = self.config
        auth, secret = secret_for(config, self.row)
        home = urlsplit(self.endpoint(None).base_url)
        source = None if isinstance(config.token, Secret) else config.token
        return Credential(auth, secret, f"{home.scheme}://{home.netloc}", token=source, sign=config.sign)

    def endpoint(self, model: str | None) -> Endpoint:
        """Return where a model is asked, and how it wants to be written to."""
        endpoint = self._endpoints.get(model)
        if endpoint is None:
            endpoint = self._endpoints[model] = endpoint_for(self.config, self.row, model)
        return endpoint

    def configuration_warnings(self) -> list[Warning]:
        """Return what the entry sets but its text model refuses, and so is left out of every request."""
        from understudy.domain.messages import Message

        config = self.config
        if config.embeds_alone or self.text_model is None:
            return []  # there is no text model to refuse anything: each call names its own, or none is made
        request = GenerationRequest(
            messages=(Message.user("?"),), max_tokens=config.max_tokens, temperature=config.temperature
        )
        endpoint = self.endpoint(self.target().model)
        exchange = dialect_of(self.row, Operation.CHAT, endpoint, request).chat(request, endpoint, stream=False)
        return [step.warning for step in exchange.start() if isinstance(step, Warned)]

    # ---- inside ----

    def _target(self, model: str | None, setting: str) -> Target:
        if model is None:
            raise ConfigError(
                f'{self.name}: no {setting} is configured: set {setting} = "…" in the entry, or pass model="…"'
            )
        config = self.config
        base_url = self.endpoint(model).base_url
        return Target(
            name=self.name,
            model=model,
            priority=config.priority,
            provider_type=self.row.type,
            endpoint=base_url,
            credential=f"{self.name}@{base_url}",
            limits=Limits(
                connect=config.connect_timeout,
                first_event=config.first_event_timeout or self.row.first_event_timeout,
                idle=config.idle_timeout,
                total=config.timeout,
            ),
        )

    def _own(self, model: str | None) -> str | None:
        """Return the model that a call names: `model`, `entry/model`, or the entry alone for its own model."""
        return model.removeprefix(f"{self.name}/") if model and model != self.name else None

    def _planned(self, target: Target) -> PlannedRun:
        from understudy.client.calls import PlannedRun

        return PlannedRun(Plan((Step(target, "the only target"),)), self._fallback)

    async def _ask(self, operation: Operation, request: Any, *, model: str | None = None) -> list[Any]:
        """Run a free operation with this provider's retries."""
        require(self.row, operation)
        counting = operation is Operation.COUNT_TOKENS
        target = self.target(model) if counting else self._target(model or self.text_model or "", "text_model")
        return await self._calls.ask(operation, request, self._planned(target))

    def _with_defaults(self, request: GenerationRequest) -> GenerationRequest:
        config = self.config
        if config.max_tokens is None and config.temperature is None:
            return request
        return request.with_defaults(max_tokens=config.max_tokens, temperature=config.temperature)
