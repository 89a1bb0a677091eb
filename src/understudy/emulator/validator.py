"""Tells whether a value fits a JSON schema (draft 2020-12, without `format` and remote references)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from understudy.domain.content import Json, JsonObject


def is_number(value: Json) -> bool:
    """Tell whether a value is a JSON number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: is_number(value) and float(value).is_integer(),
    "number": is_number,
}


class _Shape(msgspec.Struct, rename={"not_": "not", "ref": "$ref", "defs": "$defs"}):
    """The types of the keywords that are read here and in `schema`."""

    type: str | list[str] = ""
    enum: list[Any] = []
    examples: list[Any] = []
    ref: str = ""
    defs: dict[str, _Subschema] = {}
    properties: dict[str, _Subschema] = {}
    patternProperties: dict[str, _Subschema] = {}  # noqa: N815 - JSON Schema's own names, from here on
    additionalProperties: _Subschema = True  # noqa: N815
    required: list[str] = []
    items: _Subschema = True
    prefixItems: list[_Subschema] = []  # noqa: N815
    anyOf: list[_Subschema] = []  # noqa: N815
    oneOf: list[_Subschema] = []  # noqa: N815
    allOf: list[_Subschema] = []  # noqa: N815
    not_: _Subschema = False
    pattern: str = ""
    format: str = ""
    minLength: int = 0  # noqa: N815
    maxLength: int = 0  # noqa: N815
    minItems: int = 0  # noqa: N815
    maxItems: int = 0  # noqa: N815
    minProperties: int = 0  # noqa: N815
    maxProperties: int = 0  # noqa: N815
    minimum: float = 0
    maximum: float = 0
    exclusiveMinimum: float = 0  # noqa: N815
    exclusiveMaximum: float = 0  # noqa: N815
    multipleOf: float = 0  # noqa: N815


_Subschema = bool | _Shape


def fault_of(schema: Json) -> str | None:
    """Return what is wrong with a schema, such as ``Expected `array`, got `null` - at `$.required` ``, or `None`."""
    try:
        msgspec.convert(schema, _Shape)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def resolve(reference: str, root: Json) -> Json:
    """Return what a local reference such as `#/$defs/City` points at. Raises `LookupError`."""
    if not reference.startswith("#"):
        raise LookupError(f"{reference!r} is not a reference within the schema")
    target = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        target = target[int(name)] if isinstance(target, list) else target[name]
    return target


def fits(value: Json, schema: Json, root: Json = None) -> bool:
    """Tell whether the value is valid under the schema. `root` is the document that references point into."""
    if not isinstance(schema, dict):
        return schema is not False
    root = schema if root is None else root
    return all(_checks(value, schema, root))


def _checks(value: Json, schema: JsonObject, root: Json) -> Iterator[bool]:
    if "$ref" in schema:
        yield _fits_reference(value, schema["$ref"], root)
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        yield any(_TYPES[name](value) for name in types if name in _TYPES)
    if "const" in schema:
        yield _same(value, schema["const"])
    if "enum" in schema:
        yield any(_same(value, member) for member in schema["enum"])
    yield from _combined(value, schema, root)
    if isinstance(value, str):
        yield schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf)
        yield "pattern" not in schema or _matches(schema["pattern"], value)
    elif is_number(value):
        yield from _number(value, schema)
    elif isinstance(value, list):
        yield from _array(value, schema, root)
    elif isinstance(value, dict):
        yield from _object(value, schema, root)


def _fits_reference(value: Json, reference: str, root: Json) -> bool:
    try:
        return fits(value, resolve(reference, root), root)
    except (LookupError, ValueError, TypeError):
        return False


def _matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found; one in another dialect of regular expressions forbids nothing."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _same(left: Json, right: Json) -> bool:
    """Equality of JSON: `1` is `1.0`, but `true` is not `1`."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _combined(value: Json, schema: JsonObject, root: Json) -> Iterator[bool]:
    yield all(fits(value, part, root) for part in schema.get("allOf", ()))
    if "anyOf" in schema:
        yield any(fits(value, part, root) for part in schema["anyOf"])
    if "oneOf" in schema:
        yield sum(fits(value, part, root) for part in schema["oneOf"]) == 1
    if "not" in schema:
        yield not fits(value, schema["not"], root)


def _number(value: float, schema: JsonObject) -> Iterator[bool]:
    yield schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
    yield schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf)
    if step := schema.get("multipleOf"):
        yield math.isclose(value / step, round(value / step), abs_tol=1e-9)


def _array(value: list[Json], schema: JsonObject, root: Json) -> Iterator[bool]:
    yield schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf)
    prefix = schema.get("prefixItems", [])
    yield all(fits(item, part, root) for item, part in zip(value, prefix, strict=False))
    yield all(fits(item, schema.get("items", True), root) for item in value[len(prefix) :])
    if schema.get("uniqueItems"):
        yield not any(_same(item, other) for at, item in enumerate(value) for other in value[:at])


def _object(value: JsonObject, schema: JsonObject, root: Json) -> Iterator[bool]:
    yield schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", math.inf)
    yield all(name in value for name in schema.get("required", ()))
    known = schema.get("properties", {})
    yield all(fits(item, known[name], root) for name, item in value.items() if name in known)
    patterns = schema.get("patternProperties", {})
    for name, item in value.items():
        matching = [part for pattern, part in patterns.items() if _matches(pattern, name)]
        yield all(fits(item, part, root) for part in matching)
        if name not in known and not matching:
            yield fits(item, schema.get("additionalProperties", True), root)
