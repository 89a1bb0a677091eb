"""Token counts of the openai dialect, taken apart into disjoint classes."""

from __future__ import annotations

from typing import Any

from understudy.domain.usage import Usage, apart, token_count


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
    prompt_details, completion_details = _details(raw, "prompt_tokens"), _details(raw, "completion_tokens")
    cached = prompt_details.get("cached_tokens", raw.get("cached_tokens", raw.get("prompt_cache_hit_tokens")))
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


def _details(raw: dict[str, Any], name: str) -> dict[str, Any]:
    details = raw.get(f"{name}_details")
    return details if isinstance(details, dict) else {}
