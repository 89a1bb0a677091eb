"""Strategies put targets in order. Each is a pure function of the request, the targets, the facts, time and chance.

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
"""The facts of a target of which nothing is known."""


def window_of(target: Target, facts: Facts) -> int | None:
    """Return the context window of a target, where it is known."""
    return facts.windows.get(target.label)


def place(target: Target) -> tuple[int, int]:
    """The configured place of a target: by `priority`, equal ones as they are written."""
    return target.priority, target.index


def priority(request: Request, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
    """Order by `priority`, lower first; entries of equal priority in the order in which they are configured."""
    steps = (Step(each, f"priority {each.priority}", window_of(each, facts)) for each in sorted(targets, key=place))
    return Plan(tuple(steps), why="by priority")


def round_robin(request: Request, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
    """Take turns: whoever stood first least often stands first, equal ones by their configured place.

    Counting turns instead of going around keeps the shares even when some requests fit only some of the targets. Who is
    set aside takes no turns meanwhile, and has none to catch up on afterwards.
    """
    turns, aside = facts.turns, facts.aside

    ordered = sorted(sorted(targets, key=place), key=lambda target: turns.get(target.label, 0))
    if aside:
        ordered.sort(key=lambda target: target.label in aside)
    windows = facts.windows
    steps = [Step(each, "behind the one whose turn it is", windows.get(each.label)) for each in ordered]
    steps[:1] = (Step(each, "its turn", windows.get(each.label)) for each in ordered[:1])
    return Plan(tuple(steps), why="round robin")
