"""Values of answers without the nulls that stand for missing properties.

Where a wire requires every property, an optional one is null instead of missing; the caller's type knows no null there.
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.schema_parts import resolve, takes_null
from understudy.domain.content import JsonObject


def without_nulls(value: Any, schema: JsonObject) -> Any:
    """Return a value without the nulls of properties that are optional and may not be null."""
    return _pruned(value, schema, schema, 0)


def _pruned(value: Any, schema: Any, document: JsonObject, depth: int) -> Any:
    forms = _forms(schema, document, depth)
    if isinstance(value, list):
        return [_pruned(item, _of_item(forms, at), document, depth + 1) for at, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, item in value.items():
        described = [form for form in forms if name in form.get("properties", {})]
        if item is None and described and all(_must_be_absent(form, name, document) for form in described):
            continue
        inner: JsonObject = {"anyOf": [form["properties"][name] for form in described]} if described else {}
        kept[name] = _pruned(item, inner, document, depth + 1)
    return kept


def _forms(schema: Any, document: JsonObject, depth: int) -> list[JsonObject]:
    """Return the objects that a schema may be: its branches, with references resolved."""
    if not isinstance(schema, dict) or depth > 64:
        return []
    if "$ref" in schema:
        try:
            return _forms(resolve(document, schema["$ref"]), document, depth + 1)
        except LookupError:
            return []
    branches = [branch for key in ("anyOf", "oneOf", "allOf") for branch in schema.get(key, ())]
    return [schema, *(form for branch in branches for form in _forms(branch, document, depth + 1))]


def _of_item(forms: list[JsonObject], at: int) -> JsonObject:
    inner = []
    for form in forms:
        first = form.get("prefixItems", ())
        inner.append(first[at] if at < len(first) else form.get("items", {}))
    return {"anyOf": inner}


def _must_be_absent(form: JsonObject, name: str, document: JsonObject) -> bool:
    return name not in form.get("required", ()) and not takes_null(form["properties"][name], document)
