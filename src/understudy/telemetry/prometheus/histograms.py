"""Durations in a few fixed buckets, as Prometheus counts them.

A duration is known within `ERROR`, so one that close to a bound may be counted on its other side.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import inf

import msgspec

from understudy.domain.quantiles import Quantiles, middle

DURATIONS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds, in seconds, for whole answers: as far as the usual deadline."""
FIRST_CONTENT = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 60.0)
TOKEN_GAPS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0)


class Histogram(msgspec.Struct, frozen=True):
    """Cumulative counts. Each of them, and the sum, only rises as durations are added."""

    bounds: tuple[float, ...]
    """The last is infinity."""
    counts: tuple[int, ...]
    """How many durations do not exceed the bound of the same place."""
    sum: float
    """Seconds, within `ERROR`."""

    @property
    def count(self) -> int:
        """How many durations there are."""
        return self.counts[-1]


def histogram(quantiles: Quantiles, bounds: Sequence[float]) -> Histogram:
    """Return durations by bounds, which rise."""
    middles = [(middle(number), count) for number, count in quantiles.buckets]
    places = [duration for duration, _ in middles]
    totals = (0, *accumulate(count for _, count in middles))
    ends = (*bounds, inf)
    return Histogram(
        bounds=ends,
        counts=tuple(totals[bisect_right(places, bound)] for bound in ends),
        sum=sum(duration * count for duration, count in middles),
    )
