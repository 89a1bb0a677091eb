"""What pages show as long as there is no ledger yet, because the gateway was not asked for anything."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.client.ledger import place_of
from understudy.console.http import Answer, Request
from understudy.console.pages.frame import page
from understudy.console.routes import Handler

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


def after_first_request(place: str, title: str, handler: Handler) -> Handler:
    """Return a handler whose page says what to do as long as the file of the ledger is not made yet."""

    @functools.wraps(handler)
    async def handle(request: Request, context: ConsoleContext) -> Answer:
        ledger = place_of(context.config)
        if isinstance(ledger, Path) and not ledger.exists():
            return page(request, "unused.html", title=title, place=place)
        answer: Answer = await handler(request, context)
        return answer

    return handle
