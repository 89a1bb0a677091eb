"""The route of `/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.console.http import ConsoleError, Reply, Request
from understudy.console.routes import Table

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


def plain_error(request: Request, context: ConsoleContext, error: ConsoleError) -> Reply:
    """Return an error as text."""
    headers = (("content-type", "text/plain; charset=utf-8"), *error.headers)
    return Reply(error.status, headers, f"{error.message}\n".encode("utf-8", "replace"))


TABLE = Table(routes=(), error=plain_error)
"""What Prometheus asks for."""
