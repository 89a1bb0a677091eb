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


_SEARCH = ("search", None)
"""Actions of a web search that have a fee; to open a page and to find text in it have none."""
_HOSTED = {
    "file_search_call": "file_search",
    "code_interpreter_call": "code_interpreter",
    "image_generation_call": "image_generation",
}


def read_hosted_tool(item: JsonObject) -> tuple[str, object] | None:
    """Return the hosted tool that an output item has used for a fee, and what the fee is for: the call, or the
    container that several calls share. `None` if the item has no fee.

    Source: https://developers.openai.com/api/docs/pricing, "Built-in tools"; the fee of an image is that of its tokens.
    """
    kind = item.get("type")
    if kind == "web_search_call":
        action = item.get("action")
        return ("web_search", item.get("id")) if _type_of(action) in _SEARCH else None
    tool = _HOSTED.get(kind) if isinstance(kind, str) else None
    if tool is None:
        return None
    return tool, item.get("container_id" if tool == "code_interpreter" else "id")


def _type_of(action: object) -> object:
    return action.get("type") if isinstance(action, dict) else None


def render_usage(usage: Usage) -> JsonObject | None:
    """Return the counts as the wire has them, where classes include each other; `None` if nothing is known.

    The wire demands a number for each detail, so an unknown one is 0 here.
    """
    if usage.total is None:
        return None
    written = (usage.cache_write or 0) + (usage.cache_write_1h or 0)
    return {
        "input_tokens": usage.input_total or 0,
        "input_tokens_details": {"cached_tokens": usage.cached or 0, "cache_write_tokens": written},
        "output_tokens": usage.output_total or 0,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.total,
    }


def _detail(raw: JsonObject, group: str, name: str) -> int | None:
    details: Any = raw.get(group)
    return token_count(details.get(name)) if isinstance(details, dict) else None
