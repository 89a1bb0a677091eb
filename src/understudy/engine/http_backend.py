"""The built-in backend: an entry and its provider's row, spoken through the row's dialects, over the transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from understudy.dialects.base import Dialect, Endpoint, extra_fields
from understudy.domain.bounded import BoundedDict
from understudy.domain.errors import ConfigError
from understudy.domain.operation import BILLED, Operation
from understudy.domain.requests import EmbeddingRequest, ModelsRequest
from understudy.domain.stats import ProviderStats
from understudy.engine.access import account_of, endpoint_for, names_of_keys, secrets_for
from understudy.engine.backend import ModelFacts
from understudy.engine.exchanges import require
from understudy.ledger.tally import StatsCounter
from understudy.policy.batches import BatchLimits
from understudy.policy.embedding_spaces import EmbeddingSpace, canonical
from understudy.policy.targets import Limits, Target
from understudy.providers.base import ProviderRow
from understudy.settings import ProviderConfig

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from understudy.domain.attempts import AttemptRecord
    from understudy.domain.money import Cost
    from understudy.domain.prices import Price, PriceQuery
    from understudy.domain.responses import ModelInfo
    from understudy.domain.secret import Secret
    from understudy.engine.auth import Credential
    from understudy.engine.background import Background
    from understudy.engine.http_attempt import HttpAttempt
    from understudy.engine.http_opening import HttpOpening
    from understudy.engine.job import Job
    from understudy.pricing.lookup import PriceLookup
    from understudy.transport.base import Transport

REMEMBERED = 1024
"""Models of one entry about which something is remembered; names of models come from callers and have no end."""
_DIMENSIONS = ("dimensions", "output_dimension", "outputDimensionality", "output_dimensionality")
"""What the wires call it; entries and calls may write it among their extra fields."""


class HttpBackend:
    """One entry, asked over HTTP.

    What an attempt needs beyond the row is loaded at the first one, so that building many providers costs little.
    """

    has_fixed_space = True

    def __init__(self, config: ProviderConfig, row: ProviderRow, *, transport: Transport | None = None) -> None:
        self.config = config
        self.row = row
        self._given_transport = transport
        self._counter = StatsCounter()
        self._endpoints: BoundedDict[str | None, Endpoint] = BoundedDict(REMEMBERED)
        self._targets: BoundedDict[tuple[str, bool], Target] = BoundedDict(REMEMBERED)
        self._facts: BoundedDict[str | None, tuple[int, ModelFacts]] = BoundedDict(REMEMBERED)
        self._accounts: dict[str, str | None] = {}
        """The entry's account, by the header that names it. The keys of a pool count as one account."""

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.config.entry

    # ---- what is loaded at the first need ----

    @cached_property
    def prices(self) -> PriceLookup:
        """What the entry's models cost, and what lists of models state about them."""
        from understudy.pricing.lookup import PriceLookup

        return PriceLookup(self.config, self.row, self.endpoint(None).base_url)

    @cached_property
    def credentials(self) -> tuple[Credential, ...]:
        """The keys of the entry's pool, or its only key, and where they may go.

        Read from the provider's own environment variable if the entry has none. Raises `ConfigError` if a key is
        missing or invalid.
        """
        from understudy.engine.auth import Credential

        config = self.config
        auth, secrets = secrets_for(config, self.row)
        home = urlsplit(self.endpoint(None).base_url)
        origin = f"{home.scheme}://{home.netloc}"
        source = config.token if callable(config.token) else None
        # No key of the pool may come back in an error, whichever was sent.
        pool = tuple(each for each in secrets if each is not None) if len(secrets) > 1 else ()
        return tuple(Credential(auth, each, origin, token=source, sign=config.sign, further=pool) for each in secrets)

    @cached_property
    def credential(self) -> Credential:
        """The entry's key, the first of its pool; see `credentials`."""
        return self.credentials[0]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys that it sends; see `Backend`."""
        return self._secrets

    @cached_property
    def _secrets(self) -> tuple[Secret, ...]:
        try:
            found = [(each.secret, *each.further) for each in self.credentials]
        except ConfigError:
            found = []  # without a key it is not asked
        return tuple(dict.fromkeys(each for some in found for each in some if each is not None))

    @cached_property
    def _key_names(self) -> tuple[str, ...]:
        return names_of_keys(self.config)

    def account(self, dialect: Dialect) -> str | None:
        """Return the account that is asked, if the wire format tells accounts apart. Raises `ConfigError`."""
        named_by = dialect.history.account
        if named_by is None:
            return None
        if named_by not in self._accounts:
            own = None if self.config.token is not None else self.credential.secret
            self._accounts[named_by] = account_of(own, self.endpoint(None).headers, named_by)
        return self._accounts[named_by]

    def credential_of(self, target: Target) -> Credential:
        """Return the key that an attempt at a target uses, and where it may go."""
        return self.credential if not target.credentials else self.credentials[max(0, target.key_number - 1)]

    @cached_property
    def _background(self) -> Background:
        from understudy.engine.background import Background

        return Background()

    @cached_property
    def _transport(self) -> Transport:
        from understudy.transport.choice import built_in
        from understudy.transport.network import Network

        return self._given_transport or built_in(network=Network(self.config))

    @property
    def transport(self) -> Transport:
        """What sends its requests."""
        return self._transport

    def endpoint(self, model: str | None) -> Endpoint:
        """Return where a model is asked, and how requests to it are written."""
        endpoint = self._endpoints.get(model)
        if endpoint is None:
            endpoint = self._endpoints[model] = endpoint_for(self.config, self.row, model)
        return endpoint

    # ---- which targets it offers ----

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the entry names."""
        return tuple(filter(None, (self.config.text_model, self.config.embedding_model)))

    @property
    def text_model(self) -> str | None:
        """The model of generations that name none: the entry's, else the row's dated default."""
        return self.config.text_model or self.row.text_model

    @property
    def generates(self) -> bool:
        """Whether there is a text model; an entry for embeddings alone has none."""
        return self.text_model is not None

    def embeds(self, model: str | None = None) -> bool:
        """Return whether the provider supports embeddings, and there is a model for them."""
        return Operation.EMBED in self.row.dialects and (model or self.config.embedding_model) is not None

    def text_target(self, model: str | None = None) -> Target:
        """Return the entry as a target of generations. Raises `ConfigError` if no model is known."""
        return self.target(model or self.text_model, "text_model", default=model in (None, self.text_model))

    def embedding_target(self, model: str | None = None) -> Target:
        """Return the entry as a target of embeddings. Raises `ConfigError` if no model is known."""
        require(self.row, Operation.EMBED)
        return self.target(model or self.config.embedding_model, "embedding_model", default=model is None)

    def target(self, model: str | None, setting: str = "", *, default: bool = True) -> Target:
        """Return the entry as a target with a model, which `setting` names where the caller leaves it out."""
        if model is None:
            raise ConfigError(f'{self.name}: {setting} is missing: set {setting} = "…" in the entry, or pass model="…"')
        target = self._targets.get((model, default))
        if target is None:
            target = self._targets[model, default] = self._target(model, default=default)
        return target

    def _target(self, model: str, *, default: bool) -> Target:
        config, endpoint = self.config, self.endpoint(model)
        base_url = endpoint.base_url
        declared = config.capabilities if model == self.text_model else {}
        return Target(
            name=self.name,
            model=model,
            priority=config.priority,
            weight=config.weight,
            provider_type=self.row.type,
            default=default,
            endpoint=base_url,
            credential=f"{self.name}@{base_url}",
            credentials=tuple(f"{key}@{base_url}" for key in self._key_names) if self._key_names else (),
            idempotent=self.row.idempotent,
            rate_limit_domain=config.rate_limit_domain or "",
            continues=declared.get("prefill", endpoint.quirks.continues),
            limits=Limits(
                connect=config.connect_timeout,
                first_event=config.first_event_timeout or self.row.first_event_timeout,
                idle=config.idle_timeout,
                total=config.timeout,
                slowest=config.min_tokens_per_second,
            ),
        )

    def space_of(self, target: Target, request: EmbeddingRequest) -> EmbeddingSpace:
        """Return the space that a target's vectors live in.

        An entry's `embedding_space` is that of its own model: vectors of another model live apart.
        """
        own = self.config.embedding_space if target.model == self.config.embedding_model else None
        endpoint = self.endpoint(target.model)
        dimensions: int | None = None
        if "dimensions" not in endpoint.quirks.refused:
            sent = extra_fields(request.extra, self.row.dialects[Operation.EMBED], endpoint)
            dimensions = next((sent[name] for name in _DIMENSIONS if name in sent), request.dimensions)
        return EmbeddingSpace(own or canonical(target.model or ""), dimensions)

    # ---- what is known of them ----

    def facts(self, model: str | None) -> ModelFacts:
        """Return what is known of a model, looked up again when lists of models or prices were loaded since."""
        version = self.prices.version
        found = self._facts.get(model)
        if found is None or found[0] != version:
            found = self._facts[model] = version, self._look_up(model)
        return found[1]

    def _look_up(self, model: str | None) -> ModelFacts:
        """Combine what lists state with what the entry states, which holds for its text model alone."""
        config, info = self.config, self.known(model)
        window = info.context_window if info is not None else None
        endpoint = self.endpoint(model)
        abilities, longest = _abilities(endpoint, info), endpoint.quirks.max_output_tokens
        if self.text_model not in (None, model):
            return ModelFacts(window, abilities, longest)
        return ModelFacts(config.context_window or window, {**abilities, **config.capabilities}, longest)

    def known(self, model: str | None) -> ModelInfo | None:
        """Return what a fetched list of models states of a model, or what is published of it; else `None`."""
        return self.prices.known(model) if model is not None else None

    def price_of(self, model: str | None) -> Price | None:
        """Return what a model costs here; `None` if that is unknown.

        The price is the one in the entry's own table, else the one in the provider's list of models if that was
        fetched, else the published one (genai-prices) as soon as it is loaded.
        """
        return self.prices.price(model) if model is not None else None

    def cost_of(self, query: PriceQuery) -> Cost | None:
        """Return what an attempt cost, at the price of the model that answered; `None` if that is unknown."""
        return self.prices.cost(query)

    def prices_ready(self, model: str | None = None) -> Awaitable[None] | None:
        """Return what to wait for until the published prices are loaded, if the price of a model (unset: of any model)
        needs them; `None` if not, or if they are loaded."""
        return self.prices.ready(model) if self.prices.awaits(model) else None

    def load_prices(self, model: str | None = None) -> None:
        """Load what `prices_ready` waits for, in the calling thread: that takes 0.4 seconds, once a process."""
        self.prices.load(model)

    def batch_limits(self, target: Target) -> BatchLimits:
        """Return how much one request for embeddings may hold, as the row states."""
        quirks = self.endpoint(target.model).quirks
        return BatchLimits(quirks.embed_batch, quirks.embed_batch_tokens)

    # ---- how it is asked ----

    def attempt(self, job: Job, target: Target, limits: Limits, attempt_id: str) -> HttpAttempt:
        """Open an attempt; nothing is sent before it is iterated."""
        # Before the opening: the first attempt of a process loads its dialect and the HTTP library there.
        loop = self._running_loop()
        began = loop.time()
        if job.operation in BILLED:
            self.prices.begin(target.model)
        return self._opening.open(job, target, limits, attempt_id, began, loop)

    @cached_property
    def _running_loop(self) -> Callable[[], AbstractEventLoop]:
        from asyncio import get_running_loop

        return get_running_loop

    @cached_property
    def _opening(self) -> HttpOpening:
        from understudy.engine.http_opening import HttpOpening

        return HttpOpening(self, self._background)

    @property
    def checks_key(self) -> bool | None:
        """Whether the list of models is refused without a valid key; `None` if the provider has none."""
        if Operation.MODELS not in self.row.dialects:
            return None
        return self.credential.authenticates and not self.row.catalogue_is_open

    def check(self, target: Target, limits: Limits, attempt_id: str) -> HttpAttempt:
        """Open an attempt at the list of models."""
        from understudy.engine.job import Job

        job = Job(id=attempt_id, operation=Operation.MODELS, request=ModelsRequest(limit=1))
        return self.attempt(job, target, limits, attempt_id)

    def tally(self, attempt: AttemptRecord) -> None:
        """Add an attempt to the statistics."""
        self._counter.record(attempt)

    def stats(self) -> ProviderStats:
        """Return what was done so far, under whichever manager."""
        return self._counter.stats()

    async def aclose(self) -> None:
        """Wait, for a limited time, for what runs in the background, and close the connections of the running loop."""
        await self._background.finish()
        await self._transport.aclose()


def _abilities(endpoint: Endpoint, info: ModelInfo | None) -> Mapping[str, bool]:
    """Return what a model supports and what it lacks: as the fetched list states, else as its wire format allows."""
    quirks = endpoint.quirks
    lacks = {
        "tools": "tools" in quirks.refused,
        "structured_output": "json_schema" not in quirks.output_formats,
        "vision": "image" not in quirks.inputs,
        "audio_input": "audio" not in quirks.inputs,
        "pdf_input": "file" not in quirks.inputs,
    }
    abilities = {name: False for name, is_lacking in lacks.items() if is_lacking}
    if info is not None:
        abilities.update(dict.fromkeys(info.capabilities or (), True))
        abilities.update(dict.fromkeys(info.lacks, False))
    return abilities
