"""The report of what happens now, as lines and tables of a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table
from understudy.reports.now import NowReport, TargetNow
from understudy.reports.traffic import Traffic

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_MARKS = {"well": "●", "degraded": "▲", "down": "✖", "off": "○"}
"""What a status looks like, for those who see no colours."""
_COLOURS = {"well": "green", "degraded": "yellow", "down": "red", "off": "dim"}
_STATES = {
    "closed": "",
    "half_open": "probed",
    "open": "down",
    "cooldown": "waits",
    "disabled": "out",
    "draining": "drains",
}


def picture_of(report: NowReport) -> RenderableType:
    """Return what is shown of a gateway."""
    from rich.console import Group
    from rich.text import Text

    clock = time.strftime("%H:%M:%S", time.localtime(report.at))
    title = f"{clock}  {_MARKS[report.status]} {report.status}  {report.under_way} under way"
    parts: list[RenderableType] = [Text(title, style=_COLOURS[report.status])]
    parts.extend(Text(clean_line(f"  {each}"), style=_COLOURS[report.status]) for each in report.problems)
    parts.append(_traffic(report.recent, report.lately))
    parts.append(_targets(report))
    for each in report.stand_ins:
        if each.acting is not None:
            where = "" if each.route is None else f" on route {each.route}"
            known = sum(not worker.is_silent for worker in report.workers)
            part = f" in {each.seen_by} of {known} processes" if each.seen_by < known else ""
            parts.append(Text(clean_line(f"{each.acting} stands in for {each.primary}{where}{part}")))
    parts.extend(
        Text(clean_line(f"{order.entry}: {order.why} {_ago(report.at - order.at)}")) for order in report.orders
    )
    parts.append(Text(_processes(report)))
    return Group(*parts)


def _traffic(recent: Traffic, lately: Traffic) -> Table:
    table = _table("last")
    for title in ("requests/min", "answered", "p50", "p95", "first p50", "p95", "$/h", "attempts", "failed"):
        table.add_column(title.replace(" ", "\n").replace("/", "\n/"), justify="right", no_wrap=True)
    for each in (recent, lately):
        table.add_row(
            f"{each.seconds:.0f} s",
            f"{each.per_minute:,.1f}",
            "" if each.success is None else f"{each.success:.1%}",
            *map(_seconds, (each.latency_p50, each.latency_p95, each.first_p50, each.first_p95)),
            f"{float(each.cost_per_hour_usd):,.4f}{'+?' if each.unknown_costs else ''}",
            f"{each.attempts:,}",
            f"{sum(each.failures.values()):,}",
        )
    return table


def _targets(report: NowReport) -> Table:
    table = _table("target", "state")
    for title in ("under way", "ok", "failed", "p50", "p95", "first", "cost"):
        table.add_column(title.replace(" ", "\n"), justify="right", no_wrap=True)
    for each in report.targets:
        table.add_row(
            clean_line(each.label),
            _state(each, report.at),
            f"{each.in_flight:,}",
            f"{each.succeeded:,}",
            f"{each.failed:,}",
            *map(_seconds, (each.latency_p50, each.latency_p95, each.first_p50)),
            f"${float(each.cost_usd):,.4f}{'+?' if each.unknown_costs else ''}",
        )
    return table


def _table(*titles: str) -> Table:
    """Return an empty table for a terminal of 80 columns: the first column is the last one to be cut."""
    table = plain_table(*titles)
    table.padding = (0, 1, 0, 0)
    table.columns[0].min_width = 5
    return table


def _state(target: TargetNow, now: float) -> str:
    """Return the state of a target in a word, for how long, and in how many processes if not in all."""
    words = [_STATES[target.state]]
    if target.until is not None and target.until > now:
        words.append(f"{target.until - now:.0f} s")
    if words[0] and target.seen_by < target.workers:
        words.append(f"({target.seen_by} of {target.workers})")
    return " ".join(filter(None, words))


def _processes(report: NowReport) -> str:
    if not report.workers:
        return "no process of a gateway is running"
    hosts = sorted({clean_line(each.host) for each in report.workers})
    count, silent = len(report.workers), sum(each.is_silent for each in report.workers)
    told = f"{count} {'process' if count == 1 else 'processes'} on {', '.join(hosts)}"
    return f"{told}, {silent} silent" if silent else told


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _ago(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 1:
        return "just now"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    words = f"{days} d {hours} h" if days else f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return f"{words} ago"
