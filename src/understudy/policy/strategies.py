"""Strategies put targets in order. Each is a pure function of the request, the targets, the facts, time and chance."""

from __future__ import annotations

from random import Random
from typing import Protocol

from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.policy.plan import Plan, Step
from understudy.policy.targets import Facts, Target, TargetFacts


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


_UNKNOWN = TargetFacts()


def priority(
    request: GenerationRequest | EmbeddingRequest,
    targets: tuple[Target, ...],
    facts: Facts,
    now: float,
    rng: Random,
) -> Plan:
    """Order by `priority`, lower first; entries of equal priority in the order in which they are configured."""
    ordered = sorted(targets, key=lambda target: (target.priority, target.index))
    return Plan(
        tuple(
            Step(target, f"priority {target.priority}", facts.targets.get(target.name, _UNKNOWN).context_window)
            for target in ordered
        )
    )
