"""Quantiles of durations in little space: counts in buckets whose bounds grow by a fixed factor, as in DDSketch.

`Sketch` and `RunningSketch` are written to, `Quantiles` is their frozen snapshot. Bucket by bucket, sums are exact:
counting separately and adding gives the same quantiles as counting together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from math import ceil, inf, log

import msgspec

ERROR = 0.02
"""The largest relative error of a quantile: 1 s is reported as 0.98 to 1.02 s."""
LEAST = 1e-6
"""Seconds; shorter durations count as this."""
MOST = 1e6
"""Seconds, eleven days; longer durations count as this. Between the two there are 691 buckets."""

_GROWTH = (1 + ERROR) / (1 - ERROR)
_SCALE = 1 / log(_GROWTH)
_MIDDLE = 2 / (1 + _GROWTH)
"""The relative middle of a bucket, as a fraction of its upper bound."""


def middle(number: int) -> float:
    """Return the duration that stands for all of a bucket: each of them is within `ERROR` of it."""
    return _MIDDLE * _GROWTH**number


class Quantiles(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many durations fall into each bucket. Durations are seconds."""

    buckets: tuple[tuple[int, int], ...] = ()
    """The number of each bucket and its count, by rising number."""
    shortest: float = inf
    longest: float = 0.0

    @property
    def count(self) -> int:
        """How many durations there are."""
        return sum(count for _, count in self.buckets)

    def percentile(self, percent: int) -> float | None:
        """Return the shortest duration, within `ERROR`, that `percent` percent of all do not exceed.

        Return `None` if there are no durations. Every percentile of a single duration is exactly that duration.
        """
        # Whole numbers: 0.95 * 20 is not always 19.
        left = max(1, -(-percent * self.count // 100))
        for number, count in self.buckets:
            left -= count
            if left <= 0:
                return min(max(middle(number), self.shortest), self.longest)
        return None

    def __add__(self, other: Quantiles) -> Quantiles:
        counts = dict(self.buckets)
        for number, count in other.buckets:
            counts[number] = counts.get(number, 0) + count
        return Quantiles(
            tuple(sorted(counts.items())), min(self.shortest, other.shortest), max(self.longest, other.longest)
        )


def sum_quantiles(parts: Iterable[Quantiles]) -> Quantiles:
    """Return all durations of several parts together: what `+` does, in one pass over however many there are."""
    counts: dict[int, int] = {}
    shortest, longest = inf, 0.0
    for part in parts:
        if part.buckets:
            for number, count in part.buckets:
                counts[number] = counts.get(number, 0) + count
            shortest, longest = min(shortest, part.shortest), max(longest, part.longest)
    return Quantiles(tuple(sorted(counts.items())), shortest, longest)


class Sketch:
    """Counts durations, each in constant time, in bounded space."""

    __slots__ = ("_counts", "_longest", "_shortest")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._shortest = inf
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        if not LEAST <= seconds <= MOST:
            seconds = LEAST if seconds < LEAST else MOST
        number, counts = ceil(log(seconds) * _SCALE), self._counts
        counts[number] = counts.get(number, 0) + 1
        # Two comparisons cost less than two calls, and this is done for each answer.
        if seconds < self._shortest:  # noqa: PLR1730
            self._shortest = seconds
        if seconds > self._longest:  # noqa: PLR1730
            self._longest = seconds

    def snapshot(self) -> Quantiles:
        """Return what was counted so far."""
        return Quantiles(tuple(sorted(self._counts.items())), self._shortest, self._longest)


class _Ordered:
    """Counts by bucket, kept as they are read: only what changes is made anew."""

    __slots__ = ("buckets", "longest", "numbers", "shortest")

    def __init__(self) -> None:
        self.numbers: list[int] = []
        """Those of the buckets, rising."""
        self.buckets: list[tuple[int, int]] = []
        self.shortest = inf
        self.longest = 0.0

    def add(self, fresh: dict[int, int], shortest: float, longest: float) -> Quantiles:
        """Add counts, and return all."""
        numbers, buckets = self.numbers, self.buckets
        for number, count in fresh.items():
            place = bisect_left(numbers, number)
            if place < len(numbers) and numbers[place] == number:
                buckets[place] = number, buckets[place][1] + count
            else:
                numbers.insert(place, number)
                buckets.insert(place, (number, count))
        self.shortest, self.longest = min(self.shortest, shortest), max(self.longest, longest)
        return Quantiles(tuple(buckets), self.shortest, self.longest)


_NONE = Quantiles()


class RunningSketch:
    """Counts the durations of a span and of all spans so far, and is read every second: the work of a read is that for
    what is new, however much was counted before."""

    __slots__ = ("_fresh", "_longest", "_read", "_shortest", "_span", "_total")

    def __init__(self) -> None:
        self._fresh: dict[int, int] = {}
        self._shortest = inf
        self._longest = 0.0
        self._span = _Ordered()
        self._total = _Ordered()
        self._read = (_NONE, _NONE)

    def add(self, seconds: float) -> None:
        """Count a duration, as `Sketch` does."""
        if not LEAST <= seconds <= MOST:
            seconds = LEAST if seconds < LEAST else MOST
        number, fresh = ceil(log(seconds) * _SCALE), self._fresh
        fresh[number] = fresh.get(number, 0) + 1
        if seconds < self._shortest:  # noqa: PLR1730 - as above
            self._shortest = seconds
        if seconds > self._longest:  # noqa: PLR1730
            self._longest = seconds

    def read(self) -> tuple[Quantiles, Quantiles]:
        """Return what was counted in this span, and in all."""
        if self._fresh:
            fresh, shortest, longest = self._fresh, self._shortest, self._longest
            self._read = self._span.add(fresh, shortest, longest), self._total.add(fresh, shortest, longest)
            self._fresh, self._shortest, self._longest = {}, inf, 0.0
        return self._read

    def begin(self) -> None:
        """Begin another span."""
        self._read = _NONE, self.read()[1]
        self._span = _Ordered()
