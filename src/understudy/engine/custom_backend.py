"""Providers that are not ours — a user's own, a fake, a nested manager — as targets of a manager.

Such a provider counts as one attempt, whatever it does inside; the kind of its error is the kind of the failure.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, Self

import msgspec

from understudy.domain.attempts import AttemptRecord
from understudy.domain.errors import LLMError
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.fold import unfold
from understudy.domain.messages import Message
from understudy.domain.money import Cost
from understudy.domain.operation import Operation
from understudy.domain.prices import PriceQuery
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.domain.stats import ProviderStats
from understudy.engine.attempt_stream import AttemptFailed
from understudy.engine.job import Job
from understudy.ledger.tally import StatsCounter
from understudy.policy.batches import BatchLimits
from understudy.policy.targets import Limits, Target
from understudy.protocol import LLMProvider

logger = logging.getLogger("understudy")


class CustomBackend:
    """Launches attempts at a provider through its public face."""

    def __init__(self, provider: LLMProvider) -> None:
        self.provider = provider
        self._tally = StatsCounter()

    def attempt(self, job: Job, target: Target, limits: Limits, attempt_id: str) -> CustomAttempt:
        """Open an attempt."""
        return CustomAttempt(self.provider, job, target, limits)

    def cost_of(self, bill: PriceQuery) -> Cost | None:
        """A provider of somebody else knows its costs itself, if anyone does: see `CustomAttempt.cost`."""
        return None

    async def prices_ready(self, model: str | None = None) -> None:
        """There is nothing to wait for."""

    def tally(self, attempt: AttemptRecord) -> None:
        """Count an attempt, for providers that do not count themselves."""
        self._tally.record(attempt)

    def stats(self) -> ProviderStats:
        """Return the provider's own statistics if it keeps any, else those of the attempts that were made from here.

        Never both: what a nested manager did inside is counted there, and its own calls are the same seen from outside.
        """
        try:
            own = self.provider.stats()
        except Exception:
            # A custom provider's bug must not cost the statistics of the others.
            logger.exception("provider %s failed to return its statistics", self.provider.name)
            return self._tally.stats()
        return own if isinstance(own, ProviderStats) and own.total_requests else self._tally.stats()

    def batch_limits(self, target: Target) -> BatchLimits:
        """It divides what is too much for it itself."""
        return BatchLimits()


class CustomAttempt:
    """An attempt at a provider through `generate`, `stream` or `embed`."""

    def __init__(self, provider: LLMProvider, job: Job, target: Target, limits: Limits) -> None:
        self.dialect: str | None = None
        self.server: str | None = None
        self.answered = False
        self.translated = False
        self.raw: bytes | None = None
        self.message: Message | None = None
        self.cost: Cost | None = None
        self._provider = provider
        self._job = job
        # What the call named is an entry or a route of the manager out here: inside it means nothing.
        self._request = msgspec.structs.replace(job.request, model=target.model)
        self._limits = limits
        self._events: AsyncIterator[Any] | None = None
        self._over = False
        self._start = 0.0
        self._patience: asyncio.Timeout | None = None
        self._interrupted: Failure | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        if self._over:
            raise StopAsyncIteration
        if self._interrupted is not None:
            raise AttemptFailed(self._interrupted)
        now = asyncio.get_running_loop().time()
        self._start = self._start or now
        limit = self._limit(now)
        try:
            async with asyncio.timeout(limit) as self._patience:
                return await self._step()
        except (StopAsyncIteration, AttemptFailed):
            raise
        except TimeoutError as error:
            raise AttemptFailed(self._interrupted or self._late(limit)) from error
        except LLMError as error:
            raise AttemptFailed(error.failure or Failure(kind=FailureKind.LOCAL, message=error.message)) from error
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            raise AttemptFailed(Failure(kind=FailureKind.LOCAL, message=message)) from error
        finally:
            self._patience = None

    def _limit(self, now: float) -> float:
        """Return how many seconds the next step may take."""
        limits, elapsed = self._limits, now - self._start
        limit = limits.total - elapsed
        if self._job.streamed:
            limit = min(limit, limits.idle if self.answered else limits.first_event)
        if not self.answered and limits.yield_by is not None:
            limit = min(limit, limits.yield_by - elapsed)
        return limit

    def _late(self, limit: float) -> Failure:
        if not self._job.streamed:
            kind = FailureKind.TIMEOUT_BODY
        else:
            kind = FailureKind.STALLED if self.answered else FailureKind.TIMEOUT_FIRST_EVENT
        return Failure(kind=kind, message=f"nothing more within {limit:.1f} s")

    def interrupt(self, failure: Failure) -> None:
        """End the attempt; see `AttemptStream`."""
        self._interrupted = failure
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _step(self) -> list[Any]:
        if self._job.operation is Operation.CHAT and self._job.streamed:
            if self._events is None:
                self._events = self._provider.stream(self._request)
            try:
                event = await anext(self._events)
            except StopAsyncIteration:
                self._note(getattr(self._events, "response", None))
                raise
            self.answered = True
            return [event]
        self._over = True
        response: GenerationResponse | EmbeddingResponse
        if self._job.operation is Operation.EMBED:
            response = await self._provider.embed(list(self._request.texts), **_embed_options(self._request))
            self.cost = response.total_cost
            if (found := len(response.embeddings)) != (wanted := len(self._request.texts)):
                message = f"{found} vectors for {wanted} texts"
                raise AttemptFailed(Failure(kind=FailureKind.BAD_RESPONSE, message=message))
            return [response]
        response = await self._provider.generate(self._request)
        self.raw = response.raw
        self._note(response)
        return list(unfold(response))

    def _note(self, response: object) -> None:
        """Keep what no event tells of a whole answer."""
        if isinstance(response, GenerationResponse):
            self.message, self.cost = response.message, response.total_cost

    def clean(self, text: str) -> str:
        """Return the text: what a custom provider sends is its own affair."""
        return text

    async def aclose(self) -> None:
        """Close the provider's stream, if it has begun and can be closed."""
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()


def _embed_options(request: Any) -> dict[str, Any]:
    names = ("model", "dimensions", "input_type", "user", "extra")
    return {name: value for name in names if (value := getattr(request, name)) is not None}
