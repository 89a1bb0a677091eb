"""How long the answers of targets are, as learned from those that came."""

from __future__ import annotations

from understudy.domain.bounded import BoundedDict
from understudy.policy.changes import Changes

LEARNING = 0.1
"""Weight of the latest answer in what is expected of the next one."""


class AnswerLengths:
    """Of each target's answers, the tokens to expect, by `Target.label`. One object per manager."""

    __slots__ = ("_lengths", "changes")

    def __init__(self) -> None:
        self._lengths: BoundedDict[str, list[float]] = BoundedDict()
        """Lists of one, so that learning writes no dictionary."""
        self.changes: Changes | None = None
        """Of which targets something was learned; noted only if an order is kept up to date by it."""

    def of(self, label: str) -> float | None:
        """Return how many tokens are expected of a target; `None` before its first answer."""
        usual = self._lengths.get(label)
        return usual[0] if usual is not None else None

    def learn(self, label: str, output: int) -> None:
        """Learn of an answer of so many tokens."""
        usual, changes = self._lengths.get(label), self.changes
        if changes is not None:
            changes.note(label)
        if usual is not None:
            usual[0] += LEARNING * (output - usual[0])
            return
        if changes is not None and len(self._lengths) >= self._lengths.limit:
            changes.note_all()  # another target is forgotten
        self._lengths[label] = [output]

    def note_changes(self) -> Changes:
        """Begin to note of which targets something is learned."""
        self.changes = self.changes or Changes()
        return self.changes
