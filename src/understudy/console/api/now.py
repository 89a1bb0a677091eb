"""What happens now, in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.console.explaining import Explanation, explain
from understudy.console.http import Request
from understudy.console.routes import ConsoleRoute
from understudy.reports.now import NowReport, StandInNow, TargetNow, read_now

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.protocol import RequestOptions


class TargetList(msgspec.Struct, frozen=True, kw_only=True):
    """All targets that were asked or are configured, and which of them stand in for others."""

    targets: tuple[TargetNow, ...]
    stand_ins: tuple[StandInNow, ...]


class NewExplanation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to explain."""

    prompt: str
    model: str | None = None
    """A route, an entry, `entry/model` or a model."""
    task: str | None = None
    session: str | None = None
    max_tokens: int | None = None


async def _now(request: Request, context: ConsoleContext) -> NowReport:
    return await read_now(context.fleet)


async def _targets(request: Request, context: ConsoleContext) -> TargetList:
    report = await read_now(context.fleet)
    return TargetList(targets=report.targets, stand_ins=report.stand_ins)


async def _explain(request: Request, context: ConsoleContext) -> Explanation:
    asked = await request.json_as(NewExplanation)
    options: RequestOptions = {}
    if asked.model is not None:
        options["model"] = asked.model
    if asked.task is not None:
        options["task"] = asked.task
    if asked.session is not None:
        options["session"] = asked.session
    if asked.max_tokens is not None:
        options["max_tokens"] = asked.max_tokens
    return await explain(context, asked.prompt, options, None)


ROUTES = (
    ConsoleRoute(
        method="GET",
        path="/admin/v1/now",
        handler=_now,
        says="whether all is well: traffic, targets, who stands in for whom, and the processes",
        answer=NowReport,
    ),
    ConsoleRoute(
        method="GET", path="/admin/v1/targets", handler=_targets, says="the state of each target", answer=TargetList
    ),
    ConsoleRoute(
        method="POST",
        path="/admin/v1/explain",
        handler=_explain,
        says="which targets a request would be sent to, why and at what cost; nothing is sent",
        body=NewExplanation,
        answer=Explanation,
    ),
)
