"""The page that a look is enough for: is all well, and if not, what is wrong, who stands in, and what it costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from markupsafe import Markup

from understudy.console.charts.bars import Axes, Series, stacked_bars
from understudy.console.charts.frame import clock
from understudy.console.charts.lines import BandPoint, band_chart, sparkline
from understudy.console.charts.scales import marks_of
from understudy.console.charts.svg import Chart
from understudy.console.http import ConsoleError, Reply, Request, Streamed
from understudy.console.listing import Listing, listed
from understudy.console.pages.formats import counted, dollars, number, relative, seconds, share, short_number
from understudy.console.pages.frame import page
from understudy.console.pages.live import streamed
from understudy.console.pages.rendering import render
from understudy.console.pages.words import order_words
from understudy.console.routes import ConsoleRoute
from understudy.fleet.store import MINUTE, FleetUnavailable, History, history_of, start_of
from understudy.reports.now import NowReport, TargetNow, read_now
from understudy.reports.requests import list_requests
from understudy.reports.traffic import Traffic, traffic_of
from understudy.telemetry.snapshot import TargetState

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.reports.usage import RequestResult

HOUR = 60
"""Minutes of the charts."""
TARGETS, STAND_INS, PROCESSES, LINES = 40, 20, 50, 6
"""Rows and lines of the page, which open pages get anew every second; what is not shown is counted."""
_NOT_ASKED = " is not asked"
"""What a problem states of a target."""
_PATIENCE = 2.0
"""Seconds for the latest requests: the rest of the page does not wait for a database that hangs."""
_IF_AWAY = 0.2
"""The same once it is known that it does not answer."""
_LATEST = 8
_ANSWERS = 0.95
"""The part of the requests that is answered while trouble is no more than that."""
_FRESH = 0.9
"""Seconds for which what one page was shown is shown to others."""


class Verdict(NamedTuple):
    """The answer to the first question."""

    kind: str
    """`ok`, `warn` or `bad`."""
    title: str
    lines: tuple[str, ...]
    note: str


def verdict(report: NowReport) -> Verdict:
    """Return whether all is well, and if not, what is wrong and who stands in."""
    orders = [
        f"{each.entry} was {order_words(each.kind)} by {each.by}, {relative(each.at - report.at)}"
        for each in report.orders
    ]
    is_asked = report.lately.requests or report.lately.attempts
    match report.status:
        case "well":
            kind, title = "ok", "All is well" if is_asked else "All is well, and nothing is asked"
            if out := list(dict.fromkeys(each.entry for each in report.targets if each.ordered is not None)):
                kind, title = "warn", f"All is well without {_out(out)}"
        case "down":
            kind, title = "bad", "Some requests cannot be answered"
        case _:
            if report.recent.success is None or report.recent.success >= _ANSWERS:
                kind, title = "warn", "Requests are answered, but not all is well"
            else:
                kind, title = "bad", "Requests fail"
    processes = [each for each in report.workers if not each.is_silent]
    note = (
        f"{counted(len(report.targets), 'target')}, {counted(len(processes), 'process', 'processes')}, "
        f"{number(report.lately.per_minute)} requests a minute, {dollars(report.lately.cost_per_hour_usd)} an hour."
    )
    lines = (*_first(_problems(report)), *_first(_stands(report)), *_first(orders))
    return Verdict(kind, title, lines, note)


def _out(entries: Sequence[str]) -> str:
    """Return what operators have taken out, in words."""
    if len(entries) == 1:
        return f"{entries[0]}, which an operator has taken out"
    return f"{len(entries):,} entries, which operators have taken out"


def _first(lines: Sequence[str]) -> Sequence[str]:
    """Return lines, or of many the first ones and how many others there are."""
    return lines if len(lines) <= LINES else [*lines[:LINES], f"and {len(lines) - LINES:,} more like these"]


def shown_targets(targets: Sequence[TargetNow]) -> Listing[TargetNow]:
    """Return the targets of the page: all in their order, or of many those first that are not available, and then those
    that were asked most."""
    if len(targets) > TARGETS:
        targets = sorted(targets, key=lambda each: (each.state == TargetState.CLOSED, -_attempts(each)))
    return listed(targets, 1, most=TARGETS)


def _attempts(target: TargetNow) -> int:
    return target.in_flight + target.succeeded + target.failed + target.aborted


def _problems(report: NowReport) -> list[str]:
    """Return what is wrong, with the targets of one entry that fail for one reason in one sentence."""
    labels = {each.label: each for each in report.targets}
    lines: list[str] = []
    groups: dict[tuple[str, str], tuple[int, list[str]]] = {}
    for line in report.problems:
        label, is_away, why = line.partition(_NOT_ASKED)
        target = labels.get(label) if is_away else None
        if target is None:
            lines.append(line)
            continue
        if (target.entry, why) not in groups:
            groups[target.entry, why] = (len(lines), [])
            lines.append(line)
        groups[target.entry, why][1].append(target.model or "")
    for (entry, why), (at, models) in groups.items():
        if len(models) > 1:
            lines[at] = f"{entry} ({', '.join(models)}){_NOT_ASKED}{why}"
    return lines


def _stands(report: NowReport) -> list[str]:
    """Return who stands in for whom, and on which routes."""
    routes: dict[tuple[str, str], list[str]] = {}
    for each in report.stand_ins:
        if each.acting is not None:
            routes.setdefault((each.acting, each.primary), []).append(each.route or "")
    return [
        f"{acting} stands in for {primary}{_on([name for name in names if name])}"
        for (acting, primary), names in routes.items()
    ]


def _on(routes: list[str]) -> str:
    if not routes:
        return ""
    return f" on {'route' if len(routes) == 1 else 'routes'} {', '.join(routes)}"


class Sparks(NamedTuple):
    """The last hour, small."""

    requests: Markup
    success: Markup
    latency: Markup
    first: Markup
    cost: Markup


class Charts(NamedTuple):
    """The last hour, large."""

    attempts: Chart
    latency: Chart


class Past(NamedTuple):
    """One minute of the last hour."""

    start: int
    traffic: Traffic
    succeeded: int
    """Attempts."""
    aborted: int


def past(history: History, at: float) -> list[Past]:
    """Return the last hour by the minute, also those without traffic; the current one is not over and left out."""
    by_minute, end, nothing = history.by_minute(), start_of(at), History()
    found = []
    for start in range(end - HOUR * MINUTE, end, MINUTE):
        minute = by_minute.get(start, nothing)
        tallies = [each.tally for each in minute.minutes]
        succeeded, aborted = (sum(getattr(each, name) for each in tallies) for name in ("succeeded", "aborted"))
        found.append(Past(start, traffic_of(minute, MINUTE), succeeded, aborted))
    return found


def sparks(minutes: list[Past]) -> Sparks:
    """Draw the small charts of the tiles."""

    def drawn(what: str, value: Callable[[Traffic], float | None], shown: Callable[[float], str]) -> Markup:
        values = [value(each.traffic) for each in minutes]
        known = [each for each in values if each is not None]
        top = f", {shown(max(known))} at most" if known else ""
        return sparkline(f"{what} by the minute over the last hour{top}", values)

    return Sparks(
        drawn("Requests", lambda traffic: traffic.requests, number),
        drawn("Success", lambda traffic: traffic.success, share),
        drawn("Latency p50", lambda traffic: traffic.latency_p50, seconds),
        drawn("First content p50", lambda traffic: traffic.first_p50, seconds),
        drawn("Cost", lambda traffic: float(traffic.cost_usd), dollars),
    )


def charts(minutes: list[Past]) -> Charts:
    """Draw how attempts ended, and how long answers took."""
    series = [
        Series("succeeded", [each.succeeded for each in minutes], "good"),
        Series("failed", [sum(each.traffic.failures.values()) for each in minutes], "failing"),
        Series("aborted", [each.aborted for each in minutes], "stopped"),
    ]
    points = [BandPoint(each.start, each.traffic.latency_p50, each.traffic.latency_p95) for each in minutes]
    names = [clock(each.start) for each in minutes]
    marks = marks_of([each.start for each in minutes], MINUTE)
    return Charts(
        stacked_bars("Attempts a minute", names, series, shown=short_number, axes=Axes(marks=marks)),
        band_chart("Latency of requests", points, step=MINUTE, shown=seconds),
    )


class Overview:
    """What the page shows, worked out once for all who look at it."""

    def __init__(self, context: ConsoleContext) -> None:
        self._context = context
        self._lock = asyncio.Lock()
        self._hour: tuple[int, History] = (-1, History())
        self._drawn: tuple[float, str] = (-1.0, "")

    async def part(self) -> str:
        """Return the part of the page that changes."""
        async with self._lock:
            drawn_at, html = self._drawn
            if time.monotonic() - drawn_at > _FRESH:
                html = await self._draw()
                self._drawn = (time.monotonic(), html)
            return html

    async def report(self) -> tuple[NowReport, History]:
        """Return what happens now, and the history of the last hour."""
        fleet, now = self._context.fleet, await read_now(self._context.fleet)
        start = start_of(now.at)
        if self._hour[0] != start:
            try:
                self._hour = (start, await fleet.history(start - HOUR * MINUTE, start))
            except FleetUnavailable:
                self._hour = (self._hour[0], history_of(fleet.snapshot()))  # of this process
        return now, self._hour[1]

    async def _draw(self) -> str:
        report, hour = await self.report()
        minutes = past(hour, report.at)
        return render(
            "now_part.html",
            now=report.at,
            report=report,
            verdict=verdict(report),
            sparks=sparks(minutes),
            charts=charts(minutes),
            latest=await self._latest(),
            targets=shown_targets(report.targets),
            stand_ins=listed(report.stand_ins, 1, most=STAND_INS),
            workers=listed(report.workers, 1, most=PROCESSES),
        )

    async def _latest(self) -> tuple[RequestResult, ...] | None:
        """Return the latest requests; `None` if the log cannot be read."""
        try:
            async with asyncio.timeout(_IF_AWAY if self._context.fleet.is_away else _PATIENCE):
                return (await self._context.ask(lambda queries: list_requests(queries, limit=_LATEST))).requests
        except (ConsoleError, TimeoutError):
            return None


_overviews: WeakKeyDictionary[ConsoleContext, Overview] = WeakKeyDictionary()


def overview(context: ConsoleContext) -> Overview:
    """Return the overview of a gateway."""
    if context not in _overviews:
        _overviews[context] = Overview(context)
    return _overviews[context]


async def show(request: Request, context: ConsoleContext) -> Reply:
    """Return the page."""
    part = await overview(context).part()
    return page(request, "now.html", title="Now", now=context.clock(), part=Markup(part))  # noqa: S704 - a template made it


async def events(request: Request, context: ConsoleContext) -> Streamed:
    """Return what changes, every second."""
    return streamed(request, context, overview(context).part)


ROUTES = (
    ConsoleRoute(method="GET", path="/console/", handler=show),
    ConsoleRoute(method="GET", path="/console", handler=show),
    ConsoleRoute(method="GET", path="/console/live/now", handler=events),
)
