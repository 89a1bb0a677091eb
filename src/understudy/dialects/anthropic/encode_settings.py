"""Everything of a request but its messages: limits, sampling, thinking, tools and the form of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from understudy.dialects.anthropic.encode_messages import encode_cache_control
from understudy.dialects.anthropic.wire import NAME, SAMPLING
from understudy.dialects.base import WarningLog
from understudy.dialects.output_forms import encode_schema
from understudy.dialects.quirks import Quirks
from understudy.dialects.request_fields import encode_fields
from understudy.dialects.schema_rules import ANTHROPIC
from understudy.dialects.tool_schemas import (
    encode_parameters,
    encode_strict_parameters,
    refused_names,
    with_described,
)
from understudy.domain.content import JsonObject
from understudy.domain.messages import OpaqueTool, Tool, ToolChoice
from understudy.domain.requests import GenerationRequest, OutputFormat

DEFAULT_MAX_TOKENS = 4096
"""The wire requires `max_tokens`; this is sent if the caller, the configuration and the model's limit give none."""

_ARGUMENT = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
"""Names of a tool's arguments that the service accepts: "Property keys should match pattern"."""

NOT_ON_WIRE = (
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "verbosity",
    "cache_key",
)
"""Fields of `GenerationRequest` that the Messages API does not have."""

_CHOICES = {"auto": "auto", "none": "none", "required": "any", "tool": "any"}
_TIERS = ("auto", "standard_only")


def encode_settings(
    request: GenerationRequest, quirks: Quirks, refused: frozenset[str], notes: WarningLog
) -> JsonObject:
    """Encode the fields that limit and shape the answer, thinking and tools excepted."""
    body: JsonObject = {"max_tokens": _max_tokens(request, quirks, notes)}
    for name in NOT_ON_WIRE:
        if getattr(request, name) is not None:
            notes.drop(name, "this API has no such parameter")
    body |= encode_fields(SAMPLING, request, refused, notes, why="this model, or this version of the API, refuses it")
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.metadata:
        notes.drop("metadata", "this API accepts only the user's id")
    if request.service_tier in _TIERS:
        body["service_tier"] = request.service_tier
    elif request.service_tier is not None:
        notes.drop("service_tier", f"this API supports {' and '.join(_TIERS)}")
    if request.cache is not None:
        body["cache_control"] = encode_cache_control(request.cache, notes)
    return body


def _max_tokens(request: GenerationRequest, quirks: Quirks, notes: WarningLog) -> int:
    ceiling = quirks.max_output_tokens
    if request.max_tokens is None:
        return ceiling or DEFAULT_MAX_TOKENS
    if ceiling is not None and request.max_tokens > ceiling:
        notes.clamp("max_tokens", f"this model writes at most {ceiling} tokens")
        return ceiling
    return request.max_tokens


def encode_tools(request: GenerationRequest, notes: WarningLog) -> list[JsonObject]:
    """Encode the tools; a choice restricted to some of them sends only those."""
    choice = request.tool_choice
    wanted = choice.names if choice is not None and choice.mode in ("auto", "required") else ()
    written = []
    for tool in request.tools:
        match tool:
            case Tool(name=name) if wanted and name not in wanted:
                notes.emulate("tool_choice", "restricted by sending only the tools that may be called")
            case Tool():
                written.append(_tool(tool, notes))
            case OpaqueTool(json=json):
                written.append(json)
    return written


def _tool(tool: Tool, notes: WarningLog) -> JsonObject:
    body: JsonObject = {"name": tool.name}
    if tool.description is not None:
        body["description"] = tool.description
    if odd := refused_names(encode_parameters(tool, properties=False), _ARGUMENT):
        named = ", ".join(map(repr, odd))
        notes.emulate(
            "tools", f"the tool {tool.name!r}: only its description states {named}: this API refuses the name"
        )
        if tool.strict:
            notes.drop("strict", f"the tool {tool.name!r} cannot be strict: this API refuses the name {odd[0]!r}")
        body["input_schema"] = with_described(encode_parameters(tool), odd)
    elif tool.strict:
        body["input_schema"], body["strict"] = encode_strict_parameters(tool, ANTHROPIC, notes)
    else:
        body["input_schema"] = encode_parameters(tool, properties=False)
        if tool.strict is not None:
            body["strict"] = tool.strict
    if tool.cache is not None:
        body["cache_control"] = encode_cache_control(tool.cache, notes)
    return {**body, **(tool.extra or {}).get(NAME, {})}


def apply_cache_order(body: JsonObject, notes: WarningLog) -> None:
    """Shorten the lifetime of marks behind shorter ones: "a ttl='1h' cache_control block must not come after a
    ttl='5m' cache_control block", in the order tools, system, messages."""
    blocks = [*body.get("tools", ()), *_blocks_of(body.get("system"))]
    for message in body["messages"]:
        blocks += _blocks_of(message["content"])
    blocks.append(body)
    is_short = False
    for block in blocks:
        mark = block.get("cache_control")
        if not isinstance(mark, dict):
            continue
        if mark.get("ttl", "5m") == "5m":
            is_short = True
        elif is_short:
            notes.clamp("cache", "this API accepts no mark of an hour behind one of five minutes")
            block["cache_control"] = {**mark, "ttl": "5m"}


def _blocks_of(content: Any) -> Iterator[JsonObject]:
    """Yield the blocks of a message or of the system prompt, each before those inside it."""
    for block in content if isinstance(content, list) else ():
        yield block
        if block.get("type") == "tool_result":
            yield from _blocks_of(block.get("content"))


def encode_tool_choice(request: GenerationRequest, quirks: Quirks, notes: WarningLog) -> JsonObject | None:
    """Encode the choice of tools; a forced choice that the model refuses becomes `auto`, with a warning."""
    choice, parallel = request.tool_choice, request.parallel_tool_calls
    if parallel is not None and not quirks.parallel_switch:
        notes.drop("parallel_tool_calls", "this target has no such setting")
        parallel = None
    if choice is None:
        if parallel is False and request.tools:
            return {"type": "auto", "disable_parallel_tool_use": True}
        return None
    body = _choice(choice, quirks, notes)
    if parallel is not None and body["type"] != "none":
        body["disable_parallel_tool_use"] = not parallel
    return {**body, **(choice.extra or {}).get(NAME, {})}


def _choice(choice: ToolChoice, quirks: Quirks, notes: WarningLog) -> JsonObject:
    if choice.mode not in quirks.tool_choice:
        notes.drop("tool_choice", f"this model refuses the choice {choice.mode!r}; it chooses freely")
        return {"type": "auto"}
    if choice.mode == "tool" and choice.names:
        return {"type": "tool", "name": choice.names[0]}
    return {"type": _CHOICES[choice.mode]}


def encode_output_format(output: OutputFormat | None, quirks: Quirks, notes: WarningLog) -> JsonObject | None:
    """Encode the form of the answer. There is no JSON mode without a schema."""
    if output is None or output.kind == "text":
        return None
    if output.kind == "json_object" or output.json_schema is None:
        notes.drop("output", "this API has no JSON mode without a schema")
    elif output.kind not in quirks.output_formats:
        notes.drop("output", f"this model does not support {output.kind}")
    else:
        return {"type": "json_schema", "schema": encode_schema(output, ANTHROPIC, notes)}
    return None


def apply_thinking_limits(body: JsonObject, thinking: JsonObject | None, notes: WarningLog) -> None:
    """Remove sampling values that thinking excludes (Anthropic docs, "Extended thinking", limitations)."""
    if thinking is None or thinking.get("type") == "disabled":
        return
    allowed: dict[str, Any] = {"temperature": lambda t: t == 1, "top_p": lambda p: p >= 0.95, "top_k": lambda _: False}
    for name, is_allowed in allowed.items():
        if name in body and not is_allowed(body[name]):
            del body[name]
            notes.drop(name, "it cannot be combined with thinking")
