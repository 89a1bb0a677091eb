"""What is done of a job: a run performs what its `Call` decides, and accounts for every attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
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
from understudy.engine.backend import Backend
from understudy.engine.continuation import ContinuingAttempt, Shown
from understudy.engine.engine import Engine, log_news
from understudy.engine.inbox import Inbox
from understudy.engine.job import Job
from understudy.policy.call import Call
from understudy.policy.first_attempt import FirstAttempt
from understudy.policy.journal import Journal, note
from understudy.policy.plan import Plan
from understudy.policy.signals import Abort, Action, Beat, Commit, Launch, Settle, Signal


class Performer:
    """Decides with the policy what is done of one job, and does it. `response` or `items` is what it leaves."""

    response: GenerationResponse | None = None
    won: AttemptRecord | None = None
    """The record of the attempt that answered."""
    committed: Attempt | None = None
    fold: Fold | None = None
    """What the caller of a stream has been handed so far: the fold of the attempt which was committed to last."""
    _unseen: Attempt | None = None
    """Of an answer that is held back: the latest attempt with content, as long as there is no commit."""
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
        plain = now != call.noted if type(call) is FirstAttempt else self._engine.health.calm and not call.decisions
        if plain and actions:
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
        whole = (self.job, launch, backend, engine, self._now)
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
                self._engine.health.lengths.learn(attempt.launch.target.label, output)
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

    _PERFORM: ClassVar[Mapping[type[Action], Callable[[Any, Any], None]]] = {
        Launch: _launch,
        Commit: _commit,
        Settle: _settle,
        Abort: _abort,
        Beat: _beat,
    }
    """How each action is performed."""
