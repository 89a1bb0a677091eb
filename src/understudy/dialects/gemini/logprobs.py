"""Log probabilities, between this API's form and OpenAI's, which all dialects report as `logprobs`."""

from __future__ import annotations

from typing import Any

from understudy.domain.content import JsonObject
from understudy.wire.json import as_objects


def decode_logprobs(result: JsonObject) -> list[JsonObject]:
    """Return the entries of `logprobsResult` in OpenAI's form."""
    chosen, top = as_objects(result.get("chosenCandidates")), result.get("topCandidates")
    steps = top if isinstance(top, list) else []
    others = [as_objects(step.get("candidates")) if isinstance(step, dict) else [] for step in steps]
    return [
        {
            **_read(entry),
            "top_logprobs": [_read(other) for other in (others[place] if place < len(others) else ())],
        }
        for place, entry in enumerate(chosen)
    ]


def render_logprobs(noted: Any) -> JsonObject | None:
    """Return log probabilities in OpenAI's form as `logprobsResult`; `None` if there are none."""
    entries = as_objects(noted.get("content")) if isinstance(noted, dict) else []
    if not entries:
        return None
    return {
        "topCandidates": [
            {"candidates": [_write(other) for other in as_objects(entry.get("top_logprobs"))]} for entry in entries
        ],
        "chosenCandidates": [_write(entry) for entry in entries],
    }


def _read(entry: JsonObject) -> JsonObject:
    token = entry.get("token")
    written = list(token.encode()) if isinstance(token, str) else None
    return {"token": token, "logprob": entry.get("logProbability"), "bytes": written}


def _write(entry: JsonObject) -> JsonObject:
    return {"token": entry.get("token"), "logProbability": entry.get("logprob")}
