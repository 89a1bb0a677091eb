"""One attempt of a job, from its launch to its record."""

from __future__ import annotations

import logging
import os
import time
import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.errors import LLMError
from understudy.domain.events import CONTENT_EVENTS
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import Fold, TooManyParts
from understudy.domain.messages import Role
from understudy.domain.money import NOT_BILLED, Cost
from understudy.domain.operation import Operation
from understudy.domain.prices import PriceQuery
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import USAGE, Usage
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the design's word
from understudy.engine.attempt_stream import AttemptFailed, AttemptStream, FailedAttempt
from understudy.engine.backend import Backend
from understudy.engine.structured import ResultForm
from understudy.policy.call import Call
from understudy.policy.estimate import BYTES_PER_TOKEN, expected_usage, size_of
from understudy.policy.signals import Began, Launch, Rules
from understudy.policy.verdicts import VERDICTS
from understudy.wire.bounds import BOUNDS

if TYPE_CHECKING:
    from understudy.settings import Whole

logger = logging.getLogger("understudy")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a user, ready to be driven."""

    id: str
    operation: Operation
    request: Any
    rules: Rules = Rules()
    form: ResultForm | None = None
    strict: bool = False
    batch: int | None = None
    """Of an embedding in several batches: which, from 1."""
    whole: Whole = "auto"
    """How an answer is asked for that the caller wants whole; see `FallbackConfig.whole`."""

    @property
    def streamed(self) -> bool:
        """Whether the caller sees the answer as it arrives."""
        return self.rules.streamed


class Attempt:
    """One launch, from its first byte to its record."""

    def __init__(self, job: Job, launch: Launch, backend: Backend) -> None:
        self.job = job
        self.launch = launch
        self.number = launch.attempt
        self.backend = backend
        self.id = new_id()
        self.failure: Failure | None = None
        self.flight = self._opened()
        self.response: GenerationResponse | None = None
        self.items: list[Any] = []
        whose = (self.flight.dialect, launch.target.provider_type, self.flight.server)
        self._fold = Fold(*whose, most=BOUNDS.parts) if job.operation is Operation.CHAT else None
        self._held: list[Any] | None = []
        self._first_event: float | None = None
        self._started_at = time.time()
        self._started = time.monotonic()
        self._ended: float | None = None

    def _opened(self) -> AttemptStream:
        """Open the flight. What is wrong with the request itself is raised; a bug is a failure of this attempt."""
        launch = self.launch
        try:
            return self.backend.attempt(self.job, launch.target, launch.limits, self.id)
        except LLMError:
            raise
        except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
            failure = internal_failure(error, f"attempt {self.id}", sent=False)
            return FailedAttempt(failure)

    def take(self, batch: list[Any], call: Call) -> list[Any] | None:
        """Take a batch in; return what a stream may show of it: nothing before the first content commits it.

        Raises `AttemptFailed` for an answer of too many parts.
        """
        fold = self._fold
        if fold is None:
            self.items.extend(batch)
            return None
        try:
            for event in batch:
                fold.add(event)
        except TooManyParts as error:
            raise _too_large(str(error)) from error
        if not self.job.streamed:
            return None
        held = self._held
        if held is None:
            return batch
        held.extend(batch)
        if not any(isinstance(event, CONTENT_EVENTS) for event in batch):
            if len(held) > BOUNDS.parts:
                raise _too_large(f"more than {BOUNDS.parts} events came before any content")
            return None
        self._held = None
        now = time.monotonic()
        self._first_event = now - self._started
        call.receive(Began(self.number), now)
        return held

    def conclude(self) -> list[Any] | None:
        """Fold the answer and validate it as a whole; return what a stream without content still holds."""
        self._ended = time.monotonic()
        fold = self._fold
        if fold is None:
            return None
        try:
            response = fold.response()
            if self.flight.message is not None:
                response = msgspec.structs.replace(response, message=self.flight.message)
            if self.failure is None:
                response, self.failure = _validated(self.job, response, fold)
            if self.flight.raw is not None:
                response = msgspec.structs.replace(response, raw=self.flight.raw)
            self.response = response
        except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
            # Such as a validator of the user's own schema that raises what it should not.
            self.failure, self._fold = internal_failure(error, f"attempt {self.id}"), None
        return self._held if self.failure is None else None

    def record(self, outcome: Outcome, failure: Failure | None, next_step: str | None) -> AttemptRecord:
        """Return the account of this attempt."""
        if self.response is None and self._fold is not None:
            self.response = _so_far(self._fold)
        response = self.response
        usage = response.usage if response is not None else _usage_of(self.items)
        target = self.launch.target
        basis = self._basis(outcome, failure, usage)
        model = self._answered_model()
        return AttemptRecord(
            request_id=self.job.id,
            attempt_id=self.id,
            number=self.number,
            batch=self.job.batch,
            provider=target.name,
            provider_type=target.provider_type,
            model=target.model,
            operation=self.job.operation,
            outcome=outcome,
            started=self._started_at,
            duration=(self._ended or time.monotonic()) - self._started,
            first_event=self._first_event,
            waited=self.launch.waited,
            answered_model=model,
            dialect=self.flight.dialect,
            streamed=self.job.streamed,
            failure=failure,
            next_step=next_step,
            usage=usage,
            cost=self._cost(basis, usage, model),
            cost_basis=basis,
            warnings=response.warnings if response is not None else (),
        )

    def _answered_model(self) -> str | None:
        answer = self.response or (self.items[0] if self.items else None)
        model = getattr(answer, "model", None)
        if not isinstance(model, str) or model == self.launch.target.model:
            return model if isinstance(model, str) else None
        return self.flight.clean(model)

    def _basis(self, outcome: Outcome, failure: Failure | None, usage: Usage) -> CostBasis:
        """Return what is known of this attempt's cost (fault model §2, A0–A4)."""
        if failure is not None and not failure.sent:
            return CostBasis.NOT_SENT
        verdict = CostBasis.EXACT if failure is None else VERDICTS[failure.kind].basis
        if outcome is Outcome.WON or verdict is CostBasis.EXACT:
            told = usage.input_total is not None and (usage.output_total is not None or self._fold is None)
            return CostBasis.EXACT if told and not self._has_odd_counts() else CostBasis.ESTIMATED
        return CostBasis.ESTIMATED if usage.output_total or _counted(self.response) else verdict

    def _has_odd_counts(self) -> bool:
        """Whether something of the provider's counts had to be ignored."""
        answer = self.response or (self.items[0] if self.items else None)
        warnings = getattr(answer, "warnings", ())
        return bool(warnings) and any(warning.what in (USAGE, "numbers") for warning in warnings)

    def _cost(self, basis: CostBasis, usage: Usage, answered_model: str | None) -> Cost | None:
        """Return what this attempt cost, given how sure its usage is; `None` when that is unknown."""
        if basis in (CostBasis.NOT_SENT, CostBasis.REFUSED) or not self.job.operation.billed:
            return NOT_BILLED
        if basis is CostBasis.UNKNOWN:
            return None
        if self.flight.cost is not None:
            return self.flight.cost
        response = self.response
        facts = response.extra if response is not None else {}
        bill = PriceQuery(
            usage=self._completed(usage) if basis is CostBasis.ESTIMATED else usage,
            model=self.launch.target.model,
            answered_model=answered_model,
            service_tier=_text(facts.get("service_tier")),
            speed=_text((usage.raw or {}).get("speed")),
            region=_region(usage.raw or {}),
            partner=_text(facts.get("inference_provider")),
            estimated=basis is CostBasis.ESTIMATED,
        )
        try:
            return self.backend.cost_of(bill)
        except Exception:
            # An unknown cost is no reason to lose the answer.
            logger.exception("the price of attempt %s could not be worked out", self.id)
            return None

    def _completed(self, usage: Usage) -> Usage:
        """Fill in what the provider did not tell: the prompt as it is estimated, and as many tokens of the answer as
        were counted here, if those are more than it told."""
        if usage.input_total is None:
            expected = expected_usage(self.job.request)
            usage = msgspec.structs.replace(expected, output=usage.output, reasoning=usage.reasoning, raw=usage.raw)
        counted = _counted(self.response)
        if counted > (usage.output_total or 0):
            usage = msgspec.structs.replace(usage, output=counted, reasoning=None, audio_output=None)
        return usage


def _too_large(message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=FailureKind.TOO_LARGE, message=message))


def _counted(response: GenerationResponse | None) -> int:
    """Return about how many tokens of an answer arrived."""
    if response is None:
        return 0
    texts = (response.text, response.thinking, response.refusal or "")
    calls = (text for call in response.tool_calls for text in (call.name, call.arguments))
    return -(-sum(map(size_of, (*texts, *calls))) // BYTES_PER_TOKEN)


def _region(raw: dict[str, Any]) -> str | None:
    """Return the place that a call was bound to; `None` where it could be served anywhere."""
    place = _text(raw.get("inference_geo"))
    return None if place in ("global", "not_available") else place


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _validated(job: Job, response: GenerationResponse, fold: Fold) -> tuple[GenerationResponse, Failure | None]:
    """Check a whole answer: not empty, and of the form that was asked for."""
    if not fold.has_answer and response.finish_reason in (FinishReason.STOP, FinishReason.UNKNOWN):
        if not _may_be_empty(job.request, response):
            return response, Failure(kind=FailureKind.EMPTY, message="the answer is empty")
        response = msgspec.structs.replace(response, warnings=(*response.warnings, _EMPTY))
    form = job.form
    if form is None or response.tool_calls or response.refusal or response.finish_reason is FinishReason.CONTENT_FILTER:
        return response, None
    try:
        return msgspec.structs.replace(response, parsed=form.parse(response.text)), None
    except ValueError as error:
        cut = " (it was cut at max_tokens)" if response.finish_reason is FinishReason.LENGTH else ""
        message = f"the answer does not fit the schema{cut}: {error}"
        return response, Failure(kind=FailureKind.SCHEMA_MISMATCH, message=message)


_EMPTY = Warning(
    WarningKind.DROPPED, "content", "the provider ended the answer, as it may here, without saying anything"
)


def _may_be_empty(request: GenerationRequest, response: GenerationResponse) -> bool:
    """Return whether a natural end without content can be meant: a stop sequence came first, nothing is left to say
    after a tool's result, or the model thought and then had nothing to add."""
    if response.finish_reason is not FinishReason.STOP:
        return False
    last = request.messages[-1].role if request.messages else None
    return bool(request.stop) or last is Role.TOOL or bool(response.thinking)


def _so_far(fold: Fold) -> GenerationResponse | None:
    """Return what had arrived of an answer that was given up."""
    try:
        return fold.response()
    except Exception:
        # The attempt has failed already; the account of it must be written all the same.
        logger.exception("an interrupted answer could not be put together")
        return None


def _usage_of(items: list[Any]) -> Usage:
    usage = getattr(items[0], "usage", None) if items else None
    return usage if isinstance(usage, Usage) else Usage()


def internal_failure(error: Exception, where: str, *, sent: bool = True) -> Failure:
    """Log an exception that no part of the library should let through, and return it as a failure.

    The failure names the error and its place. The error's own words may hold a secret, and stay in the log alone.
    """
    logger.error("internal error in %s", where, exc_info=error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return Failure(kind=FailureKind.LOCAL, message=f"internal error: {type(error).__name__}{place}", sent=sent)


def new_id() -> str:
    """A UUID of version 7 (RFC 9562 §5.7): milliseconds first, so that ids sort by time."""
    chance = int.from_bytes(os.urandom(10), "big")
    clock = f"{time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF:012x}"
    tail = f"{chance & 0x3FFF_FFFF_FFFF_FFFF | 1 << 63:016x}"
    return f"{clock[:8]}-{clock[8:]}-7{chance >> 68:03x}-{tail[:4]}-{tail[4:]}"
