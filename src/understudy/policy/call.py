"""The life of one request, as a state machine: signals in, actions out, time as an argument.

Retry, fallback, waiting and the deadline are decided here and nowhere else. The shell performs the actions in order,
reports what happened as signals, and calls `tick` when the time that `timer` names has come.

States: `ready` (nothing runs; the timer says when something will), `running` (one attempt), `settled` (the end).

    signal               in state   actions
    start                ready      Launch, or Settle when nothing can be launched
    Began                running    Commit, once, for streams
    Ended                running    Commit (unless committed), Settle won
    Failed               running    Launch now, or a timer for later; Settle failed when nothing is left
    Cancelled            any        Abort if running, Settle cancelled
    tick at the timer    ready      Launch
    tick at the deadline any        Abort if running, Settle failed with `deadline`
"""

from __future__ import annotations

import math
from random import Random

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.policy import backoff
from understudy.policy.budgets import Budgets
from understudy.policy.health import Denial, Health, Permit
from understudy.policy.plan import Plan
from understudy.policy.signals import (
    Abort,
    Action,
    Began,
    Cancelled,
    Commit,
    Ended,
    Failed,
    Launch,
    Rules,
    Settle,
    Signal,
)
from understudy.policy.targets import Limits, Target
from understudy.policy.tries import LEAST, Tries, Try
from understudy.policy.verdicts import Cooldown, Fallback, Retry, Verdict, verdict_of

PROBE_LOOK = 0.2
"""Seconds after which a request that waits for another one's probe looks whether it has ended."""


class Call:
    """One request. `decisions` holds, by attempt, what was decided after it and why."""

    def __init__(self, plan: Plan, rules: Rules, *, health: Health, budgets: Budgets, rng: Random) -> None:
        self._rules = rules
        self._health = health
        self._budgets = budgets
        self._rng = rng
        self._tries = Tries(plan, max_attempts=rules.max_attempts, health=health)
        self._current: Try | None = None
        self._permit: Permit | None = None
        self._launched_at = 0.0
        self._wake: float | None = None
        self._waiting_for: Try | None = None
        self._wait_began: float | None = None
        self._repeated_at_once = False
        self._last: Failure | None = None
        self.committed: int | None = None
        self.settled = False
        self.decisions: dict[int, str] = {}
        self.denials: dict[str, str] = {}
        """By label, the targets that were skipped because of a cooldown: for how long it lasts and why."""

    @property
    def deadline(self) -> float:
        """When the request must be over, in the clock of `start`."""
        return self._tries.deadline

    def timer(self) -> float | None:
        """Return when `tick` must be called; `None` once settled."""
        if self.settled:
            return None
        return min(self._wake, self._tries.deadline) if self._wake is not None else self._tries.deadline

    def start(self, now: float) -> list[Action]:
        """Begin."""
        self._tries.deadline = now + self._rules.deadline - self._rules.spent
        if not self._tries.all:
            return self._settle(Settle(None, _nothing_to_try(), surfaced=True))
        return self._next_target(now)

    def tick(self, now: float) -> list[Action]:
        """Note the time."""
        if self.settled:
            return []
        if now >= self._tries.deadline:
            return self._stop(Failure(kind=FailureKind.DEADLINE, message=self._late(), sent=self._tries.attempts > 0))
        if self._wake is not None and now >= self._wake:
            waiting, self._wake, self._waiting_for = self._waiting_for, None, None
            return self._launch(waiting, now) if waiting is not None else self._next_target(now)
        return []

    def receive(self, signal: Signal, now: float) -> list[Action]:
        """Handle a signal. One about an attempt that no longer runs is ignored."""
        if self.settled:
            return []
        match signal:
            case Ended(attempt) if self._is_running(attempt):
                return self._won(attempt)
            case Began(attempt) if self._is_running(attempt):
                return self._commit(attempt) if self._rules.streamed else []
            case Failed(attempt) if self._is_running(attempt):
                return self._failed(signal, now)
            case Cancelled(failure):
                return self._stop(failure)
            case _:
                return []

    # ---- transitions ----

    def _is_running(self, attempt: int) -> bool:
        return self._current is not None and attempt == self._tries.attempts

    def _commit(self, attempt: int) -> list[Action]:
        if self.committed is not None:
            return []
        self.committed = attempt
        return [Commit(attempt)]

    def _won(self, attempt: int) -> list[Action]:
        permit = self._permit
        if permit is not None:
            self._health.succeeded(permit)
        return [*self._commit(attempt), *self._settle(Settle(attempt))]

    def _failed(self, signal: Failed, now: float) -> list[Action]:
        failure, current = signal.failure, self._current
        if current is None:
            return []
        verdict = verdict_of(failure, max_wait=self._rules.max_wait, took=now - self._launched_at)
        self._last = failure
        if self._permit is not None:
            of_others = self._rules.free and verdict.aside is Cooldown.MODEL
            self._health.failed(self._permit, failure, Cooldown.NOTHING if of_others else verdict.aside, now)
        self._release()
        self._current = None
        if self.committed is not None:
            return self._surface(signal, "the answer had begun, so nothing may replace it")
        if self._rules.has_effects and signal.answered:
            return self._surface(signal, "hosted tools may have acted, so nothing is repeated")
        if verdict.why:
            self._decide(signal, verdict.why)
        if verdict.retry is Retry.AT_ONCE and self._may_repeat_at_once(current, now):
            return self._repeat_at_once(current, signal, now)
        first = verdict.retry in (Retry.FIRST, Retry.AT_ONCE)
        if first and (actions := self._retry(current, signal, verdict, now)) is not None:
            return actions
        if not self._may_fall_back(current, verdict, translated=signal.translated):
            return self._surface(signal, "another target would not help")
        if (actions := self._fall_back(signal, now)) is not None:
            return actions
        if verdict.retry is Retry.LAST and (actions := self._retry(current, signal, verdict, now)) is not None:
            return actions
        self._decide(signal, "no other target is left")
        return self._settle(Settle(signal.attempt, self._with_soonest(failure, now)))

    def _decide(self, signal: Failed, what: str) -> None:
        """Note a decision after an earlier one on the same attempt, such as why there is no retry."""
        earlier = self.decisions.get(signal.attempt)
        self.decisions[signal.attempt] = f"{earlier}; {what}" if earlier else what

    # ---- the same target again ----

    def _may_repeat_at_once(self, current: Try, now: float) -> bool:
        if self._repeated_at_once or self._tries.kept_for_others:
            return False
        return now <= self._tries.latest_retry(current, now)

    def _repeat_at_once(self, current: Try, signal: Failed, now: float) -> list[Action]:
        """Repeat an attempt that says nothing of the target: it does not count towards `max_retries`."""
        self._repeated_at_once = True
        current.count -= 1
        self._decide(signal, "retry at once on a fresh connection")
        return self._launch(current, now)

    def _retry(self, current: Try, signal: Failed, verdict: Verdict, now: float) -> list[Action] | None:
        """Try the same target again, now or later; `None` when that is not possible."""
        delay = backoff.delay(current.count, self._rules.retry_delay, signal.failure.retry_after, self._rng)
        if (why_not := self._why_no_retry(current, verdict, delay, now)) is not None:
            self._decide(signal, f"no retry: {why_not}")
            return None
        self._decide(signal, f"retry in {delay:.2f} s")
        return self._wait_for(current, now, now + delay)

    def _why_no_retry(self, current: Try, verdict: Verdict, delay: float, now: float) -> str | None:
        """Return what forbids a retry; `None` when nothing does, and the retry budget has granted it."""
        if current.count >= self._rules.max_tries:
            made = "1 try was" if current.count == 1 else f"{current.count} tries were"
            return f"{made} made (max_retries)"
        if verdict.retries is not None and current.count > verdict.retries:
            return f"this kind of failure is worth {verdict.retries + 1} tries"
        if self._tries.kept_for_others:
            return "the attempts left are kept for the other targets (max_attempts)"
        if now + delay > self._tries.latest_retry(current, now):
            others = "use the time that other targets need" if self._tries.others(current, now) else "pass the deadline"
            return f"{delay:.1f} s of waiting would {others}"
        if not self._budgets.retry(_credential(current.step.target)).withdraw(now):
            return "the retry budget is used up"
        return None

    # ---- another target ----

    def _fall_back(self, signal: Failed, now: float) -> list[Action] | None:
        """Turn to the targets that were not tried yet; `None` if no such target is left or can be asked."""
        if not self._tries.untried():
            return None
        actions = self._advance(now)
        match actions:
            case None:
                self._decide(signal, f"in cooldown: {self._denied()}" if self.denials else "max_attempts are made")
            case [Launch(target=target)]:
                self._decide(signal, f"fall back to {target.label}")
            case []:
                self._decide(signal, f"wait {(self._wake or now) - now:.1f} s for a target in cooldown")
            case _:
                self._decide(signal, "too little of the deadline is left for another target")
        return actions

    def _may_fall_back(self, current: Try, verdict: Verdict, *, translated: bool) -> bool:
        match verdict.fallback:
            case Fallback.ALWAYS:
                return True
            case Fallback.NEVER:
                return False
            case Fallback.ON_FILTER:
                return self._rules.fallback_on_filter
            case Fallback.IF_TRANSLATED:
                return translated
            case Fallback.LARGER_WINDOW:
                self._tries.close_smaller(current.step)
                return bool(self._tries.untried())

    # ---- launching ----

    def _next_target(self, now: float) -> list[Action]:
        """Turn to a target that was not tried yet; settle when none can be asked."""
        if (actions := self._advance(now)) is not None:
            return actions
        failure = self._with_soonest(self._last or self._all_in_cooldown(), now)
        return self._settle(Settle(self._tries.attempts or None, failure))

    def _advance(self, now: float) -> list[Action] | None:
        """Launch the first target that was not tried and is not in cooldown; else wait for one, or probe one."""
        if self._tries.attempts:
            if not self._tries.may_start(now):
                return self._stop(Failure(kind=FailureKind.DEADLINE, message=self._late()))
            if self._tries.left <= 0:
                return None
        soonest: float | None = None
        for each in self._tries.all:
            if each.launched or each.closed:
                continue
            permit = self._health.acquire(each.step.target, now)
            if isinstance(permit, Permit):
                return self._start(each, permit, now)
            self._note_denial(each, permit, now)
            soonest = permit.until if soonest is None else min(soonest, permit.until)
        if soonest is None:
            return None
        if self._is_short(soonest - now) and soonest <= self._tries.deadline - LEAST:
            until = now + backoff.after(soonest - now, self._rng)
            return self._wait_for(None, now, min(until, self._tries.deadline - LEAST))
        for each in self._tries.untried():
            if (probe := self._health.probe(each.step.target, now)) is not None:
                return self._start(each, probe, now)
        return self._behind_a_probe(now)

    def _behind_a_probe(self, now: float) -> list[Action] | None:
        """Wait while another request probes, within `max_wait`: when its probe succeeds, this one goes on too."""
        if self._tries.attempts or not any(
            self._health.is_probed(each.step.target, now) for each in self._tries.untried()
        ):
            return None
        began = now if self._wait_began is None else self._wait_began
        look = now + PROBE_LOOK
        if look > min(began + self._rules.max_wait, self._tries.deadline - LEAST):
            return None
        return self._wait_for(None, now, look)

    def _is_short(self, wait: float) -> bool:
        return wait <= self._rules.max_wait

    def _wait_for(self, target: Try | None, now: float, until: float) -> list[Action]:
        if self._wait_began is None:
            self._wait_began = now
        self._waiting_for = target
        if target is not None and until <= now:
            self._waiting_for = None
            return self._launch(target, now)
        self._wake = until
        return []

    def _launch(self, each: Try, now: float) -> list[Action]:
        """Launch the next attempt at a target that was tried already."""
        permit = self._health.acquire(each.step.target, now)
        if isinstance(permit, Permit):
            return self._start(each, permit, now)
        if not self._tries.untried():
            # This request's own rate limit put the target in cooldown, and its wait has been served.
            probe = self._health.probe(each.step.target, now)
            if probe is not None:
                return self._start(each, probe, now)
        if self._is_short(permit.until - now) and permit.until <= self._tries.latest_retry(each, now):
            return self._wait_for(each, now, permit.until)
        self._note_denial(each, permit, now)
        return self._next_target(now)

    def _start(self, each: Try, permit: Permit, now: float) -> list[Action]:
        target = each.step.target
        if not each.launched:
            self._budgets.retry(_credential(target)).deposit(now)
        each.count += 1
        self._tries.attempts += 1
        self._current = each
        self._permit = permit
        self._launched_at = now
        waited = 0.0 if self._wait_began is None else now - self._wait_began
        self._wait_began = None
        return [Launch(self._tries.attempts, target, self._limits(each, now), waited)]

    def _limits(self, each: Try, now: float) -> Limits:
        """Return the time-outs of an attempt: within the deadline, and within its share while others are untried."""
        limits, remaining = each.step.target.limits, self._tries.deadline - now
        share = self._tries.share(each, now) if len(self._tries.all) > 1 else None
        if share is not None and not each.launched:
            each.share_ends = now + share
        each.launched = True
        if share is None and limits.total <= remaining:
            return limits
        return msgspec.structs.replace(limits, total=min(limits.total, remaining), yield_by=share)

    def _note_denial(self, each: Try, denial: Denial, now: float) -> None:
        label = each.step.target.label
        self.denials[label] = f"{label} for {denial.until - now:.0f} s ({denial.why})"

    # ---- ends ----

    def _all_in_cooldown(self) -> Failure:
        if not self.denials:
            return _nothing_to_try()
        message = f"every target is in cooldown: {self._denied()}"
        return Failure(kind=FailureKind.OVERLOADED, message=message, sent=False)

    def _denied(self) -> str:
        return "; ".join(self.denials.values())

    def _with_soonest(self, failure: Failure, now: float) -> Failure:
        """Return a failure with the soonest wait as its hint: a target that could not be asked may be back earlier."""
        if failure.retry_after is None and self._tries.attempts:
            return failure
        denials = (self._health.denial(each.step.target, now) for each in self._tries.untried())
        waits = [denial.until - now for denial in denials if denial is not None]
        soonest = min([*waits, math.inf if failure.retry_after is None else failure.retry_after])
        return msgspec.structs.replace(failure, retry_after=soonest) if math.isfinite(soonest) else failure

    def _surface(self, signal: Failed, why: str) -> list[Action]:
        self._decide(signal, why)
        return self._settle(Settle(signal.attempt, signal.failure, surfaced=True))

    def _stop(self, failure: Failure) -> list[Action]:
        actions: list[Action] = []
        running = self._tries.attempts if self._current is not None else None
        if running is not None:
            actions.append(Abort(running, failure))
        return [*actions, *self._settle(Settle(running, failure, surfaced=True))]

    def _settle(self, action: Settle) -> list[Action]:
        self.settled = True
        self._release()
        return [action]

    def _release(self) -> None:
        if self._permit is not None:
            self._health.release(self._permit)
            self._permit = None

    def _late(self) -> str:
        last = f"; the last failure was {self._last.kind}: {self._last.message}" if self._last else ""
        return f"the request's deadline of {self._rules.deadline:g} s passed{last}"


def _credential(target: Target) -> str:
    return target.credential or target.name


def _nothing_to_try() -> Failure:
    return Failure(kind=FailureKind.UNSUPPORTED, message="no target can take this request", sent=False)
