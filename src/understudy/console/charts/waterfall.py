"""The attempts of one request over time: which were made when, how long each waited and took, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from understudy.console.charts.scales import nice_ticks
from understudy.console.charts.svg import MOST_POINTS, Chart, Key, element, percent, picture

_ROW, _HEAD = 40, 18
"""Pixels of an attempt, and of the axis above all."""


class Lane(NamedTuple):
    """One attempt. Times are seconds from the start of the request."""

    name: str
    outcome: str
    """`succeeded`, `failed`, `aborted`, …: the class of its colour, and its word."""
    begun: float
    """When it was asked for: it may have waited first."""
    waited: float
    duration: float
    first_content: float | None = None
    """Seconds from its start, after the wait."""
    note: str = ""
    """Why it failed, in a few words."""


def waterfall(title: str, lanes: Sequence[Lane], *, shown: Callable[[float], str]) -> Chart:
    """Draw each attempt as a bar: hatched while it waited, pale until its first content, full from there on."""
    lanes = lanes[-MOST_POINTS:]
    end = max((each.begun + each.waited + each.duration for each in lanes), default=0) or 1e-3
    ticks = [each for each in nice_ticks(end, 5) if each <= end]
    height = _HEAD + _ROW * len(lanes)
    parts = [_tick(each / end, shown(each), height) for each in ticks]
    for place, each in enumerate(lanes):
        parts += _lane(each, _HEAD + _ROW * place, end, shown)
    return Chart(
        title,
        picture(title, height, parts, style="chart waterfall"),
        ("attempt", "outcome", "start", "wait", "first content", "duration", "failure"),
        tuple(
            (
                f"{place}. {each.name}", each.outcome, shown(each.begun), shown(each.waited),
                "–" if each.first_content is None else shown(each.first_content), shown(each.duration),
                each.note or "–",
            )
            for place, each in enumerate(lanes, 1)
        ),
        tuple(_keys(lanes)),
        is_empty=not lanes,
    )  # fmt: skip


def _keys(lanes: Sequence[Lane]) -> Iterator[Key]:
    """Yield what the colours mean that the bars have."""
    if any(each.waited > 0 for each in lanes):
        yield Key("wait", "waits")
    for outcome in dict.fromkeys(each.outcome for each in lanes):
        if any(each.outcome == outcome and each.first_content is not None for each in lanes):
            yield Key(f"before {outcome}", f"{outcome}: until first content")
            yield Key(f"after {outcome}", f"{outcome}: content")
        else:
            yield Key(f"before {outcome}", outcome)


def _tick(share: float, name: str, height: float) -> Markup:
    anchor = "start" if share < 0.03 else "end" if share > 0.97 else "middle"
    line = element("line", x1=percent(share), x2=percent(share), y1=_HEAD, y2=height, **{"class": "grid"})
    return line + element("text", name, x=percent(share), y=12, text_anchor=anchor, **{"class": "tick"})


def _lane(lane: Lane, y: float, end: float, shown: Callable[[float], str]) -> list[Markup]:
    start = lane.begun + lane.waited
    first = lane.duration if lane.first_content is None else min(lane.first_content, lane.duration)
    words = f"{lane.name}: {lane.outcome}{f', {lane.note}' if lane.note else ''}"
    parts = []
    if lane.waited > 0:
        parts.append(_bar("wait", lane.begun, lane.waited, y, end, f"{words}; waited {shown(lane.waited)}"))
    parts.append(_bar(f"before {lane.outcome}", start, first, y, end, f"{words}; {shown(lane.duration)}"))
    if first < lane.duration:
        told = f"{words}; first content after {shown(first)} of {shown(lane.duration)}"
        parts.append(_bar(f"after {lane.outcome}", start + first, lane.duration - first, y, end, told))
    # The name stands above its bar, from the left where it begins early and to the left of its end otherwise.
    share = lane.begun / end
    at, anchor = (share, "start") if share < 0.5 else (min(1, (start + lane.duration) / end), "end")
    parts.append(element("text", words, x=percent(at), y=y + 14, text_anchor=anchor, **{"class": "lane"}))
    return parts


def _bar(style: str, start: float, length: float, y: float, end: float, words: str) -> Markup:
    return element(
        "rect", element("title", words),
        x=percent(start / end), width=percent(max(length / end, 0.002)), y=y + 19, height=14, rx=2, **{"class": style},
    )  # fmt: skip
