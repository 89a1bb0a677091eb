"""Which targets may be asked, and until when not; and what was learned of targets.

One object per manager, called without `await`, so it needs no lock. Two kinds of memory forbid an attempt: cooldowns,
after what a provider *says* (wait so long, this key is invalid), and circuit breakers, after what it *does* (it fails
again and again). An operator's `disable` is a third, which only `enable` ends.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from random import Random

import msgspec
from msgspec.structs import replace

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.breaker import Breaker, BreakerState, Ended, Refusal
from understudy.policy.changes import Changes
from understudy.policy.cooldowns import Cooldowns, Denial, Pause
from understudy.policy.denials import Denials
from understudy.policy.flows import Flows
from understudy.policy.key_pools import KeyPools
from understudy.policy.latencies import Latencies
from understudy.policy.lengths import AnswerLengths
from understudy.policy.quotas import Quotas
from understudy.policy.targets import Target, TargetFacts
from understudy.policy.verdicts import NOT_OF_THE_TARGET, OF_THE_KEY, Cooldown, Trips

UNKNOWN_SILENCE = 10.0
"""Seconds of silence after which a target is late of which too little was observed."""

DISABLED = "disabled by the operator"
"""Why an entry is not asked that was disabled."""


class Permit(msgspec.Struct, frozen=True):
    """Permission to launch an attempt, returned when the attempt is settled."""

    target: Target
    launched: float
    """Monotonic seconds."""
    caller: int = 0
    """Whose request it is: the failures of one request alone are no outage while others are under way."""
    probes: tuple[Pause, ...] = ()
    """The cooldowns that the attempt probes: it was let through in spite of them, because no other target is left."""
    leases: tuple[tuple[Breaker, int], ...] = ()
    """The half-open breakers that it probes, with the number of its lease."""
    numbers: tuple[int, int] = (0, 0)
    """The attempt's number among those at its host, and among those at its target."""
    key: str = ""
    """The name of the key that it uses, of a pool, which is then the target's `credential`; empty without a pool."""

    @property
    def is_probe(self) -> bool:
        """Whether others wait for what becomes of this attempt."""
        return bool(self.probes or self.leases)


_NONE: frozenset[str] = frozenset()


class Health:
    """Cooldowns and breakers, the attempts in flight, and how long answers are.

    `rng` draws how long a breaker stays open.
    """

    def __init__(self, rng: Random | None = None) -> None:
        self._rng = rng or Random()
        self._cooldowns = Cooldowns()
        self._pools = KeyPools(self._cooldowns)
        self._flows = Flows()
        self._denials = Denials()
        self.disabled: set[str] = set()
        """Entries that an operator disabled: read only."""
        self._callers = 0
        self.lengths = AnswerLengths()
        self.latencies: Latencies | None = None
        """Learned only if a strategy may read them: see `learn_latencies`."""
        self.changes: Changes | None = None
        """Of which targets the attempts in flight or the latency changed; noted only if an order is kept up to date by
        it: see `note_changes`."""
        self.quotas = Quotas()
        self.calm = True
        """Nothing is remembered against any target, not even what is over: `denial` is `None` for each."""

    # ---- permits ----

    def new_caller(self) -> int:
        """Return a number for a request."""
        self._callers += 1
        return self._callers

    def acquire(
        self,
        target: Target,
        now: float,
        caller: int = 0,
        *,
        free: bool = False,
        last: bool = False,
        but: Collection[str] = (),
    ) -> Permit | Denial:
        """Ask for a permit to launch an attempt at a target.

        `free`: the operation uses no model, so what is known of the model does not matter. `last`: the request has no
        other target, so it may go on beside a probe that has had an answer. `but`: keys of a pool that it may not use.
        """
        if not but and (self.calm or not self._holds(target)):
            return self._permitted(target, now, caller)
        denial = self._denial(target, now, free=free, last=last, but=but)
        if denial is not None:
            return denial
        keys = self._pools.usable(target, now, free=free, but=but) if target.credentials else ()
        return self._permitted(target, now, caller, leases=self._lease(target, now, free=free), keys=keys)

    def probe(
        self, target: Target, now: float, caller: int = 0, *, free: bool = False, but: Collection[str] = ()
    ) -> Permit | None:
        """Ask for a permit in spite of a cooldown; `None` if a probe of it runs or has failed already."""
        active = tuple(self._cooldowns.active(target, now, free=free))
        if any(pause.probing or pause.probed for pause in active) or target.name in self.disabled:
            return None
        if any(each.refusal(now) for each in self._flows.breakers_of(target, free=free)):
            return None
        keys: Sequence[str] = ()
        if target.credentials:
            found = self._pools.to_probe(target, now, free=free, but=but)
            if found is None:
                return None
            keys, active = found[0], (*active, *found[1])
        for pause in active:
            pause.probing = True
        leases = self._lease(target, now, free=free)
        return self._permitted(target, now, caller, probes=active, leases=leases, keys=keys)

    def _lease(self, target: Target, now: float, *, free: bool) -> tuple[tuple[Breaker, int], ...]:
        """Take the place of the probe at each half-open breaker of a target where it is free."""
        half_open = [
            each for each in self._flows.breakers_of(target, free=free) if each.state(now) is BreakerState.HALF_OPEN
        ]
        leases = tuple((each, each.lease(now)) for each in half_open if each.refusal(now) is None)
        if leases:
            self._denials.forget()
        return leases

    def release(self, permit: Permit) -> None:
        """Return a permit, whatever the attempt's outcome. The probe of a cancelled request may be made by another."""
        host, own = self._flows.of(permit.target)
        host.in_flight -= 1
        own.in_flight -= 1
        if host.breaker is not None:
            host.breaker.ended(permit.numbers[0])
        if own.breaker is not None:
            own.breaker.ended(permit.numbers[1])
        if self.changes is not None:
            self.changes.note(permit.target.label)
        for pause in permit.probes:
            pause.probing = False
        for breaker, number in permit.leases:
            breaker.end_lease(number)
            self._denials.forget()
        if permit.key:
            self._pools.give_back(permit.key)

    def _permitted(
        self,
        target: Target,
        now: float,
        caller: int,
        *,
        probes: tuple[Pause, ...] = (),
        leases: tuple[tuple[Breaker, int], ...] = (),
        keys: Sequence[str] = (),
    ) -> Permit:
        host, own = self._flows.of(target)
        host.in_flight += 1
        host.launched += 1
        own.in_flight += 1
        own.launched += 1
        if self.changes is not None:
            self.changes.note(target.label)
        key = ""
        if target.credentials:
            key = self._pools.take(keys or target.credentials)
            target = replace(target, credential=key)
        return Permit(target, now, caller, probes, leases, (host.launched, own.launched), key)

    # ---- what is known ----

    def denial(
        self, target: Target, now: float, *, free: bool = False, last: bool = False, but: Collection[str] = ()
    ) -> Denial | None:
        """Return until when and why a target may not be asked; `None` when it may.

        A target with a pool of keys may be while one of them may be used.
        """
        if not but and (self.calm or not self._holds(target)):
            return None
        return self._denial(target, now, free=free, last=last, but=but)

    def _denial(self, target: Target, now: float, *, free: bool, last: bool, but: Collection[str]) -> Denial | None:
        found = [
            Denial(pause.until, pause.why, pause.probing, kind=pause.kind)
            for pause in self._cooldowns.active(target, now, free=free)
        ]
        for breaker in self._flows.breakers_of(target, free=free):
            refusal = breaker.refusal(now)
            if refusal is None or (last and breaker.proven):
                continue
            why, until = refusal
            probed = why is Refusal.PROBED
            why_denied = f"circuit breaker: {breaker.why}"
            found.append(Denial(until, why_denied, probed, breaker=True, proven=breaker.proven))
        if target.credentials and (keys := self._pools.denial(target, now, free=free, but=but)) is not None:
            found.append(keys)
        if target.name in self.disabled:
            found.append(Denial(math.inf, DISABLED, breaker=True))
        return max(found, key=lambda denial: denial.until, default=None)

    def refused_keys(self, target: Target, now: float, keys: Collection[str], *, free: bool = False) -> list[str]:
        """Return those of a pool's keys that were refused: when they are back is not known."""
        return self._pools.refused(target, now, keys, free=free)

    def breaker_state(self, target: Target, now: float) -> BreakerState:
        """Return what the breakers of a target allow: the strictest of them."""
        if target.name in self.disabled:
            return BreakerState.OPEN
        states = {breaker.state(now) for breaker in self._flows.breakers_of(target)}
        return next((state for state in (BreakerState.OPEN, BreakerState.HALF_OPEN) if state in states), _CLOSED)

    def facts(self, target: Target, now: float) -> TargetFacts:
        """Return what is known of a target."""
        denial = self.denial(target, now)
        latency = self.latencies.of(target.label) if self.latencies is not None else None
        return TargetFacts(
            cooling=denial.until - now if denial else None,
            in_flight=self.in_flight(target),
            expected_output=self.lengths.of(target.label),
            first_token=latency.seconds if latency else None,
            first_token_age=now - latency.measured if latency else None,
        )

    def in_cooldown(self, targets: tuple[Target, ...], now: float) -> frozenset[str]:
        """Return the labels of those targets that may not be asked now."""
        if self.calm:
            return _NONE
        return self._denials.among(targets, now, self.denial)

    def back_by(self, latest: float, targets: Sequence[Target], now: float) -> int:
        """Return how many of some targets may be asked now, or again by `latest`."""
        return len(targets) if self.calm else self._denials.back_by(latest, targets, now, self.denial)

    # ---- what happens ----

    def usual_silence(self, target: Target) -> float:
        """Return the seconds of silence after which a target is late: the 95th percentile of what was observed."""
        known = self.latencies.of(target.label) if self.latencies is not None else None
        return (known.usual_silence() if known is not None else None) or UNKNOWN_SILENCE

    def is_suspect(self, target: Target, now: float) -> bool:
        """Return whether a target may not be asked, or only as a probe."""
        if self.calm:
            return False
        return self.denial(target, now) is not None or self.breaker_state(target, now) is not BreakerState.CLOSED

    def learn_latencies(self) -> None:
        """Begin to learn how long targets take until their first content, which costs a little at every attempt."""
        if self.latencies is None:
            self.latencies = Latencies()
            self.latencies.changes = self.changes

    def note_changes(self) -> Changes:
        """Begin to note of which targets something changes, which costs a little at every attempt."""
        if self.changes is None:
            self.changes = Changes()
            if self.latencies is not None:
                self.latencies.changes = self.changes
        return self.changes

    def in_flight(self, target: Target) -> int:
        """Return how many attempts are under way at a target."""
        return self._flows.in_flight(target)

    def begun(self, permit: Permit) -> None:
        """Note that the content of an attempt has begun to arrive: the next request may probe beside it."""
        if self.calm:
            return
        for breaker, number in permit.leases:
            breaker.begun(permit.launched)
            breaker.end_lease(number)
            self._denials.forget()

    def succeeded(self, permit: Permit, now: float, *, free: bool = False) -> None:
        """Note a success: failures in a row end, and so do the cooldowns that were over or probed."""
        if self.calm or not self._holds(permit.target):
            return
        self._cooldowns.succeeded(permit.target, permit.launched, permit.probes)
        if permit.key:
            self._cooldowns.succeeded(permit.target, permit.launched, permit.probes, permit.key)
        host, own = self._flows.of(permit.target)
        for flow in (host,) if free else (host, own):
            if (breaker := flow.breaker) is not None:
                breaker.succeeded(permit.launched, now)
                if breaker.is_idle(now):
                    self._flows.forget(flow)
        self._note_change()

    def failed(
        self, permit: Permit, failure: Failure, cooldown: Cooldown, now: float, trips: Trips = Trips.NOTHING
    ) -> None:
        """Note a failure: what it puts in cooldown, and which breaker counts it."""
        self._denials.forget()
        if failure.kind not in NOT_OF_THE_TARGET:
            for probed in permit.probes:
                probed.probed = True
        if cooldown is not Cooldown.NOTHING:
            self.calm = False
            key = permit.key if failure.kind in OF_THE_KEY else ""
            self._cooldowns.failed(permit.target, permit.launched, failure, cooldown, now, key)
        host = self._flows.of(permit.target)[0]
        if host.breaker is not None and failure.status is not None:
            host.breaker.succeeded(permit.launched, now)  # whatever it answered, it was reached
        if trips is Trips.NOTHING:
            return
        self.calm = False
        scope = trips is Trips.TARGET
        flow = self._flows.of(permit.target)[scope]
        breaker = self._flows.breaker(flow)
        attempt = Ended(permit.numbers[scope], permit.launched, permit.caller, flow.in_flight - 1)
        breaker.failed(attempt, now, self._rng, why=f"{failure.kind}: {failure.message}")

    # ---- what an operator does ----

    def lift(self, target: Target, *, refused: Collection[int] = ()) -> None:
        """Enable what was disabled for a target, after a free check proved that it works.

        `refused`: the positions of those keys of its pool, from 1, which it proved to be refused.
        """
        self._cooldowns.lift(target)
        for number, key in enumerate(target.credentials, start=1):
            if number not in refused:
                self._cooldowns.lift(target, key)
        self._note_change()

    def refused(self, target: Target, now: float, kinds: Collection[FailureKind]) -> tuple[Target, ...]:
        """Return a target once for each key that is disabled, or whose host is, for failures of some `kinds`."""
        refused = self._cooldowns.is_refused
        if not target.credentials:
            return (target,) if refused(target, now, kinds) else ()
        each = (replace(target, credential=key) for key in target.credentials if refused(target, now, kinds, key))
        return tuple(each)

    def lift_refused(self, target: Target, kinds: Collection[FailureKind]) -> None:
        """Enable the key that a target names, and its host, after a free operation disproved failures of `kinds`."""
        self._cooldowns.lift(target, kinds=kinds)
        self._note_change()

    def disable(self, name: str) -> None:
        """Forbid attempts at an entry until `enable`."""
        self.disabled.add(name)
        self._denials.forget()
        self.calm = False

    def enable(self, name: str, targets: tuple[Target, ...]) -> None:
        """Allow attempts at an entry again, and forget what is held against its targets."""
        self.disabled.discard(name)
        for target in targets:
            self._cooldowns.forget(target)
            for flow in self._flows.of(target):
                self._flows.forget(flow)
        self._note_change()

    def _holds(self, target: Target) -> bool:
        """Check whether anything is remembered against a target. Of one with a pool of keys that is taken to be so."""
        flows, disabled = self._flows, self.disabled
        return (
            (flows.breakers > 0 and flows.has_breaker(target))
            or (not self._cooldowns.empty and self._cooldowns.concern(target))
            or (bool(disabled) and target.name in disabled)
        )

    def _note_change(self) -> None:
        self._denials.forget()
        self.calm = self._cooldowns.empty and not self._flows.breakers and not self.disabled


_CLOSED = BreakerState.CLOSED
