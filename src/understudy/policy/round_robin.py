"""The turns of round robin: how often each target was first. One object per route, called without `await`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from understudy.policy.changes import Changes
from understudy.policy.plan import Plan


class RoundRobin:
    """Counts turns. A turn is taken when a plan is made, so that concurrent callers never get the same one."""

    __slots__ = ("_kept_up", "_turns", "changes", "turns")

    def __init__(self) -> None:
        self._turns: dict[str, int] = {}
        self.turns: Mapping[str, int] = MappingProxyType(self._turns)
        """By `Target.label`."""
        self._kept_up: tuple[frozenset[str], int] = frozenset(), 0
        """The targets that were in cooldown last, and the turns that each of them has at least."""
        self.changes = Changes()
        """Which targets have taken turns."""

    def take(self, plan: Plan, in_cooldown: frozenset[str]) -> None:
        """Count the turn of the first target of a plan.

        Targets in cooldown keep up with it, so that they do not get all turns at once when they are back. If every
        target is in cooldown, turns continue as usual.
        """
        if not plan.steps:
            return
        turns = self._turns
        first = plan.steps[0].target.label
        count = turns[first] = turns.get(first, 0) + 1
        self.changes.note(first)
        labels, least = self._kept_up
        if first in in_cooldown or (labels is in_cooldown and least >= count):
            return
        self._kept_up = in_cooldown, count
        for label in in_cooldown:
            if turns.get(label, 0) < count:
                turns[label] = count
                self.changes.note(label)
