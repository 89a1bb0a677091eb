"""The one driver: it performs what a `Call` decides, and accounts for every attempt.

read_prompt → plan → Call ⇄ drive ⇄ Flight (dialect × transport) → events → response
                               └→ AttemptRecord → ledger, observers, log
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from random import Random
from typing import Any

import msgspec

from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.errors import EmbeddingFailed, GenerationFailed, LLMError, error_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.responses import GenerationResponse
from understudy.engine.attempt import Attempt, Job, internal_failure
from understudy.engine.attempt_stream import AttemptFailed
from understudy.engine.backend import Backend
from understudy.ledger import LedgerSink, Observer
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.health import Health
from understudy.policy.plan import Plan
from understudy.policy.signals import Abort, Action, Cancelled, Ended, Failed, Launch, Settle

logger = logging.getLogger("understudy")


CLOSED = Failure(kind=FailureKind.CANCELLED, message="the provider was closed")
"""What ends the requests that run while their provider is closed."""
CLOSING = 1.0
"""Seconds that closing a provider waits for the requests that it ends."""


class Run:
    """One job under way. `batches` is the driver; `response` or `items` is what it leaves."""

    def __init__(self, job: Job, plan: Plan, backends: Mapping[str, Backend], engine: Engine) -> None:
        self.job = job
        self.records: list[AttemptRecord] = []
        self.response: GenerationResponse | None = None
        self.items: list[Any] = []
        self.loop = asyncio.get_running_loop()
        self._backends = backends
        self._engine = engine
        self._call = Call(plan, job.rules, health=engine.health, budgets=engine.budgets, rng=engine.rng)
        self._attempt: Attempt | None = None
        self._pause: asyncio.Future[None] | None = None
        self._over: asyncio.Event | None = None
        self._generator: weakref.ref[AsyncGenerator[list[Any], None]] | None = None
        self.interrupted: Failure | None = None
        """Why the job was ended from outside."""
        self.why_abandoned = "the caller gave the request up"

    async def run(self) -> None:
        """Drive the job to its end, where nobody watches it on the way. Raises `LLMError`."""
        batches = self.batches()
        try:
            async for _ in batches:
                pass
        finally:
            await batches.aclose()

    def batches(self) -> AsyncGenerator[list[Any], None]:
        """Drive the job to its end; streams yield committed batches. Raises `LLMError`."""
        generator = self._batches()
        # Weak, so that a stream that is let go of is closed at once.
        self._generator = weakref.ref(generator)
        return generator

    async def close(self, failure: Failure) -> None:
        """End the job with a failure, and wait until it has ended. Harmless after the end."""
        generator = self._generator() if self._generator is not None else None
        if self._call.settled or generator is None:
            return
        self.interrupted = failure
        if not generator.ag_running:  # type: ignore[attr-defined]  # of every asynchronous generator of Python
            self.why_abandoned = failure.message
            await generator.aclose()
            return
        self._over = self._over or asyncio.Event()
        if self._attempt is not None:
            self._attempt.flight.interrupt(failure)
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)
        with contextlib.suppress(TimeoutError):  # what does not listen is not waited for
            await asyncio.wait_for(self._over.wait(), CLOSING)

    async def _batches(self) -> AsyncGenerator[list[Any], None]:
        call = self._call
        running = self._engine.running
        running.add(self)
        try:
            actions = call.start(time.monotonic())
            while True:
                launch = self._next(actions)
                if launch is None:
                    if call.settled:
                        return
                    actions = await self._wait()
                    continue
                attempt = self._attempt = Attempt(self.job, launch, self._backends[launch.target.name])
                try:
                    async for batch in attempt.flight:
                        if ready := attempt.take(batch, call):
                            yield ready
                except Exception as error:  # noqa: BLE001 - what is not the library's becomes a failure
                    await self._broken(attempt, error)
                if held := attempt.conclude():
                    yield held
                if self.job.operation.billed:
                    await guarded(attempt.backend.prices_ready(launch.target.model), "loading prices")
                actions = self._land(attempt)
        finally:
            if not call.settled:
                await self._abandon()
            running.discard(self)
            if self._over is not None:
                self._over.set()

    async def _broken(self, attempt: Attempt, error: Exception) -> None:
        """Note why an attempt ended. Raises what is wrong with the request itself, which no other target would mend."""
        if isinstance(error, AttemptFailed):
            attempt.failure = error.failure
            await guarded(attempt.flight.aclose(), "closing an attempt")
        elif isinstance(error, LLMError):
            raise error
        else:
            # A bug, here or in what the user plugged in, must not cost the caller the other targets.
            attempt.failure = internal_failure(error, f"attempt {attempt.id}")
            await guarded(attempt.flight.aclose(), "closing an attempt")

    async def _wait(self) -> list[Action]:
        """Wait until the call wants to go on, or the job is ended from outside."""
        call = self._call
        pause = self._pause = self.loop.create_future()
        wake = self.loop.call_later(max(0.0, (call.timer() or 0.0) - time.monotonic()), _wake, pause)
        try:
            await pause
        finally:
            wake.cancel()
            self._pause = None
        if self.interrupted is not None:
            return call.receive(Cancelled(self.interrupted), time.monotonic())
        return call.tick(time.monotonic())

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
        outcome = Outcome.WON if failure is None else Outcome.FAILED
        if failure is None:
            actions = call.receive(Ended(attempt.number), now)
        elif self.interrupted is not None:
            actions = call.receive(Cancelled(self.interrupted), now)
            outcome, failure = Outcome.ABORTED, _instead(failure, self.interrupted)
        elif now >= call.deadline:
            actions = call.tick(now)
            late = next((action.failure for action in actions if isinstance(action, Abort)), failure)
            failure = _instead(failure, late)
        else:
            translated = attempt.flight.translated
            actions = call.receive(
                Failed(attempt.number, failure, answered=attempt.flight.answered, translated=translated), now
            )
        self._attempt = None
        self._write(attempt, outcome, failure)
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
            await guarded(attempt.flight.aclose(), "closing an attempt")

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
        self._engine.publish(record, attempt.backend)


class Engine:
    """Drives jobs. One per provider or manager: it holds what is remembered between requests."""

    def __init__(self, *, sink: LedgerSink | None = None, observers: tuple[Observer, ...] = ()) -> None:
        self.health = Health()
        self.budgets = Budgets()
        self.rng = Random()
        self.running: set[Run] = set()
        """The jobs under way, of all event loops."""
        self._closings = 0
        self._sink = sink
        self._observers = observers

    async def close(self) -> None:
        """End the jobs of the running event loop with `Unavailable`. Those that begin afterwards run as usual."""
        self._closings += 1
        loop = asyncio.get_running_loop()
        drives = [drive for drive in self.running if drive.loop is loop]
        if drives:
            await asyncio.gather(*(drive.close(CLOSED) for drive in drives))

    def still_open(self) -> Callable[[], None]:
        """Return a check that raises `Unavailable` once the provider was closed, for what runs between two jobs."""
        closings = self._closings

        def check() -> None:
            if self._closings != closings:
                raise error_of(CLOSED)

        return check

    def drive(self, job: Job, plan: Plan, backends: Mapping[str, Backend]) -> Run:
        """Open the drive of a job; nothing happens before its batches are iterated."""
        return Run(job, plan, backends, self)

    async def run(self, job: Job, plan: Plan, backends: Mapping[str, Backend]) -> Run:
        """Drive a job to its end. Raises `LLMError`."""
        drive = self.drive(job, plan, backends)
        await drive.run()
        return drive

    def publish(self, record: AttemptRecord, backend: Backend) -> None:
        """Hand a record to the statistics, the ledger and the observers, and log a failed attempt.

        What one of them raises is logged: it must not cost the caller the answer.
        """
        try:
            backend.tally(record)
            if self._sink is not None:
                self._sink.record(record)
        except Exception:
            logger.exception("the ledger failed to record attempt %s", record.attempt_id)
        for observer in self._observers:
            try:
                observer(record)
            except Exception:
                logger.exception("observer %r failed on attempt %s", observer, record.attempt_id)
        if record.outcome is Outcome.FAILED:
            logger.warning("request %s attempt %s", record.request_id, record)


async def guarded(work: Awaitable[object], what: str) -> None:
    """Wait for something whose failure must not cost the caller the answer: it is logged."""
    try:
        await work
    except Exception:
        logger.exception("%s failed", what)


def _instead(failure: Failure, reason: Failure) -> Failure:
    """Return why an attempt was ended from here, in place of how it failed; whether it was sent stays."""
    return msgspec.structs.replace(reason, sent=failure.sent)


def _wake(pause: asyncio.Future[None]) -> None:
    if not pause.done():
        pause.set_result(None)


def _summary(attempts: tuple[AttemptRecord, ...]) -> str:
    lines = "".join(f"\n  {record}" for record in attempts)
    return f"all {len(attempts)} attempts failed:{lines}"
