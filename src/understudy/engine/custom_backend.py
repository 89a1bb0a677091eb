"""Custom providers — a user's, a fake, a nested manager — as targets of a manager.

Such a provider counts as one attempt, whatever it does inside; the kind of its error is the kind of the failure.
"""

from __future__ import annotations

import asyncio
import logging
import math
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
from understudy.domain.prices import Price, PriceQuery
from understudy.domain.quotas import ReadQuotas
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, whole_of
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.domain.secret import Secret
from understudy.domain.stats import ProviderStats
from understudy.domain.wire_answer import WireAnswer
from understudy.engine.attempt_stream import AttemptFailed, FailedAttempt
from understudy.engine.backend import ModelFacts
from understudy.engine.job import Job
from understudy.ledger.tally import StatsCounter
from understudy.policy.batches import BatchLimits
from understudy.policy.embedding_spaces import EmbeddingSpace
from understudy.policy.targets import Limits, Target
from understudy.protocol import LLMProvider

logger = logging.getLogger("understudy")


class CustomBackend:
    """A provider that is asked through its public face. What the face does not state is unknown."""

    checks_key = None
    """Whether any of its methods is free is unknown."""
    generates = True
    has_fixed_space = False
    """A program may change the provider's attribute at any time."""
    models: tuple[str, ...] = ()

    def __init__(self, provider: LLMProvider) -> None:
        self.name = provider.name
        self._provider = provider
        self._counter = StatsCounter()

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Those of the providers of a nested manager; nothing is known of a custom provider's."""
        inner = getattr(getattr(self._provider, "_catalog", None), "backends", {})
        return tuple(secret for each in inner.values() for secret in each.secrets)

    def embeds(self, model: str | None = None) -> bool:
        """Return `True`: whether the provider embeds is known when it is asked."""
        return True

    def text_target(self, model: str | None = None) -> Target:
        """Return the provider as a target."""
        provider = self._provider
        return Target(
            name=self.name,
            model=model,
            priority=provider.priority,
            weight=_weight(provider),
            provider_type=str(provider.provider_type),
            default=model is None,
        )

    def embedding_target(self, model: str | None = None) -> Target:
        """Return the provider as a target."""
        return self.text_target(model)

    def space_of(self, target: Target, request: EmbeddingRequest) -> EmbeddingSpace | None:
        """Return the space that the provider's attribute `embedding_space` names, if it has one."""
        name: object = getattr(self._provider, "embedding_space", None)
        return EmbeddingSpace(name, request.dimensions) if isinstance(name, str) and target.model is None else None

    def facts(self, model: str | None) -> ModelFacts:
        """Return facts that are all unknown."""
        return _UNKNOWN

    def price_of(self, model: str | None) -> Price | None:
        """Return `None`."""
        return None

    def cost_of(self, query: PriceQuery) -> Cost | None:
        """Return `None`: the provider's answer states what an attempt cost; see `CustomAttempt.cost`."""
        return None

    def prices_ready(self, model: str | None = None) -> None:
        """Return `None`: there is nothing to wait for."""

    def load_prices(self, model: str | None = None) -> None:
        """Return at once."""

    def batch_limits(self, target: Target) -> BatchLimits:
        """Return no limits: the provider itself splits what is too much for one request."""
        return BatchLimits()

    def attempt(self, job: Job, target: Target, limits: Limits, attempt_id: str) -> CustomAttempt:
        """Open an attempt."""
        return CustomAttempt(self._provider, job, target, limits)

    def check(self, target: Target, limits: Limits, attempt_id: str) -> FailedAttempt:
        """Open an attempt that fails: whether any of the provider's methods is free is unknown."""
        return FailedAttempt(
            Failure(kind=FailureKind.UNSUPPORTED, message="no operation is known to be free", sent=False)
        )

    def tally(self, attempt: AttemptRecord) -> None:
        """Count an attempt, for providers that keep no statistics."""
        self._counter.record(attempt)

    def stats(self) -> ProviderStats:
        """Return the provider's own statistics if it keeps any, else those of the attempts that were made from here.

        Never both: a nested manager counts what it did inside, and that is the same calls as seen from outside.
        """
        try:
            own = self._provider.stats()
        except Exception:
            # A custom provider's bug must not cost the statistics of the others.
            logger.exception("provider %s failed to return its statistics", self.name)
            return self._counter.stats()
        return own if isinstance(own, ProviderStats) and own.total_requests else self._counter.stats()


_UNKNOWN = ModelFacts()


class CustomAttempt:
    """An attempt at a provider through `generate`, `stream` or `embed`."""

    wire_answer: WireAnswer | None = None
    quotas: ReadQuotas | None = None

    def __init__(self, provider: LLMProvider, job: Job, target: Target, limits: Limits) -> None:
        self.dialect: str | None = None
        self.server: str | None = None
        self.account: str | None = None
        self.streamed = job.streamed and job.operation is Operation.CHAT
        self.answered = False
        self.translated = False
        self.raw: bytes | None = None
        self.message: Message | None = None
        self.cost: Cost | None = None
        self._provider = provider
        self._job = job
        # What the call named is an entry or a route of the manager out here; inside it has no meaning.
        request: Any = whole_of(job.request) if isinstance(job.request, GenerationRequest) else job.request
        self._request = msgspec.structs.replace(request, model=target.model)
        self._limits = limits
        self._events: AsyncIterator[Any] | None = None
        self.is_over = False
        self._start: float | None = None
        self._patience: asyncio.Timeout | None = None
        self._interrupted: Failure | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        if self.is_over:
            raise StopAsyncIteration
        if self._interrupted is not None:
            raise AttemptFailed(self._interrupted)
        now = asyncio.get_running_loop().time()
        if self._start is None:
            self._start = now
        limit = self._limit(now - self._start)
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

    def _limit(self, elapsed: float) -> float:
        """Return how many seconds the next step may take."""
        limits = self._limits
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
        if self._patience is not None and not self._patience.expired():
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
        self.is_over = True
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
        """Keep what no event of a whole answer carries."""
        if isinstance(response, GenerationResponse):
            self.message, self.cost = response.message, response.total_cost

    def clean(self, text: str) -> str:
        """Return the text: a custom provider's secrets are unknown here."""
        return text

    async def aclose(self) -> None:
        """Close the provider's stream, if it has begun and can be closed."""
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()


def _weight(provider: LLMProvider) -> float:
    """Return the number that a provider's attribute `weight` holds, if it has one, else 1."""
    weight: object = getattr(provider, "weight", 1.0)
    is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    return float(weight) if is_number and 0 <= weight < math.inf else 1.0  # type: ignore[arg-type, operator]


def _embed_options(request: Any) -> dict[str, Any]:
    names = ("model", "dimensions", "input_type", "user", "labels", "session", "extra")
    return {name: value for name in names if (value := getattr(request, name)) is not None}
