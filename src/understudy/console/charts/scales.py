"""Axes: round numbers and round times at which a chart has its lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil, floor, log10

_FACTORS = (1, 2, 5, 10)
_STEPS = (60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600)
"""Seconds between two times of an axis."""


def nice_ticks(top: float, count: int = 4) -> tuple[float, ...]:
    """Return round numbers from 0 to the first one that is not below `top`: about `count` of them above 0."""
    if not top > 0:
        return (0.0, 1.0)
    exponent = floor(log10(top / count))
    least = top / count / 10.0**exponent
    factor = next((each for each in _FACTORS if each >= least * (1 - 1e-9)), 10)

    # A product and one division, each exact or rounded once: 3 * 0.1 would be 0.30000000000000004.
    def tick(place: int) -> float:
        return place * factor * 10.0**exponent if exponent >= 0 else place * factor / 10.0**-exponent

    last = ceil(top / tick(1) * (1 - 1e-9))
    return tuple(map(tick, range(last + 1)))


def marks_of(starts: Sequence[float], step: float) -> dict[int, str]:
    """Return the round times that are written below a chart, by the place of the step of time in which each is."""
    if not starts:
        return {}
    ticks = time_ticks(starts[0], starts[-1] + step - 1)
    return {int((at - starts[0]) // step): name for at, name in ticks}


def time_ticks(start: float, end: float, count: int = 6) -> tuple[tuple[float, str], ...]:
    """Return round times (UTC) between two Unix times, at most `count` of them where that can be, and their labels."""
    span = max(end - start, 1)
    step = next((each for each in _STEPS if span / each <= count), _STEPS[-1])
    first = ceil(start / step) * step
    form = "%H:%M" if step < 86_400 else "%-d %b"
    return tuple(
        (float(at), datetime.fromtimestamp(at, UTC).strftime(form)) for at in range(first, floor(end) + 1, step)
    )
