"""What happens, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from understudy.console.access.keys import key_named
from understudy.console.http import Request, Streamed
from understudy.console.news import Kind
from understudy.console.routes import ConsoleRoute

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

HEADERS = (("content-type", "text/event-stream"), ("x-accel-buffering", "no"))


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent."""

    kinds: tuple[Kind, ...] = ("now", "request", "order")
    """`now` every second, `request` as each ends, `order` as each is given."""


async def _events(request: Request, context: ConsoleContext) -> Streamed:
    kinds = request.query_as(EventsQuery).kinds
    events = context.newsroom.watch(kinds, request.headers.get("last-event-id"))
    return Streamed(pieces=_while_admitted(events, request, context), headers=HEADERS)


async def _while_admitted(
    events: AsyncGenerator[bytes], request: Request, context: ConsoleContext
) -> AsyncGenerator[bytes]:
    """Yield events until the key is removed or has another value."""
    began = key_named(context.config, request.operator.name)
    async with aclosing(events):
        async for each in events:
            now = key_named(context.config, request.operator.name)
            if began is None or now is None or now[1] != began[1]:
                return
            yield each


ROUTES = (
    ConsoleRoute(
        method="GET",
        path="/admin/v1/events",
        handler=_events,
        says="what happens, as server-sent events: `now`, `request`, `order`",
        query=EventsQuery,
    ),
)
