"""The part of JSON Schema that OpenAI supports: in strict mode a documented subset, without it hardly a limit."""

from __future__ import annotations

import re

from understudy.domain.content import Json
from understudy.emulator.cast.base import Words
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.json_schema import Fault, Limits, Root, Subset, Violation, has_look_around, violation
from understudy.emulator.validator import schema_error

_NUMBER = frozenset({"multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"})


def is_pattern(pattern: str) -> bool:
    """Check whether a regular expression compiles: the service is reported to compile it in Python."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


STRICT = Subset(
    keywords=frozenset(
        {"type", "title", "description", "enum", "const", "anyOf", "$ref", "$defs", "definitions", "$schema"}
    ),
    keywords_of={
        "object": frozenset({"properties", "required", "additionalProperties"}),
        "array": frozenset({"items", "minItems", "maxItems"}),
        "string": frozenset({"pattern", "format"}),
        "number": _NUMBER,
        "integer": _NUMBER,
    },
    values={"items": lambda items: isinstance(items, dict)},
    types=frozenset({"string", "number", "boolean", "integer", "object", "array", "null"}),
    formats={
        "string": frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
    },
    typed=True,
    closed=True,
    all_required=True,
    known_required=True,
    items=True,
    ref_siblings=frozenset(),
    definitions_only=True,
    pattern=lambda pattern: not has_look_around(pattern) and is_pattern(pattern),
    root=Root.PLAIN_OBJECT,
    limits=Limits(depth=10, properties=5000, enum_values=1000, enum_length=(250, 15_000), length=120_000),
)
"""https://developers.openai.com/api/docs/guides/structured-outputs, "Supported schemas"; `title` and `$schema` are not
in its list, but the official clients in Python and Node send them."""

FREE = Subset(items=True, pattern=is_pattern, root=Root.PLAIN_OBJECT)
"""Parameters of functions without strict mode."""

ANSWER = Subset(pattern=is_pattern)
"""Formats of answers without strict mode."""


def complaint(schema: Json, subset: Subset, subject: str, param: str, code: str) -> Words | None:
    """Return the complaint about a schema. `subject` names it, such as `function 'weather'`."""
    if not isinstance(schema, dict):
        return say.wrong_type(param, "an object", schema)
    found = violation(schema, subset)
    if found is not None:
        return say.refuse(f"Invalid schema for {subject}: {_phrase(found)}", param, code)
    error = schema_error(schema)
    return say.refuse(f"Invalid schema for {subject}: {error}.", param, code) if error else None


_LIMITS = {
    Fault.DEPTH: "{} levels of nesting exceeds limit of 10.",
    Fault.PROPERTIES: "{} parameters exceeds limit of 5000.",
    Fault.ENUM_VALUES: "Expected at most 1000 enum values in total within a single schema when using structured "
    "outputs, but received {}. Consider reducing the number of enums, or use 'strict: false' to opt out of structured "
    "outputs.",
    Fault.ENUM_LENGTH: "Expected at most 15000 characters in an enum of more than 250 values, but received {}.",
    Fault.LENGTH: "Expected at most 120000 characters in names and values, but received {}.",
}


def _phrase(found: Violation) -> str:
    if (limit := _LIMITS.get(found.fault)) is not None:
        return limit.format(found.detail)
    if found.fault is Fault.ROOT and found.keyword == "type":
        kind = f'"{found.detail}"'
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {kind}'."
    if found.fault is Fault.ROOT:
        return "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level."
    return f"In context={found.path}, {_local(found)}"


def _local(found: Violation) -> str:
    match found.fault:
        case Fault.KEYWORD:
            return f"'{found.keyword}' is not permitted."
        case Fault.OPEN:
            return "'additionalProperties' is required to be supplied and to be false."
        case Fault.OPTIONAL:
            return _REQUIRED + f" Missing '{found.detail}'."
        case Fault.NOT_A_PROPERTY:
            return _REQUIRED + f" Extra required key '{found.detail}' supplied."
        case Fault.REF_SIBLINGS:
            return f"$ref cannot have keywords {{{found.detail}}}."
        case Fault.REFERENCE:
            return "reference can only point to definitions defined at the top level of the schema."
        case Fault.UNTYPED:
            return "schema must have a 'type' key."
        case Fault.TYPE:
            return f"'{found.detail}' is not valid under any of the given schemas."
        case Fault.NO_ITEMS:
            return "array schema missing items."
        case Fault.FORMAT:
            return f"'{found.detail}' is not a valid format."
        case Fault.PATTERN:
            return f"'{found.detail}' is not a 'regex'."
        case _:
            return f"{found.detail} is not of type 'object', 'boolean'."


_REQUIRED = "'required' is required to be supplied and to be an array including every key in properties."
NO_PROPERTIES = "In context=(), object schema missing properties."
