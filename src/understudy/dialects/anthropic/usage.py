"""Token counts of the Messages API, in disjoint classes."""

from __future__ import annotations

from understudy.dialects.anthropic.wire import field_of
from understudy.domain.content import JsonObject
from understudy.domain.usage import Usage, token_count


def decode_usage(raw: JsonObject) -> Usage:
    """Decode token counts. `input_tokens` excludes the cache already; `output_tokens` includes thinking."""
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


def render_usage(usage: Usage, extra: JsonObject) -> JsonObject:
    """Return the counts. The wire demands the first and the last of them: unknown is written as 0 there."""
    short, long = usage.cache_write, usage.cache_write_1h
    written = None if short is None and long is None else (short or 0) + (long or 0)
    body: JsonObject = {
        "input_tokens": (usage.input or 0) + (usage.audio_input or 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output_total or 0,
    }
    if long is not None:
        body["cache_creation"] = {"ephemeral_5m_input_tokens": short or 0, "ephemeral_1h_input_tokens": long}
    if usage.reasoning is not None:
        body["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if isinstance(hosted := (usage.raw or {}).get("server_tool_use"), dict):
        body["server_tool_use"] = hosted
    if extra.get("service_tier") in ("standard", "priority", "batch"):
        body["service_tier"] = extra["service_tier"]
    return body
