"""Charts of reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from understudy.console.charts.bars import Axes, Series, stacked_bars
from understudy.console.charts.lines import BandPoint, band_chart
from understudy.console.charts.scales import marks_of
from understudy.console.charts.svg import Chart
from understudy.console.charts.waterfall import Lane, waterfall
from understudy.console.pages.formats import dollars, path, query, round_dollars, seconds, short, short_number
from understudy.reports.history import ProviderHistory, TargetHistory
from understudy.reports.money import MoneyReport
from understudy.reports.usage import UsageResult
from understudy.reports.waterfall import AttemptResult, RequestDetail

_LONGEST = 40
"""Characters of a name that every bar bears."""
COLOURS = 8
"""Of series; the ninth is for what remains."""


def attempts_chart(detail: RequestDetail) -> Chart:
    """Draw the attempts of a request."""
    now = max((each.ends or each.begins for each in detail.attempts), default=0.0)
    return waterfall("Attempts over time", [_lane(each, now) for each in detail.attempts], shown=seconds)


def _lane(attempt: AttemptResult, now: float) -> Lane:
    """Return one attempt; one whose end is not known reaches to the end of the others."""
    end = attempt.ends if attempt.ends is not None else max(now, attempt.begins)
    return Lane(
        f"{attempt.number}. {attempt.provider}/{attempt.model}" if attempt.model else attempt.provider,
        attempt.state,
        attempt.waits_from,
        attempt.begins - attempt.waits_from,
        end - attempt.begins,
        None if attempt.first_content is None else attempt.first_content - attempt.begins,
        attempt.failure.kind.replace("_", " ") if attempt.failure else "",
    )


def money_chart(report: MoneyReport) -> Chart:
    """Draw the cost of each day, split by the dearest values."""
    shown = report.values[:COLOURS]
    series = [
        Series(short(each.value, _LONGEST), [float(day.parts_usd[place]) for day in report.days], f"series-{place + 1}")
        for place, each in enumerate(shown)
    ]
    rest = [
        float(day.other_usd) + float(day.none_usd) + sum(map(float, day.parts_usd[COLOURS:])) for day in report.days
    ]
    if any(rest):
        series.append(Series("all others", rest, "series-9"))
    days = [_day(each.day) for each in report.days]
    overlap = f"; an attempt counts for each of its {report.by}s" if report.overlaps else ""
    return stacked_bars(
        f"Cost per day by {report.by}{overlap}",
        days,
        series,
        shown=dollars,
        axes=Axes("day (UTC)", round_dollars),
    )


def _day(day: str) -> str:
    """Return `29 Nov` for `2026-11-29`."""
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{int(day[8:10])} {names[int(day[5:7]) - 1]}"


class Part(NamedTuple):
    """A row of the table below the chart."""

    name: str
    link: str | None
    sums: UsageResult
    share: float | None


_FILTERS = ("provider", "model", "key", "route", "agent", "class", "task")
"""By which filter the requests of a value are found."""


def money_parts(report: MoneyReport) -> list[Part]:
    """Return the rows below the chart: each value, the others, and what belongs to none."""
    total = float(report.total.cost_usd)

    def part(name: str, link: str | None, sums: UsageResult) -> Part:
        return Part(name, link, sums, float(sums.cost_usd) / total if total else None)

    parts = [part(each.value, _link(report.by, each.value), each) for each in report.values]
    if report.other is not None:
        parts.append(part(f"{report.other.value} others", None, report.other))
    if report.none is not None:
        parts.append(part(f"no {report.by}", None, report.none))
    return parts


def _link(by: str, value: str) -> str | None:
    if by == "session":
        return path("sessions", value)
    if by in _FILTERS:
        return f"/console/requests{query({}, **{by: value})}"
    return f"/console/requests{query({}, tag=f'{by}={value}' if by != 'tag' else value)}"


def outcome_chart(history: ProviderHistory, target: TargetHistory) -> Chart:
    """Draw how the attempts of a target ended, over time."""
    slices = target.slices
    return stacked_bars(
        "Attempts",
        [_time(each.since) for each in slices],
        [
            Series("succeeded", [each.succeeded for each in slices], "good"),
            Series("failed", [each.failed for each in slices], "failing"),
            Series("aborted", [each.aborted for each in slices], "stopped"),
        ],
        shown=short_number,
        axes=Axes(marks=marks_of([each.since for each in slices], history.step)),
    )


def latency_chart(history: ProviderHistory, target: TargetHistory, *, first: bool) -> Chart:
    """Draw the percentiles of latency, or of the time to the first content, over time."""
    points = [
        BandPoint(each.since, *((each.first_p50, each.first_p95) if first else (each.latency_p50, each.latency_p95)))
        for each in target.slices
    ]
    return band_chart("Time to first content" if first else "Latency", points, step=history.step, shown=seconds)


def _time(at: float) -> str:
    return f"{int(at) % 86_400 // 3_600:02}:{int(at) % 3_600 // 60:02}"


def failure_kinds(windows: Sequence[dict[str, int]]) -> dict[str, int]:
    """Return counts of failures by kind, the most frequent first."""
    kinds: dict[str, int] = {}
    for each in windows:
        for kind, count in each.items():
            kinds[kind] = kinds.get(kind, 0) + count
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))
