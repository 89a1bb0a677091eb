"""The one driver: it performs what a `Call` decides, and accounts for every attempt.

read_prompt → plan → Call ⇄ drive ⇄ Flight (dialect × transport) → events → response
                               └→ AttemptRecord → ledger, observers, log
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from random import Random
from typing import Any

import msgspec

from understudy.attempt import Attempt, Job, Performer
from understudy.dialects.base import Operation
from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.errors import EmbeddingFailed, GenerationFailed, error_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.responses import GenerationResponse
from understudy.flight import AttemptFailed
from understudy.ledger import LedgerSink, Observer
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.health import Health
from understudy.policy.plan import Plan
from understudy.policy.signals import Abort, Action, Cancelled, Ended, Failed, Launch, Settle

logger = logging.getLogger("understudy")


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
        self._attempt: Attempt | None = None
        self.why_abandoned = "the caller gave the request up"

    async def run(self) -> None:
        """Drive the job to its end, where nobody watches it on the way. Raises `LLMError`."""
        batches = self.batches()
        try:
            async for _ in batches:
                pass
        finally:
            await batches.aclose()

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
                attempt = self._attempt = Attempt(self.job, launch, self._performers[launch.target.name])
                try:
                    async for batch in attempt.flight:
                        if ready := attempt.take(batch, call):
                            yield ready
                except AttemptFailed as error:
                    attempt.failure = error.failure
                if held := attempt.conclude():
                    yield held
                if self.job.operation.billed:
                    await attempt.performer.prices_ready(launch.target.model)
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

    def _land(self, attempt: Attempt) -> list[Action]:
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
        """Nobody waits any more: stop the provider, and account for what ran."""
        self._call.receive(Cancelled(), time.monotonic())
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            failure = Failure(kind=FailureKind.CANCELLED, message=self.why_abandoned)
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

    def _write(self, attempt: Attempt, outcome: Outcome, failure: Failure | None) -> None:
        response = attempt.response
        self._won = response if outcome is Outcome.WON or self._call.committed else self._won
        record = attempt.record(outcome, failure, self._call.decisions.get(attempt.number))
        self.records.append(record)
        if outcome is Outcome.WON and (output := record.usage.output_total):
            self._engine.health.answered(attempt.launch.target, output)
        attempt.performer.tally(record)
        self._engine.publish(record)


class Engine:
    """Drives jobs. One per provider or manager: it holds what is remembered between requests."""

    def __init__(self, *, sink: LedgerSink | None = None, observers: tuple[Observer, ...] = ()) -> None:
        self.health = Health()
        self.budgets = Budgets()
        self.rng = Random()
        self._sink = sink
        self._observers = observers

    def drive(self, job: Job, plan: Plan, performers: Mapping[str, Performer]) -> Drive:
        """Open the drive of a job; nothing happens before its batches are iterated."""
        return Drive(job, plan, performers, self)

    async def run(self, job: Job, plan: Plan, performers: Mapping[str, Performer]) -> Drive:
        """Drive a job to its end. Raises `LLMError`."""
        drive = self.drive(job, plan, performers)
        await drive.run()
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


def _summary(attempts: tuple[AttemptRecord, ...]) -> str:
    lines = "".join(f"\n  {record}" for record in attempts)
    return f"all {len(attempts)} attempts failed:{lines}"
