"""The one driver: it performs what a `Call` decides, and accounts for every attempt.

read_prompt → plan → Call ⇄ drive ⇄ Flight (dialect × transport) → events → response
                               └→ AttemptRecord → ledger, observers, log
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from random import Random
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from understudy.dialects.base import Operation
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.errors import EmbeddingFailed, GenerationFailed, Misuse, error_of
from understudy.domain.events import CONTENT_EVENTS, Event, TextDelta
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.fold import Fold
from understudy.domain.money import Cost
from understudy.domain.responses import FinishReason, GenerationResponse
from understudy.domain.usage import Usage
from understudy.flight import AttemptFailed, Flight
from understudy.ledger import LedgerSink, Observer
from understudy.policy.budgets import Budgets
from understudy.policy.call import Abort, Action, Began, Call, Cancelled, Ended, Failed, Launch, Rules, Settle
from understudy.policy.health import Health
from understudy.policy.plan import Plan
from understudy.policy.targets import Limits, Target
from understudy.policy.verdicts import VERDICTS
from understudy.structured import ResultForm

logger = logging.getLogger("understudy")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a user, ready to be driven."""

    id: str
    operation: Operation
    request: Any
    rules: Rules = Rules()
    form: ResultForm | None = None
    strict: bool = False

    @property
    def streamed(self) -> bool:
        """Whether the caller sees the answer as it arrives."""
        return self.rules.streamed


class Performer(Protocol):
    """What the engine launches: a built-in provider, or the adapter of a user's own."""

    def fly(self, job: Job, target: Target, limits: Limits, attempt_id: str) -> Flight:
        """Open an attempt; nothing is sent before it is iterated."""
        ...

    def cost_of(self, target: Target, usage: Usage) -> Cost | None:
        """Return what an answer cost, or `None` when that is unknown."""
        ...

    def tally(self, attempt: AttemptRecord) -> None:
        """Add an attempt to the provider's own statistics."""
        ...


class Drive:
    """One job under way. `batches` is the driver; `response` or `items` is what it leaves."""

    def __init__(self, job: Job, plan: Plan, performers: Mapping[str, Performer], engine: Engine) -> None:
        self.job = job
        self.records: list[AttemptRecord] = []
        self.response: GenerationResponse | None = None
        self.items: list[Any] = []
        self._performers = performers
        self._engine = engine
        self._call = Call(plan, job.rules, health=engine.health, budgets=engine.budgets, rng=engine.rng)
        self._attempt: _Attempt | None = None

    async def batches(self) -> AsyncGenerator[list[Any], None]:
        """Drive the job to its end; streams yield committed batches. Raises `LLMError`."""
        call = self._call
        try:
            actions = call.start(time.monotonic())
            while True:
                launch = self._next(actions)
                if launch is None:
                    if call.settled:
                        return
                    await asyncio.sleep(max(0.0, (call.timer() or 0.0) - time.monotonic()))
                    actions = call.tick(time.monotonic())
                    continue
                attempt = self._attempt = _Attempt(self.job, launch, self._performers[launch.target.name])
                try:
                    async for batch in attempt.flight:
                        if ready := attempt.take(batch, call):
                            yield ready
                except AttemptFailed as error:
                    attempt.failure = error.failure
                if held := attempt.conclude():
                    yield held
                actions = self._land(attempt)
        finally:
            if not call.settled:
                await self._abandon()

    def _next(self, actions: list[Action]) -> Launch | None:
        """Perform the actions that need no waiting; return the launch among them, if there is one."""
        launch: Launch | None = None
        for action in actions:
            if isinstance(action, Launch):
                launch = action
            elif isinstance(action, Settle):
                self._settle(action)
        return launch

    def _land(self, attempt: _Attempt) -> list[Action]:
        """Report how an attempt ended, and write its record."""
        now = time.monotonic()
        call, failure = self._call, attempt.failure
        if failure is None:
            actions = call.receive(Ended(attempt.number), now)
        elif now >= call.deadline:
            actions = call.tick(now)
            failure = next((action.failure for action in actions if isinstance(action, Abort)), failure)
        else:
            translated = attempt.flight.translated
            actions = call.receive(
                Failed(attempt.number, failure, answered=attempt.flight.answered, translated=translated), now
            )
        self._attempt = None
        self._write(attempt, Outcome.WON if failure is None else Outcome.FAILED, failure)
        if failure is None:
            self.items = attempt.items
        return actions

    async def _abandon(self) -> None:
        """The caller has gone: stop the provider, and account for what ran."""
        self._call.receive(Cancelled(), time.monotonic())
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            failure = Failure(kind=FailureKind.CANCELLED, message="the caller gave the request up")
            self._write(attempt, Outcome.ABORTED, failure)
            await attempt.flight.aclose()

    def _settle(self, action: Settle) -> None:
        if action.failure is None:
            self.response = self._finished()
            return
        attempts = tuple(self.records)
        error = error_of(action.failure, attempts=attempts)
        kinds = {record.failure.kind for record in attempts if record.failure}
        if not action.surfaced and len(kinds) > 1:
            leaf = EmbeddingFailed if self.job.operation is Operation.EMBED else GenerationFailed
            error = leaf(_summary(attempts), failure=action.failure, attempts=attempts)
        error.partial = self._partial()
        raise error

    def _finished(self) -> GenerationResponse | None:
        record = self.records[-1]
        won = self._won
        if won is None:
            return None
        return msgspec.structs.replace(
            won,
            provider=record.provider,
            attempts=tuple(self.records),
            cost=record.cost,
            model=won.model or record.model,
        )

    def _partial(self) -> GenerationResponse | None:
        return self._won if self._call.committed is not None else None

    _won: GenerationResponse | None = None

    def _write(self, attempt: _Attempt, outcome: Outcome, failure: Failure | None) -> None:
        response = attempt.response
        self._won = response if outcome is Outcome.WON or self._call.committed else self._won
        record = attempt.record(outcome, failure, self._call.decisions.get(attempt.number))
        self.records.append(record)
        attempt.performer.tally(record)
        self._engine.publish(record)


class _Attempt:
    """One launch, from its first byte to its record."""

    def __init__(self, job: Job, launch: Launch, performer: Performer) -> None:
        self.job = job
        self.launch = launch
        self.number = launch.attempt
        self.performer = performer
        self.id = _uuid7()
        self.flight = performer.fly(job, launch.target, launch.limits, self.id)
        self.failure: Failure | None = None
        self.response: GenerationResponse | None = None
        self.items: list[Any] = []
        self._fold = Fold(self.flight.dialect) if job.operation is Operation.CHAT else None
        self._held: list[Any] | None = []
        self._first_event: float | None = None
        self._started_at = time.time()
        self._started = time.monotonic()
        self._ended: float | None = None

    def take(self, batch: list[Any], call: Call) -> list[Any] | None:
        """Take a batch in; return what a stream may show of it: nothing before the first content commits it."""
        fold = self._fold
        if fold is None:
            self.items.extend(batch)
            return None
        for event in batch:
            fold.add(event)
        if not self.job.streamed:
            return None
        held = self._held
        if held is None:
            return batch
        held.extend(batch)
        if not any(isinstance(event, CONTENT_EVENTS) for event in batch):
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
        response = fold.response()
        if self.failure is None:
            response, self.failure = _validated(self.job, response, fold)
        if self.flight.raw is not None:
            response = msgspec.structs.replace(response, raw=self.flight.raw)
        self.response = response
        return self._held if self.failure is None else None

    def record(self, outcome: Outcome, failure: Failure | None, next_step: str | None) -> AttemptRecord:
        """Return the account of this attempt."""
        if self.response is None and self._fold is not None:
            self.response = self._fold.response()
        response = self.response
        usage = response.usage if response is not None else _usage_of(self.items)
        cost = self.performer.cost_of(self.launch.target, usage) if outcome is Outcome.WON else None
        target = self.launch.target
        return AttemptRecord(
            request_id=self.job.id,
            attempt_id=self.id,
            number=self.number,
            provider=target.name,
            provider_type=target.provider_type,
            model=target.model,
            operation=self.job.operation,
            outcome=outcome,
            started=self._started_at,
            duration=(self._ended or time.monotonic()) - self._started,
            first_event=self._first_event,
            waited=self.launch.waited,
            answered_model=response.model if response is not None else None,
            dialect=self.flight.dialect,
            streamed=self.job.streamed,
            failure=failure,
            next_step=next_step,
            usage=usage,
            cost=cost,
            cost_basis=_basis(outcome, failure, usage),
            warnings=response.warnings if response is not None else (),
        )


class Engine:
    """Drives jobs. One per provider or manager: it holds what is remembered between requests."""

    def __init__(self, *, sink: LedgerSink | None = None, observers: tuple[Observer, ...] = ()) -> None:
        self.health = Health()
        self.budgets = Budgets()
        self.rng = Random()
        self.turn = 0
        self._sink = sink
        self._observers = observers

    def drive(self, job: Job, plan: Plan, performers: Mapping[str, Performer]) -> Drive:
        """Open the drive of a job; nothing happens before its batches are iterated."""
        self.turn += 1
        return Drive(job, plan, performers, self)

    async def run(self, job: Job, plan: Plan, performers: Mapping[str, Performer]) -> Drive:
        """Drive a job to its end. Raises `LLMError`."""
        drive = self.drive(job, plan, performers)
        batches = drive.batches()
        try:
            async for _ in batches:
                pass
        finally:
            await batches.aclose()
        return drive

    def publish(self, record: AttemptRecord) -> None:
        """Hand a record to the ledger and the observers, and log a failed attempt."""
        if self._sink is not None:
            self._sink.record(record)
        for observer in self._observers:
            try:
                observer(record)
            except Exception:
                # An observer's bug must not cost the caller the answer.
                logger.exception("observer %r failed on attempt %s", observer, record.attempt_id)
        if record.outcome is Outcome.FAILED:
            logger.warning("request %s attempt %s", record.request_id, record)


class ResponseStream:
    """A streamed answer: an asynchronous iterator of events, and an asynchronous context manager.

    Nothing is sent before the first event is asked for. Leaving the `async with` block, or `aclose`, closes the
    connection, which tells the provider to stop. After the last event `response` is the whole answer.
    """

    def __init__(self, open_drive: Callable[[], Drive]) -> None:
        self._open = open_drive
        self._drive: Drive | None = None
        self._batches: AsyncGenerator[list[Event], None] | None = None
        self._ready: deque[Event] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        ready = self._ready
        if not ready:
            if self._batches is None:
                self._drive = self._open()
                self._batches = self._drive.batches()
            ready.extend(await self._batches.__anext__())
        return ready.popleft()

    async def text(self) -> AsyncIterator[str]:
        """Iterate over the text alone, piece by piece."""
        async for event in self:
            if isinstance(event, TextDelta) and event.text:
                yield event.text

    async def collect(self) -> GenerationResponse:
        """Read to the end and return the whole answer."""
        async for _ in self:
            pass
        return self.response

    @property
    def response(self) -> GenerationResponse:
        """The whole answer. Raises `Misuse` before the stream has ended well."""
        if self._drive is None or self._drive.response is None:
            raise Misuse("the stream has not ended yet: iterate over it to its end, or await collect()")
        return self._drive.response

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """The attempts that have ended so far."""
        return tuple(self._drive.records) if self._drive is not None else ()

    async def aclose(self) -> None:
        """Stop. Harmless after the end."""
        if self._batches is not None:
            await self._batches.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _validated(job: Job, response: GenerationResponse, fold: Fold) -> tuple[GenerationResponse, Failure | None]:
    """Check a whole answer: not empty, and of the form that was asked for."""
    if fold.is_empty and response.finish_reason in (FinishReason.STOP, FinishReason.UNKNOWN):
        return response, Failure(kind=FailureKind.EMPTY, message="the answer is empty")
    form = job.form
    if form is None or response.tool_calls or response.refusal or response.finish_reason is FinishReason.CONTENT_FILTER:
        return response, None
    try:
        return msgspec.structs.replace(response, parsed=form.parse(response.text)), None
    except ValueError as error:
        cut = " (it was cut at max_tokens)" if response.finish_reason is FinishReason.LENGTH else ""
        message = f"the answer does not fit the schema{cut}: {error}"
        return response, Failure(kind=FailureKind.SCHEMA_MISMATCH, message=message)


def _usage_of(items: list[Any]) -> Usage:
    usage = getattr(items[0], "usage", None) if items else None
    return usage if isinstance(usage, Usage) else Usage()


def _basis(outcome: Outcome, failure: Failure | None, usage: Usage) -> CostBasis:
    """Return what is known of an attempt's cost (fault model §2, A0–A4)."""
    if outcome is Outcome.WON:
        return CostBasis.EXACT if usage.total is not None else CostBasis.ESTIMATED
    if failure is not None and not failure.sent:
        return CostBasis.NOT_SENT
    if usage.output_total:
        return CostBasis.ESTIMATED
    return VERDICTS[failure.kind].basis if failure is not None else CostBasis.UNKNOWN


def _summary(attempts: tuple[AttemptRecord, ...]) -> str:
    lines = "".join(f"\n  {record}" for record in attempts)
    return f"all {len(attempts)} attempts failed:{lines}"


def new_request_id() -> str:
    """Return a fresh id for a request."""
    return _uuid7()


def _uuid7() -> str:
    """A UUID of version 7 (RFC 9562 §5.7): milliseconds first, so that ids sort by time."""
    chance = int.from_bytes(os.urandom(10), "big")
    clock = f"{time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF:012x}"
    tail = f"{chance & 0x3FFF_FFFF_FFFF_FFFF | 1 << 63:016x}"
    return f"{clock[:8]}-{clock[8:]}-7{chance >> 68:03x}-{tail[:4]}-{tail[4:]}"
