"""Limits of plain fields that the targets of OpenAI's dialects have: ranges, lengths and counts.

Sources: OpenAI's API reference (`metadata`: 16 pairs, names of 64 and values of 512 characters; `safety_identifier`:
64 characters) and its refusals ("Invalid 'prompt_cache_key': string too long. Expected a string with maximum length
64", github.com/earendil-works/pi/issues/4720), read 2026-11-28.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from understudy.dialects.base import WarningLog
from understudy.dialects.quirks import Quirks
from understudy.domain.content import JsonObject

_IDENTIFIERS = {"cache_key": "prompt_cache_key", "user": "safety_identifier"}


def apply_limits(body: JsonObject, quirks: Quirks, names: Mapping[str, str], notes: WarningLog) -> None:
    """Change what exceeds the target's limits, in place. `names` are the fields that are called otherwise there."""
    for name, least, most in quirks.ranges:
        key = names.get(name, name)
        value = body.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and not least <= value <= most:
            body[key] = least if value < least else most
            notes.clamp(name, f"this API accepts {least:g} to {most:g}")
    if quirks.max_identifier is not None:
        _shorten(body, quirks.max_identifier, notes)
    if quirks.metadata_limits is not None and isinstance(metadata := body.get("metadata"), dict):
        body["metadata"] = _fitting(metadata, quirks.metadata_limits, notes)


def _shorten(body: JsonObject, limit: int, notes: WarningLog) -> None:
    for name, key in _IDENTIFIERS.items():
        value = body.get(key)
        if isinstance(value, str) and len(value) > limit:
            body[key] = hashlib.sha256(value.encode()).hexdigest()[:limit]
            notes.rename(name, f"this API accepts at most {limit} characters; its hash is sent")


def _fitting(metadata: dict[str, Any], limits: tuple[int, int, int], notes: WarningLog) -> dict[str, Any]:
    pairs, name_length, value_length = limits
    fitting = {
        name: value
        for name, value in metadata.items()
        if len(name) <= name_length and not (isinstance(value, str) and len(value) > value_length)
    }
    if len(fitting) < len(metadata):
        notes.drop(
            "metadata", f"names of at most {name_length} and values of at most {value_length} characters are accepted"
        )
    if len(fitting) > pairs:
        notes.drop("metadata", f"only {pairs} pairs are accepted; the first are sent")
        fitting = dict(list(fitting.items())[:pairs])
    return fitting
