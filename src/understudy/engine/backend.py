"""What the engine asks of a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from understudy.domain.attempts import AttemptRecord
    from understudy.domain.money import Cost
    from understudy.domain.prices import PriceQuery
    from understudy.domain.stats import ProviderStats
    from understudy.engine.attempt_stream import AttemptStream
    from understudy.engine.job import Job
    from understudy.policy.batches import BatchLimits
    from understudy.policy.targets import Limits, Target


class Backend(Protocol):
    """One provider, built in or custom, as the engine sees it."""

    def attempt(self, job: Job, target: Target, limits: Limits, attempt_id: str) -> AttemptStream:
        """Open an attempt; nothing is sent before it is iterated."""
        ...

    async def prices_ready(self, model: str | None = None) -> None:
        """Wait for what `cost_of` needs."""
        ...

    def cost_of(self, bill: PriceQuery) -> Cost | None:
        """Return what an attempt cost, or `None` if that is unknown."""
        ...

    def tally(self, attempt: AttemptRecord) -> None:
        """Add an attempt to the provider's own statistics."""
        ...

    def stats(self) -> ProviderStats:
        """Return what was done so far."""
        ...

    def batch_limits(self, target: Target) -> BatchLimits:
        """Return how much one request for embeddings may hold."""
        ...
