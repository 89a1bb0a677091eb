"""Active probes: what is asked of a provider, for nothing, about a target that failed, and what the answer shows.

A list of models shows less than an answer does, and never more than it can:

    held against the target         a success of the free operation      a failure of it
    the breaker of its host         counts: two of them close it         opens it again
    its own breaker                 shows nothing: models may fail       opens it again, a few times: no caller needs
                                    while their list is served           to find out that the server is still down
    a key or certificate that was   ends that                            changes nothing
    refused

Pure: time and chance are arguments.
"""

from __future__ import annotations

import math
from random import Random

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.breaker import LONGEST_OPEN, BreakerState
from understudy.policy.cooldowns import Denial
from understudy.policy.health import Health, Permit
from understudy.policy.targets import Target
from understudy.policy.verdicts import VERDICTS, Cooldown, Trips

LOOK = 0.2
"""Seconds after which it is looked whether another probe has ended."""
POSTPONED = 3
"""How often in a row the failure of a free operation keeps a target's breaker open. Then a caller probes: the list of
models may be down by itself."""
_BY_ANY_ANSWER = frozenset({FailureKind.TLS})
_BY_AUTHENTICATION = frozenset({FailureKind.TLS, FailureKind.AUTHENTICATION})
"""Refusals that a success disproves. Credit that is used up and models that are missing are not among them."""


class Check(msgspec.Struct, frozen=True):
    """A free operation to be asked for now, with the key that `target.credential` names."""

    target: Target
    permit: Permit | None = None
    """For a breaker that is probed; `None` for a refused key."""
    of_host: bool = False
    """The breaker is the host's alone."""


class Watch:
    """What is held against one target, from the failure that began it until nothing is left for a free operation."""

    __slots__ = ("_caller", "_due", "_health", "_interval", "_is_over", "_kinds", "_postponed", "_rng", "_target")

    def __init__(self, target: Target, health: Health, rng: Random, *, interval: float, shows_key: bool) -> None:
        """`interval`: seconds between two checks of a refused key. `shows_key`: the operation needs a valid key."""
        # Of a pool, an attempt's target names the key that was used, and that may be refused.
        self._target = msgspec.structs.replace(target, credential="") if target.credentials else target
        self._health = health
        self._rng = rng
        self._interval = interval
        self._kinds = _BY_AUTHENTICATION if shows_key else _BY_ANY_ANSWER
        self._caller = health.new_caller()
        self._due: dict[str, float] = {}
        """When each refused key is checked next."""
        self._postponed = 0
        self._is_over = False
        """Nothing more is to be learned about the breakers."""

    def is_needed(self, now: float) -> bool:
        """Return whether anything is held against the target that a free operation could show to be over."""
        if self._health.breaker_state(self._target, now) is not BreakerState.CLOSED:
            return True
        return bool(self._health.refused(self._target, now, self._kinds))

    def next(self, now: float) -> Check | float | None:
        """Return what to check now, or until when to wait; `None` if nothing is left to check."""
        waits = []
        for found in (self._breakers(now), self._keys(now)):
            if isinstance(found, Check):
                return found
            if found is not None:
                waits.append(found)
        return min(waits, default=None)

    def checked(self, check: Check, failure: Failure | None, now: float) -> None:
        """Note how a check ended. Its permit is returned by `release`."""
        if check.permit is None:
            if failure is None:
                self._health.lift_refused(check.target, self._kinds)
            return
        if failure is None:
            self._health.succeeded(check.permit, now, free=True)
            self._is_over = not check.of_host
            return
        trips = VERDICTS[failure.kind].trips
        if check.of_host:
            # Only that a host is not reached counts against it; any answer shows that it was.
            trips = trips if trips is Trips.ENDPOINT else Trips.NOTHING
            self._is_over = trips is Trips.NOTHING and failure.status is None
        else:
            trips = trips if trips is Trips.NOTHING else Trips.TARGET
            self._postponed += 1
            self._is_over = trips is Trips.NOTHING or self._postponed >= POSTPONED
        self._health.failed(check.permit, failure, Cooldown.NOTHING, now, trips)

    def release(self, check: Check) -> None:
        """Return the permit of a check, whatever became of it."""
        if check.permit is not None:
            self._health.release(check.permit)

    def _breakers(self, now: float) -> Check | float | None:
        if self._is_over or self._health.breaker_state(self._target, now) is BreakerState.CLOSED:
            return None
        for of_host in (True, False):
            permit = self._health.acquire(self._target, now, self._caller, free=of_host)
            if isinstance(permit, Denial):
                return self._later(permit, now)
            if permit.leases:
                return Check(permit.target, permit, of_host)
            self._health.release(permit)
        return None

    def _later(self, denial: Denial, now: float) -> float | None:
        """Return when to look again: what refuses may end early. `None` for what an operator disabled."""
        if math.isinf(denial.until) and not denial.probed:
            return None
        return min(denial.until, now + (LOOK if denial.probed else LONGEST_OPEN))

    def _keys(self, now: float) -> Check | float | None:
        refused = self._health.refused(self._target, now, self._kinds)
        self._due = {each.credential: self._due.get(each.credential) or self._soon(now) for each in refused}
        for each in refused:
            if self._due[each.credential] <= now:
                self._due[each.credential] = self._soon(now)
                return Check(each)
        return min(self._due.values(), default=None)

    def _soon(self, now: float) -> float:
        """Return the time of a key's next check: processes that share a key do not check it in step."""
        return now + self._interval * self._rng.uniform(0.9, 1.1)
