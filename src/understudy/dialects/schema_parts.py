"""What a JSON Schema says, piece by piece: references, types, and schemas that hold at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from understudy.domain.content import JsonObject

KINDS = ("object", "array", "string", "number", "integer", "boolean", "null")

ANNOTATIONS = frozenset({"title", "description", "default", "examples"})
"""Keywords that describe a value and accept every one."""

NOISE = frozenset(
    {
        *("$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "discriminator", "deprecated", "readOnly"),
        *("writeOnly", "nullable", "example", "propertyOrdering", "xml", "externalDocs"),
    }
)
"""Keywords that say nothing about a value, or that are read elsewhere."""

_OF_KIND = {
    "object": (
        *("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties"),
        *("maxProperties", "unevaluatedProperties", "dependentRequired", "dependentSchemas"),
    ),
    "array": (
        *("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains"),
        *("additionalItems", "unevaluatedItems"),
    ),
    "string": ("minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType", "contentSchema"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
KIND_OF: Mapping[str, str] = {keyword: kind for kind, keywords in _OF_KIND.items() for keyword in keywords}
"""The type whose values a keyword constrains."""

_LONGEST_CHAIN = 64
"""References that lead from one to the next."""
_DATA = frozenset({"const", "enum", "default", "examples", "example"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_GREATER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"})
_LESSER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"})


def resolve(document: JsonObject, reference: Any) -> Any:
    """Return what a reference within the document points at. Raises `LookupError` if there is nothing."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise LookupError(reference)
    if reference != "#" and not reference.startswith("#/"):
        return _anchored(document, reference[1:])
    place: Any = document
    for step in reference[2:].split("/") if len(reference) > 2 else ():
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        match place:
            case dict() if name in place:
                place = place[name]
            case list() if name.isdecimal() and int(name) < len(place):
                place = place[int(name)]
            case _:
                raise LookupError(reference)
    return place


def _anchored(document: JsonObject, name: str) -> Any:
    for part in subschemas(document):
        if part.get("$anchor") == name:
            return part
    raise LookupError(name)


def subschemas(schema: Any) -> Iterator[JsonObject]:
    """Yield every object of a schema that may be a schema, without recursion, so that no depth fails."""
    waiting: list[tuple[Any, bool]] = [(schema, True)]
    while waiting:
        value, is_schema = waiting.pop()
        if isinstance(value, list):
            waiting.extend((item, True) for item in value)
        elif isinstance(value, dict):
            if is_schema:
                yield value
            waiting.extend(
                (item, not (is_schema and key in _NAMED))
                for key, item in value.items()
                if not (is_schema and key in _DATA)
            )


_SHAPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"), (dict,)),
    **dict.fromkeys(("required", "anyOf", "oneOf", "allOf", "prefixItems", "enum"), (list, tuple)),
    **dict.fromkeys(("$ref", "title", "description", "pattern", "format"), (str,)),
    "type": (str, list, tuple),
    "items": (dict, bool, list, tuple),
    "additionalProperties": (dict, bool),
}


def malformed(schema: Any) -> tuple[str, str] | None:
    """Return where a schema is not one at all, and why; `None` if its structure is sound."""
    waiting: list[tuple[Any, str, bool]] = [(schema, "#", True)]
    while waiting:
        value, path, is_schema = waiting.pop()
        if isinstance(value, list | tuple):
            waiting.extend((item, f"{path}/{at}", True) for at, item in enumerate(value))
        elif isinstance(value, dict):
            for key, item in value.items():
                if is_schema and key in _SHAPES and not isinstance(item, _SHAPES[key]):
                    return f"{path}/{key}", f"it cannot be {kind_of_value(item)}"
                if is_schema and key in ("type", "required") and not isinstance(item, str) and not _are_names(item):
                    return f"{path}/{key}", "it must hold strings"
                if not (is_schema and (key in _DATA or key in ("type", "required"))):
                    waiting.append((item, f"{path}/{key}", not (is_schema and key in _NAMED)))
        elif is_schema and path.rsplit("/", 2)[-2:-1] in (["properties"], ["anyOf"]) and not isinstance(value, bool):
            return path, "it must be a schema"
    return None


def _are_names(value: Any) -> bool:
    return all(isinstance(name, str) for name in value)


def references(schema: Any) -> set[str]:
    """Return the references of a schema, those of its own definitions excluded."""
    if isinstance(schema, dict) and ("$defs" in schema or "definitions" in schema):
        schema = {key: value for key, value in schema.items() if key not in ("$defs", "definitions")}
    return {part["$ref"] for part in subschemas(schema) if isinstance(part.get("$ref"), str)}


def cyclic_references(document: JsonObject) -> frozenset[str]:
    """Return the references whose targets lead back to themselves."""
    direct: dict[str, set[str]] = {}
    waiting = references(document)
    while waiting:
        reference = waiting.pop()
        if reference not in direct:
            try:
                direct[reference] = references(resolve(document, reference))
            except LookupError:
                direct[reference] = set()
            waiting |= direct[reference] - direct.keys()
    return frozenset(reference for reference in direct if reference in _reached(direct, reference))


def _reached(direct: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = set(direct[start])
    while waiting:
        found.add(reference := waiting.pop())
        waiting |= direct[reference] - found
    return found


def kinds_of(schema: JsonObject) -> list[str]:
    """Return the types that a schema allows: those it names, otherwise those that its keywords are about."""
    match schema.get("type"):
        case str(kind):
            named = [kind]
        case list(several):
            named = [kind for kind in several if isinstance(kind, str)]
        case _:
            named = sorted({KIND_OF[key] for key in schema if key in KIND_OF})
    if "number" in named and "integer" in named:
        named.remove("integer")
    if schema.get("nullable") is True and named and "null" not in named:
        named.append("null")
    return named


def kind_of_value(value: Any) -> str:
    """Return the JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def is_of_kind(value: Any, kind: str) -> bool:
    """Check whether a value has a JSON type; a whole number is both an integer and a number."""
    found = kind_of_value(value)
    return found == kind or (found == "integer" and kind == "number") or (found == "number" and kind == "integer")


class Unmergeable(Exception):
    """Two schemas cannot be written as one."""


def merge(one: Any, other: Any) -> JsonObject:
    """Return the schema that holds where both do. The first one's description counts. Raises `Unmergeable`."""
    if one is True or other is True:
        one, other = (other, {}) if one is True else (one, {})
    if not isinstance(one, dict) or not isinstance(other, dict):
        raise Unmergeable
    merged = dict(other)
    for key, value in one.items():
        merged[key] = value if key not in other or key in ANNOTATIONS else _both(key, value, other[key])
    kinds = merged.get("type")
    if isinstance(kinds, list) and len(kinds) == 1:
        merged["type"] = kinds[0]
    return merged


def _both(key: str, one: Any, other: Any) -> Any:
    if one == other or key in NOISE:
        return one
    if key in _GREATER | _LESSER and _are_numbers(one, other):
        return max(one, other) if key in _GREATER else min(one, other)
    match key, one, other:
        case "type", _, _:
            return _common_kinds(one, other)
        case "required", list(), list():
            return list(dict.fromkeys((*one, *other)))
        case "properties" | "patternProperties", dict(), dict():
            names = dict.fromkeys((*one, *other))
            return {name: merge(one.get(name, True), other.get(name, True)) for name in names}
        case "additionalProperties", bool(), bool():
            return False
        case "additionalProperties", bool(), _:
            return other if one else False
        case "additionalProperties", _, bool():
            return one if other else False
        case "items", _, _:
            return merge(one, other)
        case "enum", list(), list():
            if common := [value for value in one if value in other]:
                return common
    raise Unmergeable


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _common_kinds(one: Any, other: Any) -> list[str]:
    first, second = ([kinds] if isinstance(kinds, str) else kinds for kinds in (one, other))
    if not isinstance(first, list) or not isinstance(second, list):
        raise Unmergeable
    common = [kind for kind in first if kind in second or (kind == "integer" and "number" in second)]
    common += [kind for kind in second if kind == "integer" and "number" in first and kind not in common]
    if not common:
        raise Unmergeable
    return common


def dereferenced(schema: Any, document: JsonObject) -> Any:
    """Return a schema without a reference at its top. Raises `Unmergeable`."""
    for _ in range(_LONGEST_CHAIN):
        if not isinstance(schema, dict) or "$ref" not in schema:
            return schema
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        try:
            schema = merge(beside, resolve(document, schema["$ref"]))
        except LookupError as error:
            raise Unmergeable from error
    raise Unmergeable


def takes_null(schema: Any, document: JsonObject, depth: int = 0) -> bool:
    """Check whether a schema accepts null; false where its references cannot be followed."""
    try:
        schema = dereferenced(schema, document)
    except Unmergeable:
        return False
    if schema is True or schema == {}:
        return True
    if not isinstance(schema, dict) or depth > _LONGEST_CHAIN:
        return False
    branches = schema.get("anyOf", schema.get("oneOf"))
    if isinstance(branches, list):
        return any(takes_null(branch, document, depth + 1) for branch in branches)
    if isinstance(parts := schema.get("allOf"), list):
        return all(takes_null(part, document, depth + 1) for part in parts)
    if "const" in schema or "enum" in schema:
        return None in ([schema["const"]] if "const" in schema else schema["enum"])
    return "null" in kinds_of(schema) or not kinds_of(schema)
