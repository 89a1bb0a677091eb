"""The report of a plan: which targets would be asked, in which order and why, and which would not."""

from __future__ import annotations

from understudy.policy.plan import Plan, Skip, Step
from understudy.reports.results import Report, usd


def report_plan(plan: Plan) -> Report:
    """Return the report of a plan."""
    return {
        "why": plan.why,
        "route": plan.route,
        "task": plan.task,
        "steps": list(map(_step, plan.steps)),
        "skipped": list(map(_skip, plan.skipped)),
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


def _skip(skip: Skip) -> Report:
    target = skip.target
    return {"target": target.label, "provider": target.name, "model": target.model, "why": skip.why}
