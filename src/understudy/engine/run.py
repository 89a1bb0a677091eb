"""A request under way: it performs what a `Call` decides, and accounts for every attempt.

read_prompt → plan → Call ⇄ Run ⇄ AttemptStream (dialect × transport) → events → response
                             └→ AttemptRecord → ledger, observers, log
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.errors import LLMError
from understudy.domain.events import Heartbeat
from understudy.domain.explanation import explained
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.fold import Fold
from understudy.domain.responses import GenerationResponse
from understudy.domain.wire_answer import WireAnswer, with_wire_answer
from understudy.engine.accounting import error_after, finished, record_of, restarted, start_of
from understudy.engine.attempt import Attempt
from understudy.engine.attempt_stream import AttemptFailed, internal_failure
from understudy.engine.backend import Backend
from understudy.engine.continuation import ContinuingAttempt, Shown, failed
from understudy.engine.engine import CLOSING, Engine, guarded, log_news
from understudy.engine.inbox import Inbox
from understudy.engine.job import Job
from understudy.policy.call import Call
from understudy.policy.first_attempt import FirstAttempt
from understudy.policy.journal import Journal, note
from understudy.policy.plan import Plan
from understudy.policy.signals import (
    Abort,
    Action,
    Beat,
    Began,
    Cancelled,
    Commit,
    Denied,
    Ended,
    Failed,
    Launch,
    Settle,
    Signal,
)


class Run:
    """One job under way. `events` drives it; `response` or `items` is what it leaves.

    One attempt at a time is read directly: no task, no queue. Attempts that may run beside each other post to an inbox.
    """

    response: GenerationResponse | None = None
    won: AttemptRecord | None = None
    """The record of the attempt that answered."""
    committed: Attempt | None = None
    fold: Fold | None = None
    """What the caller of a stream has been handed so far: the fold of the attempt which was committed to last."""
    interrupted: Failure | None = None
    """Why the job was ended from outside."""
    why_abandoned = "the caller abandoned the request"
    _unseen: Attempt | None = None
    """Of an answer that is held back: the latest attempt with content, as long as there is no commit."""
    _ended: asyncio.Event | None = None
    _generator: weakref.ref[AsyncGenerator[list[Any], None]] | None = None
    _refused: tuple[tuple[Failure, WireAnswer], ...] = ()  # with the provider's own words, the latest first

    def __init__(self, job: Job, plan: Plan, backends: Mapping[str, Backend], engine: Engine) -> None:
        self.job = job
        self.records: list[AttemptRecord] = []
        self.items: list[Any] = []
        self.loop = asyncio.get_running_loop()
        self._now = self.loop.time
        self._plan = plan
        self._backends = backends
        self._engine = engine
        # Attempts that run beside each other, or beside a heartbeat, post to the inbox.
        self._posts = job.rules.hedges or job.rules.heartbeat is not None
        self.journal = Journal(job.id, job.batch, engine.wall_clock(), plan, [])
        """What has happened so far."""
        self._call: Call | FirstAttempt = FirstAttempt(
            plan, job.rules, health=engine.health, budgets=engine.budgets, rng=engine.rng
        )
        self._attempts: dict[int, Attempt] = {}
        """The attempts under way, by number."""
        self._ready: list[Any] = []
        """Events that a commit has released and the caller has not been handed yet."""
        self._aborted: list[Attempt] = []
        """Attempts whose connections are still to be closed."""

    @cached_property
    def _inbox(self) -> Inbox:
        return Inbox(self.loop)

    @property
    def wire_answer(self) -> WireAnswer | None:
        """What the provider answered, if the request came in over its wire format; a stream has no body."""
        return self.committed.stream.wire_answer if self.committed is not None else None

    async def to_end(self) -> None:
        """Carry the job out. Raises `LLMError`."""
        events = self.events()
        try:
            async for _ in events:
                pass
        finally:
            await events.aclose()

    def events(self) -> AsyncGenerator[list[Any], None]:
        """Carry the job out; streams yield batches of committed events. Raises `LLMError`."""
        generator = self._events()
        # Weak, so that a stream that is let go of is closed at once.
        self._generator = weakref.ref(generator)
        return generator

    async def close(self, failure: Failure) -> None:
        """End the job with a failure, and wait until it has ended. Harmless after the end."""
        generator = self._generator() if self._generator is not None else None
        if generator is None:
            return
        is_read = generator.ag_running  # type: ignore[attr-defined]  # of every asynchronous generator of Python
        if not self._call.settled:
            self.interrupted = failure
        elif is_read:
            return
        if not is_read:
            self.why_abandoned = failure.message
            await generator.aclose()
            return
        self._ended = self._ended or asyncio.Event()
        for attempt in self._attempts.values():
            attempt.stream.interrupt(failure)
        self._inbox.wake()
        with contextlib.suppress(TimeoutError):  # what does not listen is not waited for
            await asyncio.wait_for(self._ended.wait(), CLOSING)

    # ---- the loop ----

    async def _events(self) -> AsyncGenerator[list[Any], None]:
        posts = self._posts
        self._engine.running.add(self)
        try:
            now, first = self._now(), self._call
            actions = first.start(now)
            self._perform(None, self._general().start(now) if actions is None else actions, now)
            while not self._call.settled:
                if posts or not self._attempts:
                    await self._next_message()
                else:
                    (attempt,) = self._attempts.values()
                    try:
                        async for batch in attempt.stream:
                            ready = attempt.take(batch)
                            if ready is None and attempt.begun:
                                ready = self._begin(attempt)
                            if ready:
                                yield ready
                    except Exception as error:  # noqa: BLE001 - what is not the library's becomes a failure
                        await self._break(attempt, error)
                    await self._end(attempt)
                if self._aborted:
                    await self._close_aborted()
                if self._ready:
                    ready, self._ready = self._ready, []
                    yield ready
        finally:
            self._engine.running.discard(self)
            try:
                if not self._call.settled:
                    self._abandon()
                if self._aborted:
                    await self._close_aborted()
            finally:
                if self._ended is not None:
                    self._ended.set()

    async def _next_message(self) -> None:
        """Wait for the timer, for an end from outside, or for what an attempt posts; and act on it."""
        message = await self._inbox.receive(self._general().timer())
        now = self._now()
        if self.interrupted is not None:
            signal = Cancelled(self.interrupted)
            self._perform(signal, self._decide(signal, now), now)
        elif message is None:
            self._perform(None, self._general().tick(now), now)
        elif (attempt := message.attempt).number in self._attempts:
            if message.error is not None:
                await self._break(attempt, message.error)
            elif message.batch is not None:
                await self._take(attempt, message.batch)
                return
            await self._end(attempt)

    async def _take(self, attempt: Attempt, batch: list[Any]) -> None:
        """Receive what an attempt has posted, and let it read on."""
        try:
            ready = attempt.take(batch)
        except AttemptFailed as error:
            await self._break(attempt, error)
            await self._end(attempt)
            return
        if ready is None and attempt.begun:
            ready = self._begin(attempt)
        self._ready += ready or ()
        self._inbox.read(attempt)

    def _begin(self, attempt: Attempt) -> list[Any]:
        """Report that content has arrived; return the events that this lets the caller have."""
        now, signal = self._now(), Began(attempt.number, attempt.is_full)
        self._perform(signal, self._decide(signal, now), now)
        ready, self._ready = self._ready, []
        return ready

    async def _break(self, attempt: Attempt, error: Exception) -> None:
        """Note why an attempt ended. Raises what is wrong with the request itself, which no other target would mend."""
        if isinstance(error, AttemptFailed):
            attempt.failure, attempt.denied_for_good = error.failure, error.denied_for_good
        elif isinstance(error, LLMError):
            raise explained(error, self.journal.explanation)
        else:
            # A bug, here or in what the user plugged in, must not cost the caller the other targets.
            attempt.failure = internal_failure(error, f"attempt {attempt.id}")
        await guarded(attempt.stream.aclose(), "closing an attempt")

    async def _end(self, attempt: Attempt) -> None:
        """Report how an attempt ended, and write its record."""
        attempt.conclude()
        if self.job.operation.billed and (prices := attempt.backend.prices_ready(attempt.launch.target.model)):
            await guarded(prices, "loading prices")
        now, failure = self._now(), attempt.failure
        signal: Signal
        if failure is None:
            self.items, signal = attempt.items, Ended(attempt.number)
        elif self.interrupted is not None:
            signal = Cancelled(self.interrupted)
        elif now >= self._call.deadline:
            self._perform(None, self._general().tick(now), now)
            return
        elif attempt.denied_for_good is not None:
            del self._attempts[attempt.number]
            signal = Denied(attempt.number, failure, attempt.denied_for_good)
        else:
            signal = failed(attempt, failure, self.job)
        actions = self._decide(signal, now)
        if isinstance(signal, Ended | Failed):
            self._record(attempt, Outcome.WON if failure is None else Outcome.FAILED, failure)
        self._perform(signal, actions, now)

    # ---- the actions ----

    def _decide(self, signal: Signal, now: float) -> list[Action]:
        """Return what follows from a signal: as the first attempt decides, as long as all is calm."""
        actions = self._call.receive(signal, now)
        return self._general().receive(signal, now) if actions is None else actions

    def _general(self) -> Call:
        """Return the call that decides about everything else than a first attempt which answers."""
        if isinstance(self._call, FirstAttempt):
            self._call = self._call.call()
        return self._call

    def _perform(self, signal: Signal | None, actions: list[Action], now: float) -> None:
        """Note what the call decided `now` after a signal or the timer, and perform it, in order.

        Raises `LLMError` if the request is settled without an answer.
        """
        call = self._call
        if actions and self._engine.health.calm and not call.decisions:
            self.journal.moments.append((now, signal, actions))
        elif note(self.journal.moments, call, signal, actions, now):
            log_news(self.journal)
        try:
            for action in actions:
                self._PERFORM[type(action)](self, action)
        except LLMError as error:
            explained(error, self.journal.explanation)
            raise

    def _launch(self, launch: Launch) -> None:
        engine = self._engine
        backend = self._backends[launch.target.name]
        shown = Shown.of(self.committed) if launch.continues and self.committed is not None else None
        whole = (self.job, launch, backend, engine)
        attempt = Attempt(*whole) if shown is None else ContinuingAttempt(*whole, shown)
        self._attempts[launch.attempt] = attempt
        waits = engine.admission is not None and engine.admission.guards(attempt, self._plan, self._backends)
        if engine.keeps_beginnings and not waits:
            engine.begin(start_of(attempt, self._plan))
        if self._posts:
            self._inbox.read(attempt)

    def _commit(self, commit: Commit) -> None:
        """Let the caller have the events of an attempt. Nothing may silently replace it from now on."""
        if not self.job.rules.streamed:
            return
        self.committed = attempt = self._attempts.get(commit.attempt) or self.committed
        if attempt is None:
            return
        if commit.replaces is not None and not attempt.launch.continues:
            self._ready.append(restarted(attempt, self.records, commit.replaces))
        self.fold = attempt.fold
        self._ready += attempt.release()

    def _abort(self, action: Abort) -> None:
        """Account for an attempt that is given up. Its connection is closed as soon as the actions are performed."""
        attempt, reason = self._attempts.get(action.attempt), action.failure
        if attempt is None:
            return
        if attempt.failure is None:
            self._aborted.append(attempt)
        outcome = Outcome.ABORTED if reason.kind is FailureKind.CANCELLED else Outcome.FAILED
        # Why it was ended from here takes the place of how it failed; whether it was sent stays.
        sent = attempt.was_sent and (attempt.failure is None or attempt.failure.sent)
        self._record(attempt, outcome, msgspec.structs.replace(reason, sent=sent))

    def _beat(self, _: Beat) -> None:
        self._ready.append(Heartbeat())

    def _settle(self, action: Settle) -> None:
        if action.failure is None:
            if self.committed is not None and self.won is not None:
                self.response = finished(self.committed, self.won, self.records, self.journal)
            return
        error = error_after(action.failure, tuple(self.records), self.job.operation, surfaced=action.surfaced)
        with_wire_answer(error, next((each for why, each in self._refused if why == action.failure), None))
        last = self.committed or self._unseen
        error.partial = last.whole if last is not None else None
        raise error

    # ---- what is left behind ----

    def _record(self, attempt: Attempt, outcome: Outcome, failure: Failure | None) -> None:
        record = record_of(attempt, self._plan, outcome, failure, self._call.decisions.get(attempt.number))
        self.records.append(record)
        for ceiling in self.job.ceilings:
            ceiling.record(record)
        if self._posts:
            self.records.sort(key=lambda each: each.number)  # of two at once, the second may end first
        del self._attempts[attempt.number]
        if self.job.session is not None:
            self._remember(attempt, outcome)
        if failure is not None and (answer := attempt.stream.wire_answer) is not None and answer.is_error:
            self._refused = ((failure, answer), *self._refused)
        if attempt.begun and self.job.rules.on_midstream_error == "hold":
            self._unseen = attempt
        if outcome is Outcome.WON:
            self.committed, self.won = attempt, record
            if output := record.usage.output_total:
                self._engine.health.answered(attempt.launch.target, output)
        attempt.teach(self._engine.health, failure)
        if failure is not None and (interval := self.job.rules.probe_interval) is not None:
            self._engine.prober.watch(attempt.launch.target, attempt.backend, interval)
        self._engine.publish(record, attempt.backend)
        if (capturer := self._engine.capturer) is not None:
            capturer.capture(self.job.request, attempt.answer, record, self._backends)

    def _remember(self, attempt: Attempt, outcome: Outcome) -> None:
        """Remember which target answered the session, or whose answer was interrupted."""
        key, label, sessions, now = self.job.session, attempt.launch.target.label, self._engine.sessions, self._now()
        if key is None:
            return
        if outcome is Outcome.WON:
            first = label == self._plan.steps[0].target.label
            sessions.answered(key, label, first=first, begins=self.job.begins_turn, now=now)
        elif outcome is Outcome.FAILED and attempt is self.committed:
            sessions.interrupted(key, label, now)

    async def _close_aborted(self) -> None:
        aborted, self._aborted = self._aborted, []
        for attempt in aborted:
            if not self._posts:
                await guarded(attempt.stream.aclose(), "closing an attempt")
            else:  # the attempt that goes on does not wait for it
                self._engine.background.start(guarded(self._inbox.let_go(attempt), "closing an attempt"))

    def _abandon(self) -> None:
        """Stop the provider, and account for what ran: the caller no longer waits."""
        signal = Cancelled(Failure(kind=FailureKind.CANCELLED, message=self.why_abandoned))
        actions = self._decide(signal, now := self._now())
        note(self.journal.moments, self._call, signal, actions, now)
        for action in actions:
            if isinstance(action, Abort):
                self._abort(action)

    _PERFORM: ClassVar[Mapping[type[Action], Callable[[Any, Any], None]]] = {
        Launch: _launch,
        Commit: _commit,
        Settle: _settle,
        Abort: _abort,
        Beat: _beat,
    }
    """How each action is performed."""
