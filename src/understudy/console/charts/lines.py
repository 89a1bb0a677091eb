"""Charts over time: a band between two percentiles with the lower one as a line, and sparklines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

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
    scale = _Scale(start, end - start, step, ticks[-1])
    runs = list(_runs(points))
    inner = element(
        "svg",
        *(element("path", d=_area(run, scale), **{"class": "band"}) for run in runs),
        *(element("path", d=f"M{' L'.join(_edge(run, scale, 'low'))}", **{"class": "line"}) for run in runs),
        y=TOP,
        height=PLOT,
        width="100%",
        viewBox=f"0 0 {_WIDE} {PLOT}",
        preserveAspectRatio="none",
    )
    known = [
        (clock(each.at), shown(each.low), shown(each.high or 0), each.at) for each in points if each.low is not None
    ]
    spots = [
        element(
            "rect",
            element("title", f"{time}: {names[0]} {low}, {names[1]} {high}"),
            x=percent((at - start) / scale.span), width=percent(step / scale.span), y=TOP, height=PLOT,
            **{"class": "spot"},
        )
        for time, low, high, at in known
    ]  # fmt: skip
    labels = [*tick_labels(ticks, shown), *time_axis(start, end)]
    return Chart(
        title,
        picture(title, HEIGHT, [*grid(ticks), inner, *labels, *spots]),
        ("time (UTC)", *names),
        tuple((time, low, high) for time, low, high, _ in known),
        (Key("line", names[0]), Key("band", f"to {names[1]}")),
        is_empty=not known,
    )


class _Scale(NamedTuple):
    """From what is measured to units of the inner picture."""

    start: float
    span: float
    step: float
    top: float

    def place(self, at: float, value: float | None) -> str:
        """Return the point of a value in the middle of its step."""
        x = (at + self.step / 2 - self.start) / self.span * _WIDE
        return f"{number(x)} {number(PLOT - (value or 0) / self.top * PLOT)}"


def _edge(run: Sequence[BandPoint], scale: _Scale, name: Literal["low", "high"]) -> list[str]:
    """Return the points of a line. One point alone is as wide as its step, so that it can be seen."""
    if len(run) > 1:
        return [scale.place(each.at, getattr(each, name)) for each in run]
    return [scale.place(run[0].at + half * scale.step, getattr(run[0], name)) for half in (-0.5, 0.5)]


def _area(run: Sequence[BandPoint], scale: _Scale) -> str:
    return f"M{' L'.join([*_edge(run, scale, 'low'), *reversed(_edge(run, scale, 'high'))])}Z"


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
