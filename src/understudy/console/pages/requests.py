"""The pages of requests: the log, one request as a waterfall, and CSV."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.client.provider import Provider
from understudy.console.explaining import Explanation, explain_request
from understudy.console.http import ConsoleError, Reply, Request, Streamed
from understudy.console.pages.drawings import attempts_chart
from understudy.console.pages.filters import (
    FAILURE_CHOICES,
    OUTCOME_CHOICES,
    SPANS,
    STATE_CHOICES,
    RequestQuery,
)
from understudy.console.pages.formats import counted, path, query
from understudy.console.pages.frame import moved, page
from understudy.console.pages.unused import after_first_request
from understudy.console.routes import ConsoleRoute
from understudy.domain.errors import Misuse
from understudy.reports.prices import prices_of
from understudy.reports.requests import (
    RequestList,
    find_request,
    list_requests,
    search_requests,
    write_requests_csv,
)
from understudy.reports.waterfall import RequestDetail, report_detail

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.domain.capture import CaptureMode
    from understudy.ledger import LedgerQueries
    from understudy.ledger.captures import CapturedTexts
    from understudy.ledger.entries import LedgerEntry

LOG = "/console/requests"
_ROWS = 50
_LONGEST_FILE = 20_000
"""Requests of one CSV file."""


class DetailQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of one request."""

    explain: bool = False
    """Whether to show where it would go now."""


async def show_log(request: Request, context: ConsoleContext) -> Reply:
    """Return the log. An id that only one request has leads to it."""
    asked = request.query_as(RequestQuery)
    report = await found(asked, context)
    if asked.id and len(report.requests) == 1:
        return moved(path("requests", report.requests[0].id))
    return page(
        request,
        "requests.html",
        title="Requests",
        spans=SPANS,
        outcomes=OUTCOME_CHOICES,
        failures=FAILURE_CHOICES,
        states=STATE_CHOICES,
        **log_values(asked, report, context),
    )


def log_values(asked: RequestQuery, report: RequestList, context: ConsoleContext) -> dict[str, Any]:
    """Return what the list of requests is drawn from."""
    # Only the newest page changes by itself.
    live = None if asked.before or asked.id else f"/console/live/requests{query(asked.given)}"
    return {
        "report": report,
        "given": asked.filled,
        "filtered": bool(asked.given),
        "live": live,
        "now": context.clock(),
    }


async def found(asked: RequestQuery, context: ConsoleContext) -> RequestList:
    """Return the requests that are asked for."""
    if (wanted := asked.id) is not None:
        try:
            return await context.ask(lambda queries: search_requests(queries, wanted, limit=_ROWS))
        except Misuse as error:
            raise ConsoleError(400, "invalid_value", error.message, where="id") from None
    selection = asked.selection(context.clock())
    return await context.ask(lambda queries: list_requests(queries, selection, before=asked.before, limit=_ROWS))


async def send_csv(request: Request, context: ConsoleContext) -> Streamed:
    """Return the requests that are asked for as CSV, the newest first."""
    asked = request.query_as(RequestQuery)
    headers = (
        ("content-type", "text/csv; charset=utf-8"),
        ("content-disposition", 'attachment; filename="requests.csv"'),
    )
    return Streamed(pieces=_csv(asked, context, await found(asked, context)), headers=headers)


async def _csv(asked: RequestQuery, context: ConsoleContext, report: RequestList) -> AsyncGenerator[bytes, None]:
    written, is_first = 0, True
    while True:
        text = io.StringIO()
        write_requests_csv(report.requests, text)
        # Each part begins with the header, of which the file needs one; any part may be without requests.
        yield (text.getvalue() if is_first else text.getvalue().partition("\n")[2]).encode("utf-8", "replace")
        written, is_first = written + len(report.requests), False
        if report.next is None or written >= _LONGEST_FILE:
            return
        report = await found(msgspec.structs.replace(asked, before=report.next), context)


async def show_request(request: Request, context: ConsoleContext) -> Reply:
    """Return one request, found by its id or by the beginning of it."""
    wanted, asked = request.params["id"], request.query_as(DetailQuery)
    try:
        entries, captured = await context.ask(lambda queries: _read(queries, wanted))
    except Misuse as error:
        raise ConsoleError(404, "not_found", error.message) from None
    with context.served.held() as manager:
        price_of = prices_of(each for each in manager.providers if isinstance(each, Provider))
        detail = report_detail(entries, captured, price_of)
    plan = await _explained(context, entries) if asked.explain else None
    return page(
        request,
        "request.html",
        title="Request",
        now=context.clock(),
        report=detail,
        headline=headline(detail),
        chart=attempts_chart(detail),
        has_tokens=any(each.tokens or each.tools for each in detail.attempts),
        warnings=[(each.number, one) for each in detail.attempts for one in each.warnings],
        captured=[(each.number, each.captured) for each in detail.attempts if each.captured is not None],
        kept=why_not_kept(context.config.ledger.capture, detail.request.outcome),
        plan=plan,
    )


def why_not_kept(capture: CaptureMode, outcome: str) -> str:
    """Return why there is no prompt and no answer of a request, if there is none."""
    if capture == "off":
        return "Prompts and answers are not kept: [llm.ledger] capture is off."
    if outcome == "started":
        return "What is kept of the prompt and the answer is shown once the request has ended."
    if capture == "errors":
        return "Nothing is kept of this request: [llm.ledger] capture keeps what attempts that failed hold."
    return "Nothing is kept of this request: capture was off then, or the days of capture_keep_days are over."


async def _explained(context: ConsoleContext, entries: list[LedgerEntry]) -> Explanation:
    """Return where a request would go now; if it cannot be made any more, such as for a route that was removed, why."""
    try:
        return await explain_request(context, entries)
    except Misuse as error:
        nothing: dict[str, Any] = {"why": "", "route": None, "task": None, "steps": (), "skipped": (), "assumed": None}
        return Explanation(**nothing, problem=error.message)


def _read(queries: LedgerQueries, wanted: str) -> tuple[list[LedgerEntry], dict[str, CapturedTexts]]:
    entries = find_request(queries, wanted)
    return entries, queries.captured([each.start.attempt_id for each in entries])


def headline(detail: RequestDetail) -> str:
    """Return what happened in one sentence: who failed, and who answered."""
    failures: dict[str, int] = {}
    for each in detail.attempts:
        if each.state == "failed":
            failures[each.provider] = failures.get(each.provider, 0) + 1
    times = {1: "failed", 2: "failed twice"}
    parts = [f"{name} {times.get(count, f'failed {count} times')}" for name, count in failures.items()]
    match detail.request.outcome:
        case "answered":
            parts.append(f"{detail.request.provider} answered")
        case "failed":
            parts.append(f"no answer after {counted(len(detail.attempts), 'attempt')}")
        case "aborted":
            parts.append("the caller did not wait for the end")
        case "started":
            parts.append(f"{detail.request.provider} is answering")
        case _:
            parts.append("how it ended is not known")
    return ", ".join(parts)


ROUTES = (
    ConsoleRoute(method="GET", path=LOG, handler=after_first_request("requests", "Requests", show_log)),
    ConsoleRoute(method="GET", path=f"{LOG}.csv", handler=send_csv),
    ConsoleRoute(method="GET", path=f"{LOG}/{{id}}", handler=show_request),
)
