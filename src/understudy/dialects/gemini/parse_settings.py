"""Parses settings, tools and their choice from requests. Names are in camel case already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from understudy.dialects.gemini.schema import parse_json_schema, parse_schema
from understudy.dialects.gemini.thinking import parse_thinking
from understudy.dialects.gemini.wire import JSON_TYPE, NAME, PLAIN, TIERS
from understudy.dialects.request_fields import KINDS, is_of
from understudy.domain.content import JsonObject
from understudy.domain.messages import AnyTool, OpaqueTool, Tool, ToolChoice
from understudy.domain.requests import OutputFormat

_HARMLESS = frozenset(
    {"googleSearch", "googleSearchRetrieval", "urlContext", "fileSearch", "googleMaps", "enterpriseWebSearch"}
)
"""Hosted tools that only read: running them twice changes nothing."""

_THINKING = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
_MODES = {"auto": "auto", "any": "required", "none": "none", "validated": "auto", "mode_unspecified": "auto"}


def parse_settings(left: JsonObject) -> dict[str, Any]:
    """Remove the settings that have a unified name from a body, and return them by that name."""
    found: dict[str, Any] = {}
    config = left.pop("generationConfig", None)
    if isinstance(config, dict) and config:
        config = {key: value for key, value in config.items() if value is not None}
        found |= _plain(config)
        found |= _stops(config)
        found |= _form(config)
        found |= _thinking(config)
        if config:
            left["generationConfig"] = config
    elif config is not None:
        left["generationConfig"] = config
    tier = left.get("serviceTier")
    if tier in TIERS:
        found["service_tier"] = left.pop("serviceTier")
    labels = left.get("labels")
    if isinstance(labels, dict) and labels and all(isinstance(value, str) for value in labels.values()):
        found["metadata"] = left.pop("labels")
    return found


def _plain(config: JsonObject) -> Iterator[tuple[str, Any]]:
    for name, field in PLAIN.items():
        value = config.get(field)
        if name == "top_k" and isinstance(value, float) and value.is_integer():
            value = int(value)  # The field is a float in some clients' types.
        if is_of(value, KINDS[name]):
            yield name, value
            del config[field]


def _stops(config: JsonObject) -> Iterator[tuple[str, Any]]:
    stops = config.get("stopSequences")
    if isinstance(stops, list) and all(isinstance(stop, str) for stop in stops):
        yield "stop", tuple(config.pop("stopSequences"))


def _form(config: JsonObject) -> Iterator[tuple[str, Any]]:
    """Parse the output format. A schema of the older form stays beside its translation."""
    if config.get("responseMimeType") != JSON_TYPE:
        return
    schema, older = config.get("responseJsonSchema"), config.get("responseSchema")
    if isinstance(schema, dict) and older is None:
        del config["responseMimeType"], config["responseJsonSchema"]
        yield "output", OutputFormat(kind="json_schema", json_schema=parse_json_schema(schema))
    elif isinstance(older, dict):
        # `None` removes the translation again if the request goes back to this API.
        config["responseJsonSchema"] = None
        yield "output", OutputFormat(kind="json_schema", json_schema=parse_schema(older))
    else:
        del config["responseMimeType"]
        yield "output", OutputFormat(kind="json_object")


def _thinking(config: JsonObject) -> Iterator[tuple[str, Any]]:
    thinking = config.get("thinkingConfig")
    if isinstance(thinking, dict):
        rest = {key: value for key, value in thinking.items() if key not in _THINKING and value is not None}
        level = thinking.get("thinkingLevel")
        if isinstance(level, str) and not level.isupper():
            rest["thinkingLevel"] = level  # The service accepts either case.
        yield "reasoning", parse_thinking(thinking)
        del config["thinkingConfig"]
        if rest:
            config["thinkingConfig"] = rest


def parse_tools(tools: list[JsonObject]) -> tuple[AnyTool, ...]:
    """Parse tools: each function is one, and so is each hosted tool."""
    return tuple(one for tool in tools for one in _tools(tool))


def _tools(tool: JsonObject) -> Iterator[AnyTool]:
    for name, value in tool.items():
        if name == "functionDeclarations" and isinstance(value, list):
            yield from (_function(function) for function in value if isinstance(function, dict))
        elif value is not None:
            yield OpaqueTool(NAME, {name: value}, effects=name not in _HARMLESS)


def _function(function: JsonObject) -> AnyTool:
    own = {key: value for key, value in function.items() if value is not None}
    name, description = own.pop("name", ""), own.pop("description", None)
    schema, older = own.pop("parametersJsonSchema", None), own.get("parameters")
    if schema is None and isinstance(older, dict):
        schema = parse_schema(older)
    return Tool(
        name=str(name),
        description=description if isinstance(description, str) else None,
        parameters=parse_json_schema(schema) if isinstance(schema, dict) else None,
        extra={NAME: own} if own else None,
    )


def parse_tool_choice(config: Any) -> tuple[ToolChoice | None, JsonObject]:
    """Parse the choice of tools, and return the rest of the configuration of tools."""
    if not isinstance(config, dict):
        return None, {}
    other = {key: value for key, value in config.items() if key != "functionCallingConfig" and value is not None}
    calling = config.get("functionCallingConfig")
    if not isinstance(calling, dict):
        return None, other
    mode, given = str(calling.get("mode") or "auto"), calling.get("allowedFunctionNames")
    names = tuple(name for name in (given if isinstance(given, list) else ()) if isinstance(name, str))
    read = _MODES.get(mode.lower(), "auto")
    own: JsonObject = {
        key: value
        for key, value in calling.items()
        if key not in ("mode", "allowedFunctionNames") and value is not None
    }
    if mode not in ("AUTO", "ANY", "NONE"):
        own["mode"] = calling.get("mode")
    if read == "required" and len(names) == 1:
        read = "tool"
    choice = ToolChoice(read, names, {NAME: own} if own else None)  # type: ignore[arg-type]  # a value of _MODES
    return choice, other
