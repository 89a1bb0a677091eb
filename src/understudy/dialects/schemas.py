"""Schemas as each wire accepts them: the one transform that all encoders use, cached."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.schema_fitting import Fitter, Flaw
from understudy.dialects.schema_parts import Unmergeable, kinds_of, malformed, merge, resolve, subschemas
from understudy.dialects.schema_rules import SchemaRules
from understudy.domain.bounded import BoundedDict
from understudy.domain.content import JsonObject
from understudy.wire.json import encode

WRAPPER = "value"
"""The property that holds an answer whose schema is not an object, where a wire demands one."""


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """A schema for one wire. It is shared by all requests with the same schema, so nothing may change it."""

    schema: JsonObject
    flaws: tuple[Flaw, ...] = ()
    """What has no form on the wire: if there is any, the schema must not be sent."""
    moved: tuple[str, ...] = ()
    """Pointers to keywords that the wire does not enforce: they are part of a description."""
    wrapped: bool = False
    """The schema is the property `value` of an object."""


_NOT_AT_THE_TOP = frozenset({"anyOf", "oneOf", "allOf", "not", "enum", "const", "$schema", "$id", "$ref"})
"""Keywords that the parameters of a tool may not have at their top (OpenAI, Anthropic)."""

_FITTED: BoundedDict[tuple[bytes, str, bool], Fitted] = BoundedDict(256)
_TOOLS: BoundedDict[bytes, JsonObject] = BoundedDict(1024)
_LOOSE: BoundedDict[tuple[bytes, bool], Fitted] = BoundedDict(256)


def fit(schema: JsonObject, rules: SchemaRules, *, nullable: bool = True) -> Fitted:
    """Return a schema as the wire accepts it. `nullable` lets optional properties be null where all must be required.

    Nothing that was valid under the original is lost where the wire can express it; nothing is checked here.
    """
    key = (encode(schema), rules.name, nullable)
    found = _FITTED.get(key)
    if found is None:
        found = _FITTED[key] = _fit(schema, rules, nullable=nullable)
    return found


def loosen(schema: JsonObject, *, closed: bool = False) -> Fitted:
    """Return a schema for a wire that does not enforce it and accepts any, as long as its top is an object and arrays
    have items. `closed` closes the objects that are neither open nor closed."""
    key = (encode(schema), closed)
    found = _LOOSE.get(key)
    if found is None:
        root, wrapped = rooted(schema) if malformed(schema) is None else (schema, False)
        found = _LOOSE[key] = Fitted(schema=_filled(root, closed=closed), wrapped=wrapped)
    return found


def tool_root(schema: JsonObject) -> JsonObject:
    """Return the parameters of a tool as a plain object, with items in every array. Properties stay open or closed as
    they are. A union of objects becomes one object with all their properties, of which only the common ones are
    required."""
    key = encode(schema)
    found = _TOOLS.get(key)
    if found is None:
        sound = malformed(schema) is None
        found = _TOOLS[key] = _filled(_tool_root(schema), closed=False) if sound else {"properties": {}, **schema}
    return found


def _tool_root(schema: JsonObject) -> JsonObject:
    root = _flat(schema)
    definitions: JsonObject = {key: root[key] for key in ("$defs", "definitions") if key in root}
    branches = [branch for key in ("anyOf", "oneOf") for branch in root.get(key, ())]
    body = {key: value for key, value in root.items() if key not in _NOT_AT_THE_TOP and key not in definitions}
    flat = [form for branch in branches if isinstance(form := _flat({**branch, **definitions}), dict)]
    properties: JsonObject = dict(body.get("properties") or {})
    for name in dict.fromkeys(name for form in flat for name in form.get("properties", ())):
        forms = [form["properties"][name] for form in flat if name in form.get("properties", ())]
        distinct = [form for at, form in enumerate(forms) if form not in forms[:at]]
        properties.setdefault(name, distinct[0] if len(distinct) == 1 else {"anyOf": distinct})
    required = [name for name in properties if flat and all(name in form.get("required", ()) for form in flat)]
    if wanted := list(dict.fromkeys((*body.get("required", ()), *required))):
        body["required"] = wanted
    return {**body, "type": "object", "properties": properties, **definitions}


def rooted(schema: JsonObject) -> tuple[JsonObject, bool]:
    """Return the schema with a plain object at its top, and whether it had to be wrapped for that.

    References at the top are written out. What is not an object becomes the property `value` of one.
    """
    root = _flat(schema)
    definitions: JsonObject = {key: root.pop(key) for key in ("$defs", "definitions") if key in root}
    root.pop("$schema", None)
    if kinds_of(root) == ["object"] and not root.keys() & {"anyOf", "oneOf", "allOf", "enum", "const", "not", "$ref"}:
        root["type"] = "object"
        return {**root, **definitions}, False
    wrapped: JsonObject = {"type": "object", "properties": {WRAPPER: _moved(root)}, "required": [WRAPPER]}
    return {**wrapped, "additionalProperties": False, **_moved(definitions)}, True


def _flat(schema: JsonObject) -> JsonObject:
    """Write out what the top refers to, and merge the parts of its `allOf`."""
    root = dict(schema)
    for _ in range(16):
        try:
            if "$ref" in root:
                target = resolve(schema, root["$ref"])
                root = merge({key: value for key, value in root.items() if key != "$ref"}, target)
            elif isinstance(root.get("allOf"), list):
                rest = {key: value for key, value in root.items() if key != "allOf"}
                for part in root["allOf"]:
                    rest = merge(rest, part)
                root = rest
            else:
                break
        except (LookupError, Unmergeable):
            break
    return root


def _moved(schema: Any) -> Any:
    """Return a schema whose references still point where they did, once its top is the property `value`."""
    match schema:
        case {"$ref": str(reference)} if not reference.startswith(("#/$defs/", "#/definitions/")):
            inner = {key: _moved(value) for key, value in schema.items() if key != "$ref"}
            return {"$ref": f"#/properties/{WRAPPER}{reference.removeprefix('#')}", **inner}
        case dict():
            return {key: _moved(value) for key, value in schema.items()}
        case list():
            return [_moved(value) for value in schema]
        case _:
            return schema


def _filled(schema: Any, *, closed: bool) -> Any:
    """Add the items that arrays must have, and close objects."""
    match schema:
        case dict():
            filled = {key: _filled(value, closed=closed) for key, value in schema.items()}
            if isinstance(named := filled.get("properties"), dict):  # some servers read each property as an object
                filled["properties"] = {name: {} if value is True else value for name, value in named.items()}
            # Beside `prefixItems` too: "In context=('properties', 'a'), array schema missing items."
            if filled.get("type") in ("array", ["array", "null"], ["null", "array"]) and "items" not in filled:
                filled["items"] = {}
            if closed and filled.get("type") == "object" and isinstance(filled.get("properties"), dict):
                filled.setdefault("additionalProperties", False)
            return filled
        case list():
            return [_filled(value, closed=closed) for value in schema]
        case _:
            return schema


def _fit(schema: JsonObject, rules: SchemaRules, *, nullable: bool) -> Fitted:
    if (fault := malformed(schema)) is not None:
        return Fitted(schema=schema, flaws=(Flaw(*fault),))
    root, wrapped = rooted(schema)
    fitter = Fitter(root, rules, nullable=nullable)
    top = {key: value for key, value in root.items() if key not in ("$defs", "definitions")}
    fitted = fitter.fit(top)
    if fitter.definitions:
        fitted = {**fitted, "$defs": fitter.definitions}
    flaws = (*fitter.flaws, *(() if fitter.flaws else _excess(fitted, rules)))
    return Fitted(schema=fitted, flaws=flaws, moved=tuple(fitter.moved), wrapped=wrapped)


def _excess(schema: JsonObject, rules: SchemaRules) -> tuple[Flaw, ...]:
    """Return what exceeds the limits of the wire."""
    properties = optional = unions = enum_values = characters = 0
    for part in subschemas(schema):
        named = part.get("properties", {})
        properties += len(named)
        optional += len(named.keys() - set(part.get("required", ())))
        unions += sum("anyOf" in value or isinstance(value.get("type"), list) for value in named.values())
        enum_values += len(part.get("enum", ()))
        characters += sum(map(len, (*named, *part.get("$defs", ()))))
        characters += sum(len(value) for value in part.get("enum", ()) if isinstance(value, str))
    counted = (
        (_depth(schema), rules.max_depth, "levels of nesting"),
        (properties, rules.max_properties, "properties"),
        (enum_values, rules.max_enum_values, "values of enumerations"),
        (characters, rules.max_name_characters, "characters of names and enumerations"),
        (optional, rules.max_optional, "optional properties"),
        (unions, rules.max_unions, "properties that are unions"),
    )
    return tuple(
        Flaw("#", f"the schema has {found} {what}, the limit is {limit}")
        for found, limit, what in counted
        if limit is not None and found > limit
    )


def _depth(document: JsonObject) -> int:
    """Return the levels of nested objects and arrays; a definition within itself counts once."""
    known: dict[str, int] = {}

    def of(part: Any) -> int:
        if not isinstance(part, dict):
            return 0
        if isinstance(reference := part.get("$ref"), str):
            if reference not in known:
                known[reference] = 0
                known[reference] = of(resolve(document, reference))
            return known[reference]
        inner = [*part.get("properties", {}).values(), *part.get("prefixItems", ()), part.get("items")]
        level = 1 if part.get("type") in ("object", "array") else 0
        return max(level + max(map(of, inner)), *map(of, part.get("anyOf", ())), 0)

    return of(document)
