"""The strategies that spread requests over targets: `weighted`, by chance, and `least_busy`, by attempts in flight."""

from __future__ import annotations

import math
from random import Random

from understudy.policy.plan import Plan, Step
from understudy.policy.strategies import IN_COOLDOWN, UNKNOWN, Request, place
from understudy.policy.targets import Facts, Target

BY_WEIGHT = "by chance, in proportion to the weights"
"""What decides the order of `weighted`."""
BY_LOAD = "by attempts in flight, fewest first"
"""What decides the order of `least_busy`."""


def weighted(request: Request, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
    """Order by chance: the share of a target among the first places is its share of the weights.

    So are the shares of the second places, and so on: if a target fails, its requests spread over the others by their
    weights. Weight 0 comes after all others. A target in cooldown comes last.
    """
    in_cooldown = facts.in_cooldown
    # The least of exponential variates with the rates w is the one of w with probability w / Σ w, and so on without it:
    # Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006.
    drawn = {each: rng.expovariate(each.weight) if each.weight > 0 else math.inf for each in targets}
    ordered = sorted(targets, key=lambda each: (each.label in in_cooldown, drawn[each], place(each)))
    total = sum(each.weight for each in targets if each.label not in in_cooldown)

    def why(each: Target, position: int) -> str:
        if each.label in in_cooldown:
            return IN_COOLDOWN
        return weight_of(each, total if position == 0 else None)

    windows = facts.windows
    steps = (Step(each, why(each, position), windows.get(each.label)) for position, each in enumerate(ordered))
    return Plan(tuple(steps), why=BY_WEIGHT)


def weight_of(target: Target, total: float | None = None) -> str:
    """Return why a target has its place; `total`: all weights together, for the one that was drawn first."""
    if target.weight == 0:
        return "weight 0: only if no other target can answer"
    return f"weight {target.weight:g}" if total is None else f"drawn by weight, {target.weight:g} of {total:g}"


def least_busy(request: Request, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
    """Order by attempts in flight, fewest first: a target of weight 2 takes twice as many as one of weight 1.

    Equally busy ones are ordered by weight, by `priority`, and then in turns. A target in cooldown comes last.
    """
    in_cooldown, turns = facts.in_cooldown, facts.turns
    in_flight = {each: facts.targets.get(each.label, UNKNOWN).in_flight for each in targets}

    def order(each: Target) -> tuple[bool, float, int, int, int]:
        turn = turns.get(each.label, 0)
        return each.label in in_cooldown, load_with_one_more(each, in_flight[each]), each.priority, turn, each.index

    def why(each: Target) -> str:
        if each.label in in_cooldown:
            return IN_COOLDOWN
        return load_of(each, in_flight[each])

    windows = facts.windows
    steps = (Step(each, why(each), windows.get(each.label)) for each in sorted(targets, key=order))
    return Plan(tuple(steps), why=BY_LOAD)


def load_with_one_more(target: Target, in_flight: int) -> float:
    """Return how busy a target is once it has this request too."""
    return (in_flight + 1) / target.weight if target.weight > 0 else math.inf


def load_of(target: Target, in_flight: int) -> str:
    """Return how busy a target is, in words."""
    weight = "" if target.weight == 1 else f", weight {target.weight:g}"
    return f"{in_flight} in flight{weight}"
