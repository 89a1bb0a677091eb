"""Charts over time: a band between two percentiles with the lower one as a line, and sparklines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from understudy.console.charts.frame import HEIGHT, PLOT, TOP, clock, grid, tick_labels, time_axis
from understudy.console.charts.scales import nice_ticks
from understudy.console.charts.svg import MOST_POINTS, Chart, Key, element, number, percent, picture

_WIDE = 1_000
"""Units of the inner picture, which is stretched to the width of the page."""


class BandPoint(NamedTuple):
    """What was measured in one step of time."""

    at: float
    """Unix seconds."""
    low: float | None
    """The lower percentile; `None` if nothing was measured, which leaves a gap."""
    high: float | None


def band_chart(
    title: str,
    points: Sequence[BandPoint],
    *,
    step: float,
    shown: Callable[[float], str],
    names: tuple[str, str] = ("p50", "p95"),
) -> Chart:
    """Draw a line for the lower percentile, and an area from it to the higher one. `step`: seconds between points."""
    points = points[-MOST_POINTS:]
    ticks = nice_ticks(max((each.high or 0 for each in points), default=0))
    start, end = (points[0].at, points[-1].at + step) if points else (0.0, step)
    span = end - start

    def x(point: BandPoint) -> float:
        return (point.at + step / 2 - start) / span * _WIDE

    def y(value: float) -> float:
        return PLOT - value / ticks[-1] * PLOT

    areas, lines = [], []
    for run in _runs(points):
        there = [f"{number(x(each))} {number(y(each.low or 0))}" for each in run]
        back = [f"{number(x(each))} {number(y(each.high or 0))}" for each in reversed(run)]
        if len(run) == 1:
            half = step / span * _WIDE / 2
            there = [f"{number(x(run[0]) + side * half)} {number(y(run[0].low or 0))}" for side in (-1, 1)]
            back = [f"{number(x(run[0]) + side * half)} {number(y(run[0].high or 0))}" for side in (1, -1)]
        areas.append(element("path", d=f"M{' L'.join([*there, *back])}Z", **{"class": "band"}))
        lines.append(element("path", d=f"M{' L'.join(there)}", **{"class": "line"}))
    inner = element(
        "svg",
        *areas,
        *lines,
        y=TOP,
        height=PLOT,
        width="100%",
        viewBox=f"0 0 {_WIDE} {PLOT}",
        preserveAspectRatio="none",
    )
    spots = [
        element(
            "rect",
            element("title", f"{clock(each.at)}: {names[0]} {shown(each.low)}, {names[1]} {shown(each.high or 0)}"),
            x=percent((each.at - start) / span), width=percent(step / span), y=TOP, height=PLOT, **{"class": "spot"},
        )
        for each in points
        if each.low is not None
    ]  # fmt: skip
    return Chart(
        title,
        picture(title, HEIGHT, [*grid(ticks), inner, *tick_labels(ticks, shown), *time_axis(start, end), *spots]),
        ("time (UTC)", *names),
        tuple((clock(each.at), shown(each.low), shown(each.high or 0)) for each in points if each.low is not None),
        (Key("line", names[0]), Key("band", f"to {names[1]}")),
        is_empty=all(each.low is None for each in points),
    )


def sparkline(title: str, values: Sequence[float | None], *, height: int = 28) -> Markup:
    """Draw values as a small line without axes, from 0 to the largest of them; `None` leaves a gap."""
    values = values[-MOST_POINTS:]
    top = max((each for each in values if each is not None), default=0) or 1
    last = max(len(values) - 1, 1)
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{number(place / last * _WIDE)} {number((height - 2) * (1 - value / top) + 1)}")
    paths = [element("path", d=f"M{' L'.join(run)}", **{"class": "line"}) for run in runs if len(run) > 1]
    inner = element(
        "svg", *paths, width="100%", height=height, viewBox=f"0 0 {_WIDE} {height}", preserveAspectRatio="none"
    )
    return picture(title, height, [inner], style="spark")


def _runs(points: Sequence[BandPoint]) -> Iterator[list[BandPoint]]:
    """Yield points that follow each other without a gap."""
    run: list[BandPoint] = []
    for each in points:
        if each.low is not None:
            run.append(each)
        elif run:
            yield run
            run = []
    if run:
        yield run
