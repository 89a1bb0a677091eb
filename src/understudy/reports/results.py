"""Reports of the result of a request: an answer, vectors or an error, with all attempts."""

from __future__ import annotations

from typing import Any

from understudy.domain.attempts import AttemptRecord
from understudy.domain.errors import LLMError, Misuse, Refused
from understudy.domain.money import Cost
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.domain.usage import Usage

Report = dict[str, Any]

_ANSWER = ("text", "parsed", "refusal", "model", "provider", "finish_reason")
_ATTEMPT = ("number", "provider", "provider_type", "model", "outcome")
_PLACE = ("key", "why", "route", "task", "session", "labels")
_FAILURE = ("kind", "message", "status", "code", "retry_after")


def report_answer(response: GenerationResponse) -> Report:
    """Return the report of an answer; `total_cost_usd` includes the attempts that were lost on the way."""
    return {
        **_fields(response, _ANSWER),
        "usage": report_usage(response.usage),
        "cost_usd": usd(response.cost),
        "total_cost_usd": usd(response.total_cost),
        "warnings": response.warnings,
        "attempts": list(map(report_attempt, response.attempts)),
    }


def report_embeddings(response: EmbeddingResponse, count: int, dimensions: int) -> Report:
    """Return the report of an embedding, without the vectors."""
    return {
        **_fields(response, ("model", "provider")),
        "count": count,
        "dimensions": dimensions,
        "usage": report_usage(response.usage),
        "cost_usd": usd(response.cost),
        "warnings": response.warnings,
    }


def report_error(error: LLMError) -> Report:
    """Return the report of an error, in place of an answer."""
    return {
        "error": {
            "group": group_of(error),
            "type": type(error).__name__,
            "kind": error.failure.kind if error.failure else None,
            **_fields(error, ("message", "retry_after")),
            "attempts": list(map(report_attempt, error.attempts)),
        }
    }


def group_of(error: LLMError) -> str:
    """Return which of the three groups an error belongs to: `misuse`, `refused` or `unavailable`."""
    if isinstance(error, Misuse):
        return "misuse"
    return "refused" if isinstance(error, Refused) else "unavailable"


def report_attempt(attempt: AttemptRecord) -> Report:
    """Return the report of one attempt, with its place in the plan as far as that is known."""
    return {
        **_fields(attempt, _ATTEMPT),
        "failure": _fields(attempt.failure, _FAILURE) if attempt.failure else None,
        "waited": round(attempt.waited, 6),
        "duration": round(attempt.duration, 6),
        "first_event": None if attempt.first_event is None else round(attempt.first_event, 6),
        "usage": report_usage(attempt.usage),
        "cost_usd": usd(attempt.cost),
        "next_step": attempt.next_step,
        **{name: value for name, value in _fields(attempt, _PLACE).items() if value},
    }


def report_usage(usage: Usage) -> Report:
    """Return tokens by class, each counted once, and their sums."""
    written = [count for count in (usage.cache_write, usage.cache_write_1h) if count is not None]
    return {
        "input": usage.input,
        "cache_read": usage.cached,
        "cache_write": sum(written) if written else None,
        **_fields(usage, ("output", "reasoning", "input_total", "output_total", "total")),
        **({"hosted_tools": dict(usage.tools)} if usage.tools else {}),
    }


def usd(cost: Cost | None) -> float | None:
    """Return US dollars, or `None` if the amount is unknown."""
    return None if cost is None else float(cost.amount.usd)


def _fields(source: object, names: tuple[str, ...]) -> Report:
    return {name: getattr(source, name) for name in names}
