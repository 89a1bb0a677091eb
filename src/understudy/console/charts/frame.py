"""What charts have in common: their size, lines at round numbers, and the axis of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from understudy.console.charts.scales import time_ticks
from understudy.console.charts.svg import element, percent

TOP, PLOT, FOOT = 16, 132, 20
"""Pixels above the plot, of the plot, and below it for the names of places."""
HEIGHT = TOP + PLOT + FOOT


def grid(ticks: Sequence[float]) -> list[Markup]:
    """Return a line at each tick."""
    return [
        element("line", x1="0", x2="100%", y1=y, y2=y, **{"class": "grid" if each else "base"})
        for each, y in zip(ticks, _heights(ticks), strict=True)
    ]


def tick_labels(ticks: Sequence[float], shown: Callable[[float], str]) -> list[Markup]:
    """Return the number of each tick, above its line: to be drawn over what is measured."""
    return [
        element("text", shown(each), x="0", y=y - 4, **{"class": "tick"})
        for each, y in zip(ticks, _heights(ticks), strict=True)
        if each
    ]


def _heights(ticks: Sequence[float]) -> list[float]:
    return [TOP + PLOT - each / ticks[-1] * PLOT for each in ticks]


def time_axis(start: float, end: float) -> list[Markup]:
    """Return the names of round times below the plot."""
    span = max(end - start, 1)
    return [foot_label((at - start) / span, name) for at, name in time_ticks(start, end)]


def foot_label(share: float, name: str) -> Markup:
    """Return a name below the plot at a share of its width, within the picture."""
    anchor = "start" if share < 0.03 else "end" if share > 0.97 else "middle"
    return element("text", name, x=percent(share), y=HEIGHT - 5, text_anchor=anchor, **{"class": "tick"})


def clock(at: float) -> str:
    """Return the time of day of a Unix time, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")
