"""The page of the configuration: what is in use, what was noticed, and what its file says differently."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from understudy.console import configuration
from understudy.console.http import ConsoleError, Reply, Request
from understudy.console.listing import listed, matching
from understudy.console.pages.formats import counted
from understudy.console.pages.frame import Notice, moved, page
from understudy.console.routes import ConsoleRoute
from understudy.reports.configuration import sections_of

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

PATH = "/console/configuration"


_TABLES = 25
"""Tables of a page: each has some thirty settings."""


class ShowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the page."""

    reloaded: int | None = None
    """How many things the reload before has changed."""
    q: str = ""
    """Words of the names that are searched for."""
    table: str = ""
    """Tables of one kind, such as `llm.providers`; all if empty."""
    page: int = 1
    """Of the tables."""
    warnings: int = 1
    """The page of the warnings."""


async def show(request: Request, context: ConsoleContext) -> Reply:
    """Return the page."""
    changed, notice = request.query_as(ShowQuery).reloaded, None
    if changed is not None:
        words = f"{counted(changed, 'thing')} changed." if changed else "Nothing had changed."
        notice = Notice("ok", "The file was read again", words)
    return await _page(request, context, notice)


async def reload(request: Request, context: ConsoleContext) -> Reply:
    """Have all processes use what the file says now."""
    try:
        result = await configuration.reload(context, request.operator)
    except ConsoleError as error:
        notice = Notice("bad", "The configuration was not reloaded: the one before stays in use", error.message)
        return await _page(request, context, notice, error.status)
    return moved(f"{PATH}?reloaded={len(result.changed)}")


async def _page(request: Request, context: ConsoleContext, notice: Notice | None, status: int = 200) -> Reply:
    asked, every = request.query_as(ShowQuery), list(sections_of(context.config))
    kinds = Counter(each.table for each in every)
    if asked.table and asked.table not in kinds:
        raise ConsoleError(400, "invalid_value", f"table must be one of {', '.join(kinds)}", where="table")
    found = (each for each in every if not asked.table or each.table == asked.table)
    tables = listed(
        matching(found, asked.q, lambda each: f"{each.table} {each.name}"), asked.page, total=len(every), most=_TABLES
    )
    report = await configuration.configuration(context, tables.rows)
    return page(
        request,
        "configuration.html",
        status=status,
        title="Configuration",
        report=report,
        notice=notice,
        asked=asked,
        tables=tables,
        kinds=[("", "all"), *((kind, f"{kind} ({count:,})") for kind, count in kinds.items())],
        warnings=listed([*report.disabled, *report.notices], asked.warnings),
    )


ROUTES = (
    ConsoleRoute(method="GET", path=PATH, handler=show),
    ConsoleRoute(method="POST", path=f"{PATH}/reload", handler=reload, scope="manage"),
)
