"""Targets in an order that is kept up to date: only those of which something changed are placed anew.

To place one costs as much for a thousand targets as for ten, but for some comparisons. What is made of all of them for
a plan is one copy of a list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from understudy.policy.changes import Changes
from understudy.policy.plan import Step
from understudy.policy.targets import Target

Key = tuple[Any, ...]


class Ranking:
    """Targets in the order of a key, lower ones first, equal ones as they are given; each with its step."""

    __slots__ = ("_by_label", "_changes", "_key", "_keys", "_order", "_seen", "_step", "steps")

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
        self.steps: list[Step] = []
        """In the same order."""
        self._sort()

    def refresh(self) -> None:
        """Place the targets anew of which something changed since the last time."""
        changed: set[str] = set()
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

    def parted(self, labels: Collection[str]) -> tuple[Sequence[Step], Sequence[Step]]:
        """Return the steps of all targets but some, and those of these, both in order."""
        taken = sorted(bisect_left(self._order, self._keys[label]) for label in labels if label in self._keys)
        if not taken:
            return self.steps, ()
        rest: list[Step] = []
        begins = 0
        for at in taken:
            rest += self.steps[begins:at]
            begins = at + 1
        rest += self.steps[begins:]
        return rest, [self.steps[at] for at in taken]

    def count_below(self, key: Key, but: Iterable[Step] = ()) -> int:
        """Return how many targets are before a key, without some."""
        return bisect_left(self._order, key) - sum(self._keys[each.target.label] < key for each in but)

    def place_of(self, target: Target, but: Iterable[Step] = ()) -> int:
        """Return the place of a target, from 0, among all but some."""
        return self.count_below(self._keys[target.label], but)

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
