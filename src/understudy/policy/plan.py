"""A plan: the targets in the order in which they are tried, each with the reason for its place."""

from __future__ import annotations

import msgspec

from understudy.domain.money import Cost
from understudy.policy.targets import Target


class Step(msgspec.Struct, frozen=True):
    """A target and the reason for its place."""

    target: Target
    why: str
    context_window: int | None = None
    expected_cost: Cost | None = None
    """Set by a strategy that computes it for each target, and by `explain`; `None` if unknown."""


class Skip(msgspec.Struct, frozen=True):
    """A target that is not tried, and the reason."""

    target: Target
    why: str


class Plan(msgspec.Struct, frozen=True):
    """The order for a request. Every target given to the strategy is in exactly one of the two tuples."""

    steps: tuple[Step, ...]
    skipped: tuple[Skip, ...] = ()
    why: str = ""
    """What decided the order, in a few words."""
    route: str | None = None
    """The named route that the call selected."""
    task: str | None = None
    """The task of the request."""

    def only_first(self, why: str) -> Plan:
        """Return the plan restricted to its first target."""
        rest = tuple(Skip(step.target, why) for step in self.steps[1:])
        return msgspec.structs.replace(self, steps=self.steps[:1], skipped=(*self.skipped, *rest))
