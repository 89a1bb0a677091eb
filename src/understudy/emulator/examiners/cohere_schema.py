"""The rules of Cohere for JSON schemas: of structured outputs, and of tools with `strict_tools`.

Schemas of tools without `strict_tools` are hints and are accepted as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from understudy.domain.content import Json
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners.base import Rule
from understudy.emulator.examiners.cohere_words import ERRORS, invalid
from understudy.emulator.examiners.json_schema import Fault, Root, Subset, Violation, violation
from understudy.emulator.examiners.shapes import READ, functions

_PAGE = "https://docs.cohere.com/docs/structured-outputs"
_UNSUPPORTED = (
    "allOf",
    "oneOf",
    "not",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "uniqueItems",
)
_ANCHORS = re.compile(r"(?<!\\)(?:\^|\$|\(\?[=!])")
_IN_CLASS = re.compile(r"\[\^?(?:\\.|[^\]\\])*\]")
_FORMATS = frozenset({"date-time", "uuid", "date", "time"})

_FORM = Subset(
    root=Root.OBJECT,
    known_required=True,
    typed=True,
    untyped_with=frozenset({"$ref", "anyOf", "oneOf", "allOf", "not", "enum", "const"}),
)
_REQUIRED = Subset(some_required=True)


def _never(_: Json) -> bool:
    return False


def _supports_pattern(pattern: str) -> bool:
    """Check a regular expression for `^`, `$`, `?=` and `?!`; within brackets they are plain characters."""
    return _ANCHORS.search(_IN_CLASS.sub("x", pattern)) is None


_FEATURES = Subset(values=dict.fromkeys(_UNSUPPORTED, _never), formats={"string": _FORMATS}, pattern=_supports_pattern)


def _output_schemas(request: CheckedRequest) -> Iterator[Json]:
    given = request.section("response_format")
    found = given.get("json_schema", given.get("schema"))
    if given.get("type") == "json_object" and found is not None:
        yield found


def _schemas(request: CheckedRequest) -> Iterator[Json]:
    yield from _output_schemas(request)
    if request.body.get("strict_tools") is True:
        yield from (function.get("parameters") for _, function in functions(request))


def _check(
    subset: Subset, complaint: Callable[[Violation], str], schemas: Callable[[CheckedRequest], Iterator[Json]]
) -> Check:
    def check(request: CheckedRequest) -> Words | None:
        for schema in schemas(request):
            if found := violation(schema, subset):
                return invalid(complaint(found), "")
        return None

    return check


def _form_words(found: Violation) -> str:
    match found.fault:
        case Fault.UNTYPED:
            name = found.path[-1] if found.path else "schema"
            return f"property {name} must have a type"
        case Fault.NOT_A_PROPERTY:
            return "required field name not found in properties"
        case Fault.REFERENCE:
            return f"reference {found.detail} not found in the schema"
        case _:
            return "schema must be an object"


def _feature_words(found: Violation) -> str:
    where = "/".join(found.path) or "the top level"
    return f"invalid schema at {where}: {found.keyword} {found.detail} is not supported"


def _required_words(found: Violation) -> str:
    return f"invalid schema at {'/'.join(found.path) or 'the top level'}: at least one required field must be specified"


def _tools_with_required(request: CheckedRequest) -> Words | None:
    if request.body.get("strict_tools") is not True:
        return None
    for _, function in functions(request):
        parameters = function.get("parameters")
        # "Tools with only optional parameters are not supported": a tool without parameters has none of these either.
        if isinstance(parameters, dict) and parameters.get("properties") and not parameters.get("required"):
            return invalid(f"tool '{function.get('name')}' must have at least one required parameter with strict_tools")
    return None


RULES = (
    Rule(name="schema-form", source=ERRORS, read=READ, check=_check(_FORM, _form_words, _schemas)),
    Rule(name="schema-features", source=_PAGE, read=READ, check=_check(_FEATURES, _feature_words, _schemas)),
    Rule(name="schema-required", source=_PAGE, read=READ, check=_check(_REQUIRED, _required_words, _output_schemas)),
    Rule(name="strict-tools-required", source=_PAGE, read=READ, check=_tools_with_required),
)
