"""A configured entry whose requests are answered by a model of its provider: everything else is the entry's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator

from understudy.client.provider import Provider
from understudy.dialects.base import Dialect
from understudy.domain.attempts import AttemptRecord
from understudy.domain.money import Cost
from understudy.domain.operation import Operation
from understudy.domain.prices import Price, PriceQuery
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.secret import Secret
from understudy.domain.stats import ProviderStats
from understudy.engine.attempt_stream import AttemptStream
from understudy.engine.backend import ModelFacts
from understudy.engine.exchanges import dialect_of
from understudy.engine.http_backend import HttpBackend
from understudy.engine.inner_streams import streams_inside
from understudy.engine.job import Job
from understudy.engine.registry import backend_of
from understudy.policy.batches import BatchLimits
from understudy.policy.embedding_spaces import EmbeddingSpace
from understudy.policy.targets import Limits, Target
from understudy.settings import ProviderConfig
from understudy.simulator.attempt import SimulatedAttempt, SimulatedCheck
from understudy.simulator.modelled import ModelledTarget

Launched = Callable[[Job, Target, str], int]
"""Notes an attempt as it is opened; returns the tokens of its prompt."""


class _Ready:
    """What is awaited where nothing needs to be loaded."""

    def __await__(self) -> Generator[None, None, None]:
        return iter(())  # type: ignore[return-value]  # an iterator without a value is all that await needs


_READY = _Ready()


class SimulatedBackend:
    """The backend of a configured entry, with a modelled provider in place of the network."""

    has_fixed_space = True

    def __init__(self, entry: HttpBackend, modelled: ModelledTarget, launched: Launched) -> None:
        self.name = entry.name
        self.secrets: tuple[Secret, ...] = ()
        self.modelled = modelled
        self._entry = entry
        self._config: ProviderConfig = entry.config
        self._launched = launched
        self._now = asyncio.get_running_loop().time
        self._facts = ModelFacts(self._config.context_window, self._config.capabilities)
        self._dialect: Dialect | None = None
        priced = bool(
            modelled.model.price
            or any(window.incident.price for window in modelled.weather.windows)
            or self._config.price
            or self._config.prices
        )
        if not priced:
            entry.load_prices(entry.text_model)

    # ---- which targets it offers ----

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the entry names."""
        return self._entry.models

    @property
    def generates(self) -> bool:
        """Whether the entry has a text model."""
        return self._entry.generates

    def embeds(self, model: str | None = None) -> bool:
        """Return `False`: only generations are simulated."""
        return False

    def text_target(self, model: str | None = None) -> Target:
        """Return the entry as a target of generations."""
        return self._entry.text_target(model)

    def embedding_target(self, model: str | None = None) -> Target:
        """Return the entry as a target of embeddings."""
        return self._entry.embedding_target(model)

    def space_of(self, target: Target, request: EmbeddingRequest) -> EmbeddingSpace | None:
        """Return the space that the entry's vectors live in."""
        return self._entry.space_of(target, request)

    def batch_limits(self, target: Target) -> BatchLimits:
        """Return how much one request for embeddings may hold."""
        return self._entry.batch_limits(target)

    # ---- what is known of them ----

    def facts(self, model: str | None) -> ModelFacts:
        """Return what the entry states of its model; lists are not fetched."""
        return self._facts

    def price_of(self, model: str | None) -> Price | None:
        """Return what a model costs now: as modelled, else as the entry or the published list states."""
        price = self.modelled.price(self._now())
        return price if price is not None else self._entry.price_of(model)

    def cost_of(self, query: PriceQuery) -> Cost | None:
        """Return what an attempt cost."""
        price = self.modelled.price(self._now())
        return price.cost(query.usage, estimated=query.estimated) if price is not None else self._entry.cost_of(query)

    def prices_ready(self, model: str | None = None) -> Awaitable[None]:
        """Return at once: prices are loaded before the simulation begins."""
        return _READY

    def load_prices(self, model: str | None = None) -> None:
        """Do nothing: prices are loaded before the simulation begins."""

    # ---- how it is asked ----

    def attempt(self, job: Job, target: Target, limits: Limits, attempt_id: str) -> AttemptStream:
        """Open an attempt at the modelled provider."""
        tokens = self._launched(job, target, attempt_id)
        return SimulatedAttempt(self.modelled, tokens, limits, streamed=self._streams(job, limits))

    @property
    def checks_key(self) -> bool | None:
        """Whether the provider's list of models is refused without a valid key; `None` if it has none."""
        return self._entry.checks_key

    def check(self, target: Target, limits: Limits, attempt_id: str) -> AttemptStream:
        """Open an attempt at the modelled provider's list of models."""
        return SimulatedCheck(self.modelled, 0, limits, streamed=False)

    def _streams(self, job: Job, limits: Limits) -> bool:
        """Check whether the provider streams, by the rules of the built-in backend."""
        if job.streamed:
            return True
        endpoint = self._entry.endpoint(None)
        if self._dialect is None:
            self._dialect = dialect_of(self._entry.row, Operation.CHAT, endpoint, job.request)
        whole = self._config.whole or job.whole
        return streams_inside(job.request, self._dialect, whole, endpoint, limits.has_others)

    def tally(self, attempt: AttemptRecord) -> None:
        """Do nothing: the simulation counts by itself."""

    def stats(self) -> ProviderStats:
        """Return no statistics; see `Measures`."""
        return ProviderStats()


class SimulatedProvider(Provider):
    """A built-in provider whose requests a model answers."""

    simulated: SimulatedBackend


@backend_of.register(SimulatedProvider)
def _(provider: SimulatedProvider) -> SimulatedBackend:
    return provider.simulated
