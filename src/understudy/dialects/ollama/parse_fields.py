"""The fields of a request body that have no unified name."""

from __future__ import annotations

import msgspec

from understudy.dialects.ollama.wire import NAME
from understudy.domain.content import JsonObject

_ALWAYS_WRITTEN = frozenset({"model", "messages", "role", "content", "name", "description", "parameters", "input"})
"""Fields that the client half writes even if they are empty."""


def leftover_of(raw: JsonObject, known: type[msgspec.Struct]) -> JsonObject:
    """Return what a struct has no field for, and fields that are present but empty. Null counts as absent."""
    return {
        key: value
        for key, value in raw.items()
        if value is not None
        and (key not in known.__struct_fields__ or (value in ("", [], {}) and key not in _ALWAYS_WRITTEN))
    }


def extra_of(fields: JsonObject) -> dict[str, JsonObject] | None:
    """Return fields without a unified name as `extra`."""
    return {NAME: fields} if fields else None
