"""Token counts of the openai dialect, taken apart into disjoint classes."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import Any

from msgspec.structs import replace

from understudy.domain.usage import ModelUsage, Usage, apart, token_count


def decode_usage(raw: Any) -> Usage | None:
    """Decode a usage object; `None` if it is missing.

    `prompt_tokens` includes cached, written and audio tokens, `completion_tokens` reasoning and audio. Where a
    sub-count does not fit into its sum it is ignored, so that the totals stay what the provider said. One exception:
    some servers count reasoning in addition to the completion, as their own `total_tokens` shows.
    """
    if not isinstance(raw, dict):
        return None
    prompt = token_count(raw.get("prompt_tokens"))
    completion = token_count(raw.get("completion_tokens"))
    prompt_details, completion_details = raw.get("prompt_tokens_details"), raw.get("completion_tokens_details")
    if type(prompt_details) is not dict:
        prompt_details = _NO_DETAILS
    if type(completion_details) is not dict:
        completion_details = _NO_DETAILS
    cached = prompt_details.get("cached_tokens", raw.get("cached_tokens", raw.get("prompt_cache_hit_tokens")))
    if cached is None and not prompt_details and not completion_details:
        return Usage(input=prompt, output=completion, raw=raw)
    left_in, (read, written, audio_in) = apart(
        prompt, cached, prompt_details.get("cache_write_tokens"), prompt_details.get("audio_tokens")
    )
    reasoning = token_count(completion_details.get("reasoning_tokens"))
    audio = completion_details.get("audio_tokens")
    total = token_count(raw.get("total_tokens"))
    if reasoning and None not in (prompt, completion) and (prompt or 0) + (completion or 0) + reasoning == total:
        left_out, (audio_out,) = apart(completion, audio)
    else:
        left_out, (reasoning, audio_out) = apart(completion, reasoning, audio)
    return Usage(
        input=left_in,
        cache_read=read,
        cache_write=written,
        output=left_out,
        reasoning=reasoning,
        audio_input=audio_in,
        audio_output=audio_out,
        raw=raw,
    )


class HostedTools:
    """What the provider did for an answer besides generating it, as far as that has a fee.

    `executed_tools` lists each tool that was run, in a stream again with its result (Groq); a citation of a page
    means that the web was searched for this answer (OpenAI's search models, whose searches are not counted).
    """

    __slots__ = ("_cited", "_executed")

    def __init__(self) -> None:
        self._cited = False
        self._executed: dict[object, str] = {}

    def add(self, executed: Any, annotations: Any) -> None:
        """Note tools that were run, and citations."""
        for item in executed if isinstance(executed, list) else ():
            if isinstance(item, dict) and isinstance(kind := item.get("type"), str):
                place = item.get("index")
                key = place if isinstance(place, int) else len(self._executed)
                self._executed[key] = _EXECUTED.get(kind, kind)
        for item in annotations if isinstance(annotations, list) else ():
            self._cited = self._cited or (isinstance(item, dict) and item.get("type") == "url_citation")

    def calls(self) -> dict[str, int] | None:
        """Return the calls by tool; `None` without any."""
        if self._executed:
            return dict(Counter(self._executed.values()))
        return {"web_search_preview": 1} if self._cited else None


_EXECUTED = {"search": "web_search", "browser_search": "web_search", "python": "code_execution"}
"""Groq's names of tools, where they are not the usual ones."""


def apply_breakdown(usage: Usage, breakdown: Any) -> Usage:
    """Return the usage with what each model used, where several worked on an answer (`usage_breakdown`, Groq)."""
    listed = breakdown.get("models") if isinstance(breakdown, dict) else None
    if not isinstance(listed, list) or not listed:
        return usage
    parts: list[ModelUsage] = []
    for item in listed:
        counts = decode_usage(item.get("usage")) if isinstance(item, dict) else None
        if counts is None or counts.input_total is None or counts.output_total is None:
            return usage
        model = item.get("model")
        parts.append(ModelUsage(model=model if isinstance(model, str) else None, usage=replace(counts, raw=None)))
    total = reduce(Usage.__add__, (Usage(input=p.usage.input_total, output=p.usage.output_total) for p in parts))
    same = (total.input, total.output) == (usage.input_total, usage.output_total)
    return replace(usage, by_model=tuple(parts), billed=None if same else total)


_NO_DETAILS: dict[str, Any] = {}
