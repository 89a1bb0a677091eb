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

from random import Random

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.health import Denial, Health, Permit
from understudy.policy.plan import Plan, Step
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
from understudy.policy.targets import Target
from understudy.policy.verdicts import Fallback, Retry, Verdict, verdict_of

MAX_BACKOFF = 8.0
"""Seconds."""
LEAST_REMAINING = 1.0
"""Seconds of the deadline that must be left for another attempt to start."""


class _Try:
    """What has become of one step of the plan."""

    __slots__ = ("closed", "step", "tries")

    def __init__(self, step: Step) -> None:
        self.step = step
        self.tries = 0
        self.closed = False
        """Not to be tried: it is known to be as small as one that was too small."""


class Call:
    """One request. `decisions` holds, by attempt, what was decided after it and why."""

    def __init__(self, plan: Plan, rules: Rules, *, health: Health, budgets: Budgets, rng: Random) -> None:
        self._rules = rules
        self._health = health
        self._budgets = budgets
        self._rng = rng
        self._tries = [_Try(step) for step in plan.steps]
        self._max_attempts = rules.max_attempts or max(5, len(plan.steps))
        self._attempts = 0
        self._deadline = 0.0
        self._current: _Try | None = None
        self._permit: Permit | None = None
        self._wake: float | None = None
        self._waiting_for: _Try | None = None
        self._wait_began = 0.0
        self._last: Failure | None = None
        self.committed: int | None = None
        self.settled = False
        self.decisions: dict[int, str] = {}
        self.denials: list[str] = []
        """Targets that were passed over without an attempt, and why."""

    @property
    def deadline(self) -> float:
        """When the request must be over, in the clock of `start`."""
        return self._deadline

    def timer(self) -> float | None:
        """Return when `tick` wants to be called; `None` once settled."""
        if self.settled:
            return None
        return min(self._wake, self._deadline) if self._wake is not None else self._deadline

    def start(self, now: float) -> list[Action]:
        """Begin."""
        self._deadline = now + self._rules.deadline - self._rules.spent
        if not self._tries:
            return self._settle(Settle(None, _nothing_to_try(), surfaced=True))
        return self._advance(now)

    def tick(self, now: float) -> list[Action]:
        """Take note of the time."""
        if self.settled:
            return []
        if now >= self._deadline:
            return self._stop(Failure(kind=FailureKind.DEADLINE, message=self._late(), sent=self._attempts > 0))
        if self._wake is not None and now >= self._wake:
            waiting, self._wake, self._waiting_for = self._waiting_for, None, None
            return self._launch(waiting, now) if waiting is not None else self._advance(now)
        return []

    def receive(self, signal: Signal, now: float) -> list[Action]:
        """Take a signal. One that speaks of an attempt that no longer runs is ignored."""
        if self.settled:
            return []
        match signal:
            case Cancelled():
                return self._stop(Failure(kind=FailureKind.CANCELLED, message="the caller gave the request up"))
            case Began(attempt) if self._is_running(attempt):
                return self._commit(attempt) if self._rules.streamed else []
            case Ended(attempt) if self._is_running(attempt):
                return self._won(attempt)
            case Failed(attempt) if self._is_running(attempt):
                return self._failed(signal, now)
            case _:
                return []

    # ---- transitions ----

    def _is_running(self, attempt: int) -> bool:
        return self._current is not None and attempt == self._attempts

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
        verdict = verdict_of(failure, max_wait=self._rules.max_wait)
        self._last = failure
        if self._permit is not None:
            self._health.failed(self._permit, failure, verdict.aside, now)
        self._release()
        self._current = None
        if self.committed is not None:
            return self._surface(signal, "the answer had begun, so nothing may replace it")
        if self._rules.has_effects and signal.answered:
            return self._surface(signal, "hosted tools may have acted, so nothing is repeated")
        if verdict.retry is Retry.FIRST and (actions := self._retry(current, signal, verdict, now)) is not None:
            return actions
        if not self._may_fall_back(current, signal, verdict):
            return self._surface(signal, "another target would not help")
        if (other := self._untried()) is not None:
            self._decide(signal, f"fall back to {other.step.target.label}")
            return self._advance(now)
        if verdict.retry is Retry.LAST and (actions := self._retry(current, signal, verdict, now)) is not None:
            return actions
        self._decide(signal, "no other target is left")
        return self._settle(Settle(signal.attempt, failure))

    def _decide(self, signal: Failed, what: str) -> None:
        """Note a decision after an earlier one on the same attempt, such as why there is no retry."""
        earlier = self.decisions.get(signal.attempt)
        self.decisions[signal.attempt] = f"{earlier}; {what}" if earlier else what

    def _retry(self, current: _Try, signal: Failed, verdict: Verdict, now: float) -> list[Action] | None:
        """Try the same target again, now or later; `None` when that is not possible."""
        if (why_not := self._why_no_retry(current, verdict)) is not None:
            self.decisions[signal.attempt] = f"no retry: {why_not}"
            return None
        delay = self._delay(current, signal.failure)
        if now + delay > self._deadline - LEAST_REMAINING:
            self.decisions[signal.attempt] = f"no retry: {delay:.1f} s of waiting would pass the deadline"
            return None
        if not self._budgets.retry(_credential(current.step.target)).withdraw(now):
            self.decisions[signal.attempt] = "no retry: the retry budget is used up"
            return None
        self.decisions[signal.attempt] = f"retry in {delay:.2f} s"
        return self._wait_for(current, now, now + delay)

    def _why_no_retry(self, current: _Try, verdict: Verdict) -> str | None:
        if current.tries >= self._rules.max_tries:
            made = "1 try was" if current.tries == 1 else f"{current.tries} tries were"
            return f"{made} made (max_retries)"
        if verdict.retries is not None and current.tries > verdict.retries:
            return f"this kind of failure is worth {verdict.retries + 1} tries"
        untried = sum(1 for other in self._tries if not other.tries and not other.closed)
        if self._max_attempts - self._attempts <= untried:
            return "the attempts left are kept for the other targets (max_attempts)"
        return None

    def _delay(self, current: _Try, failure: Failure) -> float:
        """Full jitter; a provider's hint prevails, with up to a tenth on top so that callers do not return at once."""
        ceiling = min(MAX_BACKOFF, self._rules.retry_delay * 2 ** (current.tries - 1))
        backoff = self._rng.uniform(0.0, ceiling)
        hint = failure.retry_after
        if hint is None or hint > self._rules.max_wait:
            return backoff
        return max(hint, backoff) + self._rng.uniform(0.0, 0.1 * hint)

    def _may_fall_back(self, current: _Try, signal: Failed, verdict: Verdict) -> bool:
        match verdict.fallback:
            case Fallback.ALWAYS:
                return True
            case Fallback.NEVER:
                return False
            case Fallback.ON_FILTER:
                return self._rules.fallback_on_filter
            case Fallback.IF_TRANSLATED:
                return signal.translated
            case Fallback.LARGER_WINDOW:
                self._close_smaller(current.step)
                return self._untried() is not None

    def _close_smaller(self, step: Step) -> None:
        """Close the targets that are known to hold no more than the one whose window was too small."""
        for other in self._tries:
            same = other.step.target.label == step.target.label
            known = step.context_window is not None and other.step.context_window is not None
            if same or (known and (other.step.context_window or 0) <= (step.context_window or 0)):
                other.closed = True

    def _untried(self) -> _Try | None:
        return next((each for each in self._tries if not each.tries and not each.closed), None)

    # ---- launching ----

    def _advance(self, now: float) -> list[Action]:
        """Launch the first target that was not tried and is not set aside; else wait for one, or probe one."""
        if self._attempts and now > self._deadline - LEAST_REMAINING:
            return self._stop(Failure(kind=FailureKind.DEADLINE, message=self._late()))
        soonest: tuple[float, _Try] | None = None
        if self._attempts >= self._max_attempts:
            return self._settle(Settle(self._attempts, self._last or _nothing_to_try()))
        for each in self._tries:
            if each.tries or each.closed:
                continue
            denial = self._health.denial(each.step.target, now)
            if denial is None:
                return self._launch(each, now)
            self._note_denial(each, denial, now)
            if soonest is None or denial.until < soonest[0]:
                soonest = (denial.until, each)
        if soonest is None:
            return self._settle(Settle(self._attempts or None, self._last or _nothing_to_try()))
        return self._all_aside(*soonest, now)

    def _all_aside(self, until: float, soonest: _Try, now: float) -> list[Action]:
        """Every target left is set aside: wait when the wait is short, else let one probe through (row 69)."""
        if self._is_short(until, now):
            return self._wait_for(None, now, until + self._rng.uniform(0.0, 0.1 * (until - now)))
        for each in self._tries:
            if each.tries or each.closed:
                continue
            if (permit := self._health.probe(each.step.target, now)) is not None:
                return self._start(each, permit, now)
        failure = Failure(
            kind=FailureKind.OVERLOADED if self._last is None else self._last.kind,
            message=f"every target is set aside; {'; '.join(dict.fromkeys(self.denials))}",
            retry_after=until - now,
            sent=False,
        )
        return self._settle(Settle(self._attempts or None, failure))

    def _is_short(self, until: float, now: float) -> bool:
        return until - now <= self._rules.max_wait and until < self._deadline - LEAST_REMAINING

    def _wait_for(self, target: _Try | None, now: float, until: float) -> list[Action]:
        self._wait_began = now
        self._waiting_for = target
        if target is not None and until <= now:
            self._waiting_for = None
            return self._launch(target, now)
        self._wake = until
        return []

    def _launch(self, each: _Try, now: float) -> list[Action]:
        permit = self._health.acquire(each.step.target, now)
        if isinstance(permit, Denial):
            if each.tries:
                # This request's own rate limit set the target aside, and its wait has been served.
                probe = self._health.probe(each.step.target, now)
                if probe is not None:
                    return self._start(each, probe, now)
                if self._is_short(permit.until, now):
                    return self._wait_for(each, now, permit.until)
            self._note_denial(each, permit, now)
            return self._advance(now)
        return self._start(each, permit, now)

    def _start(self, each: _Try, permit: Permit, now: float) -> list[Action]:
        target = each.step.target
        if not each.tries:
            self._budgets.retry(_credential(target)).deposit(now)
        each.tries += 1
        self._attempts += 1
        self._current = each
        self._permit = permit
        waited, self._wait_began = (now - self._wait_began if self._wait_began else 0.0), 0.0
        limits = target.limits
        remaining = self._deadline - now
        if limits.total > remaining:
            limits = msgspec.structs.replace(limits, total=remaining)
        return [Launch(self._attempts, target, limits, waited)]

    def _note_denial(self, each: _Try, denial: Denial, now: float) -> None:
        self.denials.append(f"{each.step.target.label} for {denial.until - now:.0f} s ({denial.why})")

    # ---- ends ----

    def _surface(self, signal: Failed, why: str) -> list[Action]:
        self.decisions[signal.attempt] = why
        return self._settle(Settle(signal.attempt, signal.failure, surfaced=True))

    def _stop(self, failure: Failure) -> list[Action]:
        actions: list[Action] = []
        running = self._attempts if self._current is not None else None
        if running is not None:
            actions.append(Abort(running, failure))
        return [*actions, *self._settle(Settle(running, failure, surfaced=True))]

    def _settle(self, action: Settle) -> list[Action]:
        self.settled = True
        self._release()
        self._current = None
        self._wake = None
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
