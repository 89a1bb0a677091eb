"""The rules of Groq for JSON schemas: of tools, and of structured outputs, strict or not.

Strict schemas must be closed, with all properties required; `anyOf` is the only composition. Other schemas are free,
save that `required` needs `properties` beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from understudy.domain.content import Json
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners.base import Rule
from understudy.emulator.examiners.groq_words import refuse
from understudy.emulator.examiners.json_schema import Fault, Subset, Violation, violation
from understudy.emulator.examiners.json_schema_walk import walk
from understudy.emulator.examiners.shapes import READ, functions

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_STRICT_MODELS = re.compile(r"openai/gpt-oss-(?:20b|120b)$")
_SCHEMA_MODELS = re.compile(r"openai/gpt-oss|moonshotai/kimi-k2|meta-llama/llama-4|qwen/qwen3\.[6-9]")
_COMPOSITIONS = ("allOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "patternProperties", "prefixItems")
_COUNTS = ("minItems", "maxItems", "uniqueItems", "contains")


def _never(_: Json) -> bool:
    return False


_STRICT = Subset(
    closed=True, all_required=True, properties=True, values=dict.fromkeys((*_COMPOSITIONS, *_COUNTS), _never)
)


class _Schema(NamedTuple):
    where: str
    """As the vendor names it."""
    param: str
    schema: Json
    strict: bool


def _schemas(request: CheckedRequest) -> Iterator[_Schema]:
    for at, function in functions(request):
        if function.get("parameters") is not None:
            where = f"tool {function.get('name')}, tools[{at}].function.parameters"
            yield _Schema(where, where, function["parameters"], function.get("strict") is True)
    given = request.section("response_format").get("json_schema")
    if isinstance(given, dict) and given.get("schema") is not None:
        where = f"response_format: '{given.get('name')}'"
        yield _Schema(where, "response_format", given["schema"], given.get("strict") is True)


def _refuse(schema: _Schema, complaint: str) -> Words:
    return refuse(f"invalid JSON schema for {schema.where}: {complaint}", schema.param)


def _response_format(request: CheckedRequest) -> Words | None:
    given = request.section("response_format")
    if not given:
        return None
    if given.get("type") not in ("text", "json_object", "json_schema"):
        return refuse("'response_format' : one of the following must be satisfied", "response_format")
    schema = given.get("json_schema")
    if given["type"] != "json_schema":
        return None
    if not isinstance(schema, dict) or not isinstance(schema.get("schema"), dict):
        return refuse("'response_format.json_schema' : property 'schema' is missing", "response_format")
    if not isinstance(schema.get("name"), str) or not _NAME.fullmatch(schema["name"]):
        return refuse("'response_format.json_schema.name' : value must match ^[a-zA-Z0-9_-]{1,64}$", "response_format")
    return None


def _schema_models(request: CheckedRequest) -> Words | None:
    if request.section("response_format").get("type") != "json_schema" or request.model_name is None:
        return None
    if _SCHEMA_MODELS.match(request.model_name):
        return None
    return refuse(
        "This model does not support response format `json_schema`. See supported models at "
        "https://console.groq.com/docs/structured-outputs#supported-models",
        "response_format",
    )


def _strict_models(request: CheckedRequest) -> Words | None:
    schema = request.section("response_format").get("json_schema")
    strict = isinstance(schema, dict) and schema.get("strict") is True
    if not strict or _STRICT_MODELS.match(request.model_name or "openai/gpt-oss-20b"):
        return None
    return refuse("This model does not support `strict` response formats", "response_format")


def _object_schemas(request: CheckedRequest) -> Words | None:
    for schema in _schemas(request):
        if not isinstance(schema.schema, dict):
            return _refuse(schema, "schema must be an object")
        if "type" not in schema.schema and not schema.schema.keys() & {"anyOf", "$ref"}:
            return _refuse(schema, "schema must have a 'type' key")
        if schema.where.startswith("tool ") and schema.schema.get("type", "object") != "object":
            return _refuse(schema, "schema must be an object")
    return None


def _required_needs_properties(request: CheckedRequest) -> Words | None:
    for schema in _schemas(request):
        for node in walk(schema.schema):
            if isinstance(node.schema, dict) and "required" in node.schema and "properties" not in node.schema:
                where = f"/{'/'.join(node.path)}: " if node.path else ""
                return _refuse(schema, f"{where}'required' present but 'properties' is missing")
    return None


def _references(request: CheckedRequest) -> Words | None:
    for schema in _schemas(request):
        found = violation(schema.schema, Subset())
        if found is not None:
            return _refuse(schema, f"/{'/'.join(found.path)}: {found.keyword} {found.detail} is not valid")
    return None


def _strict_schemas(request: CheckedRequest) -> Words | None:
    for schema in _schemas(request):
        if schema.strict and (found := violation(schema.schema, _STRICT)):
            return _refuse(schema, _complaint(found))
    return None


def _complaint(found: Violation) -> str:
    where = "/" + "/".join(found.path)
    match found.fault:
        case Fault.OPEN | Fault.NO_PROPERTIES:
            return f"{where}: additionalProperties:false must be set on every object"
        case Fault.OPTIONAL:
            return f"{where}/required: The following properties must be listed in `required`: {found.detail}"
        case _:
            return f"{where}: {found.keyword} is not supported"


def _rule(name: str, check: Check, source: str) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check)


_PAGE = "https://console.groq.com/docs/structured-outputs"

RULES = (
    _rule("response-format", _response_format, "https://github.com/vercel/ai/issues/7808"),
    _rule("schema-models", _schema_models, _PAGE),
    _rule("strict-models", _strict_models, _PAGE),
    _rule("object-schemas", _object_schemas, "https://github.com/livekit/agents/pull/4613"),
    _rule("required-needs-properties", _required_needs_properties, "https://github.com/usestrix/strix/issues/1088"),
    _rule("references", _references, _PAGE),
    _rule("strict-schemas", _strict_schemas, "https://github.com/eigent-ai/eigent/pull/1786"),
)
