"""Encodes a request without its messages: limits, sampling, output format, tools and their choice."""

from __future__ import annotations

from understudy.dialects.base import WarningLog
from understudy.dialects.gemini.names import overlay
from understudy.dialects.gemini.thinking import encode_thinking
from understudy.dialects.gemini.wire import JSON_TYPE, NAME, PLAIN, TIERS
from understudy.dialects.output_forms import encode_schema
from understudy.dialects.schema_rules import GEMINI
from understudy.dialects.schemas import fit
from understudy.dialects.tool_schemas import encode_parameters
from understudy.domain.content import JsonObject
from understudy.domain.messages import OpaqueTool, Tool
from understudy.domain.requests import GenerationRequest, OutputFormat

NOT_ON_WIRE = ("min_p", "logit_bias", "verbosity", "user", "cache_key")
"""Fields of `GenerationRequest` that this API does not have."""

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}


def encode_settings(request: GenerationRequest, notes: WarningLog) -> JsonObject:
    """Write the fields other than messages and tools."""
    for name in NOT_ON_WIRE:
        if getattr(request, name) is not None:
            notes.drop(name, "this API has no such parameter")
    if request.cache is not None:
        notes.drop("cache", "this API caches automatically, or caches a whole prompt as `cachedContent`")
    body: JsonObject = {}
    if config := _generation_config(request, notes):
        body["generationConfig"] = config
    if request.metadata:
        body["labels"] = request.metadata
    tier = {"default": "standard", "auto": None}.get(request.service_tier or "auto", request.service_tier)
    if tier in TIERS:
        body["serviceTier"] = tier
    elif tier is not None:
        notes.drop("service_tier", f"this API accepts {', '.join(TIERS)}")
    return body


def _generation_config(request: GenerationRequest, notes: WarningLog) -> JsonObject:
    config = {field: value for name, field in PLAIN.items() if (value := getattr(request, name)) is not None}
    if request.stop:
        config["stopSequences"] = list(request.stop)
    config |= _form(request.output, notes)
    if request.reasoning is not None and (thinking := encode_thinking(request.reasoning, notes)):
        config["thinkingConfig"] = thinking
    return config


def _form(output: OutputFormat | None, notes: WarningLog) -> JsonObject:
    if output is None or output.kind == "text":
        return {}
    if output.kind == "json_object" or output.json_schema is None:
        return {"responseMimeType": JSON_TYPE}
    return {"responseMimeType": JSON_TYPE, "responseJsonSchema": encode_schema(output, GEMINI, notes)}


def encode_tools(request: GenerationRequest, notes: WarningLog) -> list[JsonObject]:
    """Write the tools: all functions in one object, at the place of the first, each hosted tool in its own."""
    written: list[JsonObject] = []
    functions: list[JsonObject] = []
    for tool in request.tools:
        match tool:
            case Tool():
                if not functions:
                    written.append({"functionDeclarations": functions})
                functions.append(_function(tool, notes))
            case OpaqueTool(json=json):
                written.append(json)
    return written


def _function(tool: Tool, notes: WarningLog) -> JsonObject:
    own = (tool.extra or {}).get(NAME, {})
    if tool.cache is not None:
        notes.drop("cache", "this API caches automatically, or caches a whole prompt as `cachedContent`")
    body: JsonObject = {"name": tool.name}
    if tool.description is not None:
        body["description"] = tool.description
    if "parameters" not in own and (parameters := _parameters(tool)) is not None:
        body["parametersJsonSchema"] = parameters
    return overlay(body, own)


def _parameters(tool: Tool) -> JsonObject | None:
    """Encode the parameters; a function without any leaves them out, as the API demands."""
    schema = encode_parameters(tool)
    if not schema["properties"] and not schema.get("additionalProperties"):
        return None
    fitted = fit(schema, GEMINI, nullable=False)
    return schema if fitted.flaws else fitted.schema


def encode_tool_choice(request: GenerationRequest, notes: WarningLog) -> JsonObject | None:
    """Write the choice of tools. `VALIDATED` is `AUTO` with calls that always match the schemas of the tools."""
    choice = request.tool_choice
    if request.parallel_tool_calls is False:
        notes.drop("parallel_tool_calls", "this API cannot disable parallel calls")
    strict = any(isinstance(tool, Tool) and tool.strict for tool in request.tools)
    if choice is None:
        return {"functionCallingConfig": {"mode": "VALIDATED"}} if strict else None
    config: JsonObject = {"mode": _MODES[choice.mode]}
    if choice.mode == "auto" and (strict or choice.names):
        config["mode"] = "VALIDATED"
    if choice.names and choice.mode != "none":
        config["allowedFunctionNames"] = list(choice.names[:1] if choice.mode == "tool" else choice.names)
    return {"functionCallingConfig": overlay(config, (choice.extra or {}).get(NAME, {}))}
