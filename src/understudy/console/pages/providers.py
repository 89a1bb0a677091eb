"""The pages of providers: all targets over time, one entry with its buttons, and what is done with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from understudy.client.provider import Provider
from understudy.console import orders
from understudy.console.charts.svg import Chart
from understudy.console.http import ConsoleError, Reply, Request
from understudy.console.pages.drawings import latency_chart, outcome_chart
from understudy.console.pages.formats import path, query, seconds
from understudy.console.pages.frame import Notice, moved, page
from understudy.console.routes import ConsoleRoute
from understudy.fleet.orders import Order, OrderKind
from understudy.fleet.store import MINUTE, FleetUnavailable, history_of
from understudy.reports.history import (
    ProviderHistory,
    StateChange,
    TargetHistory,
    WindowResult,
    history_of_minutes,
)
from understudy.reports.now import TargetNow, read_now
from understudy.reports.prices import ProviderModels, report_models
from understudy.telemetry.snapshot import TargetState

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

LIST = "/console/providers"
WINDOWS = (("15m", "15 minutes"), ("1h", "1 hour"), ("6h", "6 hours"), ("24h", "24 hours"))
_SECONDS = {"15m": 900.0, "1h": 3_600.0, "6h": 21_600.0, "24h": 86_400.0}
_ENDS = (OrderKind.OPEN, OrderKind.DRAIN)
"""Orders after which an entry is not asked."""
_LOOKS = 1_440
"""Looks at the history while a window passes, at most: one a minute for a day."""


class WindowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the pages."""

    window: str = "1h"
    order: int | None = None
    """The number of the order that led to the page; 0: it could not be stored."""


class OrderForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a button sends."""

    confirmed: str = ""
    """Whether the page that asks was answered."""


class Row(NamedTuple):
    """A target now, and over time."""

    now: TargetNow
    window: WindowResult | None


class Past(NamedTuple):
    """A target over time, drawn."""

    name: str
    target: str
    sums: WindowResult
    outcomes: Chart
    latency: Chart
    first: Chart
    changes: tuple[StateChange, ...]


async def show_list(request: Request, context: ConsoleContext) -> Reply:
    """Return all targets, and what models cost."""
    asked = request.query_as(WindowQuery)
    now, history = await read_now(context.fleet), await _history(context, asked)
    known = {(each.provider, each.model): each for each in history.targets}
    return page(
        request,
        "providers.html",
        title="Providers",
        now=now.at,
        rows=[Row(each, _window(known.get((each.entry, each.model)))) for each in now.targets],
        window=asked.window,
        windows=WINDOWS,
        models=await _models(context),
    )


async def show_entry(request: Request, context: ConsoleContext) -> Reply:
    """Return one entry."""
    name, asked = request.params["entry"], request.query_as(WindowQuery)
    now, models = await read_now(context.fleet), await _models(context)
    targets = [each for each in now.targets if each.entry == name]
    own = tuple(each for each in models.entries if each.provider == name)
    if not own and not targets:
        raise ConsoleError(404, "unknown_entry", f"no entry is called {name[:200]!r}")
    history, found = await _history(context, asked), await _orders(context)
    return page(
        request,
        "provider.html",
        title=name,
        now=now.at,
        entry=name,
        rows=targets,
        is_held=any(each.ordered is not None or each.state in ("disabled", "draining") for each in targets),
        window=asked.window,
        windows=WINDOWS,
        histories=drawn(history, name),
        orders=[each for each in found if each.entry == name],
        models=ProviderModels(entries=own),
        notice=_notice(found, asked.order),
    )


def drawn(history: ProviderHistory, entry: str) -> list[Past]:
    """Return the targets of an entry over time."""
    return [
        Past(
            each.model or entry,
            f"{entry}/{each.model}" if each.model else entry,
            each.windows[-1],
            outcome_chart(history, each),
            latency_chart(history, each, first=False),
            latency_chart(history, each, first=True),
            each.changes,
        )
        for each in history.targets
        if each.provider == entry
    ]


def _notice(found: Iterable[Order], number: int | None) -> Notice | None:
    """Return what came of an order."""
    if number == 0:
        return Notice("bad", "Only this process obeys it so far", "The others do once the database answers again.")
    order = next((each for each in found if number is not None and each.number == number), None)
    if order is None:
        return None
    if order.probe is None:
        return Notice("ok", _DONE[order.kind], "All processes obey within five seconds.")
    if order.probe.ok:
        took = "" if order.probe.latency is None else f"It answered within {seconds(order.probe.latency)}."
        return Notice("ok", "It works", took)
    return Notice("bad", "It does not work", order.probe.detail or "")


_DONE = {
    OrderKind.OPEN: "It is asked for nothing any more",
    OrderKind.CLOSE: "It is asked again, and its failures are forgotten",
    OrderKind.DRAIN: "It is asked for nothing new, and finishes what is under way",
}


async def order(request: Request, context: ConsoleContext) -> Reply:
    """Give an order, and return to the entry, which states what came of it."""
    name, kind = request.params["entry"], request.params["kind"]
    if kind not in OrderKind.__members__.values():
        raise ConsoleError(404, "not_found", f"the orders are {', '.join(OrderKind)}")
    confirmed = (await request.form_as(OrderForm)).confirmed
    if kind in _ENDS and not confirmed and not await _has_others(context, name):
        return page(
            request,
            "confirm.html",
            title=f"Take out {name}, the last one?",
            place="providers",
            message="No other entry may be asked at this moment: requests fail until one of them is asked again.",
            action=path("providers", name, kind),
            button="Take it out" if kind == OrderKind.OPEN else "Drain",
            back=path("providers", name),
            overlap=None,
        )
    done = await orders.order(context, request.operator, OrderKind(kind), name)
    return moved(path("providers", name) + query({}, order=done.number))


async def _orders(context: ConsoleContext) -> tuple[Order, ...]:
    """Return the latest orders, the newest first; while they cannot be read, those that this process obeys."""
    try:
        return (await orders.list_orders(context)).orders
    except ConsoleError:
        return tuple(context.fleet.standing.values())


async def _has_others(context: ConsoleContext, entry: str) -> bool:
    """Check whether another entry may be asked; for an entry that is unknown, the order is refused anyway."""
    targets = (await read_now(context.fleet)).targets
    asked = any(each.entry != entry and each.state in (TargetState.CLOSED, TargetState.HALF_OPEN) for each in targets)
    return asked or not any(each.entry == entry for each in targets)


async def _models(context: ConsoleContext) -> ProviderModels:
    snapshots = await context.fleet.snapshots()
    with context.served.held() as manager:
        return report_models((each for each in manager.providers if isinstance(each, Provider)), snapshots)


_measured: WeakKeyDictionary[ConsoleContext, dict[str, ProviderHistory]] = WeakKeyDictionary()


async def _history(context: ConsoleContext, asked: WindowQuery) -> ProviderHistory:
    """Return what the processes measured, for a while as it was before: a day has many minutes to add up.

    Raise `ConsoleError` for another window than those that are offered.
    """
    length, now = _SECONDS.get(asked.window), context.clock()
    if length is None:
        raise ConsoleError(400, "invalid_value", f"window must be one of {', '.join(_SECONDS)}", where="window")
    known = _measured.setdefault(context, {})
    if (before := known.get(asked.window)) is not None and 0 <= now - before.at < length / _LOOKS:
        return before
    try:
        found, is_whole = await context.fleet.history(now - length - MINUTE, now + MINUTE), True
    except FleetUnavailable:
        found, is_whole = history_of(context.fleet.snapshot()), False  # of this process
    report = await context.run(lambda: history_of_minutes(found.minutes, found.changes, now=now, seconds=length))
    if is_whole:
        known[asked.window] = report
    return report


def _window(target: TargetHistory | None) -> WindowResult | None:
    return None if target is None else target.windows[-1]


ROUTES = (
    ConsoleRoute(method="GET", path=LIST, handler=show_list),
    ConsoleRoute(method="GET", path=f"{LIST}/{{entry}}", handler=show_entry),
    ConsoleRoute(method="POST", path=f"{LIST}/{{entry}}/{{kind}}", handler=order, scope="operate"),
)
