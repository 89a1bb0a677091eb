"""The rules of Ollama for tools: the server decodes their schemas into types that know part of JSON Schema.

`ToolFunctionParameters` has `type` (a string), `required` (strings) and `properties`; `ToolProperty` has `anyOf`,
`type` (a string or strings), `description`, `enum`, `properties` and `required`, and so on into the depth. Other
keywords are ignored. A property that is `true` or `false` instead of a schema cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import CheckedRequest, Words
from understudy.emulator.examiners.base import Rule
from understudy.emulator.examiners.ollama_words import refuse, unmarshal
from understudy.emulator.examiners.shapes import READ, functions, kind_of, mistyped, objects

_TOOL = {"type": "string", "function": "object"}
_FUNCTION = {"name": "string", "description": "string", "parameters": "object"}
_PARAMETERS = {"type": "string", "required": "array", "properties": "object"}
_PROPERTY = {
    "anyOf": "array",
    "type": "string|array",
    "description": "string",
    "enum": "array",
    "properties": "object",
    "required": "array",
}


def _tools(request: CheckedRequest) -> Words | None:
    for _, tool in objects(request.body.get("tools")):
        if wrong := mistyped(tool, _TOOL):
            return unmarshal(wrong, "ChatRequest.tools")
    for _, function in functions(request):
        if wrong := mistyped(function, _FUNCTION):
            return unmarshal(wrong, "ToolFunction.tools.function")
    return None


def _parameters(request: CheckedRequest) -> Words | None:
    for _, function in functions(request):
        parameters = function.get("parameters")
        if not isinstance(parameters, dict):
            continue
        if wrong := mistyped(parameters, _PARAMETERS):
            return unmarshal(wrong, "ToolFunctionParameters.tools.function.parameters")
        if complaint := next(_strings(parameters, "required", "ToolFunctionParameters"), None):
            return complaint
    return None


def _properties(request: CheckedRequest) -> Words | None:
    for _, function in functions(request):
        parameters = function.get("parameters")
        if isinstance(parameters, dict) and (complaint := next(_in_properties(parameters), None)):
            return complaint
    return None


def _in_properties(schema: JsonObject) -> Iterator[Words]:
    """Yield the complaints about the properties of a schema."""
    properties = schema.get("properties")
    waiting: list[Any] = list(properties.values()) if isinstance(properties, dict) else []
    while waiting:
        part = waiting.pop(0)
        if part is None:
            continue
        if not isinstance(part, dict):
            yield refuse(
                f"json: cannot unmarshal {_go(part)} into Go struct field "
                "ToolFunctionParameters.tools.function.parameters.properties of type api.ToolProperty"
            )
            continue
        if wrong := mistyped(part, _PROPERTY):
            yield unmarshal(wrong, "ToolProperty")
            continue
        for name in ("type", "required"):
            yield from _strings(part, name, "ToolProperty")
        waiting += part.get("anyOf") or ()
        waiting += (part.get("properties") or {}).values()


def _strings(schema: JsonObject, name: str, struct: str) -> Iterator[Words]:
    """Yield a complaint about each element of a list that is not a string."""
    values = schema.get(name)
    for value in values if isinstance(values, list) else ():
        if not isinstance(value, str):
            yield refuse(f"json: cannot unmarshal {_go(value)} into Go struct field {struct}.{name} of type string")


def _go(value: Any) -> str:
    return {"boolean": "bool", "integer": "number"}.get(kind := kind_of(value), kind)


_SOURCE = "https://github.com/ollama/ollama/issues/10328"
_REQUIRED = "https://github.com/leonardcser/smelt/issues/26"
_TOOL_PROPERTY = "https://github.com/ollama/ollama/issues/14256"

RULES = (
    Rule(name="tools", source=_SOURCE, read=READ, check=_tools),
    Rule(name="tool-parameters", source=_REQUIRED, read=READ, check=_parameters),
    Rule(name="tool-properties", source=_TOOL_PROPERTY, read=READ, check=_properties),
)
