"""Requests, money, sessions and how targets did, in the API."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Annotated

import msgspec

from understudy.client.keys import budgets_of_keys
from understudy.client.provider import Provider
from understudy.console.explaining import Explanation, explain_request
from understudy.console.http import ConsoleError, Reply, Request
from understudy.console.routes import ConsoleRoute
from understudy.console.spending import SelectionQuery
from understudy.domain.errors import Misuse
from understudy.fleet.store import FleetUnavailable
from understudy.ledger.entries import LedgerEntry
from understudy.ledger.selection import By
from understudy.reports.history import ProviderHistory, history_of_ledger, history_of_minutes
from understudy.reports.money import MoneyReport, report_money
from understudy.reports.prices import ProviderModels, prices_of, report_models
from understudy.reports.requests import (
    RequestList,
    find_request,
    gather_requests,
    list_requests,
    search_requests,
    write_requests_csv,
)
from understudy.reports.sessions import SessionDetail, SessionList, list_sessions, report_session
from understudy.reports.waterfall import RequestDetail, report_detail

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.ledger import LedgerQueries

Limit = Annotated[int, msgspec.Meta(ge=1, le=500)]
DAY = 86_400.0
_CSV = 10_000
"""Requests of a CSV file."""


class PageQuery(SelectionQuery, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A page of what is selected."""

    before: str | None = None
    """`next` of the page before."""
    limit: Limit = 50


class RequestsQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which requests are listed."""

    id: str | None = None
    """The id of a request, or how it begins; nothing else is selected then."""


class RequestQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is shown of a request."""

    captured: bool = False
    """Whether its prompt and its answer are shown, as far as they were kept."""


class MoneyQuery(SelectionQuery, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How costs are split."""

    by: By = "model"
    days: Annotated[int, msgspec.Meta(ge=1, le=400)] = 30
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 8
    """Values that are shown; all others are one."""
    tag_name: str | None = None
    """With `by=tag`: the name of the tag whose values are shown."""


class SessionQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of the requests of a session."""

    before: str | None = None
    limit: Limit = 50


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far back."""

    seconds: Annotated[float, msgspec.Meta(ge=60, le=DAY)] = DAY
    source: str = "fleet"
    """`fleet`: what the processes measured; `ledger`: what was kept, also of times before they began."""


async def _requests(request: Request, context: ConsoleContext) -> RequestList:
    asked = request.query_as(RequestsQuery)
    if (wanted := asked.id) is not None:
        return await context.ask(lambda queries: search_requests(queries, wanted, limit=asked.limit))
    chosen = _selection_of(asked).selection(context.clock())
    return await context.ask(lambda queries: list_requests(queries, chosen, before=asked.before, limit=asked.limit))


async def _csv(request: Request, context: ConsoleContext) -> Reply:
    chosen = request.query_as(SelectionQuery).selection(context.clock())

    def written(queries: LedgerQueries) -> str:
        text = io.StringIO()
        write_requests_csv(gather_requests(queries, chosen, limit=_CSV).requests, text)
        return text.getvalue()

    body = (await context.ask(written)).encode("utf-8", "replace")
    named = ("content-disposition", 'attachment; filename="requests.csv"')
    return Reply(200, (("content-type", "text/csv; charset=utf-8"), named), body)


async def _request(request: Request, context: ConsoleContext) -> RequestDetail:
    wanted, shows = request.params["id"], request.query_as(RequestQuery).captured
    with context.served.held() as manager:
        price_of = prices_of(each for each in manager.providers if isinstance(each, Provider))

    def detail(queries: LedgerQueries) -> RequestDetail:
        entries = found_request(queries, wanted)
        captured = queries.captured([each.start.attempt_id for each in entries]) if shows else None
        return report_detail(entries, captured, price_of)

    return await context.ask(detail)


def found_request(queries: LedgerQueries, wanted: str) -> list[LedgerEntry]:
    """Return the attempts of a request. Raise `ConsoleError` if the id is unknown."""
    try:
        return find_request(queries, wanted)
    except Misuse:
        raise ConsoleError(404, "unknown_request", f"there is no request {wanted[:80]!r}", where="id") from None


async def _explained(request: Request, context: ConsoleContext) -> Explanation:
    wanted = request.params["id"]
    entries = await context.ask(lambda queries: found_request(queries, wanted))
    return await explain_request(context, entries)


async def _money(request: Request, context: ConsoleContext) -> MoneyReport:
    asked = request.query_as(MoneyQuery)
    chosen = _selection_of(asked).selection(context.clock())

    def money(queries: LedgerQueries) -> MoneyReport:
        config = context.config
        return report_money(
            queries,
            now=context.clock(),
            by=asked.by,
            days=asked.days,
            limit=asked.limit,
            selection=chosen,
            tag=asked.tag_name,
            budgets=(*config.allowance.budgets, *budgets_of_keys(config)),
        )

    return await context.ask(money)


async def _sessions(request: Request, context: ConsoleContext) -> SessionList:
    asked = request.query_as(PageQuery)
    chosen = _selection_of(asked).selection(context.clock())
    return await context.ask(lambda queries: list_sessions(queries, chosen, before=asked.before, limit=asked.limit))


async def _session(request: Request, context: ConsoleContext) -> SessionDetail:
    asked, name = request.query_as(SessionQuery), request.params["session"]
    found = await context.ask(lambda queries: report_session(queries, name, before=asked.before, limit=asked.limit))
    if found is None:
        raise ConsoleError(404, "unknown_session", f"there is no session {name[:80]!r}", where="session")
    return found


async def _providers(request: Request, context: ConsoleContext) -> ProviderModels:
    snapshots = await context.fleet.snapshots()
    with context.served.held() as manager:
        return report_models((each for each in manager.providers if isinstance(each, Provider)), snapshots)


async def _history(request: Request, context: ConsoleContext) -> ProviderHistory:
    asked, now = request.query_as(HistoryQuery), context.clock()
    if asked.source == "ledger":
        return await context.ask(lambda queries: history_of_ledger(queries, now=now, seconds=asked.seconds))
    if asked.source != "fleet":
        raise ConsoleError(400, "invalid_value", "source is fleet or ledger", where="source")
    try:
        found = await context.fleet.history(now - asked.seconds - 60, now + 60)
    except FleetUnavailable as error:
        message = f"the history cannot be read at the moment: {error}"
        raise ConsoleError(503, "fleet_unavailable", message) from error
    return await context.run(lambda: history_of_minutes(found.minutes, found.changes, now=now, seconds=asked.seconds))


def _selection_of(asked: SelectionQuery) -> SelectionQuery:
    """Return the part of a query that selects."""
    return SelectionQuery(**{name: getattr(asked, name) for name in SelectionQuery.__struct_fields__})


def _get(path: str, **route: object) -> ConsoleRoute:
    return ConsoleRoute(method="GET", path=f"/admin/v1/{path}", **route)  # type: ignore[arg-type]


ROUTES = (
    _get(
        "requests",
        handler=_requests,
        says="requests, the newest first, by what they belong to and how they ended",
        query=RequestsQuery,
        answer=RequestList,
    ),
    _get("requests.csv", handler=_csv, says="requests as comma-separated values", query=SelectionQuery),
    _get(
        "requests/{id}",
        handler=_request,
        says="one request: its attempts on one scale of time, and what was decided after each",
        query=RequestQuery,
        answer=RequestDetail,
    ),
    _get(
        "requests/{id}/explain",
        handler=_explained,
        says="which targets the same request would be sent to today, and why",
        answer=Explanation,
    ),
    _get("money", handler=_money, says="what was spent, by day and owner", query=MoneyQuery, answer=MoneyReport),
    _get("sessions", handler=_sessions, says="sessions, the latest first", query=PageQuery, answer=SessionList),
    _get(
        "sessions/{session}",
        handler=_session,
        says="one session: its cost, its targets and its requests",
        query=SessionQuery,
        answer=SessionDetail,
    ),
    _get(
        "providers",
        handler=_providers,
        says="the entries, their models and prices, and what is left of quotas",
        answer=ProviderModels,
    ),
    _get(
        "providers/history",
        handler=_history,
        says="how often each target answered over time, what failed and how long it took",
        query=HistoryQuery,
        answer=ProviderHistory,
    ),
)
