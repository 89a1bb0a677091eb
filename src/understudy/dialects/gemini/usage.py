"""Token counts of `usageMetadata`, split into disjoint classes.

`promptTokenCount` includes cached tokens, `candidatesTokenCount` excludes thoughts, and the prompt tokens of hosted
tools are counted separately. The service omits counts of zero, and sometimes others: an omitted count is unknown here,
so that an earlier report of the stream stays.
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.gemini.wire import AUDIO
from understudy.domain.content import JsonObject
from understudy.domain.usage import Usage, token_count


def decode_usage(raw: JsonObject, grounding: JsonObject | None = None, *, fee_by_prompt: bool = False) -> Usage:
    """Read token counts. A count that contradicts the one it is part of is ignored.

    `grounding`: what the answer reports of its searches. `fee_by_prompt`: all searches of a prompt have one fee.
    """
    prompt = token_count(raw.get("promptTokenCount"))
    used_by_tools = token_count(raw.get("toolUsePromptTokenCount"))
    cached = _part_of(prompt, token_count(raw.get("cachedContentTokenCount")))
    cached_audio = _part_of(cached, _audio(raw.get("cacheTokensDetails")))
    spoken = _audio(raw.get("promptTokensDetails"))
    if spoken is not None:
        spoken = _part_of(_minus(prompt, cached), max(0, spoken - (cached_audio or 0)))
    answered = token_count(raw.get("candidatesTokenCount"))
    voiced = _part_of(answered, _audio(raw.get("candidatesTokensDetails")))
    own = _minus(prompt, cached, spoken)
    return Usage(
        input=own if used_by_tools is None else (own or 0) + used_by_tools,
        cache_read=_minus(cached, cached_audio),
        cache_read_audio=cached_audio,
        output=_minus(answered, voiced),
        reasoning=token_count(raw.get("thoughtsTokenCount")),
        audio_input=spoken,
        audio_output=voiced,
        raw=raw,
        tools=_tools(grounding, fee_by_prompt=fee_by_prompt) if grounding else None,
    )


def _tools(grounding: JsonObject, *, fee_by_prompt: bool) -> dict[str, int] | None:
    """Return the searches that have a fee: every different query, or all of a prompt together.

    Source: https://ai.google.dev/gemini-api/docs/pricing, "Grounding with Google Search". A search in files has none.
    """
    queries = grounding.get("webSearchQueries")
    different = {query for query in queries if isinstance(query, str) and query} if isinstance(queries, list) else ()
    chunks = grounding.get("groundingChunks")
    mapped = any(isinstance(chunk, dict) and "maps" in chunk for chunk in chunks) if isinstance(chunks, list) else False
    tools = {"web_search": min(len(different), 1) if fee_by_prompt else len(different), "map_search": int(mapped)}
    return {tool: calls for tool, calls in tools.items() if calls} or None


def render_usage(usage: Usage) -> JsonObject | None:
    """Write token counts; `None` if all are unknown. A report of this dialect is written unchanged."""
    if usage.raw is not None and "promptTokenCount" in usage.raw:
        return usage.raw
    if usage.total is None:
        return None
    answered = None if usage.output is None and usage.audio_output is None else _sum(usage.output, usage.audio_output)
    body: JsonObject = {
        "promptTokenCount": usage.input_total,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": answered,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.total,
        "promptTokensDetails": _details(usage.audio_input, usage.input_total),
        "candidatesTokensDetails": _details(usage.audio_output, answered),
    }
    return {name: value for name, value in body.items() if value is not None}


def _details(audio: int | None, total: int | None) -> list[JsonObject] | None:
    if not audio:
        return None
    counts = (("TEXT", (total or 0) - audio), ("AUDIO", audio))
    return [{"modality": modality, "tokenCount": count} for modality, count in counts if count]


def _audio(details: Any) -> int | None:
    """Return the tokens of the modality audio; `None` if unknown."""
    counts = [
        count
        for item in (details if isinstance(details, list) else ())
        if isinstance(item, dict) and item.get("modality") in AUDIO
        if (count := token_count(item.get("tokenCount"))) is not None
    ]
    return sum(counts) if counts else None


def _part_of(whole: int | None, count: int | None) -> int | None:
    """Return a count that is part of another; `None` if it is larger."""
    return count if count is not None and whole is not None and count <= whole else None


def _minus(whole: int | None, *counts: int | None) -> int | None:
    return None if whole is None else whole - _sum(*counts)


def _sum(*counts: int | None) -> int:
    return sum(count for count in counts if count is not None)
