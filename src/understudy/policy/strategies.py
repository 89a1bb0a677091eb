"""Strategies order targets. Each is a pure function of the request, the targets, the facts, time and chance.

A strategy is given the targets that can take the request (`understudy.policy.eligibility`). The manager puts those that
a call names ahead of the order, and skips those in cooldown when their turn comes.
"""

from __future__ import annotations

from random import Random
from typing import Protocol

from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.policy.plan import Plan, Step
from understudy.policy.targets import Facts, Target, TargetFacts

Request = GenerationRequest | EmbeddingRequest


class Strategy(Protocol):
    """The signature of a strategy; users may write their own."""

    def __call__(
        self,
        request: GenerationRequest | EmbeddingRequest,
        targets: tuple[Target, ...],
        facts: Facts,
        now: float,
        rng: Random,
    ) -> Plan:
        """Return the plan. It must not depend on anything but its arguments."""
        ...


UNKNOWN = TargetFacts()
"""The facts of an unknown target."""
IN_COOLDOWN = "in cooldown, so behind the others"
"""Why a target comes last, in strategies that spread requests."""
BY_TURN = "round robin"
"""What decides the order of `round_robin`."""
ITS_TURN, AFTER_ITS_TURN = "its turn", "after the target whose turn it is"
"""Why its targets have their places."""


def window_of(target: Target, facts: Facts) -> int | None:
    """Return the context window of a target, if known."""
    return facts.windows.get(target.label)


def place(target: Target) -> tuple[int, int]:
    """Return the configured place of a target: by `priority`, equal priorities as they are written."""
    return target.priority, target.index


def priority(request: Request, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
    """Order by `priority`, lower values first, equal values in the order in which they are configured."""
    steps = (Step(each, f"priority {each.priority}", window_of(each, facts)) for each in sorted(targets, key=place))
    return Plan(tuple(steps), why="by priority")


def round_robin(request: Request, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
    """Take turns: the target that was first least often comes first, equal ones by their configured place.

    Counting turns instead of cycling keeps the shares even if some requests suit only some of the targets. A target in
    cooldown takes no turns, and does not catch up on them afterwards.
    """
    turns, in_cooldown = facts.turns, facts.in_cooldown

    ordered = sorted(sorted(targets, key=place), key=lambda target: turns.get(target.label, 0))
    if in_cooldown:
        ordered.sort(key=lambda target: target.label in in_cooldown)
    windows = facts.windows
    steps = [
        Step(each, IN_COOLDOWN if each.label in in_cooldown else AFTER_ITS_TURN, windows.get(each.label))
        for each in ordered
    ]
    steps[:1] = (Step(each, ITS_TURN, windows.get(each.label)) for each in ordered[:1])
    return Plan(tuple(steps), why=BY_TURN)
