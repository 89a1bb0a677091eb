"""Checks of JSON schemas against the subset that a vendor documents; the subset is data.

    STRICT = Subset(
        keywords=frozenset({"type", "description", "enum", "const", "anyOf", "$ref", "$defs"}),
        keywords_of={"object": frozenset({"properties", "required", "additionalProperties"}),
                     "array": frozenset({"items", "minItems", "maxItems"})},
        formats={"string": frozenset({"date-time", "uuid"})},
        closed=True,
        all_required=True,
        root=Root.OBJECT,
    )

    def check(request: CheckedRequest) -> Words | None:
        found = violation(schema, STRICT)
        return found and Words(400, f"Invalid schema: In context={found.path}, {PHRASES[found.fault](found)}")

`violation` returns the first violation in document order, and after these the limits of the whole schema. Its `path`
leads to the schema that is wrong, such as `("properties", "tags", "items")`; `keyword` and `detail` name what is wrong
there. A field of `Subset` that is left at its default forbids nothing, so that a subset states only what its vendor
documents. A reference that leaves the document, or leads nowhere, is a violation of every subset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import chain

import msgspec

from understudy.domain.content import Json, JsonObject
from understudy.emulator.examiners.json_schema_walk import Node, Path, resolves, types_of, walk


class Fault(StrEnum):
    """What is wrong with a schema."""

    NOT_A_SCHEMA = "not_a_schema"
    """A value stands where a schema object is expected; `detail` is its JSON type."""
    ROOT = "root"
    """The top of the schema has not got the form that the vendor wants; `detail` is its type or the keyword."""
    REFERENCE = "reference"
    """A `$ref` that leads out of the document or nowhere; `detail` is the reference."""
    REF_SIBLINGS = "ref_siblings"
    """Keywords beside a `$ref`; `detail` lists them."""
    RECURSION = "recursion"
    """A `$ref` to a schema that contains it; `detail` is the reference."""
    KEYWORD = "keyword"
    """A keyword that the subset lacks, at this type."""
    VALUE = "value"
    """A keyword with a value that the subset lacks; `detail` is the value."""
    UNTYPED = "untyped"
    """A schema without `type`."""
    TYPE = "type"
    """A type that the subset lacks; `detail` is the type."""
    TYPES = "types"
    """A list of types, where only a single one is supported."""
    FORMAT = "format"
    """A format that the subset lacks; `detail` is the format."""
    OPEN = "open"
    """An object without `additionalProperties: false`."""
    OPTIONAL = "optional"
    """A property that is missing in `required`; `detail` is its name."""
    NOT_A_PROPERTY = "not_a_property"
    """A name in `required` that is not a property; `detail` is the name."""
    NOTHING_REQUIRED = "nothing_required"
    """An object without a required property."""
    NO_PROPERTIES = "no_properties"
    """An object without `properties`, or with none where at least one is needed."""
    NO_ITEMS = "no_items"
    """An array without `items`."""
    PATTERN = "pattern"
    """A regular expression that the subset lacks; `detail` is the pattern."""
    DEPTH = "depth"
    PROPERTIES = "properties"
    OPTIONALS = "optionals"
    UNIONS = "unions"
    ENUM_VALUES = "enum_values"
    ENUM_LENGTH = "enum_length"
    LENGTH = "length"
    """Of these limits, `detail` is the number that was counted."""


class Root(StrEnum):
    """The form that the top of a schema must have."""

    ANY = "any"
    OBJECT = "object"
    """`type: object`."""
    PLAIN_OBJECT = "plain_object"
    """`type: object` without `anyOf`, `oneOf`, `allOf`, `not`, `enum` and `$ref` beside it."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How large a whole schema may be; `None`: no documented limit."""

    depth: int | None = None
    """Properties and items below the top, one within the other, without those behind references."""
    properties: int | None = None
    optionals: int | None = None
    """Properties that are not required."""
    unions: int | None = None
    """Schemas with `anyOf` or a list of types."""
    enum_values: int | None = None
    enum_length: tuple[int, int] | None = None
    """Of a single enum of more than the first number of strings, the characters in all its values."""
    length: int | None = None
    """Characters in all names of properties and definitions, and in the strings of `enum` and `const`."""


class Subset(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor supports of JSON Schema."""

    keywords: frozenset[str] | None = None
    """Keywords supported at every type; `None`: all keywords."""
    keywords_of: Mapping[str, frozenset[str]] = {}
    """Keywords supported at one type in addition."""
    values: Mapping[str, Callable[[Json], bool]] = {}
    """For single keywords, whether a value is supported, such as `minItems` of 0 and 1 only."""
    types: frozenset[str] | None = None
    formats: Mapping[str, frozenset[str]] | None = None
    """Formats by type; `None`: every one."""
    typed: bool = False
    """Every schema has a `type`, unless it has one of `untyped_with`."""
    untyped_with: frozenset[str] = frozenset({"$ref", "anyOf"})
    single_type: bool = False
    """`type` is a string, never a list."""
    closed: bool = False
    """Every object has `additionalProperties: false`."""
    all_required: bool = False
    """Every property is required."""
    known_required: bool = False
    """Every name in `required` is a property."""
    some_required: bool = False
    """Every object has at least one required property."""
    properties: bool = False
    """Every object has `properties`, be they empty."""
    some_properties: bool = False
    """Every object has at least one property."""
    items: bool = False
    """Every array has `items`."""
    ref_siblings: frozenset[str] | None = None
    """Keywords allowed beside a `$ref`; `None`: all."""
    definitions_only: bool = False
    """Whether a `$ref` leads to the top or to a definition there, and nowhere else."""
    recursion: bool = True
    """Whether a schema may refer to itself."""
    pattern: Callable[[str], bool] | None = None
    """Whether a regular expression is supported."""
    root: Root = Root.ANY
    limits: Limits = Limits()


class Violation(msgspec.Struct, frozen=True):
    """The first place where a schema leaves a subset."""

    fault: Fault
    path: Path
    keyword: str = ""
    detail: str = ""


def violation(schema: Json, subset: Subset) -> Violation | None:
    """Return the first violation of the subset in a schema, or `None`."""
    nodes = list(walk(schema))
    found = chain(
        _root(schema, subset),
        chain.from_iterable(_of_node(node, schema, subset) for node in nodes),
        _limits([node for node in nodes if isinstance(node.schema, dict)], subset.limits),
    )
    return next(found, None)


_BESIDE_ROOT = ("anyOf", "oneOf", "allOf", "not", "enum", "$ref")


def _root(schema: Json, subset: Subset) -> Iterator[Violation]:
    if subset.root is Root.ANY or not isinstance(schema, dict):
        return
    if schema.get("type") not in ("object", "OBJECT"):
        yield Violation(Fault.ROOT, (), "type", _shown(schema.get("type")))
    if subset.root is Root.PLAIN_OBJECT:
        yield from (Violation(Fault.ROOT, (), keyword, keyword) for keyword in _BESIDE_ROOT if keyword in schema)


def _of_node(node: Node, root: Json, subset: Subset) -> Iterator[Violation]:
    schema = node.schema
    if not isinstance(schema, dict):
        if not isinstance(schema, bool) or subset.typed:
            yield Violation(Fault.NOT_A_SCHEMA, node.path, detail=_kind_of(schema))
        return
    yield from _reference(schema, node.path, root, subset)
    if subset.ref_siblings is not None and "$ref" in schema:
        return
    yield from _type(schema, node.path, subset)
    yield from _keywords(schema, node.path, subset)
    if "object" in (types := types_of(schema)):
        yield from _object(schema, node.path, subset)
    if "array" in types and subset.items and "items" not in schema:
        yield Violation(Fault.NO_ITEMS, node.path, "items")
    yield from _string(schema, node.path, subset)


def _reference(schema: JsonObject, path: Path, root: Json, subset: Subset) -> Iterator[Violation]:
    if "$ref" not in schema:
        return
    reference = schema["$ref"]
    far = subset.definitions_only and not _TO_DEFINITION.fullmatch(str(reference))
    if not isinstance(reference, str) or far or resolves(reference, root) is None:
        yield Violation(Fault.REFERENCE, path, "$ref", _shown(reference))
    elif not subset.recursion and _is_recursive(reference, root):
        yield Violation(Fault.RECURSION, path, "$ref", reference)
    beside = sorted(schema.keys() - {"$ref"} - (subset.ref_siblings or set()))
    if subset.ref_siblings is not None and beside:
        yield Violation(Fault.REF_SIBLINGS, path, "$ref", ", ".join(map(repr, beside)))


_TO_DEFINITION = re.compile(r"#(?:/(?:\$defs|definitions)/[^/]+)?")


def _is_recursive(reference: str, root: Json) -> bool:
    """Check whether the target of a reference leads back to itself."""
    seen: set[str] = set()
    waiting = [reference]
    while waiting:
        current = waiting.pop()
        inner = [
            ref
            for node in walk(resolves(current, root))
            if isinstance(node.schema, dict) and isinstance(ref := node.schema.get("$ref"), str)
        ]
        if reference in inner:
            return True
        waiting += [ref for ref in inner if ref not in seen and resolves(ref, root) is not None]
        seen.update(inner)
    return False


def _type(schema: JsonObject, path: Path, subset: Subset) -> Iterator[Violation]:
    declared = schema.get("type")
    if declared is None:
        if subset.typed and not schema.keys() & subset.untyped_with:
            yield Violation(Fault.UNTYPED, path, "type")
        return
    if subset.single_type and isinstance(declared, list):
        yield Violation(Fault.TYPES, path, "type", _shown(declared))
    for name in declared if isinstance(declared, list) else [declared]:
        if subset.types is not None and not (isinstance(name, str) and name in subset.types):
            yield Violation(Fault.TYPE, path, "type", _shown(name))


def _keywords(schema: JsonObject, path: Path, subset: Subset) -> Iterator[Violation]:
    if subset.keywords is not None:
        allowed = subset.keywords.union(*(subset.keywords_of.get(name, frozenset()) for name in types_of(schema)))
        for keyword in schema:
            if keyword not in allowed:
                yield Violation(Fault.KEYWORD, path, keyword)
    for keyword, accepts in subset.values.items():
        if keyword in schema and not accepts(schema[keyword]):
            yield Violation(Fault.VALUE, path, keyword, _shown(schema[keyword]))


def _object(schema: JsonObject, path: Path, subset: Subset) -> Iterator[Violation]:
    if subset.closed and schema.get("additionalProperties") is not False:
        yield Violation(Fault.OPEN, path, "additionalProperties")
    properties = schema.get("properties")
    if (subset.properties and not isinstance(properties, dict)) or (subset.some_properties and not properties):
        yield Violation(Fault.NO_PROPERTIES, path, "properties")
    names = list(properties) if isinstance(properties, dict) else []
    listed = schema.get("required")
    required = listed if isinstance(listed, list) else []
    if subset.all_required:
        listed_names = {name for name in required if isinstance(name, str)}
        yield from (Violation(Fault.OPTIONAL, path, "required", name) for name in names if name not in listed_names)
    if subset.known_required:
        known = set(names)
        unknown = [name for name in required if not isinstance(name, str) or name not in known]
        yield from (Violation(Fault.NOT_A_PROPERTY, path, "required", _shown(name)) for name in unknown)
    if subset.some_required and not required:
        yield Violation(Fault.NOTHING_REQUIRED, path, "required")


def _string(schema: JsonObject, path: Path, subset: Subset) -> Iterator[Violation]:
    given = schema.get("format")
    if subset.formats is not None and isinstance(given, str):
        types = types_of(schema) or subset.formats.keys()
        if not any(given in subset.formats.get(name, ()) for name in types):
            yield Violation(Fault.FORMAT, path, "format", given)
    pattern = schema.get("pattern")
    if subset.pattern is not None and isinstance(pattern, str) and not subset.pattern(pattern):
        yield Violation(Fault.PATTERN, path, "pattern", pattern)


def _limits(nodes: list[Node], limits: Limits) -> Iterator[Violation]:
    schemas = [node.schema for node in nodes if isinstance(node.schema, dict)]
    counts: tuple[tuple[Fault, int | None, Callable[[], int]], ...] = (
        (Fault.DEPTH, limits.depth, lambda: max((node.depth for node in nodes), default=0)),
        (Fault.PROPERTIES, limits.properties, lambda: sum(len(_names(schema)) for schema in schemas)),
        (Fault.OPTIONALS, limits.optionals, lambda: sum(map(_count_optional, schemas))),
        (Fault.UNIONS, limits.unions, lambda: sum(_is_union(schema) for schema in schemas)),
        (Fault.ENUM_VALUES, limits.enum_values, lambda: sum(len(_enum(schema)) for schema in schemas)),
        (Fault.LENGTH, limits.length, lambda: sum(map(_length, schemas))),
    )
    for fault, limit, counted in counts:
        if limit is not None and (number := counted()) > limit:
            yield Violation(fault, (), detail=str(number))
    if limits.enum_length is not None:
        many, longest = limits.enum_length
        for node in nodes:
            strings = [value for value in _enum(node.schema) if isinstance(value, str)]
            if len(strings) > many and (number := sum(map(len, strings))) > longest:
                yield Violation(Fault.ENUM_LENGTH, node.path, "enum", str(number))


def _names(schema: JsonObject) -> list[str]:
    properties = schema.get("properties")
    return list(properties) if isinstance(properties, dict) else []


def _count_optional(schema: JsonObject) -> int:
    required = schema.get("required")
    return len(set(_names(schema)) - set(required if isinstance(required, list) else ()))


def _is_union(schema: JsonObject) -> bool:
    return "anyOf" in schema or isinstance(schema.get("type"), list)


def _enum(schema: Json) -> list[Json]:
    found = schema.get("enum") if isinstance(schema, dict) else None
    return found if isinstance(found, list) else []


def _length(schema: JsonObject) -> int:
    definitions = [schema.get(key) for key in ("$defs", "definitions")]
    names = [*_names(schema), *chain.from_iterable(found for found in definitions if isinstance(found, dict))]
    strings = [value for value in (*_enum(schema), schema.get("const")) if isinstance(value, str)]
    return sum(map(len, (*names, *strings)))


_LOOK_AROUND = re.compile(r"(?<!\\)\(\?(?:[=!]|<[=!])")


def has_look_around(pattern: str) -> bool:
    """Check whether a regular expression looks ahead or behind."""
    return _LOOK_AROUND.search(pattern) is not None


def _kind_of(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else repr(value)
