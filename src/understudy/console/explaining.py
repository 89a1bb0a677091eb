"""What would become of a request today: of one that was made, and of one that is made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.domain.errors import LLMError, Misuse
from understudy.engine.registry import backend_of
from understudy.ledger.entries import LedgerEntry
from understudy.reports.plans import report_plan

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.protocol import RequestOptions

CHARACTERS = 4
"""Characters for a token, where a prompt of a certain length stands for one that was not kept."""
MOST = 4_000_000
"""Characters of such a prompt."""


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """A target that would be asked, in its place."""

    target: str
    provider: str
    provider_type: str
    model: str | None
    why: str
    context_window: int | None
    expected_cost_usd: float | None
    """`None` if it is unknown."""
    price_source: str | None
    price_as_of: str | None


class SkippedResult(msgspec.Struct, frozen=True, kw_only=True):
    """A target that would not be asked."""

    target: str
    provider: str
    model: str | None
    why: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Which targets would be asked."""

    why: str
    """What decided the order."""
    route: str | None
    task: str | None
    steps: tuple[StepResult, ...]
    skipped: tuple[SkippedResult, ...]
    assumed: str | None
    """What was assumed of the request, because it was not kept; `None` if nothing was."""
    problem: str | None
    """Why no target can be asked; `None` if one can."""


async def explain(context: ConsoleContext, prompt: Any, options: RequestOptions, assumed: str | None) -> Explanation:
    """Return the plan of a request, which is not sent. Raise `Misuse` for an invalid request."""

    with context.served.held() as manager:
        backends = [backend_of(each) for each in manager.providers]
        for backend in backends:
            await context.run(backend.load_prices)
        try:
            report = report_plan(manager.explain(prompt, **options))
        except Misuse:
            raise
        except LLMError as error:
            nothing: dict[str, Any] = {"why": "", "route": None, "task": None, "steps": (), "skipped": ()}
            return Explanation(**nothing, assumed=assumed, problem=error.message)
    problem = None if report["steps"] else "no target can take this request now"
    return msgspec.convert({**report, "assumed": assumed, "problem": problem}, Explanation)


async def explain_request(context: ConsoleContext, entries: Sequence[LedgerEntry]) -> Explanation:
    """Return what would become of a request today, of its attempts: at least one."""
    first = entries[0].start
    options: RequestOptions = {}
    if first.route is not None:
        options["model"] = first.route
    elif "named by" in (first.why or ""):
        options["model"] = f"{first.provider}/{first.model}" if first.model else first.provider
    if first.session is not None:
        options["session"] = first.session
    if first.task is not None and first.route is None:
        options["task"] = first.task
    tokens = max((each.record.usage.input_total or 0 for each in entries if each.record is not None), default=0)
    prompt = "x" * min(MOST, max(1, tokens * CHARACTERS))
    return await explain(context, prompt, options, f"a prompt of {tokens:,} tokens, in place of the one that was sent")
