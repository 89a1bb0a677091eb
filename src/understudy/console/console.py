"""From a request to its answer: its route, whether its caller may use it, and what every answer carries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from understudy.console.access.admission import admit
from understudy.console.access.headers import protected
from understudy.console.context import ConsoleContext
from understudy.console.http import Answer, ConsoleError, Request
from understudy.console.routes import Kind, Router, Table, kind_of, reply_of, table_of
from understudy.dialects.server import BadRequest
from understudy.domain.errors import LLMError, Misuse

if TYPE_CHECKING:
    from understudy.console.context import Served

log = logging.getLogger("understudy.gateway")


class Outcome(msgspec.Struct, frozen=True):
    """The answer to a request, and the pattern of its route; `None` if the path belongs to none."""

    answer: Answer
    route: str | None


class Console:
    """The console of one process of a gateway."""

    def __init__(self, served: Served) -> None:
        self.context = ConsoleContext(served)
        self._tables: dict[Kind, tuple[Table, Router]] = {}

    async def answer(self, request: Request) -> Outcome:
        """Return the answer to a request. What a caller sends wrong, and what fails here, is answered as an error."""
        kind = kind_of(request.path) or "api"
        table, router = await self._table(kind)
        pattern: str | None = None
        try:
            if not self.context.config.console.enabled:
                raise ConsoleError(404, "not_found", "the console is switched off: [llm.console] has enabled = false")
            route = router.find(request)
            pattern = route.path
            if (instead := await admit(request, route, kind, self.context)) is not None:
                return Outcome(protected(instead), pattern)
            answer = reply_of(await route.handler(request, self.context), route.status)
        except (ConsoleError, BadRequest, LLMError) as error:
            answer = table.error(request, self.context, console_error(error))
        except Exception:
            log.exception("the console failed to answer %s %s", request.method, pattern)
            failed = ConsoleError(500, "failed", "the console failed; the gateway's log says why")
            answer = table.error(request, self.context, failed)
        return Outcome(protected(answer), pattern)

    def leave(self) -> None:
        """End answers that have no end of their own."""
        self.context.ending.set()

    def close(self) -> None:
        """End what is under way."""
        self.context.close()

    async def _table(self, kind: Kind) -> tuple[Table, Router]:
        """Return the routes of a kind. They are loaded at their first use, in a thread: requests to models go on."""
        if kind not in self._tables:
            self._tables[kind] = await self.context.run(lambda: _loaded(kind))
        return self._tables[kind]


def _loaded(kind: Kind) -> tuple[Table, Router]:
    table = table_of(kind)
    table.prepare()
    return table, Router(table.routes)


def console_error(error: ConsoleError | BadRequest | LLMError) -> ConsoleError:
    """Return an error as callers of the console see it."""
    match error:
        case ConsoleError():
            return error
        case BadRequest():
            return ConsoleError(error.failure.status or 400, "invalid_request", error.failure.message)
        case Misuse():
            return ConsoleError(400, "invalid_value", error.message)
        case _:
            return ConsoleError(502, "provider_failed", error.message)
