"""Which target is asked next: one that was not tried yet, unless what is known of its health forbids it.

When nothing may be asked, a request waits: for the end of the shortest cooldown, or behind the one request that probes.
It does so too when all its targets were tried, as long as it has attempts and time left and one of them may come back.
Waiting is no attempt.
"""

from __future__ import annotations

import math
from random import Random

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.policy import backoff
from understudy.policy.budgets import RetryBudget
from understudy.policy.cooldowns import Denial
from understudy.policy.health import Health, Permit
from understudy.policy.signals import Rules
from understudy.policy.skipped import Skipped, also_refused, skipped
from understudy.policy.tries import LEAST, Tries, Try

PROBE_LOOK = 0.2
"""Seconds after which a request that waits for another one's probe looks whether it has ended."""


class Pick(msgspec.Struct, frozen=True):
    """A target, and the permit to launch an attempt at it."""

    target: Try
    permit: Permit


class Wait(msgspec.Struct, frozen=True):
    """No target can be asked before `until`, in the clock of the call."""

    until: float


class Picker:
    """Picks targets for one request. `denials` holds, by label, those that were skipped and why."""

    __slots__ = ("_health", "_hedge", "_rng", "_rules", "_tries", "caller", "denials")

    def __init__(self, tries: Tries, rules: Rules, health: Health, rng: Random) -> None:
        self._tries = tries
        self._rules = rules
        self._health = health
        self._rng = rng
        self.caller = health.new_caller()
        self.denials: dict[str, Skipped] = {}
        self._hedge: tuple[Try, RetryBudget] | None = None
        """Which target is asked beside the first one, and at the expense of which budget, until that is settled."""

    def next(self, now: float, wait_began: float | None) -> Pick | Wait | None:
        """Pick the first target that was not tried and may be asked; else one that has come back; else wait.

        `wait_began` is when this request began to wait, if it waits already. `None` if no target is left to ask.
        """
        denied: list[Denial] = []
        for each in self._tries.untried():
            permit = self._acquire(each, now)
            if isinstance(permit, Permit):
                return Pick(each, permit)
            denied.append(permit)
        if self._tries.attempts and not self._tries.kept_for_others:
            for each in self._tries.tried():
                match self._come_back(each, now):
                    case Permit() as back:
                        return Pick(each, back)
                    case Denial() as denial:
                        denied.append(denial)
                    case None:
                        pass
        return self._wait(denied, now, now if wait_began is None else wait_began) if denied else None

    def _wait(self, denied: list[Denial], now: float, wait_began: float) -> Pick | Wait | None:
        """Wait for the first of the targets that may be asked again, or probe one in spite of its cooldown."""
        latest = min(wait_began + self._rules.max_wait, self._tries.deadline - LEAST)
        soonest = min(denial.until for denial in denied)
        in_time = soonest <= latest
        if now + PROBE_LOOK <= latest and any(denial.probed and (denial.breaker or in_time) for denial in denied):
            return Wait(min(soonest, now + PROBE_LOOK))
        if in_time:
            return Wait(min(now + backoff.after(soonest - now, self._rng), latest))
        for each in self._tries.untried():
            if (probe := self._health.probe(each.step.target, now, self.caller, free=self._rules.free)) is not None:
                return Pick(each, probe)
        if self._tries.attempts == 0 and now + PROBE_LOOK <= latest and any(denial.probed for denial in denied):
            return Wait(now + PROBE_LOOK)
        return None

    def _come_back(self, each: Try, now: float) -> Permit | Denial | None:
        """Ask for a target that failed, if it was denied since: its breaker or cooldown says when it is back."""
        if not each.may_come_back:
            return None
        denial = self._health.denial(each.step.target, now, free=self._rules.free, last=True, but=each.dead_keys)
        if denial is None and not each.denied:
            return None
        permit = self._acquire(each, now)
        each.denied = isinstance(permit, Denial)
        return permit

    def same(self, each: Try, now: float, longest: float) -> Pick | Wait | None:
        """Ask for a permit to try a target again; `None` if what forbids it is too long to wait for.

        `longest` is what a back-off could have been: while another target is left, no breaker is waited for longer.
        """
        permit = self._acquire(each, now)
        if isinstance(permit, Permit):
            return Pick(each, permit)
        patience = min(longest, self._rules.max_wait) if permit.breaker else self._rules.max_wait
        waits = permit.until - now <= patience and permit.until <= self._tries.latest_retry(each, now)
        # The wait for this request's own rate limit has been served; what another one met is waited for.
        if waits and permit.until > each.own_cooldown:
            return Wait(permit.until)
        if not self._tries.untried() and not permit.breaker:
            free, but = self._rules.free, each.dead_keys
            probe = self._health.probe(each.step.target, now, self.caller, free=free, but=but)
            if probe is not None:
                return Pick(each, probe)
        return Wait(permit.until) if waits else None

    def other_key(self, each: Try, now: float) -> Pick | str:
        """Pick another key of a target's pool, after one was limited or refused; else return why there is none.

        The targets that were not tried yet keep their attempts and their time.
        """
        if self._tries.kept_for_others:
            whose = "left" if self._tries.left <= 0 else "left besides those for the other targets"
            return f"no other key: no attempt is {whose} (max_attempts)"
        if now > self._tries.latest_retry(each, now):
            return "no other key: too little time is left"
        permit = self._ask(each, now, each.failed_keys)
        if isinstance(permit, Denial):
            return f"no other of the {len(each.step.target.credentials)} keys may be used"
        return Pick(each, permit)

    def of_pool(self, each: Try, failure: Failure, now: float) -> Failure:
        """Return the failure of a target of which no other key may be used: it is back with the first of them."""
        target, free = each.step.target, self._rules.free
        hint, count = failure.retry_after, len(target.credentials)
        if self._health.denial(target, now, free=free, but=each.failed_keys) is None:
            return failure  # only an attempt or time was missing
        if hint is not None:
            refused = self._health.refused_keys(target, now, each.dead_keys, free=free)
            denial = self._health.denial(target, now, free=free, but=refused)
            hint = min(hint, denial.until - now) if denial is not None else hint
        message = f"none of the {count} keys of {target.name} may be used now; the last failure was: {failure.message}"
        return msgspec.structs.replace(failure, message=message, retry_after=hint)

    def hedge(self, now: float, budget: RetryBudget) -> Pick | None:
        """Pick a target to ask beside the one that is being asked: never waits, never probes.

        It draws on the budget of the key whose answer is late.
        """
        if self._tries.left <= 0 or not self._tries.may_start(now):
            return None
        for each in self._tries.untried():
            target = each.step.target
            if not target.idempotent or self._health.is_suspect(target, now):
                continue
            if not budget.withdraw_hedge():
                return None
            permit = self._acquire(each, now)
            if isinstance(permit, Permit):
                self._hedge = each, budget
                return Pick(each, permit)
            budget.return_hedge()
            return None
        return None

    def refused(self, each: Try, failure: Failure, earlier: Failure | None, now: float) -> Failure:
        """Note that a limit of this side forbids a target. Return why, also of those that it forbade before: `earlier`
        is the failure before this one."""
        label = each.step.target.label
        if self._hedge is not None and self._hedge[0] is each:
            self._hedge[1].return_hedge()
            self._hedge = None
        others = [name for name, denial in self.denials.items() if denial.refused and name != label]
        self.denials[label] = Skipped(label, failure.message, now, refused=True)
        return also_refused(earlier, failure, label) if others and earlier is not None else failure

    def _acquire(self, each: Try, now: float) -> Permit | Denial:
        health, target = self._health, each.step.target
        if health.calm and not each.dead_keys:
            return health.acquire(target, now, self.caller)
        permit = self._ask(each, now, each.dead_keys)
        if isinstance(permit, Denial):
            self.denials[target.label] = skipped(target, permit, now)
        return permit

    def _ask(self, each: Try, now: float, but: tuple[str, ...]) -> Permit | Denial:
        """Ask for a permit; whether there is another target matters only beside a probe that has had an answer."""
        health, target, free = self._health, each.step.target, self._rules.free
        permit = health.acquire(target, now, self.caller, free=free, but=but)
        if isinstance(permit, Denial) and permit.proven and self._is_last(each, now):
            return health.acquire(target, now, self.caller, free=free, last=True, but=but)
        return permit

    def _is_last(self, each: Try, now: float) -> bool:
        """Return whether no other target could be asked now."""
        others = (other for other in self._tries.untried() if other is not each)
        return all(self._health.denial(other.step.target, now, free=self._rules.free) is not None for other in others)

    # ---- what is said of those that could not be asked ----

    def denied(self) -> str:
        """Return which targets may not be asked, for how long and why."""
        return "; ".join(map(str, self.denials.values()))

    def nothing_to_try(self) -> Failure:
        """Return the failure of a request for which no target could be asked. Models that no provider has are unknown
        for as long as their cooldown lasts: to wait for them is useless."""
        if not self.denials:
            return Failure(kind=FailureKind.UNSUPPORTED, message="no target can take this request", sent=False)
        message = f"every target is in cooldown: {self.denied()}"
        unknown = all(each.kind is FailureKind.NOT_FOUND for each in self.denials.values())
        return Failure(kind=FailureKind.NOT_FOUND if unknown else FailureKind.OVERLOADED, message=message, sent=False)

    def with_soonest(self, failure: Failure, now: float) -> Failure:
        """Return a failure with the soonest wait as its hint: a target that could not be asked may be back earlier."""
        if failure.retry_after is None and self._tries.attempts:
            return failure
        free = self._rules.free
        denials = (self._health.denial(each.step.target, now, free=free) for each in self._tries.untried())
        waits = [denial.until - now for denial in denials if denial is not None]
        soonest = min([*waits, math.inf if failure.retry_after is None else failure.retry_after])
        return msgspec.structs.replace(failure, retry_after=soonest) if math.isfinite(soonest) else failure
