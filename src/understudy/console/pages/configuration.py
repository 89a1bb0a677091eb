"""The page of the configuration: what is in use, what was noticed, and what its file says differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.console import configuration
from understudy.console.http import ConsoleError, Reply, Request
from understudy.console.pages.formats import counted
from understudy.console.pages.frame import Notice, moved, page
from understudy.console.routes import ConsoleRoute

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

PATH = "/console/configuration"


class ShowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the page."""

    reloaded: int | None = None
    """How many things the reload before has changed."""


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
    report = await configuration.configuration(context)
    return page(request, "configuration.html", status=status, title="Configuration", report=report, notice=notice)


ROUTES = (
    ConsoleRoute(method="GET", path=PATH, handler=show),
    ConsoleRoute(method="POST", path=f"{PATH}/reload", handler=reload, scope="manage"),
)
