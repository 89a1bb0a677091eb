"""Of which targets something changed, for the orders that are kept up to date instead of being made anew."""

from __future__ import annotations

from collections import deque

KEPT = 1_024
"""Changes that are remembered. Whoever has missed more looks at every target again."""


class Changes:
    """The labels of targets of which something changed, the latest ones, with their number so far."""

    __slots__ = ("_labels", "count")

    def __init__(self) -> None:
        self._labels: deque[str] = deque(maxlen=KEPT)
        self.count = 0
        """How many there were: a reader remembers it for the next time."""

    def note(self, label: str) -> None:
        """Note that something changed of a target."""
        self._labels.append(label)
        self.count += 1

    def note_all(self) -> None:
        """Note that something may have changed of any target."""
        self._labels.clear()
        self.count += 1

    def since(self, seen: int) -> set[str] | None:
        """Return what changed after the first `seen` changes; `None` if that may be anything."""
        missed = self.count - seen
        if missed > len(self._labels):
            return None
        return {self._labels[-at] for at in range(1, missed + 1)}
