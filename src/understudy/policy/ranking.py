"""Targets in an order that is kept up to date: only those of which something changed are placed anew.

To place one costs as much for a thousand targets as for ten, but for some comparisons. What is made of all of them for
a plan is one copy of a list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from understudy.policy.changes import Changes
from understudy.policy.plan import Step
from understudy.policy.targets import Target

Key = tuple[Any, ...]


class Ranking:
    """Targets in the order of a key, lower ones first, equal ones as they are given; each with its step."""

    __slots__ = ("_by_label", "_changes", "_key", "_keys", "_order", "_seen", "_step", "cooling", "steps")

    def __init__(
        self,
        targets: Sequence[Target],
        key: Callable[[Target], Key],
        step: Callable[[Target], Step],
        changes: Sequence[Changes],
    ) -> None:
        """`changes` name every target of which the `key` or the `step` has changed. Labels must be unique."""
        self._by_label = {each.label: (each, place) for place, each in enumerate(targets)}
        self._key = key
        self._step = step
        self._changes = changes
        self._keys: dict[str, Key] = {}
        self._seen: list[int] = []
        self._order: list[Key] = []
        """The keys, in order: each with the number of its target at the end."""
        self.cooling: frozenset[str] = frozenset()
        """The labels of those in cooldown, on which key and step may depend."""
        self.steps: list[Step] = []
        """In the same order."""

    def refresh(self, cooling: frozenset[str]) -> None:
        """Place the targets anew of which something changed since the last time."""
        if not self.steps:
            self.cooling = cooling
            self._sort()
            return
        changed: set[str] = set()
        if cooling is not self.cooling:
            changed |= cooling ^ self.cooling
            self.cooling = cooling
        seen: list[int] = []
        for changes, known in zip(self._changes, self._seen, strict=True):
            seen.append(changes.count)
            if changes.count != known:
                labels = changes.since(known)
                if labels is None:
                    self._sort()
                    return
                changed |= labels
        self._seen = seen
        for label in changed:
            if label in self._keys:
                self._place(label)

    def count_below(self, key: Key) -> int:
        """Return how many targets are before a key."""
        return bisect_left(self._order, key)

    def place_of(self, target: Target) -> int:
        """Return the place of a target, from 0."""
        return bisect_left(self._order, self._keys[target.label])

    def _place(self, label: str) -> None:
        target, number = self._by_label[label]
        at = bisect_left(self._order, self._keys[label])
        del self._order[at], self.steps[at]
        key = self._keys[label] = (*self._key(target), number)
        at = bisect_left(self._order, key)
        self._order.insert(at, key)
        self.steps.insert(at, self._step(target))

    def _sort(self) -> None:
        self._seen = [changes.count for changes in self._changes]
        targets = [each for each, _ in self._by_label.values()]
        self._keys = {label: (*self._key(each), number) for label, (each, number) in self._by_label.items()}
        self._order = sorted(self._keys.values())
        self.steps = [self._step(targets[key[-1]]) for key in self._order]
