"""What the API says of itself and of its caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

import understudy
from understudy.console.http import Request
from understudy.console.routes import ConsoleRoute
from understudy.settings.console import Scope

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


class OwnReport(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key is used, and what it may do."""

    name: str
    scope: Scope
    version: str
    """The version of the gateway."""


async def _self(request: Request, context: ConsoleContext) -> OwnReport:
    operator = request.operator
    return OwnReport(name=operator.name, scope=operator.scope, version=understudy.__version__)


ROUTES = (ConsoleRoute(method="GET", path="/admin/v1/self", handler=_self, says="whose key this is", answer=OwnReport),)
