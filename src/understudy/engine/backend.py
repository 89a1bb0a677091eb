"""What the engine and the planner ask of a provider, built in or custom."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from understudy.domain.attempts import AttemptRecord
    from understudy.domain.money import Cost
    from understudy.domain.prices import Price, PriceQuery
    from understudy.domain.requests import EmbeddingRequest
    from understudy.domain.secret import Secret
    from understudy.domain.stats import ProviderStats
    from understudy.engine.attempt_stream import AttemptStream
    from understudy.engine.job import Job
    from understudy.policy.batches import BatchLimits
    from understudy.policy.embedding_spaces import EmbeddingSpace
    from understudy.policy.targets import Limits, Target


class ModelFacts(msgspec.Struct, frozen=True):
    """What is known of a model; what is unknown is `None` or missing."""

    context_window: int | None = None
    """Tokens."""
    capabilities: Mapping[str, bool] = {}
    """Of the words of `ModelInfo.capabilities`, those that are known: `True` if the model has it, else `False`."""
    longest_output: int | None = None
    """Tokens of the longest answer."""


class Backend(Protocol):
    """One provider as the engine and the planner see it. What it cannot say is unknown."""

    @property
    def name(self) -> str:
        """The entry's name."""
        ...

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys that it sends, as far as they are known, to keep them out of what is kept."""
        ...

    # ---- which targets it offers ----

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the entry names, by which a call may name the entry."""
        ...

    @property
    def generates(self) -> bool:
        """Whether the entry is a target of generations that name no model."""
        ...

    def embeds(self, model: str | None = None) -> bool:
        """Return whether the entry is a target of embeddings with a model (unset: with the entry's own)."""
        ...

    def text_target(self, model: str | None = None) -> Target:
        """Return the entry as a target of generations. Raises `ConfigError` if no model is known."""
        ...

    def embedding_target(self, model: str | None = None) -> Target:
        """Return the entry as a target of embeddings. Raises `ConfigError` if no model is known."""
        ...

    has_fixed_space: bool
    """Whether `space_of` returns the same for the same target and dimensions as long as the backend lives."""

    def space_of(self, target: Target, request: EmbeddingRequest) -> EmbeddingSpace | None:
        """Return the space that a target's vectors live in; `None` if it is unknown."""
        ...

    # ---- what is known of them ----

    def facts(self, model: str | None) -> ModelFacts:
        """Return what is known of a model."""
        ...

    def price_of(self, model: str | None) -> Price | None:
        """Return what a model costs; `None` if that is unknown."""
        ...

    def cost_of(self, query: PriceQuery) -> Cost | None:
        """Return what an attempt cost; `None` if that is unknown."""
        ...

    def prices_ready(self, model: str | None = None) -> Awaitable[None] | None:
        """Return what to wait for until the prices of a model (unset: of any model) are loaded; `None` if they are."""
        ...

    def load_prices(self, model: str | None = None) -> None:
        """Load what `prices_ready` waits for, in the calling thread."""
        ...

    def batch_limits(self, target: Target) -> BatchLimits:
        """Return how much one request for embeddings may hold."""
        ...

    # ---- how it is asked ----

    def attempt(self, job: Job, target: Target, limits: Limits, attempt_id: str) -> AttemptStream:
        """Open an attempt; nothing is sent before it is iterated."""
        ...

    @property
    def checks_key(self) -> bool | None:
        """Whether `check` is refused without a valid key; `None` if the provider has no operation for it."""
        ...

    def check(self, target: Target, limits: Limits, attempt_id: str) -> AttemptStream:
        """Open an attempt at a free operation, which shows that the provider is reached. Never one that is billed."""
        ...

    def tally(self, attempt: AttemptRecord) -> None:
        """Add an attempt to the provider's own statistics."""
        ...

    def stats(self) -> ProviderStats:
        """Return what was done so far."""
        ...
