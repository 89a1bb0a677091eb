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
from understudy.console.listing import Listing, listed, matching
from understudy.console.pages.drawings import latency_chart, outcome_chart
from understudy.console.pages.formats import path, query, seconds
from understudy.console.pages.frame import Notice, moved, page
from understudy.console.pages.words import state_words
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
from understudy.reports.prices import ModelResult, ProviderModels, report_models
from understudy.telemetry.snapshot import TargetState

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

LIST = "/console/providers"
WINDOWS = (
    ("1m", "1 minute"), ("5m", "5 minutes"), ("15m", "15 minutes"),
    ("1h", "1 hour"), ("6h", "6 hours"), ("24h", "24 hours"),
)  # fmt: skip
_SECONDS = {"1m": 120.0, "5m": 360.0, "15m": 900.0, "1h": 3_600.0, "6h": 21_600.0, "24h": 86_400.0}
"""Of each window. What is measured is kept by the minute, and the one under way is the last: so the shortest two have
one minute more, for it may have begun just now."""
AWAY = "away"
"""The choice of all states in which a target is not asked as usual."""
STATES = (("", "any"), (AWAY, "not available"), *((each.value, state_words(each)[1]) for each in TargetState))
_MEASURED = 12
"""Models of an entry that lead to their charts; others are found by their names."""
_LOOKS = 1_440
"""Looks at the history while a window passes, at most: one a minute for a day."""


class WindowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the pages."""

    window: str = "1h"
    page: int = 1
    """Of the targets."""
    models: int = 1
    """The page of the models and prices."""


class ListQuery(WindowQuery, frozen=True, kw_only=True):
    """The query of the list."""

    q: str = ""
    """Words of the names that are searched for: of entries, models and types."""
    state: str = ""
    """A state, or `away` for all that are not available; any if empty."""


class EntryQuery(WindowQuery, frozen=True, kw_only=True):
    """The query of one entry."""

    order: int | None = None
    """The number of the order that led to the page; 0: it could not be stored."""
    model: str = ""
    """Whose charts are shown; those of the busiest if empty."""


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
    model: str | None
    target: str
    sums: WindowResult
    outcomes: Chart
    latency: Chart
    first: Chart
    changes: tuple[StateChange, ...]


class Priced(NamedTuple):
    """A model of an entry, with its price."""

    provider: str
    model: ModelResult


async def show_list(request: Request, context: ConsoleContext) -> Reply:
    """Return the targets, and what models cost."""
    asked = request.query_as(ListQuery)
    if asked.state not in dict(STATES):
        raise ConsoleError(400, "invalid_value", f"state must be one of {', '.join(dict(STATES))}", where="state")
    now, history = await read_now(context.fleet), await _history(context, asked)
    known = {(each.provider, each.model): each for each in history.targets}
    found = [each for each in matching(now.targets, asked.q, _words) if _is_in(each, asked.state)]
    targets = listed(found, asked.page, total=len(now.targets))
    return page(
        request,
        "providers.html",
        title="Providers",
        now=now.at,
        targets=targets,
        rows=[Row(each, _window(known.get((each.entry, each.model)))) for each in targets.rows],
        asked=asked,
        states=STATES,
        windows=WINDOWS,
        models=_priced(await _models(context), asked.models, asked.q),
    )


def _words(target: TargetNow) -> str:
    return f"{target.label} {target.provider_type}"


def _is_in(target: TargetNow, state: str) -> bool:
    """Check whether a target is in one of the states that are asked for."""
    return not state or target.state == state or (state == AWAY and target.state != TargetState.CLOSED)


def _priced(models: ProviderModels, number: int, search: str = "") -> Listing[Priced]:
    """Return a page of models with their prices."""
    every = [Priced(entry.provider, each) for entry in models.entries for each in entry.models]
    types = {each.provider: each.provider_type for each in models.entries}
    found = matching(every, search, lambda each: f"{each.provider}/{each.model.model} {types[each.provider]}")
    return listed(found, number, total=len(every))


async def show_entry(request: Request, context: ConsoleContext) -> Reply:
    """Return one entry."""
    name, asked = request.params["entry"], request.query_as(EntryQuery)
    now, models = await read_now(context.fleet), await _models(context)
    targets = [each for each in now.targets if each.entry == name]
    own = tuple(each for each in models.entries if each.provider == name)
    if not own and not targets:
        raise ConsoleError(404, "unknown_entry", f"no entry is called {name[:200]!r}")
    history, found = await _history(context, asked), await _orders(context)
    measured = measured_of(history, name)
    wanted = [each for each in measured if each.model == asked.model] if asked.model else measured
    return page(
        request,
        "provider.html",
        title=name,
        now=now.at,
        entry=name,
        targets=listed(targets, asked.page),
        is_held=any(each.ordered is not None or each.state in ("disabled", "draining") for each in targets),
        asked=asked,
        windows=WINDOWS,
        measured=listed(measured, 1, most=_MEASURED),
        chosen=drawn(history, wanted[0]) if wanted else None,
        orders=[each for each in found if each.entry == name],
        models=_priced(ProviderModels(entries=own), asked.models),
        notice=_notice(found, asked.order),
    )


def measured_of(history: ProviderHistory, entry: str) -> list[TargetHistory]:
    """Return the targets of an entry that were measured, the busiest first."""

    def attempts(target: TargetHistory) -> int:
        sums = target.windows[-1]
        return sums.succeeded + sums.failed + sums.aborted

    return sorted((each for each in history.targets if each.provider == entry), key=attempts, reverse=True)


def drawn(history: ProviderHistory, target: TargetHistory) -> Past:
    """Return a target over time."""
    return Past(
        target.model or target.provider,
        target.model,
        f"{target.provider}/{target.model}" if target.model else target.provider,
        target.windows[-1],
        outcome_chart(history, target),
        latency_chart(history, target, first=False),
        latency_chart(history, target, first=True),
        target.changes,
    )


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
    confirmed = bool((await request.form_as(OrderForm)).confirmed)
    if not confirmed and await orders.is_last(context, OrderKind(kind), name):
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
    done = await orders.order(context, request.operator, OrderKind(kind), name, confirmed=True)
    return moved(path("providers", name) + query({}, order=done.number))


async def _orders(context: ConsoleContext) -> tuple[Order, ...]:
    """Return the latest orders, the newest first; while they cannot be read, those that this process obeys."""
    try:
        return (await orders.list_orders(context)).orders
    except ConsoleError:
        return tuple(context.fleet.standing.values())


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
