"""The pages of sessions: the list, and one of them with its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.console.http import ConsoleError, Reply, Request
from understudy.console.pages.frame import page
from understudy.console.pages.unused import after_first_request
from understudy.console.routes import ConsoleRoute
from understudy.ledger.selection import LedgerSelection
from understudy.reports.sessions import list_sessions, report_session

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

LIST = "/console/sessions"
_ROWS = 50


class SessionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the list."""

    agent: str = ""
    key: str = ""
    before: str = ""
    """Where the page before ended."""


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of one session."""

    before: str = ""


async def show_list(request: Request, context: ConsoleContext) -> Reply:
    """Return the sessions, those with the latest request first."""
    asked = request.query_as(SessionQuery)
    selection = LedgerSelection(agent=asked.agent or None, key=asked.key or None)
    report = await context.ask(
        lambda queries: list_sessions(queries, selection, before=asked.before or None, limit=_ROWS)
    )
    given = {"agent": asked.agent, "key": asked.key}
    filtered = bool(asked.agent or asked.key)
    now = context.clock()
    return page(request, "sessions.html", title="Sessions", now=now, report=report, given=given, filtered=filtered)


async def show_session(request: Request, context: ConsoleContext) -> Reply:
    """Return one session."""
    name, before = request.params["session"], request.query_as(PageQuery).before or None
    report = await context.ask(lambda queries: report_session(queries, name, before=before, limit=_ROWS))
    if report is None:
        raise ConsoleError(404, "not_found", "the ledger has no request of this session")
    return page(request, "session.html", title="Session", report=report, now=context.clock())


ROUTES = (
    ConsoleRoute(method="GET", path=LIST, handler=after_first_request("sessions", "Sessions", show_list)),
    ConsoleRoute(method="GET", path=f"{LIST}/{{session}}", handler=show_session),
)
