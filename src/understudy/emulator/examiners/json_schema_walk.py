"""Walks through a JSON schema: each schema in it, with its path and depth."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from understudy.domain.content import Json, JsonObject

Path = tuple[str, ...]
"""From the top to a schema, such as `("properties", "tags", "items")`."""

_MAPS = ("$defs", "definitions", "properties", "patternProperties", "dependentSchemas")
"""Keywords whose value maps names to schemas."""
_LISTS = ("prefixItems", "anyOf", "oneOf", "allOf")
"""Keywords whose value lists schemas."""
_SINGLES = (
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "unevaluatedProperties",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
)
"""Keywords whose value is a schema."""
_NESTING = ("properties", "patternProperties", "items", "prefixItems", "additionalProperties")
"""Keywords whose schemas are of values one level deeper."""


class Node(msgspec.Struct, frozen=True):
    """A schema within a schema, or whatever stands in its place."""

    schema: Json
    path: Path
    depth: int
    """Objects and arrays around its value."""


def walk(schema: Json, path: Path = (), depth: int = 0) -> Iterator[Node]:
    """Yield a schema and all schemas in it, in document order. References are not followed."""
    waiting = [Node(schema, path, depth)]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node.schema, dict):
            waiting += reversed(list(_children(node.schema, node.path, node.depth)))


def _children(schema: JsonObject, path: Path, depth: int) -> Iterator[Node]:
    for keyword, value in schema.items():
        below = depth + (keyword in _NESTING)
        match value:
            case dict() if keyword in _MAPS:
                yield from (Node(part, (*path, keyword, name), below) for name, part in value.items())
            case list() if keyword in _LISTS or keyword == "items":
                yield from (Node(part, (*path, keyword, str(at)), below) for at, part in enumerate(value))
            case dict() if keyword == "additionalProperties":
                yield Node(value, (*path, keyword), below)
            case _ if keyword in _SINGLES:
                yield Node(value, (*path, keyword), below)


def types_of(schema: JsonObject) -> frozenset[str]:
    """Return the declared types of a schema in lower case; empty where it declares none."""
    declared = schema.get("type")
    names = declared if isinstance(declared, list) else [declared]
    return frozenset(name.lower() for name in names if isinstance(name, str))


def resolves(reference: str, root: Json) -> Json:
    """Return the schema that a local reference such as `#/$defs/City` leads to; `None` if it leads nowhere."""
    if reference == "#":
        return root
    if not reference.startswith("#/"):
        return None
    target = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        match target:
            case dict() if name in target:
                target = target[name]
            case list() if name.isdecimal() and int(name) < len(target):
                target = target[int(name)]
            case _:
                return None
    return target
