"""Which paths the console serves, as data: what each is for, which scope it needs, and what answers it.

The tables are kept apart by what they answer with: `pages` in HTML, `api` in JSON, `metrics` in Prometheus' format. A
table is imported with the first request below its prefix.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import msgspec

from understudy.console.http import JSON, Answer, ConsoleError, Reply, Request, json_of
from understudy.settings.console import Scope

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

Handler = Callable[[Request, "ConsoleContext"], Awaitable[Any]]
"""Answers a request: a `Reply`, a `Streamed`, or in the table of the API a struct, which is sent as JSON."""
Kind = Literal["pages", "api", "metrics"]
"""How callers show who they are, and in which form errors are answered."""


class ConsoleRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One path of the console."""

    method: str
    path: str
    """As in OpenAPI: `{name}` stands for one segment, which is percent-decoded."""
    handler: Handler
    scope: Scope | None = "read"
    """What the key must be allowed to do; `None` opens the route to everyone who reaches the gateway."""
    says: str = ""
    """What it is for, in a few words."""
    query: type[msgspec.Struct] | None = None
    """The parameters of the query, for the OpenAPI document."""
    body: type[msgspec.Struct] | None = None
    """What is sent."""
    answer: Any = None
    """The type of what is answered; `None` for anything else than JSON."""
    status: int = 200
    """The status of what is answered."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The routes of one kind, and how an error is answered there."""

    routes: tuple[ConsoleRoute, ...]
    error: Callable[[Request, ConsoleContext, ConsoleError], Reply]
    prepare: Callable[[], None] = lambda: None
    """Loads what the answers need. Block."""


class Router:
    """Finds the route of a request among those of one table."""

    def __init__(self, routes: Iterable[ConsoleRoute]) -> None:
        self._routes = [(_pattern(route.path), route) for route in routes]

    def find(self, request: Request) -> ConsoleRoute:
        """Return the route of a request, and set its `params`. Raise `ConsoleError` if the path is unknown."""
        methods: list[str] = []
        for pattern, route in self._routes:
            found = pattern.fullmatch(request.path)
            if found is None:
                continue
            if route.method == request.method:
                request.params = {name: _decoded(value) for name, value in found.groupdict().items()}
                return route
            methods.append(route.method)
        if methods:
            allow = ", ".join(dict.fromkeys(methods))
            message = f"the method must be {' or '.join(dict.fromkeys(methods))}"
            raise ConsoleError(405, "method_not_allowed", message, headers=(("allow", allow),))
        raise ConsoleError(404, "not_found", "nothing is served at this path")


PREFIXES: tuple[tuple[str, Kind], ...] = (("/admin/v1/", "api"), ("/console", "pages"), ("/metrics", "metrics"))
"""Which table a path belongs to, by how it begins."""


def kind_of(path: str) -> Kind | None:
    """Return the kind of a path; `None` if it is not the console's."""
    for prefix, kind in PREFIXES:
        if path == prefix or (path.startswith(prefix) and (prefix[-1] == "/" or path[len(prefix)] == "/")):
            return kind
    return None


def table_of(kind: Kind) -> Table:
    """Return the table of a kind, imported at its first use."""
    table: Table = import_module(f"understudy.console.{kind}").TABLE
    return table


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", path)
    return re.compile(
        "".join(f"(?P<{each}>[^/]{{1,1000}})" if at % 2 else re.escape(each) for at, each in enumerate(pieces))
    )


def _decoded(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise ConsoleError(404, "not_found", "the path is not percent-encoded UTF-8") from None


def reply_of(answer: Any, status: int = 200) -> Answer:
    """Return what a handler of the API answers as a reply."""
    if isinstance(answer, Answer):
        return answer
    return Reply(status, JSON, json_of(answer))
