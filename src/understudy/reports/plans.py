"""The report of a plan: which targets would be asked, in which order and why, and which would not."""

from __future__ import annotations

from understudy.policy.plan import Plan, Step
from understudy.reports.results import Report, usd


def report_plan(plan: Plan) -> Report:
    """Return the report of a plan."""
    return {
        "why": plan.why,
        "route": plan.route,
        "task": plan.task,
        "steps": list(map(_step, plan.steps)),
        "skipped": [
            {"target": skip.target.label, "provider": skip.target.name, "model": skip.target.model, "why": skip.why}
            for skip in plan.skipped
        ],
    }


def _step(step: Step) -> Report:
    target, cost = step.target, step.expected_cost
    return {
        "target": target.label,
        "provider": target.name,
        "provider_type": target.provider_type,
        "model": target.model,
        "why": step.why,
        "context_window": step.context_window,
        "expected_cost_usd": usd(cost),
        "price_source": cost.source if cost else None,
        "price_as_of": cost.as_of if cost else None,
    }
