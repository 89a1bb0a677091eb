"""Tools and schemas of the Messages API: valid everywhere, and within a subset where the API enforces them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from understudy.domain.content import Json, JsonObject
from understudy.emulator.cast.base import CheckedRequest, Words
from understudy.emulator.examiners.anthropic_reading import custom_tools, invalid
from understudy.emulator.examiners.json_schema import Fault, Subset, Violation, has_look_around, violation
from understudy.emulator.examiners.json_schema_walk import walk
from understudy.emulator.validator import schema_error

MOST_STRICT_TOOLS = 20
MOST_OPTIONAL = 24
MOST_UNIONS = 16
_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_BACK_REFERENCE = re.compile(r"(?<!\\)\\(?:[1-9bB]|k<)|\(\?P=")

SUBSET = Subset(
    keywords=frozenset(
        {
            "type",
            "title",
            "description",
            "default",
            "enum",
            "const",
            "anyOf",
            "allOf",
            "$ref",
            "$defs",
            "definitions",
            "$schema",
        }
    ),
    keywords_of={
        "object": frozenset({"properties", "required", "additionalProperties"}),
        "array": frozenset({"items", "minItems"}),
        "string": frozenset({"format", "pattern"}),
    },
    values={
        "minItems": lambda value: value in (0, 1),
        "enum": lambda value: isinstance(value, list) and not any(isinstance(one, dict | list) for one in value),
        "allOf": lambda value: isinstance(value, list) and not any("$ref" in one for one in value if one),
    },
    types=frozenset({"object", "array", "string", "integer", "number", "boolean", "null"}),
    formats={
        "string": frozenset(
            {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
        )
    },
    typed=True,
    untyped_with=frozenset({"$ref", "anyOf", "oneOf", "allOf", "enum", "const"}),
    closed=True,
    recursion=False,
    pattern=lambda pattern: not has_look_around(pattern) and not _BACK_REFERENCE.search(pattern),
)


def tool_names(request: CheckedRequest) -> Words | None:
    """Refuse two tools of one name."""
    names = [name for tool in request.body.get("tools", ()) if isinstance(name := tool.get("name"), str) and name]
    return invalid("tools", "Tool names must be unique.") if len(names) != len(set(names)) else None


def tool_choice(request: CheckedRequest) -> Words | None:
    """Refuse a choice without tools, or of a tool that is not there."""
    choice, tools = request.section("tool_choice"), request.body.get("tools")
    if choice and not tools:
        return invalid("tool_choice", "tool_choice may only be specified while providing tools")
    if choice.get("type") != "tool" or any(tool.get("name") == choice["name"] for tool in tools or ()):
        return None
    return invalid("tool_choice", f"Tool '{choice['name']}' not found in provided tools")


def input_objects(request: CheckedRequest) -> Words | None:
    """Refuse an input that is not an object, or a choice among several at its top."""
    for path, tool in custom_tools(request):
        schema = tool["input_schema"]
        if "type" not in schema:
            return invalid(f"{path}.input_schema.type", "Field required")
        if schema["type"] != "object":
            return invalid(f"{path}.input_schema.type", "Input should be 'object'")
        if schema.keys() & {"oneOf", "allOf", "anyOf"}:
            words = "input_schema does not support oneOf, allOf, or anyOf at the top level"
            return invalid(f"{path}.input_schema", words)
    return None


def property_keys(request: CheckedRequest) -> Words | None:
    """Refuse names of arguments that are too long or have other characters."""
    for path, tool in custom_tools(request):
        properties = tool["input_schema"].get("properties")
        if isinstance(properties, dict) and not all(map(_KEY.fullmatch, properties)):
            return invalid(f"{path}.input_schema.properties", f"Property keys should match pattern '^{_KEY.pattern}$'")
    return None


def valid_schemas(request: CheckedRequest) -> Words | None:
    """Refuse an input schema that is not JSON Schema."""
    for path, tool in custom_tools(request):
        if schema_error(tool["input_schema"]) is not None:
            words = (
                "JSON schema is invalid. It must match JSON Schema draft 2020-12 "
                "(https://json-schema.org/draft/2020-12). Learn more about tool use at "
                "https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview."
            )
            return invalid(f"{path}.input_schema", words)
    return None


def _strict_tools(request: CheckedRequest) -> list[tuple[str, JsonObject]]:
    return [(path, tool) for path, tool in custom_tools(request) if tool.get("strict")]


def _formats(request: CheckedRequest) -> Iterator[tuple[str, Json]]:
    """Yield the schemas of the answer's form, in its present and its former place."""
    for path, holder in (
        ("output_config.format", request.section("output_config").get("format")),
        ("output_format", request.body.get("output_format")),
    ):
        if isinstance(holder, dict):
            yield f"{path}.schema", holder.get("schema")


def former_format(request: CheckedRequest) -> Words | None:
    """Refuse a form of the answer in the place of the beta without a schema, or in both places."""
    former = request.body.get("output_format")
    if former is None:
        return None
    if request.section("output_config").get("format") is not None:
        return invalid("output_format", "Extra inputs are not permitted")
    if not isinstance(former, dict) or not isinstance(former.get("schema"), dict):
        return invalid("output_format.schema", "Field required")
    return None


def strict_tools(request: CheckedRequest) -> Words | None:
    """Refuse too many strict tools."""
    if (found := len(_strict_tools(request))) <= MOST_STRICT_TOOLS:
        return None
    words = (
        f"Too many strict tools ({found}). The maximum number of strict tools supported is {MOST_STRICT_TOOLS}. "
        "Try reducing the number of tools marked as strict."
    )
    return invalid("", words)


def subset_of_tools(request: CheckedRequest) -> Words | None:
    """Refuse a strict tool whose schema leaves the subset."""
    for path, tool in _strict_tools(request):
        if found := violation(tool["input_schema"], SUBSET):
            return invalid(path, _words(found, tool["input_schema"]))
    return None


def subset_of_answer(request: CheckedRequest) -> Words | None:
    """Refuse a form of the answer whose schema leaves the subset."""
    for path, schema in _formats(request):
        if schema is not None and (found := violation(schema, SUBSET)):
            return invalid(path, _words(found, schema))
    return None


def _words(found: Violation, root: Json) -> str:
    type_of = _type_at(found.path, root)
    match found:
        case Violation(Fault.NOT_A_SCHEMA):
            return "For 'object' type, property 'properties' is not supported"
        case Violation(Fault.OPEN):
            return _open(found, root)
        case Violation(Fault.RECURSION, detail=reference):
            name = reference.rpartition("/")[2]
            return (
                f"Invalid schema: Circular reference detected in schema definitions: {name} -> {name}. "
                "Self-referencing or mutually-referencing definitions are not supported."
            )
        case Violation(Fault.REFERENCE, detail=reference):
            return f"Invalid schema: $ref '{reference}' could not be resolved"
        case Violation(Fault.KEYWORD, keyword=keyword) if type_of is None:
            return f"Schema type '{keyword}' is not supported"
        case Violation(Fault.VALUE, keyword="minItems"):
            return "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
        case Violation(Fault.FORMAT, detail=given):
            return f"For 'string' type, format '{given}' is not supported"
        case Violation(Fault.UNTYPED):
            return "Schema is missing a 'type'"
        case _:
            return f"For '{type_of}' type, property '{found.keyword}' is not supported"


def _type_at(path: tuple[str, ...], root: Json) -> Json:
    schema = next((node.schema for node in walk(root) if node.path == path), None)
    return schema.get("type") if isinstance(schema, dict) else None


def _open(found: Violation, root: Json) -> str:
    schema = next(node.schema for node in walk(root) if node.path == found.path)
    given = schema.get("additionalProperties") if isinstance(schema, dict) else None
    if given is None:
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    shown = "true" if given is True else "object"
    return (
        f"For 'object' type, 'additionalProperties: {shown}' is not supported. "
        "Please set 'additionalProperties' to false"
    )


def complexity(request: CheckedRequest) -> Words | None:
    """Refuse schemas with too many optional parameters, or too many of several types, in all."""
    schemas = [tool["input_schema"] for _, tool in _strict_tools(request)]
    schemas += [schema for _, schema in _formats(request)]
    nodes = [node.schema for schema in schemas for node in walk(schema) if isinstance(node.schema, dict)]
    optional = sum(len(set(_names(node, "properties")) - set(_names(node, "required"))) for node in nodes)
    if optional > MOST_OPTIONAL:
        words = (
            f"Schemas contains too many optional parameters ({optional}), which would make grammar compilation "
            f"inefficient. Reduce the number of optional parameters in your tool schemas (limit: {MOST_OPTIONAL})."
        )
        return invalid("", words)
    unions = sum("anyOf" in node or isinstance(node.get("type"), list) for node in nodes)
    if unions > MOST_UNIONS:
        words = (
            f"Schemas contains too many parameters with union types ({unions}), which would make grammar compilation "
            f"inefficient. Reduce the number of parameters with union types (limit: {MOST_UNIONS})."
        )
        return invalid("", words)
    return None


def _names(schema: JsonObject, keyword: str) -> list[str]:
    found = schema.get(keyword)
    return [str(name) for name in found] if isinstance(found, dict | list) else []
