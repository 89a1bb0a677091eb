"""What was measured, round by round: medians, and ratios that compare only what was measured in the same round."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Spread(NamedTuple):
    """A median, and what lay farthest from it on both sides."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of some values, at least one."""
        return cls(median(values), min(values), max(values))


class Rounds:
    """The figures of those that are compared, by measure. One that has none in a round has no ratio for it."""

    def __init__(self) -> None:
        self._figures: dict[str, dict[str, dict[int, float]]] = {}

    def add(self, measure: str, name: str, number: int, value: float) -> None:
        """Note the figure of one of those that are compared in one round."""
        self._figures.setdefault(measure, {}).setdefault(name, {})[number] = value

    @property
    def measures(self) -> list[str]:
        """The measures, in the order in which they were first noted."""
        return list(self._figures)

    def figure(self, measure: str, name: str) -> Spread | None:
        """Return the figures of one, over all rounds."""
        by_round = self._figures.get(measure, {}).get(name)
        return Spread.of(list(by_round.values())) if by_round else None

    def ratio(self, measure: str, name: str, base: str) -> Spread | None:
        """Return how many times the figure of `base` that of another is, over the rounds that have both."""
        own, other = (self._figures.get(measure, {}).get(each, {}) for each in (name, base))
        ratios = [value / other[number] for number, value in own.items() if other.get(number, 0.0) > 0.0]
        return Spread.of(ratios) if ratios else None


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies: the next one that was measured, not one between."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
