"""The fields of a request body: lists of objects."""

from __future__ import annotations

from typing import Any

from understudy.dialects.gemini.errors import bad_request
from understudy.domain.content import JsonObject


def objects_of(value: Any, where: str) -> list[JsonObject]:
    """Return a list of objects; one object stands for a list of it."""
    items = [value] if isinstance(value, dict) else [] if value is None else value
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise bad_request(f"Invalid value at '{where}': it must be a list of objects")
    return items
