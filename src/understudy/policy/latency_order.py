"""The strategy `latency`: the quicker of two targets drawn at random, by time to the first token and load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from understudy.policy.latencies import DECAY
from understudy.policy.plan import Plan, Step
from understudy.policy.strategies import IN_COOLDOWN, UNKNOWN, Request, place, window_of
from understudy.policy.targets import Facts, Target, TargetFacts

REMEASURED = 0.05
"""The share of requests that may go to a target whose latency is old: one that was slow may be quick again."""


BY_LATENCY = "by time to the first token and attempts in flight"
"""What decides the order."""


class Seen(msgspec.Struct, frozen=True):
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
    available = [Seen(each, known.get(each.label, UNKNOWN)) for each in ordered if each.label not in in_cooldown]
    new = sorted((each for each in available if each.known.first_token is None), key=lambda each: each.known.in_flight)
    measured = sorted((each for each in available if each.known.first_token is not None), key=lambda each: each.cost)
    first, why = first_of(new, measured, rng, lambda: _oldest(measured))
    steps = [Step(first.target, why, window_of(first.target, facts))] if first is not None else []
    rest = (each for each in (*measured, *new) if each is not first)
    steps += [Step(each.target, each.why, window_of(each.target, facts)) for each in rest]
    cooling = (each for each in ordered if each.label in in_cooldown)
    steps += [Step(each, IN_COOLDOWN, window_of(each, facts)) for each in cooling]
    return Plan(tuple(steps), why=BY_LATENCY)


def first_of(
    new: Sequence[Seen], measured: Sequence[Seen], rng: Random, oldest: Callable[[], Seen | None]
) -> tuple[Seen | None, str]:
    """Return which target comes first, and why. The targets are in order; `oldest` returns the one to measure anew."""
    if new and (new[0].known.in_flight == 0 or not measured):
        return new[0], new[0].why
    if len(measured) <= 1:
        return (measured[0], measured[0].why) if measured else (None, "")
    if rng.random() < REMEASURED and (old := oldest()) is not None:
        return old, f"measured anew after {old.known.first_token_age:.0f} s: {old.why}"
    one, other = rng.sample(measured, 2)
    quicker, slower = (one, other) if one.cost <= other.cost else (other, one)
    return quicker, f"quicker than {slower.target.label}: {quicker.why}" if len(measured) > 2 else quicker.why


def _oldest(measured: list[Seen]) -> Seen | None:
    """Return the target whose latency is the oldest, if it is old; not one that is being measured."""
    old = [each for each in measured if each.known.in_flight == 0 and (each.known.first_token_age or 0.0) >= DECAY]
    return max(old, key=lambda each: each.known.first_token_age or 0.0, default=None)
