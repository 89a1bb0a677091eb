"""One attempt of a job, from its launch to its record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from understudy.domain.errors import LLMError
from understudy.domain.events import CONTENT_EVENTS, RefusalDelta, TextDelta
from understudy.domain.failures import Failure, FailureKind, LimitState
from understudy.domain.finish import FinishReason
from understudy.domain.fold import Fold, TooManyParts, usual_response
from understudy.domain.messages import Role
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.engine.attempt_stream import AttemptFailed, AttemptStream, FailedAttempt, internal_failure
from understudy.engine.backend import Backend
from understudy.engine.engine import Engine
from understudy.engine.job import Job
from understudy.policy.health import Health
from understudy.policy.latencies import Latencies
from understudy.policy.signals import Launch
from understudy.wire.bounds import BOUNDS

logger = logging.getLogger("understudy")


class Attempt:
    """One launch. It folds what arrives, and holds the events of a stream until its run commits to it.

    `started_at` is the wall clock (Unix seconds) at the launch.
    """

    failure: Failure | None = None
    limits: tuple[LimitState, ...] = ()
    """What was left of the limits that concern it when it was admitted."""
    was_sent = True
    """Whether something may have been sent; not before it is admitted, where budgets or limits concern it."""
    denied_for_good: bool | None = None
    """As in `AttemptFailed`."""
    response: GenerationResponse | None = None
    begun = False
    """Whether content has arrived; noted only where it matters: for streams, for probes, and where a hedge may
    follow."""
    first_content: float | None = None
    """Seconds until the first content, if it is noted; `None` for an answer that came whole."""
    first_event: float | None = None
    beginning: dict[str, Any] | None = None
    """What its ledger entries say of the time before it is sent, once that is known; see `accounting`."""
    _fold: Fold | None = None
    _usual: GenerationResponse | None = None
    """A whole answer of the usual form, which needs no fold."""
    _whole: Sequence[Any] = ()
    """The events of that answer."""
    _ended: float | None = None

    def __init__(self, job: Job, launch: Launch, backend: Backend, engine: Engine, now: Callable[[], float]) -> None:
        """`now`: the clock of the event loop."""
        self.job = job
        self.launch = launch
        self.number = launch.attempt
        self.backend = backend
        self.id = engine.new_id()
        self.stream = self._open()
        self.items: list[Any] = []
        self.generates = job.operation is Operation.CHAT
        """Whether there is an answer to fold; not after a bug in that."""
        self._streamed = job.rules.streamed
        self._notes_begin = self._streamed or launch.probes or job.rules.hedges
        learned = engine.health.latencies is not None
        self._awaits_content = self._notes_begin or (learned and self.stream.streamed)
        self._held: list[Any] | None = []
        self._missing = job.rules.hold_chars
        self._now = now
        self.started_at = engine.wall_clock()
        # After the opening, in which the first attempt of a process loads its dialect: not the provider's time.
        self._started = self._now()

    def _open(self) -> AttemptStream:
        """Open the stream. What is wrong with the request itself is raised; a bug is a failure of this attempt."""
        launch = self.launch
        try:
            return self.backend.attempt(self.job, launch.target, launch.limits, self.id)
        except LLMError:
            raise
        except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
            return FailedAttempt(internal_failure(error, f"attempt {self.id}", sent=False))

    @property
    def fold(self) -> Fold | None:
        """The fold of what has arrived, made at the first need; `None` if there is none."""
        if self._fold is None and self.generates:
            stream = self.stream
            whose = (stream.dialect, self.launch.target.provider_type, stream.server, stream.account)
            self._fold = Fold(*whose, most=BOUNDS.parts)
            self._fold.add_all(self._whole)
        return self._fold

    def take(self, batch: list[Any]) -> list[Any] | None:
        """Fold a batch; return it if the run has committed to this attempt, else hold it and return `None`.

        Raises `AttemptFailed` for an answer of too many parts.
        """
        if not self.generates:
            self.items.extend(batch)
            return None
        fold = self._fold or self._first_fold(batch)
        if fold is not None:
            try:
                fold.add_all(batch)
            except TooManyParts as error:
                raise _too_large(str(error)) from error
        if self._awaits_content and any(isinstance(event, CONTENT_EVENTS) for event in batch):
            self._awaits_content = False
            self.first_content = self._now() - self._started
        if not self._notes_begin:
            return None
        held = self._held
        if held is None:
            return batch
        if self._streamed:
            held.extend(batch)
        if not self.begun:
            self._look_for_content(held)
        if self._missing is not None:
            self._missing -= sum(len(event.text) for event in batch if isinstance(event, TextDelta | RefusalDelta))
        return None

    def _first_fold(self, batch: list[Any]) -> Fold | None:
        """Return the fold that a first batch is added to; `None` for a whole answer of the usual form."""
        stream = self.stream
        if stream.is_over and not self._streamed:
            self._usual = usual_response(batch, stream.raw)
            if self._usual is not None:
                self._whole = batch
                return None
        return self.fold

    def _look_for_content(self, held: list[Any]) -> None:
        """Note the first content. Raises `AttemptFailed` if there is too much before it."""
        if self.first_content is not None:
            self.begun = True
            if self._streamed:
                self.first_event = self.first_content
        elif len(held) > BOUNDS.parts:
            raise _too_large(f"more than {BOUNDS.parts} events arrived before any content")

    @property
    def is_full(self) -> bool:
        """Whether as many characters have arrived as are held back from the caller."""
        return self._missing is not None and self._missing <= 0

    @property
    def whole(self) -> GenerationResponse | None:
        """The answer as the caller gets it, once it is concluded."""
        return self.response

    @property
    def answer(self) -> Any:
        """What arrived of the answer, as far as it is folded: a response, or the first of other results."""
        return self.response or (self.items[0] if self.items else None)

    def release(self) -> list[Any]:
        """Return the events held so far, and hold no more: the run has committed to this attempt."""
        held, self._held = self._held, None
        return held or []

    def conclude(self) -> None:
        """Fold the answer and validate it as a whole."""
        self._ended = self._now()
        try:
            response, fold = self._usual, None
            if response is None:
                if (fold := self.fold) is None:
                    return
                response = fold.response(self.stream.raw)
            if self.stream.message is not None:
                response = msgspec.structs.replace(response, message=self.stream.message)
            if self.failure is None:
                has_answer = fold is None or fold.has_answer
                response, self.failure = _validated(self.job, response, has_answer=has_answer)
            self.response = response
        except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
            # Such as a validator of the user's own schema that raises what it should not.
            self.failure, self.generates = internal_failure(error, f"attempt {self.id}"), False
            self._fold = None

    def fold_rest(self) -> None:
        """Fold what had arrived of an answer that was given up, for its account."""
        if self.response is not None or not self.generates:
            return
        if self._usual is not None:
            self.response = msgspec.structs.replace(self._usual, raw=None)
            return
        try:
            self.response = self.fold.response() if self.fold is not None else None
        except Exception:
            # The attempt has failed already; its record must be written all the same.
            logger.exception("an interrupted answer could not be assembled")

    def teach(self, health: Health, failure: Failure | None) -> None:
        """Let it be learned what is left of the key's limits, and how long the target took until its first content."""
        if (quotas := self.stream.quotas) is not None:
            health.quotas.note(self.launch.target, quotas, self._now())
        if health.latencies is not None and self.job.operation.billed:
            self._teach(health.latencies, failure)

    def _teach(self, latencies: Latencies, failure: Failure | None) -> None:
        label, streamed, now = self.launch.target.label, self.stream.streamed, self._now()
        if self.first_content is not None:
            latencies.answered(label, self.first_content, now, streamed=streamed)
        elif failure is None:
            latencies.answered(label, self.duration, now, streamed=False)
        else:
            latencies.failed(label, failure.kind, self.duration, now, streamed=streamed)

    @property
    def duration(self) -> float:
        """Seconds from the launch to the end, or until now."""
        return (self._ended or self._now()) - self._started


def _too_large(message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=FailureKind.TOO_LARGE, message=message))


def _validated(
    job: Job, response: GenerationResponse, *, has_answer: bool
) -> tuple[GenerationResponse, Failure | None]:
    """Check a whole answer: not empty, and of the form that was asked for."""
    if not has_answer and response.finish_reason in (FinishReason.STOP, FinishReason.UNKNOWN):
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
        message = f"the answer does not match the schema{cut}: {error}"
        return response, Failure(kind=FailureKind.SCHEMA_MISMATCH, message=message)


_EMPTY = Warning(
    WarningKind.DROPPED, "content", "the provider ended the answer without content, which is valid for this request"
)


def _may_be_empty(request: GenerationRequest, response: GenerationResponse) -> bool:
    """Check whether a natural end without content can be meant: a stop sequence came first, nothing is left to say
    after a tool's result, or the model thought and then had nothing to add."""
    if response.finish_reason is not FinishReason.STOP:
        return False
    last = request.messages[-1].role if request.messages else None
    return bool(request.stop) or last is Role.TOOL or bool(response.thinking)
