"""Token counts of the Messages API, in disjoint classes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

from msgspec.structs import replace

from understudy.dialects.anthropic.wire import field_of
from understudy.domain.content import JsonObject
from understudy.domain.usage import USAGE, ModelUsage, Usage, token_count
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name

EXECUTION = frozenset({"code_execution", "bash_code_execution", "text_editor_code_execution"})
"""Names of the hosted code execution."""
CREDITED = Warning(
    WarningKind.DROPPED, USAGE, "a fallback credit lowered the charge by an amount that the provider does not report"
)
_NOTHING = Usage(input=0, output=0)
_KEPT = ("server_tool_use", "iterations", "fallback_credit")
"""What is written as this service reported it."""


def decode_usage(raw: JsonObject, *, executions: int = 0, refused: bool = False) -> Usage:
    """Decode token counts. `input_tokens` excludes the cache already; `output_tokens` includes thinking.

    `executions`: calls of the hosted code execution, which `server_tool_use` does not count. `refused`: a safety
    classifier declined, which is not charged unless something was written before.
    """
    usage = _counts(raw)
    if (tools := _tools(raw, executions)) or refused or raw.get("iterations"):
        billed, requests = _charged(raw, usage, refused=refused)
        return replace(usage, tools=tools or None, billed=billed, by_model=requests)
    return usage


def _counts(raw: JsonObject) -> Usage:
    written, written_1h = _cache_writes(raw)
    output = token_count(raw.get("output_tokens"))
    reasoning = token_count(field_of(raw.get("output_tokens_details"), "thinking_tokens"))
    if reasoning is not None and output is not None:
        if reasoning <= output:
            output -= reasoning
        else:
            reasoning = None
    return Usage(
        input=token_count(raw.get("input_tokens")),
        cache_read=token_count(raw.get("cache_read_input_tokens")),
        cache_write=written,
        cache_write_1h=written_1h,
        output=output,
        reasoning=reasoning,
        raw=raw,
    )


def _tools(raw: JsonObject, executions: int) -> dict[str, int]:
    """Return the calls of tools that may have a fee. Fetching pages has none, and code that runs for a search or a
    fetch has none either: https://platform.claude.com/docs/en/agents-and-tools/tool-use/code-execution-tool."""
    used = raw.get("server_tool_use")
    searches = token_count(field_of(used, "web_search_requests")) or 0
    fetches = token_count(field_of(used, "web_fetch_requests")) or 0
    tools = {"web_search": searches, "code_execution": 0 if searches or fetches else executions}
    return {tool: calls for tool, calls in tools.items() if calls}


def _charged(raw: JsonObject, usage: Usage, *, refused: bool) -> tuple[Usage | None, tuple[ModelUsage, ...]]:
    """Return what is charged, and of which requests to which models.

    `iterations` lists every request that the service made for this answer: to models that declined before another one
    answered, to an advisor, to compact the conversation. The counts outside of it are those of the answer alone. A
    model that declined before it wrote anything is not charged:
    https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback#billing-and-rate-limits
    """
    listed = raw.get("iterations")
    if not isinstance(listed, list) or not listed or not all(map(_is_counted, listed)):
        return (_NOTHING if refused and usage.output_total == 0 else None), ()
    requests = tuple(_requests(listed, refused=refused))
    if len(requests) == len(listed) == 1:
        return None, ()
    return reduce(Usage.__add__, (each.usage for each in requests), _NONE_WRITTEN), requests


def _is_counted(entry: Any) -> bool:
    return None not in (token_count(field_of(entry, "input_tokens")), token_count(field_of(entry, "output_tokens")))


def _requests(listed: list[JsonObject], *, refused: bool) -> Iterator[ModelUsage]:
    for number, entry in enumerate(listed, start=1):
        declined = entry["output_tokens"] == 0 and (refused or number < len(listed))
        if not declined or entry.get("type") not in ("message", "fallback_message"):
            model = entry.get("model")
            usage = replace(_counts(entry), raw=None)
            usage = replace(usage, **{name: getattr(usage, name) or 0 for name in _CACHES})
            yield ModelUsage(model=model if isinstance(model, str) else None, usage=usage)


_CACHES = ("cache_read", "cache_write", "cache_write_1h")
_NONE_WRITTEN = replace(_NOTHING, cache_read=0, cache_write=0, cache_write_1h=0)


def _cache_writes(raw: JsonObject) -> tuple[int | None, int | None]:
    total = token_count(raw.get("cache_creation_input_tokens"))
    short = token_count(field_of(raw.get("cache_creation"), "ephemeral_5m_input_tokens"))
    long = token_count(field_of(raw.get("cache_creation"), "ephemeral_1h_input_tokens"))
    if total is None:
        return short, long
    if long is None:
        return total, None
    # A split that does not fit the total is ignored; 0 takes back what an earlier report may have said of it.
    return (total - long, long) if (short or 0) + long == total else (total, 0)


def is_redeemed(credit: Any) -> bool:
    """Check whether a fallback credit lowered the charge: cached tokens that another model declined to answer are
    charged as if they had been in the cache of this one. By how much is not stated.
    https://platform.claude.com/docs/en/build-with-claude/fallback-credit"""
    return field_of(field_of(credit, "status"), "type") == "redeemed"


def render_usage(usage: Usage, extra: JsonObject) -> JsonObject:
    """Return the counts. The wire demands the first and the last of them: unknown is written as 0 there."""
    short, long = usage.cache_write, usage.cache_write_1h
    written = None if short is None and long is None else (short or 0) + (long or 0)
    body: JsonObject = {
        "input_tokens": (usage.input or 0) + (usage.audio_input or 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output_total or 0,
    }
    if long is not None:
        body["cache_creation"] = {"ephemeral_5m_input_tokens": short or 0, "ephemeral_1h_input_tokens": long}
    if usage.reasoning is not None:
        body["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    raw = usage.raw or {}
    body.update({name: value for name in _KEPT if isinstance(value := raw.get(name), dict | list)})
    if extra.get("service_tier") in ("standard", "priority", "batch"):
        body["service_tier"] = extra["service_tier"]
    return body
