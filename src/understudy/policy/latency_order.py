"""The strategy `latency`: the quicker of two targets drawn at random, by time to the first token and load."""

from __future__ import annotations

from random import Random

import msgspec

from understudy.policy.latencies import DECAY
from understudy.policy.plan import Plan, Step
from understudy.policy.strategies import IN_COOLDOWN, UNKNOWN, Request, place, window_of
from understudy.policy.targets import Facts, Target, TargetFacts

REMEASURED = 0.05
"""The share of requests that may go to a target whose latency is old: one that was slow may be quick again."""


class _Seen(msgspec.Struct, frozen=True):
    """A target and what is known of it."""

    target: Target
    known: TargetFacts

    @property
    def cost(self) -> float:
        """Its latency as if the requests in flight were answered one after the other."""
        return (self.known.first_token or 0.0) * (self.known.in_flight + 1)

    @property
    def why(self) -> str:
        """What its place depends on, in words."""
        if self.known.first_token is None:
            return f"no answer measured yet, {self.known.in_flight} in flight"
        return f"{self.known.first_token:.2f} s to the first token × {self.known.in_flight + 1} with this request"


def latency(request: Request, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
    """Draw two targets; the one with the lower latency × (attempts in flight + 1) comes first, the rest by the same.

    Choosing the best of two instead of the best of all keeps callers from rushing to the same target at once
    (Mitzenmacher, "The power of two choices in randomized load balancing", 2001). A target that was never measured
    comes first while nothing is in flight there, and otherwise after the measured ones, so that it gets one request at
    a time until it has answered. A target in cooldown comes last.
    """
    known, in_cooldown = facts.targets, facts.in_cooldown
    ordered = sorted(targets, key=place)
    available = [_Seen(each, known.get(each.label, UNKNOWN)) for each in ordered if each.label not in in_cooldown]
    new = sorted((each for each in available if each.known.first_token is None), key=lambda each: each.known.in_flight)
    measured = sorted((each for each in available if each.known.first_token is not None), key=lambda each: each.cost)
    first, why = _first(new, measured, rng)
    steps = [Step(first.target, f"{why}{first.why}", window_of(first.target, facts))] if first is not None else []
    rest = (each for each in (*measured, *new) if each is not first)
    steps += [Step(each.target, each.why, window_of(each.target, facts)) for each in rest]
    cooling = (each for each in ordered if each.label in in_cooldown)
    steps += [Step(each, IN_COOLDOWN, window_of(each, facts)) for each in cooling]
    return Plan(tuple(steps), why="by time to the first token and attempts in flight")


def _first(new: list[_Seen], measured: list[_Seen], rng: Random) -> tuple[_Seen | None, str]:
    """Return which target comes first, and how it was chosen."""
    if new and (new[0].known.in_flight == 0 or not measured):
        return new[0], ""
    if len(measured) <= 1:
        return (measured[0] if measured else None), ""
    if rng.random() < REMEASURED and (oldest := _oldest(measured)) is not None:
        return oldest, f"measured anew after {oldest.known.first_token_age:.0f} s: "
    one, other = rng.sample(measured, 2)
    quicker = one if one.cost <= other.cost else other
    return quicker, f"quicker than {(other if quicker is one else one).target.label}: " if len(measured) > 2 else ""


def _oldest(measured: list[_Seen]) -> _Seen | None:
    """Return the target whose latency is the oldest, if it is old; not one that is being measured."""
    old = [each for each in measured if each.known.in_flight == 0 and (each.known.first_token_age or 0.0) >= DECAY]
    return max(old, key=lambda each: each.known.first_token_age or 0.0, default=None)
