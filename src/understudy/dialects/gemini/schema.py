"""Schemas in this API: plain JSON Schema (`…JsonSchema`), or Google's older subset of OpenAPI's schema objects.

Only JSON Schema is written. Both are read: in the older form, types are in capitals and `nullable` stands for null.
Source: Google AI developer documentation, "Structured outputs" and "Function calling" (2026-11).
"""

from __future__ import annotations

from typing import Any

from understudy.domain.content import JsonObject

_NAMED = ("properties", "$defs", "definitions")
"""Fields whose keys are names chosen by the author of the schema."""

_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")


def parse_schema(schema: JsonObject) -> JsonObject:
    """Return a schema object of the older form as JSON Schema. JSON Schema is returned unchanged."""
    read: JsonObject = {}
    for key, value in schema.items():
        match value:
            case str() if key == "type":
                read[key] = value.lower()
            case dict() if key in _NAMED:
                read[key] = {name: _of(inner) for name, inner in value.items()}
            case dict() if key in ("items", "additionalProperties"):
                read[key] = _of(value)
            case list() if key in _LISTED:
                read[key] = [_of(inner) for inner in value]
            case _:
                read[key] = value
    if read.pop("nullable", None) is True and isinstance(read.get("type"), str):
        read["type"] = [read["type"], "null"]
    return read


def parse_json_schema(schema: JsonObject) -> JsonObject:
    """Return a schema that was given as JSON Schema, with its types in small letters.

    Gemini CLI writes them in capitals there too (google-gemini/gemini-cli, `numericalClassifierStrategy.ts`), and other
    vendors refuse that.
    """
    declared = schema.get("type")
    return parse_schema(schema) if isinstance(declared, str) and declared.isupper() else schema


def _of(value: Any) -> Any:
    return parse_schema(value) if isinstance(value, dict) else value
