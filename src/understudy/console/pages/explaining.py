"""Where a request that was made would go now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.domain.errors import LLMError
from understudy.reports.plans import report_plan
from understudy.reports.results import Report

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.protocol import RequestOptions
    from understudy.reports.waterfall import RequestDetail

_MOST = 200_000
"""Tokens of a prompt that is made up."""
_NAMED = "named by the call"
"""How the plan gives the reason for a target that the caller has chosen."""


def plan_now(manager: ProviderManager, detail: RequestDetail) -> Report:
    """Return the plan of a request like this: for the same route, task and session, and a prompt of the same length."""
    request, first = detail.request, detail.attempts[0]
    options: RequestOptions = {}
    if request.route is not None:
        options["model"] = request.route
    elif (first.why or "").startswith(_NAMED):
        options["model"] = f"{first.provider}/{first.model}" if first.model else first.provider
    if request.task is not None:
        options["task"] = request.task
    if request.session is not None:
        options["session"] = request.session
    # What was asked is not kept, as a rule; strategies look at no more of a prompt than its length.
    prompt = "word " * min(request.input_tokens or 1, _MOST)
    try:
        return report_plan(manager.explain(prompt, **options))
    except LLMError as error:
        return {"why": error.message, "route": request.route, "task": request.task, "steps": [], "skipped": []}
