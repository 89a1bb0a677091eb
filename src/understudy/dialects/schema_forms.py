"""Small rewritings of schemas, and the words for what a wire cannot express."""

from __future__ import annotations

import re
from typing import Any

from understudy.dialects.schema_parts import ANNOTATIONS, KIND_OF, NOISE, kinds_of
from understudy.domain.content import JsonObject
from understudy.wire.json import encode

_LOOKAROUND = re.compile(r"\(\?(?:[=!]|<[=!])")
_BEYOND_GROUPS = re.compile(r"\\(?:[1-9bBpPkAZzG])|\(\?(?!:)")
_ANCHORS = re.compile(r"(?<!\\)(?:\\\\)*(?:\$|(?<!\[)\^)")


def annotations_of(schema: JsonObject) -> JsonObject:
    """Return the keywords that only describe."""
    return {key: value for key, value in schema.items() if key in ANNOTATIONS}


def about(schema: JsonObject, kind: str) -> JsonObject:
    """Return the keywords of a schema that are about values of one type."""
    wanted = "number" if kind == "integer" else kind
    return {
        key: value
        for key, value in schema.items()
        if key not in ANNOTATIONS and KIND_OF.get(key, wanted) == wanted and key not in NOISE
    }


def joined(branches: list[JsonObject]) -> JsonObject | None:
    """Return a union as one schema with a list of types: one branch of any form and others that say only their type."""
    full = [branch for branch in branches if branch.keys() - {"type", "title"}]
    if len(full) > 1 or not all("type" in branch for branch in branches):
        return None
    kinds: list[str] = []
    for branch in branches:
        kinds += [branch["type"]] if isinstance(branch["type"], str) else branch["type"]
    if len(set(kinds)) != len(kinds):
        return None
    body = {**(full[0] if full else {})}
    if "enum" in body:
        if set(kinds) - {body["type"]} - {"null"}:
            return None
        body["enum"] = [*body["enum"], *([None] if "null" in kinds else [])]
    return {**body, "type": kinds}


def accepts_null(schema: JsonObject) -> bool:
    """Check whether a rewritten schema accepts null."""
    return "null" in kinds_of(schema) or any(accepts_null(branch) for branch in schema.get("anyOf", ()))


def or_null(schema: JsonObject) -> JsonObject:
    """Return the schema that also accepts null."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    kinds = schema.get("type")
    if "enum" in schema or "const" in schema or "$ref" in schema or kinds is None:
        outer: JsonObject = {key: schema[key] for key in ("title", "description") if key in schema}
        inner = {key: value for key, value in schema.items() if key not in outer}
        return {**outer, "anyOf": [inner, {"type": "null"}]}
    return {**schema, "type": [*([kinds] if isinstance(kinds, str) else kinds), "null"]}


def is_plain(pattern: str, accepted: str) -> bool:
    """Check whether a regular expression needs no more than the wire accepts."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    match accepted:
        case "none":
            return False
        case "unanchored":
            return not _ANCHORS.search(pattern) and not _BEYOND_GROUPS.search(pattern)
        case "groups":
            return not _BEYOND_GROUPS.search(pattern)
        case _:
            return not _LOOKAROUND.search(pattern)


def pointed(name: str) -> str:
    """Return a name as a step of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def word(schema: JsonObject) -> str:
    """Return the type of a schema in a word, for a description."""
    if "title" in schema:
        return str(schema["title"])
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(word(branch) for branch in schema["anyOf"])
    kinds = schema.get("type", "any")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def text(value: Any) -> str:
    """Return a value as JSON."""
    return encode(value).decode()
