"""The life of one request, as a state machine: signals in, actions out, time as an argument.

Retry, fallback, hedging, waiting and the deadline are decided here and nowhere else. The shell performs the actions in
order, reports what happened as signals, and calls `tick` when the time that `timer` names has come.

States: `ready` (nothing runs; the timer says when something will), `running` (one attempt, or two where the rules
allow a hedge), `settled` (the end).

    signal               in state   actions
    start                ready      Launch, or Settle when nothing can be launched
    Began                running    Commit, once, for streams, and Abort of the other attempt; with `hold` not before
                                    as much has arrived as is held back
    Ended                running    Commit (unless committed), Abort of the other attempt, Settle won
    Failed               running    nothing while the other attempt runs; else Launch now, or a timer for later;
                                    Settle failed when nothing is left
    Failed               committed  Settle failed; with `restart` and `continue` as before a commit, other targets
                                    first; without another Commit it settles with the failure that the caller saw
    Denied               running    as Failed, of an attempt that was never made; Settle failed if it is final
    Cancelled            any        Abort of what runs, Settle cancelled
    tick at the timer    ready      Launch
    tick at the timer    running    Launch of a hedge
    tick at the timer    any        Beat, while content is held back
    tick at the deadline any        Abort of what runs, Settle failed with `deadline`
"""

from __future__ import annotations

from functools import cached_property
from random import Random

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.policy import backoff
from understudy.policy.budgets import Budgets
from understudy.policy.commitment import OUTRUN, Commitment
from understudy.policy.health import Health, Permit
from understudy.policy.picker import Pick, Picker, Wait
from understudy.policy.plan import Plan
from understudy.policy.retries import NoRetry, Retries
from understudy.policy.signals import (
    Abort,
    Action,
    Began,
    Cancelled,
    Denied,
    Ended,
    Failed,
    Launch,
    Rules,
    Settle,
    Signal,
)
from understudy.policy.skipped import Skipped, why_asked
from understudy.policy.tries import Begun, Running, Tries, Try
from understudy.policy.verdicts import OF_THE_KEY, Cooldown, Fallback, Retry, Trips, Verdict, verdict_of


class Call:
    """One request. `decisions` holds, by attempt, what was decided after it and why."""

    def __init__(self, plan: Plan, rules: Rules, *, health: Health, budgets: Budgets, rng: Random) -> None:
        self._rules = rules
        self._health = health
        self._tries = Tries(plan, max_attempts=rules.max_attempts, health=health)
        self._budgets = budgets
        self._rng = rng
        self._picker = Picker(self._tries, rules, health, rng)
        self._wake: float | None = None
        self._waiting_for: Try | None = None
        self._wait_began: float | None = None
        self._hedge_at: float | None = None
        self._patience = 0.0
        """Seconds of silence after which one more target is asked."""
        self._last: Failure | None = None
        self.running: dict[int, Running] = {}
        """The attempts under way, by number."""
        self._shown = Commitment(rules)
        self.settled = False
        self.decisions: dict[int, str] = {}

    @cached_property
    def _retries(self) -> Retries:
        """Made on first use: most calls never need it."""
        return Retries(self._tries, self._rules, self._budgets, self._rng)

    @property
    def committed(self) -> int | None:
        """The attempt whose answer the caller gets; `None` before that, and after a break until another takes over."""
        return self._shown.attempt

    @property
    def deadline(self) -> float:
        """When the request must be over, in the clock of `start`."""
        return self._tries.deadline

    @property
    def denials(self) -> dict[str, Skipped]:
        """By label, the targets in cooldown that were skipped: for how long and why."""
        return self._picker.denials

    @property
    def waits_until(self) -> float | None:
        """When it goes on; `None` if it does not wait before an attempt."""
        return self._wake

    def timer(self) -> float | None:
        """Return when `tick` must be called; `None` once settled."""
        if self.settled:
            return None
        due = self._tries.deadline
        for earlier in (self._wake, self._hedge_at, self._shown.beat_at):
            if earlier is not None and earlier < due:
                due = earlier
        return due

    def start(self, now: float) -> list[Action]:
        """Begin."""
        self._tries.deadline = now + self._rules.deadline - self._rules.spent
        if not self._tries.all:
            return self._settle(Settle(None, self._picker.nothing_to_try(), surfaced=True))
        return self._next_target(now)

    def follow(self, begun: Begun, committed: int | None) -> None:
        """Go on from a first attempt that is under way; see `FirstAttempt`."""
        self.running[1] = self._tries.follow(begun)
        self._picker.caller, self._picker.denials = begun.permit.caller, begun.denials
        self._shown.attempt = committed

    def tick(self, now: float) -> list[Action]:
        """Note the time."""
        if self.settled:
            return []
        if now >= self._tries.deadline:
            return self._stop(Failure(kind=FailureKind.DEADLINE, message=self._late(), sent=self._tries.attempts > 0))
        if self._wake is not None and now >= self._wake:
            waiting, self._wake, self._waiting_for = self._waiting_for, None, None
            return self._again(waiting, now) if waiting is not None else self._next_target(now)
        if self._hedge_at is not None and now >= self._hedge_at:
            return self._hedge(now)
        return self._shown.tick(now)

    def receive(self, signal: Signal, now: float) -> list[Action]:
        """Handle a signal. One about an attempt that no longer runs is ignored."""
        if self.settled:
            return []
        if isinstance(signal, Cancelled):
            return self._stop(signal.failure)
        running = self.running.get(signal.attempt)
        if running is None:
            return []
        if isinstance(signal, Ended):
            self._health.succeeded(running.permit, now, free=self._rules.free)
            return [*self._commit(signal.attempt), *self._settle(Settle(signal.attempt))]
        if isinstance(signal, Began):
            self._hedge_at = None
            self._health.begun(running.permit)
            return self._commit(signal.attempt) if self._shown.begins(signal, now) else []
        return self._failed(signal, now) if isinstance(signal, Failed) else self._denied(signal, now)

    # ---- what becomes of an attempt ----

    def _commit(self, attempt: int) -> list[Action]:
        if self._shown.attempt is not None:
            return []
        return [self._shown.commit(attempt), *self._abort_all(OUTRUN, but=attempt)]

    def _failed(self, signal: Failed, now: float) -> list[Action]:
        failure, ended = signal.failure, self.running.pop(signal.attempt)
        current = ended.target
        if not self.running:
            self._hedge_at = None
        verdict = verdict_of(failure, max_wait=self._rules.max_wait, took=now - ended.launched_at)
        self._last = failure
        self._note_failure(ended, failure, verdict, now)
        signal = self._shown.excused(signal)
        if self._shown.attempt is not None and (why := self._shown.break_off(signal, verdict, self._tries)):
            return self._surface(signal, why)
        if self._rules.has_effects and signal.answered:
            return self._surface(signal, "hosted tools may have had side effects, so nothing is repeated")
        if self.running and verdict.fallback is not Fallback.NEVER:
            self._decide(signal.attempt, "the other attempt goes on")
            return []
        if ended.permit.key and failure.kind in OF_THE_KEY:
            return self._key_failed(signal, ended, now)
        return self._go_on(current, signal, verdict, now)

    def _key_failed(self, signal: Failed, ended: Running, now: float) -> list[Action]:
        """Use another key of the pool at once, which counts as no retry; else go on as if the target had one key."""
        current, found = ended.target, self._picker.other_key(ended.target, now)
        if isinstance(found, Pick):
            self._decide(signal.attempt, f"try another of the {len(current.step.target.credentials)} keys")
            current.count -= 1
            return self._start(current, found.permit, now)
        self._decide(signal.attempt, found)
        self._last = failure = self._picker.of_pool(current, signal.failure, now)
        verdict = verdict_of(failure, max_wait=self._rules.max_wait, took=now - ended.launched_at)
        return self._go_on(current, msgspec.structs.replace(signal, failure=failure), verdict, now)

    def _go_on(self, current: Try, signal: Failed, verdict: Verdict, now: float) -> list[Action]:
        """Try the same target again, or another one, as the verdict allows; settle when nothing is left."""
        if verdict.why:
            self._decide(signal.attempt, verdict.why)
        first, last = self._shown.retries(verdict, current)
        if first and verdict.retry is Retry.AT_ONCE and self._retries.at_once(current, now):
            self._decide(signal.attempt, "retry at once on a fresh connection")
            return self._again(current, now)
        if first and (actions := self._retry(current, signal, verdict, now)) is not None:
            return actions
        if not self._retries.may_fall_back(current, verdict, translated=signal.translated):
            return self._surface(signal, "another target would not help")
        if (actions := self._fall_back(signal.attempt, now)) is not None:
            return actions
        for each in self._tries.put_off(current, now, last=last):
            if each is not current:
                actions = self._return(each, signal.attempt, now)
            else:
                actions = self._retry(current, signal, verdict, now)
            if actions is not None:
                return actions
        if (actions := self._recover(signal.attempt, now)) is not None:
            return actions
        self._decide(signal.attempt, "no other target is left")
        return self._settle(Settle(signal.attempt, self._picker.with_soonest(signal.failure, now)))

    def _note_failure(self, ended: Running, failure: Failure, verdict: Verdict, now: float) -> None:
        """Let the target's health know, and return the permit.

        A failure of an operation that uses no model does not concern the model that generations use.
        """
        cooldown, trips = verdict.cooldown, verdict.trips
        if self._rules.free:
            cooldown = Cooldown.NOTHING if cooldown in (Cooldown.MODEL, Cooldown.TARGET) else cooldown
            trips = Trips.NOTHING if trips is Trips.TARGET else trips
        self._health.failed(ended.permit, failure, cooldown, now, trips)
        self._health.release(ended.permit)
        key = ended.permit.key if failure.kind in OF_THE_KEY else ""
        ended.target.failed(verdict, self._rules.max_tries, key, self._health.denial(ended.permit.target, now))

    def _denied(self, signal: Denied, now: float) -> list[Action]:
        """Go on to the next target: the attempt was not made, and its number is free again if it is the latest."""
        denied = self.running.pop(signal.attempt)
        self._health.release(denied.permit)
        denied.target.closed = True
        self._tries.attempts -= signal.attempt == self._tries.attempts
        self._last = self._picker.refused(denied.target, signal.failure, self._last, now)
        if self.running or not signal.final:
            return [] if self.running else self._next_target(now)
        return self._settle(Settle(signal.attempt, signal.failure, surfaced=True))

    def _retry(self, current: Try, signal: Failed, verdict: Verdict, now: float) -> list[Action] | None:
        """Try the same target again, now or later; `None` when that is not possible."""
        denial = self._health.denial(current.step.target, now, free=self._rules.free)
        if denial is not None and denial.breaker:
            self._decide(signal.attempt, "no retry now: the circuit breaker is open")
            return None
        granted = self._retries.again(current, signal.failure.retry_after, verdict.retries, now)
        if isinstance(granted, NoRetry):
            self._decide(signal.attempt, f"no retry: {granted.why}")
            return None
        self._decide(signal.attempt, f"retry in {granted.delay:.2f} s")
        return self._wait(current, now, now + granted.delay)

    def _return(self, each: Try, attempt: int, now: float) -> list[Action] | None:
        """Ask a target again whose retry was put off, as one that has come back; `None` when that is not possible."""
        granted, label = self._retries.again(each, None, None, now), each.step.target.label
        if isinstance(granted, NoRetry):
            self._decide(attempt, f"no return to {label}: {granted.why}")
            return None
        each.denied = True
        self._decide(attempt, f"return to {label} in {granted.delay:.2f} s")
        return self._wait(None, now, now + granted.delay) if granted.delay else self._advance(now)

    def _fall_back(self, attempt: int, now: float) -> list[Action] | None:
        """Fall back to a target that was not tried yet; `None` if none is left or can be asked."""
        if not self._tries.untried():
            return None
        actions = self._advance(now)
        match actions:
            case None:
                denied = f"in cooldown: {self._picker.denied()}" if self.denials else "max_attempts is reached"
                self._decide(attempt, denied)
            case [Launch(target=target)]:
                self._decide(attempt, f"fall back to {target.label}")
            case []:
                self._decide(attempt, f"wait {(self._wake or now) - now:.1f} s for a target in cooldown")
            case _:
                self._decide(attempt, "too little time is left for another target")
        return actions

    def _recover(self, attempt: int, now: float) -> list[Action] | None:
        """Wait for a target that failed and may come back; `None` if there is none, or no time or attempt is left."""
        actions = self._advance(now) if self._tries.may_start(now) else None
        if actions == []:
            self._decide(attempt, f"wait {(self._wake or now) - now:.1f} s for a target to come back")
        return actions

    def _decide(self, attempt: int, what: str) -> None:
        """Note a decision after an earlier one on the same attempt, such as why there is no retry."""
        earlier = self.decisions.get(attempt)
        self.decisions[attempt] = f"{earlier}; {what}" if earlier else what

    # ---- launching ----

    def _next_target(self, now: float) -> list[Action]:
        """Launch an attempt at a target that was not tried yet, or whose retry was put off; settle if none is left."""
        if (actions := self._advance(now)) is not None:
            return actions
        for each in self._tries.put_off(None, now, last=False):
            if (actions := self._return(each, self._tries.attempts, now)) is not None:
                return actions
        failure = self._picker.with_soonest(self._last or self._picker.nothing_to_try(), now)
        return self._settle(Settle(self._tries.attempts or None, failure))

    def _advance(self, now: float) -> list[Action] | None:
        """Launch an attempt at a target that was not tried yet, or wait for one; `None` if none can be asked."""
        if self._tries.attempts:
            if not self._tries.may_start(now):
                return self._stop(self._shown.real(Failure(kind=FailureKind.DEADLINE, message=self._late())))
            if self._tries.left <= 0:
                return None
        found = self._picker.next(now, self._wait_began)
        if isinstance(found, Pick):
            return self._start(found.target, found.permit, now)
        return None if found is None else self._wait(None, now, found.until)

    def _again(self, each: Try, now: float) -> list[Action]:
        """Launch the next attempt at a target that was tried already."""
        match self._picker.same(each, now, backoff.longest(each.count, self._rules.retry_delay)):
            case Pick(_, permit):
                return self._start(each, permit, now)
            case Wait(until):
                return self._wait(each, now, until)
            case None:
                return self._next_target(now)

    def _hedge(self, now: float) -> list[Action]:
        """Ask one more target while the first one is silent."""
        self._hedge_at = None
        late = next(iter(self.running.values())).target.step.target
        pick = self._picker.hedge(now, self._budgets.retry(late.credential or late.name))
        if pick is None:
            return []
        for attempt in self.running:
            self._decide(attempt, f"silent for {self._patience:.3g} s: ask {pick.target.step.target.label} too")
        return self._start(pick.target, pick.permit, now)

    def _wait(self, target: Try | None, now: float, until: float) -> list[Action]:
        self._wait_began = now if self._wait_began is None else self._wait_began
        if target is not None and until <= now:
            return self._again(target, now)
        self._waiting_for, self._wake = target, until
        return []

    def _start(self, each: Try, permit: Permit, now: float) -> list[Action]:
        target = each.step.target
        if not each.launched:
            self._budgets.retry(target.credential or target.name).deposit(now)
        each.count += 1
        number = self._tries.attempts = self._tries.attempts + 1
        if self._rules.hedges and number == 1 and target.idempotent and not self._rules.has_effects:
            self._patience = self._rules.hedge_after or self._health.usual_silence(target)
            self._hedge_at = now + self._patience
        self.running[number] = Running(each, permit, now)
        waited, self._wait_began = (0.0 if self._wait_began is None else now - self._wait_began), None
        limits, continues = self._tries.limits(each, now), self._shown.continues
        why = each.step.why if number > 1 else why_asked(each.step.why, target, self.denials)
        return [Launch(number, permit.target, limits, waited, why, permit.is_probe, continues)]

    # ---- ends ----

    def _surface(self, signal: Failed, why: str) -> list[Action]:
        self._decide(signal.attempt, why)
        return [*self._abort_all(OUTRUN), *self._settle(Settle(signal.attempt, signal.failure, surfaced=True))]

    def _stop(self, failure: Failure) -> list[Action]:
        last = max(self.running, default=None)
        return [*self._abort_all(failure), *self._settle(Settle(last, failure, surfaced=True))]

    def _abort_all(self, failure: Failure, *, but: int | None = None) -> list[Abort]:
        if not self.running or tuple(self.running) == (but,):
            return []
        aborted = [attempt for attempt in self.running if attempt != but]
        for attempt in aborted:
            outrun = self.running.pop(attempt)
            self._health.release(outrun.permit)
            # It has not failed: if the answer that was first breaks, it can still be asked.
            outrun.target.launched = outrun.target.count >= self._rules.max_tries
        return [Abort(attempt, failure) for attempt in aborted]

    def _settle(self, action: Settle) -> list[Action]:
        self.settled = True
        while self.running:
            self._health.release(self.running.popitem()[1].permit)
        return [self._shown.surfaced(action)]

    def _late(self) -> str:
        last = f"; the last failure was {self._last.kind}: {self._last.message}" if self._last else ""
        return f"the request's deadline of {self._rules.deadline:g} s passed{last}"
