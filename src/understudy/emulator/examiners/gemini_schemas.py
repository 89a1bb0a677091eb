"""Functions and schemas of the Gemini API: its own subset of OpenAPI, and JSON Schema beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from understudy.dialects.gemini.schema import parse_schema
from understudy.domain.content import Json, JsonObject
from understudy.emulator.cast.base import Words
from understudy.emulator.examiners.gemini_reading import Body, at_field, invalid
from understudy.emulator.examiners.json_schema import Fault, Subset, violation
from understudy.emulator.examiners.json_schema_walk import resolves
from understudy.emulator.validator import schema_error

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_INVALID_NAME = (
    "Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), "
    "underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
)


def function_names(body: Body) -> Words | None:
    """Refuse names of functions that are too long or have other characters, declared or in the conversation."""
    for path, declaration in body.declarations():
        if not _NAME.fullmatch(declaration.get("name", "")):
            return at_field(f"{path}.name", _INVALID_NAME)
    for path, part in body.parts():
        for field, snake in (("functionCall", "function_call"), ("functionResponse", "function_response")):
            name = part.get(field, {}).get("name")
            if name and not _NAME.fullmatch(name):
                return at_field(f"{path}.{snake}.name", _INVALID_NAME)
    return None


def distinct_functions(body: Body) -> Words | None:
    """Refuse two functions of one name."""
    seen: set[str] = set()
    for _, declaration in body.declarations():
        if (name := declaration.get("name", "")) in seen:
            return invalid(f"Duplicate function declaration found: {name}")
        seen.add(name)
    return None


def one_schema(body: Body) -> Words | None:
    """Refuse the parameters of a function, or the form of the answer, in both kinds of schema."""
    for path, declaration in body.declarations():
        if {"parameters", "parametersJsonSchema"} <= declaration.keys():
            return at_field(path, "only one of parameters and parameters_json_schema may be set")
    if {"responseSchema", "responseJsonSchema"} <= body.config("generationConfig").keys():
        path = f"{body.root}.generation_config"
        return at_field(path, "only one of response_schema and response_json_schema may be set")
    return None


def _schemas(body: Body) -> Iterator[tuple[str, JsonObject]]:
    """Yield the schemas of the API's own kind, and those in them, with their paths."""
    waiting = [
        (f"{path}.{field}", declaration[field])
        for path, declaration in body.declarations()
        for field in ("parameters", "response")
        if field in declaration
    ]
    config = body.config("generationConfig")
    if "responseSchema" in config:
        waiting.append((f"{body.root}.generation_config.response_schema", config["responseSchema"]))
    while waiting:
        path, schema = waiting.pop(0)
        yield path, schema
        waiting += [(f"{path}.properties[{key}]", one) for key, one in schema.get("properties", {}).items()]
        waiting += [(f"{path}.any_of[{at}]", one) for at, one in enumerate(schema.get("anyOf", []))]
        if "items" in schema:
            waiting.append((f"{path}.items", schema["items"]))


def parameters_object(body: Body) -> Words | None:
    """Refuse parameters that are not an object."""
    for path, declaration in body.declarations():
        schema = declaration.get("parameters")
        if schema is not None and schema.get("type") != "OBJECT":
            return at_field(f"{path}.parameters", "schema should be of type OBJECT.")
    return None


_ONLY = (("properties", "OBJECT"), ("required", "OBJECT"), ("items", "ARRAY"), ("enum", "STRING"))


def openapi_schemas(body: Body) -> Words | None:
    """Refuse schemas of the API's own kind that leave its subset."""
    for path, schema in _schemas(body):
        if found := _violation(path, schema, body):
            return found
    return None


def _violation(path: str, schema: JsonObject, body: Body) -> Words | None:
    declared = schema.get("type", "TYPE_UNSPECIFIED")
    if body.at_least(3) and declared == "TYPE_UNSPECIFIED" and not schema.get("anyOf"):
        return at_field(path, "schema didn't specify the schema type field")
    for field, type_name in _ONLY:
        if schema.get(field) and declared != type_name:
            return at_field(f"{path}.{field}", f"only allowed for {type_name} type")
    properties = schema.get("properties", {})
    # Functions without parameters have had such a schema since generation 2.5, as public recordings show.
    if declared == "OBJECT" and not properties and (".response_schema" in path or body.before(2, 5)):
        return at_field(f"{path}.properties", "should be non-empty for OBJECT type")
    if declared == "ARRAY" and "items" not in schema:
        return at_field(f"{path}.items", "missing field.")
    for at, name in enumerate(schema.get("required", [])):
        if name not in properties:
            return at_field(f"{path}.required[{at}]", "property is not defined")
    for at, value in enumerate(schema.get("enum", [])):
        if not value:
            return at_field(f"{path}.enum[{at}]", "cannot be empty")
    if schema.get("format") == "enum" and not schema.get("enum"):
        return at_field(f"{path}.enum", "should be non-empty for STRING type with enum format")
    return None


def _json_schemas(body: Body) -> Iterator[tuple[str, Json]]:
    """Yield the JSON schemas with their paths."""
    for path, declaration in body.declarations():
        for field, snake in (("parametersJsonSchema", "parameters"), ("responseJsonSchema", "response")):
            if field in declaration:
                yield f"{path}.{snake}_json_schema", declaration[field]
    config = body.config("generationConfig")
    if "responseJsonSchema" in config:
        yield f"{body.root}.generation_config.response_json_schema", config["responseJsonSchema"]


def json_schemas(body: Body) -> Words | None:
    """Refuse what is not JSON Schema, or refers to something outside of it.

    Types in capitals are accepted: Gemini CLI sends them (google-gemini/gemini-cli, `numericalClassifierStrategy.ts`).
    """
    for path, given in _json_schemas(body):
        schema = parse_schema(given) if isinstance(given, dict) else given
        if isinstance(schema, dict) and (found := violation(schema, Subset())) and found.fault is Fault.REFERENCE:
            return at_field(path, f"reference to undefined schema: {found.detail}")
        if not isinstance(schema, dict) or schema_error(schema) is not None:
            return at_field(path, "invalid JSON schema")
    return None


def json_parameters_object(body: Body) -> Words | None:
    """Refuse parameters in JSON Schema that are not an object."""
    for path, declaration in body.declarations():
        schema = declaration.get("parametersJsonSchema")
        if isinstance(schema, dict) and not _is_object(schema):
            return at_field(f"{path}.parameters_json_schema", "schema should be of type OBJECT.")
    return None


def _is_object(schema: JsonObject) -> bool:
    seen: set[str] = set()
    found: Json = schema
    while isinstance(found, dict) and isinstance(reference := found.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        found = resolves(reference, schema)
    return isinstance(found, dict) and str(found.get("type")).lower() == "object"


_BESIDE_REF = Subset(ref_siblings=frozenset({"$defs", "$id", "$anchor", "$schema", "$comment"}))


def answer_references(body: Body) -> Words | None:
    """Refuse keywords beside a reference in the form of the answer, and a cycle that is not optional."""
    schema = body.config("generationConfig").get("responseJsonSchema")
    if schema is None:
        return None
    path = f"{body.root}.generation_config.response_json_schema"
    found = violation(schema, _BESIDE_REF)
    if found is not None and found.fault is Fault.REF_SIBLINGS:
        words = "If $ref is set on a sub-schema, no other properties, except for those starting with $, may be set"
        return at_field(path, f"{words}: {found.detail}")
    if _is_endless(schema, schema, ()):
        return at_field(path, "Cyclic references may only be used within non-required properties")
    return None


def _is_endless(schema: Json, root: Json, above: tuple[str, ...]) -> bool:
    """Check whether a schema contains itself in other places than optional properties."""
    if not isinstance(schema, dict):
        return False
    if isinstance(reference := schema.get("$ref"), str):
        return reference in above or _is_endless(resolves(reference, root), root, (*above, reference))
    properties, required = schema.get("properties", {}), schema.get("required", [])
    parts: list[Json] = [part for name, part in properties.items() if name in required]
    parts += [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("prefixItems", [])]
    parts += [schema.get("items"), schema.get("additionalProperties")]
    return any(_is_endless(part, root, above) for part in parts)
