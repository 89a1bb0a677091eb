"""The orders of the strategies that spread requests, kept from plan to plan.

A strategy looks at every target for every request. Between two requests little changes: a turn was taken, an attempt
began or ended, a latency was learned. So a kept order places only these targets anew, and takes out those in cooldown.
Its plans are those of the strategy, to the letter, and it draws the same chances.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol, overload

from understudy.policy.health import Health
from understudy.policy.latencies import DECAY
from understudy.policy.latency_order import BY_LATENCY, Seen, first_of, latency
from understudy.policy.plan import Plan, Step
from understudy.policy.ranking import Key, Ranking
from understudy.policy.round_robin import RoundRobin
from understudy.policy.spreading import BY_LOAD, BY_WEIGHT, least_busy, load_of, load_with_one_more, weight_of, weighted
from understudy.policy.strategies import AFTER_ITS_TURN, BY_TURN, IN_COOLDOWN, ITS_TURN, Strategy, place, round_robin
from understudy.policy.targets import Target, TargetFacts


class KeptOrder(Protocol):
    """The order of some targets."""

    def plan(self, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        """Return the plan that the strategy would make now. Labels of other targets in cooldown do not matter."""
        ...


class Known:
    """What the orders of a route depend on."""

    __slots__ = ("health", "rotation", "windows")

    def __init__(self, windows: Mapping[str, int], rotation: RoundRobin, health: Health) -> None:
        self.windows = windows
        self.rotation = rotation
        self.health = health

    def step(self, target: Target, why: str) -> Step:
        """Return the step of a target."""
        return Step(target, why, self.windows.get(target.label))

    def behind(self, steps: Sequence[Step]) -> list[Step]:
        """Return the steps of targets in cooldown."""
        return [self.step(each.target, IN_COOLDOWN) for each in steps]


def kept_order(strategy: Strategy, targets: tuple[Target, ...], known: Known) -> KeptOrder | None:
    """Return the order of some targets by a strategy; `None` if it cannot be kept."""
    kind = next((kind for each, kind in _KINDS if each is strategy), None)
    if kind is None or len({each.label for each in targets}) < len(targets):
        return None
    return kind(targets, known)


class _ByTurn:
    """As `round_robin`."""

    def __init__(self, targets: tuple[Target, ...], known: Known) -> None:
        turns = known.rotation.turns
        self._known = known
        self._ranking = Ranking(
            targets,
            lambda each: (turns.get(each.label, 0), *place(each)),
            lambda each: known.step(each, AFTER_ITS_TURN),
            (known.rotation.changes,),
        )

    def plan(self, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        self._ranking.refresh()
        steps, cooling = self._ranking.parted(in_cooldown)
        ordered = (*steps, *self._known.behind(cooling))
        return Plan((self._known.step(ordered[0].target, ITS_TURN), *ordered[1:]), why=BY_TURN)


class _ByLoad:
    """As `least_busy`."""

    def __init__(self, targets: tuple[Target, ...], known: Known) -> None:
        turns, in_flight = known.rotation.turns, known.health.in_flight
        self._known = known

        def key(each: Target) -> Key:
            load = load_with_one_more(each, in_flight(each))
            return load, each.priority, turns.get(each.label, 0), each.index

        changes = (known.rotation.changes, known.health.note_changes())
        self._ranking = Ranking(targets, key, lambda each: known.step(each, load_of(each, in_flight(each))), changes)

    def plan(self, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        self._ranking.refresh()
        steps, cooling = self._ranking.parted(in_cooldown)
        return Plan((*steps, *self._known.behind(cooling)), why=BY_LOAD)


class _ByWeight:
    """As `weighted`: chances are drawn for every target, and only the places follow from them."""

    def __init__(self, targets: tuple[Target, ...], known: Known) -> None:
        self._targets = targets
        self._known = known
        self._steps = [known.step(each, weight_of(each)) for each in targets]
        self._places = sorted(range(len(targets)), key=lambda at: place(targets[at]))
        self._total = sum(each.weight for each in targets)
        self._drawn = [at for at, each in enumerate(targets) if each.weight > 0]
        self._weights = [targets[at].weight for at in self._drawn]

    def plan(self, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        chances = list(map(rng.expovariate, self._weights))
        if len(chances) < len(self._targets):
            by_place = dict(zip(self._drawn, chances, strict=True))
            chances = [by_place.get(at, math.inf) for at in range(len(self._targets))]
        steps = list(map(self._steps.__getitem__, sorted(self._places, key=chances.__getitem__)))
        cooling: list[Step] = []
        total = self._total
        if in_cooldown:
            cooling = [each for each in steps if each.target.label in in_cooldown]
            steps = [each for each in steps if each.target.label not in in_cooldown]
            total = sum(each.weight for each in self._targets if each.label not in in_cooldown)
        if steps:
            first = steps[0].target
            steps[0] = self._known.step(first, weight_of(first, total))
        return Plan((*steps, *self._known.behind(cooling)), why=BY_WEIGHT)


class _ByLatency:
    """As `latency`."""

    def __init__(self, targets: tuple[Target, ...], known: Known) -> None:
        self._targets = targets
        self._known = known
        changes = (known.health.note_changes(),)
        self._ranking = Ranking(targets, self._key, lambda each: known.step(each, self._seen(each, 0.0).why), changes)
        self._by_age = Ranking(targets, self._key_of_age, lambda each: known.step(each, ""), changes)

    def plan(self, now: float, rng: Random, in_cooldown: frozenset[str]) -> Plan:
        self._ranking.refresh()
        steps, cooling = self._ranking.parted(in_cooldown)
        # Measured targets come first; those in cooldown may be of either kind.
        ends = self._ranking.count_below((_NEW,), cooling)
        measured = _Slice(steps, 0, ends, lambda each: self._seen(each, now))
        new = _Slice(steps, ends, len(steps), measured.seen)
        first, why = first_of(new, measured, rng, lambda: self._oldest(now, in_cooldown))
        behind = self._known.behind(sorted(cooling, key=lambda each: place(each.target)))
        if first is None:
            return Plan(tuple(behind), why=BY_LATENCY)
        at = self._ranking.place_of(first.target, cooling)
        head = self._known.step(first.target, why)
        return Plan((head, *steps[:at], *steps[at + 1 :], *behind), why=BY_LATENCY)

    def _seen(self, target: Target, now: float) -> Seen:
        health = self._known.health
        latency = health.latencies.of(target.label) if health.latencies is not None else None
        known = TargetFacts(
            in_flight=health.in_flight(target),
            first_token=latency.seconds if latency is not None else None,
            first_token_age=now - latency.measured if latency is not None else None,
        )
        return Seen(target, known)

    def _key(self, target: Target) -> Key:
        seen = self._seen(target, 0.0)
        if seen.known.first_token is None:
            return _NEW, seen.known.in_flight, *place(target)
        return _MEASURED, seen.cost, *place(target)

    def _key_of_age(self, target: Target) -> Key:
        age = self._seen(target, 0.0).known.first_token_age
        return (math.inf if age is None else -age, *self._key(target))

    def _oldest(self, now: float, in_cooldown: frozenset[str]) -> Seen | None:
        """Return the target whose latency is the oldest, if it is old; not one that is being measured."""
        self._by_age.refresh()
        for step in self._by_age.steps:
            seen = self._seen(step.target, now)
            if (seen.known.first_token_age or 0.0) < DECAY:
                return None
            if seen.known.in_flight == 0 and step.target.label not in in_cooldown:
                return seen
        return None


_MEASURED, _NEW = 0, 1
"""Measured targets come before new ones."""


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
