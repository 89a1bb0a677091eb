"""Token counts of Cohere's API.

`tokens` counts what the model read and wrote, and `billed_units` the part of it that is charged (a prompt without
the service's own preamble, say, a twentieth of it). Reported is the former; the latter is `Usage.billed`. Counts are
floats on the wire. Cached tokens are among `input_tokens` and reasoning tokens among `output_tokens`; those of images
are beside (recorded answers of command-a-vision: 501 input and 518 image tokens, of which 522 are billed).
"""

from __future__ import annotations

import msgspec

from understudy.domain.content import JsonObject
from understudy.domain.usage import Usage, apart, token_count


def decode_usage(raw: JsonObject) -> Usage:
    """Decode the usage of a chat, or the `meta` of an embedding."""
    tokens, billed = _object(raw, "tokens"), _object(raw, "billed_units")
    prompt = token_count(tokens.get("input_tokens"))
    if prompt is None:
        prompt, images = token_count(billed.get("input_tokens")), None
    else:
        images = token_count(tokens.get("image_tokens"))
    prompt, (cached,) = apart(prompt, raw.get("cached_tokens"))
    output = token_count(tokens.get("output_tokens"))
    if output is None:
        output = token_count(billed.get("output_tokens"))
    output, (reasoning,) = apart(output, tokens.get("reasoning_tokens"))
    if prompt is not None and images is not None:
        prompt += images
    searches = token_count(billed.get("search_units"))
    tools = {"search_unit": searches} if searches else None
    usage = Usage(input=prompt, cache_read=cached, output=output, reasoning=reasoning, raw=raw, tools=tools)
    charged = _billed(billed, usage)
    same = (charged.input, charged.output) == (usage.input_total, usage.output_total)
    return usage if same else msgspec.structs.replace(usage, billed=charged)


def _billed(billed: JsonObject, counted: Usage) -> Usage:
    read, written = token_count(billed.get("input_tokens")), token_count(billed.get("output_tokens"))
    return Usage(
        input=counted.input_total if read is None else read,
        output=counted.output_total if written is None else written,
    )


def render_usage(usage: Usage) -> JsonObject | None:
    """Return token counts; `None` if they are unknown. All tokens are billed unless this service reported otherwise."""
    tokens: JsonObject = {
        "input_tokens": usage.input_total,
        "output_tokens": usage.output_total,
        "reasoning_tokens": usage.reasoning,
    }
    charged = usage.billed or usage
    billed: JsonObject = {"input_tokens": charged.input_total, "output_tokens": charged.output_total}
    if isinstance(reported := (usage.raw or {}).get("billed_units"), dict):
        billed = reported
    body: JsonObject = {}
    if known := {name: value for name, value in billed.items() if value is not None}:
        body["billed_units"] = known
    if known := {name: value for name, value in tokens.items() if value is not None}:
        body["tokens"] = known
    if usage.cached is not None:
        body["cached_tokens"] = usage.cached
    return body or None


def _object(raw: JsonObject, name: str) -> JsonObject:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}
