"""Parts of pages that stay current: server-sent events, each of which holds a part anew once it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from understudy.console.access.sessions import operator_of
from understudy.console.http import ConsoleError, Request, Streamed
from understudy.console.pages.filters import RequestQuery
from understudy.console.pages.rendering import render
from understudy.console.pages.requests import found, log_values
from understudy.console.routes import ConsoleRoute

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

TICK = 1.0
"""Seconds between two looks."""
MOST = 100
"""Pages that a process keeps current: each may have filters of its own, and is drawn for itself."""
_QUIET = 15
"""Looks without a change after which a comment keeps the connection open."""
_HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("x-accel-buffering", "no"))
_RETRY = b"retry: 2000\n\n"
_OVER = b"event: over\ndata: \n\n"

Part = Callable[[], Awaitable[str | None]]
"""Returns a part of a page as it is now; `None` if it has not changed."""


def streamed(request: Request, context: ConsoleContext, part: Part) -> Streamed:
    """Return a stream of events, which ends with the session. Raise `ConsoleError` if too many are open."""
    if context.live_pages >= MOST:
        message = (
            f"{MOST} pages are kept current by this process already: close one, or reload this page from time to time"
        )
        raise ConsoleError(503, "too_many_pages", message, headers=(("retry-after", "5"),))
    return Streamed(pieces=_events(request, context, part), headers=_HEADERS)


async def _events(request: Request, context: ConsoleContext, part: Part) -> AsyncGenerator[bytes, None]:
    context.live_pages += 1
    try:
        async for each in _changes(request, context, part):
            yield each
    finally:
        context.live_pages -= 1


async def _changes(request: Request, context: ConsoleContext, part: Part) -> AsyncGenerator[bytes, None]:
    yield _RETRY
    sent, quiet = "", 0
    while True:
        try:
            operator = operator_of(request, context)
        except ConsoleError:
            return  # nobody can tell who is signed in: the browser asks again
        if operator is None:
            yield _OVER
            return
        try:
            html = await part()
        except ConsoleError:
            html = None  # the next look may succeed; the page says how old it is
        if html is not None and html != sent:
            sent, quiet = html, 0
            yield _event(html)
        elif (quiet := quiet + 1) == _QUIET:
            quiet = 0
            yield b": nothing new\n\n"
        with suppress(TimeoutError):
            await asyncio.wait_for(context.ending.wait(), TICK)
            return


def _event(html: str) -> bytes:
    data = "\n".join(f"data: {line}" for line in html.splitlines())
    return f"event: part\n{data}\n\n".encode("utf-8", "replace")


async def requests(request: Request, context: ConsoleContext) -> Streamed:
    """Return the newest requests whenever any has begun or ended."""
    asked = request.query_as(RequestQuery)
    asked.selection(context.clock())  # an invalid filter is refused before the stream begins
    looks = Looks(context)

    async def part() -> str | None:
        if not await looks.is_due():
            return None
        return render("request_list.html", **log_values(asked, await found(asked, context), context))

    return streamed(request, context, part)


class Looks:
    """Decides when to look into the ledger again: after traffic, and a while later, because entries gather first."""

    def __init__(self, context: ConsoleContext) -> None:
        self._context = context
        self._seen: object = None
        self._left = 1

    async def is_due(self) -> bool:
        """Return whether there is something new, as far as the counts of all processes show."""
        seen = await self._counts()
        if seen != self._seen:
            self._seen, self._left = seen, 2
        self._left -= 1
        return self._left >= 0

    async def _counts(self) -> object:
        snapshots = await self._context.fleet.snapshots()
        return sorted(
            (
                each.worker,
                each.under_way,
                sum(one.count for one in each.faces),
                sum(one.in_flight for one in each.targets),
            )
            for each in snapshots
        )


ROUTES = (ConsoleRoute(method="GET", path="/console/live/requests", handler=requests),)
