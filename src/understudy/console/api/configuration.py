"""The configuration, in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.console import configuration
from understudy.console.configuration import CheckResult, ReloadResult
from understudy.console.http import Request
from understudy.console.routes import ConsoleRoute
from understudy.reports.configuration import ConfigurationReport

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


async def _show(request: Request, context: ConsoleContext) -> ConfigurationReport:
    return await configuration.configuration(context)


async def _reload(request: Request, context: ConsoleContext) -> ReloadResult:
    return await configuration.reload(context, request.operator)


async def _describe(request: Request, context: ConsoleContext) -> CheckResult:
    return await configuration.check(context, offline=True)


async def _check(request: Request, context: ConsoleContext) -> CheckResult:
    return await configuration.check(context, offline=False)


ROUTES = (
    ConsoleRoute(
        method="GET",
        path="/admin/v1/configuration",
        handler=_show,
        says="the configuration in use without secrets, its warnings, and what its file says differently",
        answer=ConfigurationReport,
    ),
    ConsoleRoute(
        method="POST",
        path="/admin/v1/configuration/reload",
        handler=_reload,
        scope="manage",
        says="have all processes use what the file says now",
        answer=ReloadResult,
    ),
    ConsoleRoute(
        method="GET",
        path="/admin/v1/check",
        handler=_describe,
        says="the entries, their settings and where their keys come from, without a request",
        answer=CheckResult,
    ),
    ConsoleRoute(
        method="POST",
        path="/admin/v1/check",
        handler=_check,
        scope="operate",
        says="whether each provider can be reached and accepts its key, with calls that are not billed",
        answer=CheckResult,
    ),
)
