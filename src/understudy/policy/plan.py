"""A plan: the targets in the order in which they will be tried, each with the reason for its place."""

from __future__ import annotations

import msgspec

from understudy.policy.targets import Target


class Step(msgspec.Struct, frozen=True):
    """A target and why it stands there."""

    target: Target
    why: str
    context_window: int | None = None


class Skip(msgspec.Struct, frozen=True):
    """A target that is not tried and why not."""

    target: Target
    why: str


class Plan(msgspec.Struct, frozen=True):
    """The order of a request. Every target given to the strategy stands in exactly one of both tuples."""

    steps: tuple[Step, ...]
    skipped: tuple[Skip, ...] = ()

    def only_first(self, why: str) -> Plan:
        """Return the plan restricted to its first target."""
        rest = tuple(Skip(step.target, why) for step in self.steps[1:])
        return Plan(self.steps[:1], (*self.skipped, *rest))
