"""The orders of the strategies that spread requests, kept from plan to plan.

A strategy looks at every target for every request. Between two requests little changes: a turn was taken, an attempt
began or ended, a latency was learned, a cooldown is over. So a kept order places only these targets anew.
Its plans are those of the strategy, to the letter, and it draws the same chances.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import neg, sub, truediv
from random import Random
from typing import Protocol, overload

from understudy.policy.cost_order import CostOptimized
from understudy.policy.kept_costs import ByCost
from understudy.policy.known import Known
from understudy.policy.latencies import DECAY
from understudy.policy.latency_order import BY_LATENCY, Seen, first_of, latency
from understudy.policy.plan import Plan, Step
from understudy.policy.ranking import Key, Ranking
from understudy.policy.spreading import BY_LOAD, BY_WEIGHT, least_busy, load_of, load_with_one_more, weight_of, weighted
from understudy.policy.strategies import (
    AFTER_ITS_TURN,
    BY_TURN,
    IN_COOLDOWN,
    ITS_TURN,
    Request,
    Strategy,
    place,
    round_robin,
)
from understudy.policy.targets import Target, TargetFacts


class KeptOrder(Protocol):
    """The order of some targets."""

    def plan(self, request: Request, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        """Return the plan that the strategy would make now. Labels of other targets in cooldown do not matter."""
        ...


def kept_order(strategy: Strategy, targets: tuple[Target, ...], known: Known) -> KeptOrder | None:
    """Return the order of some targets by a strategy; `None` if it cannot be kept."""
    if any(len({each.label for each in some}) < len(some) for some in (targets, known.considered)):
        return None
    if type(strategy) is CostOptimized:
        return ByCost(strategy, targets, known)
    kind = next((kind for each, kind in _KINDS if each is strategy), None)
    return kind(targets, known) if kind is not None else None


class _ByTurn:
    """As `round_robin`."""

    def __init__(self, targets: tuple[Target, ...], known: Known) -> None:
        turns = known.rotation.turns
        self._known = known

        def key(each: Target) -> Key:
            return each.label in ranking.cooling, turns.get(each.label, 0), *place(each)

        def step(each: Target) -> Step:
            return known.step(each, IN_COOLDOWN if each.label in ranking.cooling else AFTER_ITS_TURN)

        self._ranking = ranking = Ranking(targets, key, step, (known.rotation.changes,))

    def plan(self, request: Request, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        self._ranking.refresh(in_cooldown)
        first, *rest = self._ranking.steps
        return Plan((self._known.step(first.target, ITS_TURN), *rest), why=BY_TURN)


class _ByLoad:
    """As `least_busy`."""

    def __init__(self, targets: tuple[Target, ...], known: Known) -> None:
        turns, in_flight = known.rotation.turns, known.health.in_flight

        def key(each: Target) -> Key:
            load = load_with_one_more(each, in_flight(each))
            return each.label in ranking.cooling, load, each.priority, turns.get(each.label, 0), each.index

        def step(each: Target) -> Step:
            return known.step(each, IN_COOLDOWN if each.label in ranking.cooling else load_of(each, in_flight(each)))

        changes = (known.rotation.changes, known.health.note_changes())
        self._ranking = ranking = Ranking(targets, key, step, changes)

    def plan(self, request: Request, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        self._ranking.refresh(in_cooldown)
        return Plan(tuple(self._ranking.steps), why=BY_LOAD)


class _ByWeight:
    """As `weighted`: chances are drawn for every target, and only the places follow from them.

    That draws `Random.expovariate` for each weight, in the order of the targets, without a call for each of them.
    """

    def __init__(self, targets: tuple[Target, ...], known: Known) -> None:
        self._known = known
        self._in_order = targets
        self._targets = (*(each for each in targets if each.weight > 0), *(each for each in targets if not each.weight))
        """Those first for which a chance is drawn."""
        self._weights = [each.weight for each in self._targets if each.weight > 0]
        self._never = [math.inf] * (len(targets) - len(self._weights))
        self._places = sorted(range(len(targets)), key=lambda at: place(self._targets[at]))
        self._cooling: frozenset[str] | None = None

    def plan(self, request: Request, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        if in_cooldown is not self._cooling:
            if in_cooldown != self._cooling:
                self._note(in_cooldown)
            self._cooling = in_cooldown
        drawn = map(sub, repeat(1.0, len(self._weights)), iter(rng.random, None))
        chances = [*map(truediv, map(neg, map(math.log, drawn)), self._weights), *self._never]
        places = sorted(self._places, key=chances.__getitem__)
        if in_cooldown:
            places.sort(key=self._are_cooling.__getitem__)
        first = self._targets[places[0]]
        steps = map(self._steps.__getitem__, places[1:])
        why = weight_of(first, self._total) if first.label not in in_cooldown else IN_COOLDOWN
        return Plan((self._known.step(first, why), *steps), why=BY_WEIGHT)

    def _note(self, in_cooldown: frozenset[str]) -> None:
        """Note which targets are in cooldown."""
        self._are_cooling = [each.label in in_cooldown for each in self._targets]
        self._steps = [
            self._known.step(each, IN_COOLDOWN if each.label in in_cooldown else weight_of(each))
            for each in self._targets
        ]
        self._total = sum(each.weight for each in self._in_order if each.label not in in_cooldown)


class _ByLatency:
    """As `latency`."""

    def __init__(self, targets: tuple[Target, ...], known: Known) -> None:
        self._known = known
        changes = (known.health.note_changes(),)
        self._ranking = Ranking(targets, self._key, self._step, changes)
        self._by_age = Ranking(targets, self._key_of_age, lambda each: known.step(each, ""), changes)

    def plan(self, request: Request, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        self._ranking.refresh(in_cooldown)
        steps, count_below = self._ranking.steps, self._ranking.count_below
        # Measured targets come first, then new ones, then those in cooldown.
        new_from = count_below((_NEW,))
        measured = _Slice(steps, 0, new_from, lambda each: self._seen(each, now))
        new = _Slice(steps, new_from, count_below((_COOLING,)), measured.seen)
        first, why = first_of(new, measured, rng, lambda: self._oldest(now, in_cooldown))
        if first is None:
            return Plan(tuple(steps), why=BY_LATENCY)
        at = self._ranking.place_of(first.target)
        return Plan((self._known.step(first.target, why), *steps[:at], *steps[at + 1 :]), why=BY_LATENCY)

    def _seen(self, target: Target, now: float) -> Seen:
        health = self._known.health
        latency = health.latencies.of(target.label) if health.latencies is not None else None
        known = TargetFacts(
            in_flight=health.in_flight(target),
            first_token=latency.seconds if latency is not None else None,
            first_token_age=now - latency.measured if latency is not None else None,
        )
        return Seen(target, known)

    def _step(self, target: Target) -> Step:
        cools = target.label in self._ranking.cooling
        return self._known.step(target, IN_COOLDOWN if cools else self._seen(target, 0.0).why)

    def _key(self, target: Target) -> Key:
        if target.label in self._ranking.cooling:
            return _COOLING, *place(target)
        seen = self._seen(target, 0.0)
        if seen.known.first_token is None:
            return _NEW, seen.known.in_flight, *place(target)
        return _MEASURED, seen.cost, *place(target)

    def _key_of_age(self, target: Target) -> Key:
        age = None if target.label in self._by_age.cooling else self._seen(target, 0.0).known.first_token_age
        return (math.inf if age is None else -age, *self._key(target))

    def _oldest(self, now: float, in_cooldown: frozenset[str]) -> Seen | None:
        """Return the target whose latency is the oldest, if it is old; not one that is being measured."""
        self._by_age.refresh(in_cooldown)
        for step in self._by_age.steps:
            seen = self._seen(step.target, now)
            if step.target.label in in_cooldown or (seen.known.first_token_age or 0.0) < DECAY:
                return None
            if seen.known.in_flight == 0:
                return seen
        return None


_MEASURED, _NEW, _COOLING = 0, 1, 2
"""Measured targets come before new ones, and those in cooldown last."""


class _Slice(Sequence[Seen]):
    """Some of the targets in order, each with what is known of it, looked up when it is read."""

    def __init__(self, steps: Sequence[Step], begins: int, ends: int, seen: Callable[[Target], Seen]) -> None:
        self._steps = steps
        self._begins = begins
        self._ends = ends
        self.seen = seen

    def __len__(self) -> int:
        return self._ends - self._begins

    @overload
    def __getitem__(self, at: int) -> Seen: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Seen]: ...
    def __getitem__(self, at: int | slice) -> Seen | Sequence[Seen]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self.seen(self._steps[self._begins + at].target)


_KINDS: Sequence[tuple[Strategy, Callable[[tuple[Target, ...], Known], KeptOrder]]] = (
    (round_robin, _ByTurn),
    (least_busy, _ByLoad),
    (weighted, _ByWeight),
    (latency, _ByLatency),
)
