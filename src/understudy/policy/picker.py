"""Which target is asked next: one that was not tried yet, unless a cooldown denies it."""

from __future__ import annotations

import math
from random import Random

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.policy import backoff
from understudy.policy.health import Denial, Health, Permit
from understudy.policy.signals import Rules
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

    __slots__ = ("_health", "_rng", "_rules", "_tries", "denials")

    def __init__(self, tries: Tries, rules: Rules, health: Health, rng: Random) -> None:
        self._tries = tries
        self._rules = rules
        self._health = health
        self._rng = rng
        self.denials: dict[str, str] = {}

    def fresh(self, now: float, wait_began: float | None) -> Pick | Wait | None:
        """Pick the first target that was not tried and is not in cooldown; else wait for one, or probe one.

        `wait_began` is when this request began to wait, if it waits already. `None` if no target is left to ask.
        """
        soonest: float | None = None
        for each in self._tries.all:
            if each.launched or each.closed:
                continue
            permit = self._health.acquire(each.step.target, now)
            if isinstance(permit, Permit):
                return Pick(each, permit)
            self._note_denial(each, permit, now)
            soonest = permit.until if soonest is None else min(soonest, permit.until)
        if soonest is None:
            return None
        last = self._tries.deadline - LEAST
        if soonest - now <= self._rules.max_wait and soonest <= last:
            return Wait(min(now + backoff.after(soonest - now, self._rng), last))
        for each in self._tries.untried():
            if (probe := self._health.probe(each.step.target, now)) is not None:
                return Pick(each, probe)
        return self._behind_a_probe(now, now if wait_began is None else wait_began)

    def _behind_a_probe(self, now: float, wait_began: float) -> Wait | None:
        """Wait while another request probes, within `max_wait`: when its probe succeeds, this one goes on too."""
        untried = self._tries.untried()
        if self._tries.attempts or not any(self._health.is_probed(each.step.target, now) for each in untried):
            return None
        look = now + PROBE_LOOK
        if look > min(wait_began + self._rules.max_wait, self._tries.deadline - LEAST):
            return None
        return Wait(look)

    def same(self, each: Try, now: float) -> Pick | Wait | None:
        """Ask for a permit to try a target again; `None` if its cooldown is too long to wait for."""
        permit = self._health.acquire(each.step.target, now)
        if isinstance(permit, Permit):
            return Pick(each, permit)
        if not self._tries.untried():
            # This request's own rate limit put the target in cooldown, and its wait has been served.
            probe = self._health.probe(each.step.target, now)
            if probe is not None:
                return Pick(each, probe)
        if permit.until - now <= self._rules.max_wait and permit.until <= self._tries.latest_retry(each, now):
            return Wait(permit.until)
        self._note_denial(each, permit, now)
        return None

    def hedge(self, now: float) -> Pick | None:
        """Pick a target to ask beside the one that is being asked: never waits, never probes."""
        if self._tries.left <= 0 or not self._tries.may_start(now):
            return None
        for each in self._tries.untried():
            permit = self._health.acquire(each.step.target, now)
            if isinstance(permit, Permit):
                return Pick(each, permit)
        return None

    def _note_denial(self, each: Try, denial: Denial, now: float) -> None:
        label = each.step.target.label
        self.denials[label] = f"{label} for {denial.until - now:.0f} s ({denial.why})"

    # ---- what is said of those that could not be asked ----

    def denied(self) -> str:
        """Return which targets are in cooldown, for how long and why."""
        return "; ".join(self.denials.values())

    def nothing_to_try(self) -> Failure:
        """Return the failure of a request for which no target could be asked."""
        if not self.denials:
            return Failure(kind=FailureKind.UNSUPPORTED, message="no target can take this request", sent=False)
        message = f"every target is in cooldown: {self.denied()}"
        return Failure(kind=FailureKind.OVERLOADED, message=message, sent=False)

    def with_soonest(self, failure: Failure, now: float) -> Failure:
        """Return a failure with the soonest wait as its hint: a target that could not be asked may be back earlier."""
        if failure.retry_after is None and self._tries.attempts:
            return failure
        denials = (self._health.denial(each.step.target, now) for each in self._tries.untried())
        waits = [denial.until - now for denial in denials if denial is not None]
        soonest = min([*waits, math.inf if failure.retry_after is None else failure.retry_after])
        return msgspec.structs.replace(failure, retry_after=soonest) if math.isfinite(soonest) else failure
