"""A plan: the targets in the order in which they will be tried, each with the reason for its place."""

from __future__ import annotations

import msgspec

from understudy.domain.money import Cost
from understudy.policy.targets import Target


class Step(msgspec.Struct, frozen=True):
    """A target and why it stands there."""

    target: Target
    why: str
    context_window: int | None = None
    expected_cost: Cost | None = None
    """Where the order depends on it, and in what `explain` returns; `None` when it is unknown."""


class Skip(msgspec.Struct, frozen=True):
    """A target that is not tried and why not."""

    target: Target
    why: str


class Plan(msgspec.Struct, frozen=True):
    """The order of a request. Every target given to the strategy stands in exactly one of both tuples."""

    steps: tuple[Step, ...]
    skipped: tuple[Skip, ...] = ()
    why: str = ""
    """What decided the order, in a few words."""
    route: str | None = None
    """The named route that the call took."""
    task: str | None = None
    """The task that the request was taken for."""

    def only_first(self, why: str) -> Plan:
        """Return the plan restricted to its first target."""
        rest = tuple(Skip(step.target, why) for step in self.steps[1:])
        return msgspec.structs.replace(self, steps=self.steps[:1], skipped=(*self.skipped, *rest))
