"""Stacked bars: counts or money by step of time, split by what they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from understudy.console.charts.frame import HEIGHT, PLOT, TOP, foot_label, grid, tick_labels
from understudy.console.charts.scales import nice_ticks
from understudy.console.charts.svg import MOST_POINTS, Chart, Key, element, percent, picture

_LABELS = 5
"""Names below the bars."""
_GAP = 0.18
"""The part of a bar's place that stays empty."""


class Axes(NamedTuple):
    """What is written beside and below the bars, where it is not the usual."""

    rows: str = "time (UTC)"
    """What the places are."""
    shown: Callable[[float], str] | None = None
    """How the numbers are written, if not as the values."""
    marks: Mapping[int, str] | None = None
    """What is written below which places, if not the names of some at equal distances."""


class Series(NamedTuple):
    """One colour of all bars."""

    name: str
    values: Sequence[float]
    style: str
    """The class of its colour, such as `series-1`."""


def stacked_bars(
    title: str,
    places: Sequence[str],
    series: Sequence[Series],
    *,
    shown: Callable[[float], str],
    axes: Axes | None = None,
) -> Chart:
    """Draw a bar for each place, with the series above each other, the first one at the bottom."""
    axes = axes or Axes()
    first = max(0, len(places) - MOST_POINTS)
    places = places[first:]
    series = [each._replace(values=each.values[first:]) for each in series]
    sums = [sum(each.values[place] for each in series) for place in range(len(places))]
    ticks = nice_ticks(max(sums, default=0))
    parts = grid(ticks)
    for place, name in enumerate(places):
        parts += _bar(place, len(places), name, series, ticks[-1], shown)
    parts += tick_labels(ticks, axes.shown or shown)
    marks = _marks(places, first) if axes.marks is None else axes.marks
    parts += [foot_label((at - first + 0.5) / len(places), name) for at, name in marks.items() if at >= first]
    return Chart(
        title,
        picture(title, HEIGHT, parts),
        (axes.rows, *(each.name for each in series), *(("all",) if len(series) > 1 else ())),
        tuple(
            (name, *(shown(each.values[place]) for each in series), *((shown(sums[place]),) if len(series) > 1 else ()))
            for place, name in enumerate(places)
        ),
        tuple(Key(each.style, each.name) for each in series),
        is_empty=not any(sums),
    )


def _marks(places: Sequence[str], first: int) -> dict[int, str]:
    """Return some names at equal distances, the last one among them. `first`: the number of the first place."""
    every = -(-len(places) // _LABELS) or 1
    return {first + at: places[at] for at in range((len(places) - 1) % every, len(places), every)}


def _bar(
    place: int, count: int, name: str, series: Sequence[Series], top: float, shown: Callable[[float], str]
) -> list[Markup]:
    below, parts = 0.0, []
    for each in series:
        value = each.values[place]
        if value <= 0:
            continue
        parts.append(
            element(
                "rect",
                element("title", f"{name}: {each.name} {shown(value)}"),
                x=percent((place + _GAP / 2) / count), width=percent((1 - _GAP) / count),
                y=TOP + PLOT - (below + value) / top * PLOT, height=value / top * PLOT, **{"class": each.style},
            )
        )  # fmt: skip
        below += value
    return parts
