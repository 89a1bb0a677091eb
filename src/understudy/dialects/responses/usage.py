"""Token counts of the Responses API, taken apart into disjoint classes."""

from __future__ import annotations

from typing import Any

from understudy.domain.content import JsonObject
from understudy.domain.usage import Usage, token_count


def decode_usage(raw: JsonObject) -> Usage:
    """Decode the counts: `input_tokens` includes cache reads and writes, `output_tokens` includes reasoning.

    Sub-counts that exceed the count which includes them are ignored; the total is kept.
    """
    prompt, answer = token_count(raw.get("input_tokens")), token_count(raw.get("output_tokens"))
    read = _detail(raw, "input_tokens_details", "cached_tokens")
    written = _detail(raw, "input_tokens_details", "cache_write_tokens")
    reasoning = _detail(raw, "output_tokens_details", "reasoning_tokens")
    if prompt is None or (read or 0) + (written or 0) > prompt:
        read = written = None
    if answer is None or (reasoning or 0) > answer:
        reasoning = None
    return Usage(
        input=None if prompt is None else prompt - (read or 0) - (written or 0),
        cache_read=read,
        cache_write=written,
        output=None if answer is None else answer - (reasoning or 0),
        reasoning=reasoning,
        raw=raw,
    )


def render_usage(usage: Usage) -> JsonObject | None:
    """Return the counts as the wire has them, where classes include each other; `None` if nothing is known.

    The wire demands a number for each detail, so an unknown one is 0 here.
    """
    if usage.total is None:
        return None
    written = (usage.cache_write or 0) + (usage.cache_write_1h or 0)
    return {
        "input_tokens": usage.input_total or 0,
        "input_tokens_details": {"cached_tokens": usage.cache_read or 0, "cache_write_tokens": written},
        "output_tokens": usage.output_total or 0,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.total,
    }


def _detail(raw: JsonObject, group: str, name: str) -> int | None:
    details: Any = raw.get(group)
    return token_count(details.get(name)) if isinstance(details, dict) else None
