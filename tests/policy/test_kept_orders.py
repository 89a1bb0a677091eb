"""Orders that are kept from plan to plan: their plans are those that looking at every target gives.

The rules of the strategies are written here by hand, as plain sorts; the strategies themselves are held to them, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.domain.failures import FailureKind
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest
from understudy.policy.changes import KEPT, Changes
from understudy.policy.health import Health, Permit
from understudy.policy.kept_orders import kept_order
from understudy.policy.known import Known
from understudy.policy.latency_order import latency
from understudy.policy.plan import Plan
from understudy.policy.ranking import Ranking
from understudy.policy.round_robin import RoundRobin
from understudy.policy.spreading import least_busy, weighted
from understudy.policy.strategies import Strategy, priority, round_robin
from understudy.policy.targets import Facts, Target

ASK = GenerationRequest(messages=(Message.user("Why is the sky blue?"),))
NONE: frozenset[str] = frozenset()
KEPT_BY: dict[str, Strategy] = {
    "round_robin": round_robin,
    "least_busy": least_busy,
    "weighted": weighted,
    "latency": latency,
}
Line = tuple[str, str]
"""The label of a target, and why it has its place."""


class World:
    """What plans depend on, and what a test knows of it by itself."""

    def __init__(self, targets: tuple[Target, ...]) -> None:
        self.targets = targets
        self.health, self.rotation = Health(), RoundRobin()
        self.health.learn_latencies()
        self.permits: list[Permit] = []
        self.turns = dict.fromkeys((each.label for each in targets), 0)
        self.now = 100.0
        self.cooling: frozenset[str] = frozenset()

    def begin(self, target: Target) -> None:
        permit = self.health.acquire(target, self.now)
        assert isinstance(permit, Permit)
        self.permits.append(permit)

    def end(self, number: int) -> None:
        if self.permits:
            self.health.release(self.permits.pop(number % len(self.permits)))

    def take(self, plan: Plan) -> None:
        self.rotation.take(plan, self.cooling)
        self.turns[first := plan.steps[0].target.label] += 1
        if first not in self.cooling:
            for label in self.cooling & self.turns.keys():
                self.turns[label] = max(self.turns[label], self.turns[first])

    def in_flight(self, target: Target) -> int:
        return sum(permit.target.label == target.label for permit in self.permits)

    def facts(self) -> Facts:
        known = {each.label: self.health.facts(each, self.now) for each in self.targets}
        return Facts(targets=known, turns=self.rotation.turns, in_cooldown=self.cooling)


# ---- the rules, written by hand ----

LAST = "in cooldown, so behind the others"


def by_turn(world: World, rng: Random) -> list[Line]:
    def order(each: Target) -> Any:
        return each.label in world.cooling, world.turns[each.label], each.priority, each.index

    first, *rest = sorted(world.targets, key=order)
    why = {True: LAST, False: "after the target whose turn it is"}
    return [(first.label, "its turn"), *((each.label, why[each.label in world.cooling]) for each in rest)]


def by_load(world: World, rng: Random) -> list[Line]:
    def order(each: Target) -> Any:
        load = (world.in_flight(each) + 1) / each.weight if each.weight else math.inf
        return each.label in world.cooling, load, each.priority, world.turns[each.label], each.index

    def why(each: Target) -> str:
        if each.label in world.cooling:
            return LAST
        return f"{world.in_flight(each)} in flight" + ("" if each.weight == 1 else f", weight {each.weight:g}")

    return [(each.label, why(each)) for each in sorted(world.targets, key=order)]


def by_weight(world: World, rng: Random) -> list[Line]:
    drawn = [rng.expovariate(each.weight) if each.weight else math.inf for each in world.targets]
    places = sorted(
        (each.label in world.cooling, chance, each.priority, each.index, each.label, each.weight)
        for chance, each in zip(drawn, world.targets, strict=True)
    )
    total = sum(each.weight for each in world.targets if each.label not in world.cooling)
    lines: list[Line] = []
    for place, (cooling, *_, label, weight) in enumerate(places):
        why = f"drawn by weight, {weight:g} of {total:g}" if place == 0 else f"weight {weight:g}"
        why = why if weight else "weight 0: only if no other target can answer"
        lines.append((label, LAST if cooling else why))
    return lines


class Measured(NamedTuple):
    target: Target
    seconds: float
    at: float
    in_flight: int

    @property
    def cost(self) -> float:
        return self.seconds * (self.in_flight + 1)

    @property
    def why(self) -> str:
        return f"{self.seconds:.2f} s to the first token × {self.in_flight + 1} with this request"


def by_latency(world: World, rng: Random) -> list[Line]:
    measured: list[Measured] = []
    new: list[Target] = []
    behind: list[Line] = []
    for each in sorted(world.targets, key=lambda each: (each.priority, each.index)):
        if each.label in world.cooling:
            behind.append((each.label, LAST))
            continue
        assert world.health.latencies is not None
        found = world.health.latencies.of(each.label)
        if found is None:
            new.append(each)
        else:
            measured.append(Measured(each, found.seconds, found.measured, world.in_flight(each)))
    measured.sort(key=lambda each: each.cost)
    new.sort(key=world.in_flight)
    of_new = [(each.label, f"no answer measured yet, {world.in_flight(each)} in flight") for each in new]
    of_measured = [(each.target.label, each.why) for each in measured]
    if new and (not measured or world.in_flight(new[0]) == 0):
        return [of_new[0], *of_measured, *of_new[1:], *behind]
    if len(measured) <= 1:
        return [*of_measured, *of_new, *behind]
    first, before = measured[0], ""
    old = [each for each in measured if not each.in_flight and world.now - each.at >= 10]
    if rng.random() < 0.05 and old:
        first = max(old, key=lambda each: world.now - each.at)
        before = f"measured anew after {world.now - first.at:.0f} s: "
    else:
        one, other = rng.sample(measured, 2)
        first, slower = (one, other) if one.cost <= other.cost else (other, one)
        before = f"quicker than {slower.target.label}: " if len(measured) > 2 else ""
    rest = [(each.target.label, each.why) for each in measured if each is not first]
    return [(first.target.label, before + first.why), *rest, *of_new, *behind]


RULES: dict[str, Callable[[World, Random], list[Line]]] = {
    "round_robin": by_turn,
    "least_busy": by_load,
    "weighted": by_weight,
    "latency": by_latency,
}


def lines(plan: Plan) -> list[Line]:
    return [(step.target.label, step.why) for step in plan.steps]


# ---- the same plans ----


def targets_of(count: int, rng: Random) -> tuple[Target, ...]:
    weights = (0.0, 0.5, 1.0, 1.0, 3.0)
    made = [
        Target(name=f"t{index}", model="m", priority=rng.choice((1, 2)), index=index, weight=rng.choice(weights))
        for index in range(count)
    ]
    rng.shuffle(made)
    return tuple(made)


class Always(Random):
    """Draws that measure an old target anew more often than one in twenty."""

    def random(self) -> float:
        drawn = super().random()
        return drawn / 20 if drawn < 0.5 else drawn


@pytest.mark.parametrize("name", KEPT_BY)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 30), steps=st.integers(1, 60))
def test_a_kept_order_has_the_plans_of_looking_at_every_target(name: str, seed: int, count: int, steps: int) -> None:
    rng = Random(seed)
    world = World(targets_of(count, rng))
    windows = {each.label: 1_000 for each in world.targets if rng.random() < 0.5}
    order = kept_order(KEPT_BY[name], world.targets, Known(windows, world.rotation, world.health))
    assert order is not None
    for _ in range(steps):
        for _ in range(rng.choice((0, 1, 1, 2, 5))):
            change(world, rng)
        draws = rng.randrange(2**32)
        plan = order.plan(ASK, world.now, Always(draws), world.cooling)
        assert lines(plan) == RULES[name](world, Always(draws))
        chance = Always(draws)
        strategy = KEPT_BY[name](ASK, world.targets, world.facts(), world.now, chance)
        assert (lines(plan), plan.why) == (lines(strategy), strategy.why)
        assert all(step.context_window == windows.get(step.target.label) for step in plan.steps)
        same = Always(draws)
        order.plan(ASK, world.now, same, world.cooling)
        assert same.getstate() == chance.getstate(), "as many draws, and the same"
        if rng.random() < 0.8:
            world.take(plan)
        if rng.random() < 0.5:
            world.begin(plan.steps[0].target)


def change(world: World, rng: Random) -> None:
    target, latencies = rng.choice(world.targets), world.health.latencies
    assert latencies is not None
    match rng.randrange(8):
        case 6:
            some = rng.sample(world.targets, rng.randint(0, len(world.targets)))
            world.cooling = frozenset({each.label for each in some} | {"elsewhere/m"})
        case 7:
            world.cooling = frozenset()
        case 0:
            world.begin(target)
        case 1 | 2:
            world.end(rng.randrange(100))
        case 3:
            world.now += rng.choice((0.0, 0.25, 4.0, 30.0))
        case 4:
            latencies.answered(target.label, rng.choice((0.25, 0.5, 1.0)), world.now, streamed=rng.random() < 0.7)
        case _:
            latencies.failed(target.label, FailureKind.SERVER_ERROR, 0.5, world.now, streamed=True)


def test_a_latency_that_is_forgotten_for_others_moves_its_target() -> None:
    world = World(targets_of(3, Random(1)))
    latencies = world.health.latencies
    assert latencies is not None
    order = kept_order(latency, world.targets, Known({}, world.rotation, world.health))
    assert order is not None
    for each in world.targets:
        latencies.answered(each.label, 0.5, world.now, streamed=True)
    assert lines(order.plan(ASK, world.now, Random(2), NONE)) == by_latency(world, Random(2))
    for number in range(1_024):  # as many as are remembered
        latencies.answered(f"elsewhere/{number}", 0.5, world.now, streamed=True)
        if number == 500:
            order.plan(ASK, world.now, Random(2), NONE)
    assert latencies.of(world.targets[0].label) is None
    assert lines(order.plan(ASK, world.now, Random(2), NONE)) == by_latency(world, Random(2))


def test_who_has_missed_too_many_changes_looks_at_every_target() -> None:
    world = World(targets_of(5, Random(3)))
    order = kept_order(least_busy, world.targets, Known({}, world.rotation, world.health))
    assert order is not None
    world.begin(world.targets[0])
    for _ in range(KEPT):
        world.begin(world.targets[1])
        world.end(1)
    assert lines(order.plan(ASK, world.now, Random(0), NONE)) == by_load(world, Random(0))


def test_what_has_no_order_of_its_own_is_left_to_its_strategy() -> None:
    targets = targets_of(2, Random(4))
    known = Known({}, RoundRobin(), Health())
    assert kept_order(priority, targets, known) is None
    assert kept_order(round_robin, (targets[0], targets[0]), known) is None, "two targets of one name"

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, *_: Any) -> Plan:
            return Plan(())

    assert kept_order(cast("Strategy", Unhashable()), targets, known) is None


# ---- changes, and what is made of them ----


def test_changes_are_named_once_to_each_reader() -> None:
    changes = Changes()
    assert changes.since(0) == set()
    for label in "abb":
        changes.note(label)
    assert changes.since(0) == {"a", "b"}
    assert changes.since(1) == {"b"}
    assert changes.since(3) == set()
    changes.note_all()
    assert changes.since(3) is None
    changes.note("c")
    assert changes.since(3) is None
    assert changes.since(4) == {"c"}
    for _ in range(KEPT):
        changes.note("d")
    assert changes.since(4) is None
    assert changes.since(5) == {"d"}


def test_only_what_has_changed_is_looked_at_again() -> None:
    targets, changes, looked = targets_of(200, Random(5)), Changes(), list[str]()
    heights = {each.label: float(each.index) for each in targets}

    def key(each: Target) -> tuple[float]:
        looked.append(each.label)
        return (heights[each.label],)

    ranking = Ranking(targets, key, lambda each: Known({}, RoundRobin(), Health()).step(each, "test"), (changes,))
    ranking.refresh(NONE)
    looked.clear()
    heights["t7/m"] = 300.0
    for label in ("t7/m", "another/m"):
        changes.note(label)
    ranking.refresh(NONE)
    ranking.refresh(NONE)
    assert looked == ["t7/m"]
    assert [step.target.name for step in ranking.steps[-2:]] == ["t199", "t7"]
    by_name = {each.name: each for each in targets}
    assert ranking.place_of(by_name["t7"]) == 199
    assert ranking.place_of(by_name["t8"]) == 7
    ranking.refresh(frozenset({"t1/m", "elsewhere/m"}))
    ranking.refresh(frozenset({"t2/m"}))
    assert looked == ["t7/m", "t1/m", *looked[2:]]
    assert sorted(looked[2:]) == ["t1/m", "t2/m"], "those that go into cooldown, and those that are back"
