"""Requests to bodies: the plain form of this dialect first, then `apply_quirks` for what the target needs otherwise."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from understudy.dialects.base import Endpoint, WarningLog
from understudy.dialects.efforts import effort_for, is_off, is_shown, note_effort
from understudy.dialects.openai.encode_forwarded import encode_forwarded
from understudy.dialects.openai.encode_messages import MessageEncoder
from understudy.dialects.openai.encode_tools import encode_plain_tools, encode_tools
from understudy.dialects.openai.quirks import DISPLAY, apply_quirks
from understudy.dialects.openai.wire import FIELDS, NAME
from understudy.dialects.output_forms import encode_strict_schema, prepare_output
from understudy.dialects.parameters import fit_parameters
from understudy.dialects.patching import Body, encoded, fill, received
from understudy.dialects.quirks import Quirks
from understudy.dialects.tool_choices import fit_tools
from understudy.domain.content import JsonObject
from understudy.domain.messages import AnyTool, OpaqueTool, Tool, ToolChoice
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning

_values = attrgetter(*FIELDS)
_UNSET = (None,) * len(FIELDS)

_BEYOND = ("top_k", "min_p")
"""Fields that only some servers of this dialect have."""

_ALIASES = {"max_completion_tokens": "max_tokens", "user": "safety_identifier"}
"""Second spellings that a field may already have in a body that came over the wire."""


def encode_chat(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog, *, stream: bool) -> bytes:
    """Encode the body of a chat request. A request that came in on this wire is patched, so nothing of it is lost."""
    if not stream and (as_it_is := encode_forwarded(request, endpoint)) is not None:
        return as_it_is
    came_in = received(request, NAME)
    body: Body = (
        _patched(request, came_in, endpoint, notes)
        if came_in is not None
        else _encode_unified(request, endpoint, notes)
    )
    if endpoint.model is not None:
        body["model"] = endpoint.model
    _set_stream(body, endpoint, stream=stream)
    return encoded(body)


def _encode_unified(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> JsonObject:
    request = fit_tools(fit_parameters(request, endpoint.quirks.limits, notes), NAME, notes)
    given, last = _verbatim(request.extra, endpoint)
    request = prepare_output(request, endpoint.quirks, notes)
    messages = MessageEncoder(endpoint.quirks, notes)
    body: JsonObject = {"model": request.model, "messages": messages.write(request.messages)}
    body |= _parameters(request, endpoint, notes)
    body |= given
    apply_quirks(body, endpoint.quirks, notes, messages=None if "messages" in given else messages.unusual)
    body |= last
    body.pop("stream", None)
    if isinstance(body.get("n"), int) and body["n"] > 1:
        notes.drop("n", "only the first of several answers is returned; call several times instead")
    return {key: value for key, value in body.items() if value is not None}


def _verbatim(extra: dict[str, dict[str, Any]] | None, endpoint: Endpoint) -> tuple[JsonObject, JsonObject]:
    """Return the fields in the words of the wire: what is meant for the dialect at large has to suit the target; what
    names the provider, and the entry's own, is sent as it is. The caller's fields come before the entry's."""
    if not extra:
        return {}, endpoint.options
    given, named = extra.get(NAME, {}), extra.get(endpoint.provider, {})
    last = {**{key: value for key, value in endpoint.options.items() if key not in given}, **named}
    return {key: value for key, value in given.items() if key not in last}, last


def _patched(request: GenerationRequest, body: Body, endpoint: Endpoint, notes: WarningLog) -> Body:
    if request.configured:
        written = _parameters(request, endpoint, WarningLog(request.configured))
        own = {key: value for key, value in written.items() if _configures(key, request.configured)}
        fill(body, own, aliases=_ALIASES)
    apply_quirks(body, endpoint.quirks, notes, came_in=True)
    return fill(body, endpoint.options, aliases=_ALIASES)


def _configures(key: str, configured: frozenset[str]) -> bool:
    other = {"response_format": "output", "reasoning_effort": "reasoning"}
    return any(FIELDS.get(name) == key or other.get(key) == name or name == key for name in configured)


def _parameters(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> JsonObject:
    """Encode everything but model and messages, in the plain form."""
    body: JsonObject = {}
    verbatim = (request.extra or {}).get(NAME, {})
    values = _values(request)
    for (name, key), value in zip(FIELDS.items(), values, strict=True) if values != _UNSET else ():
        if value is None or key in verbatim:
            continue
        if name in _BEYOND and name not in endpoint.quirks.accepts:
            notes.drop(name, "this wire format has no such field")
        elif name != "parallel_tool_calls" or request.tools:  # without tools it means nothing, and OpenAI refuses it
            body[key] = value
    if request.stop:
        body["stop"] = list(request.stop)
    if request.tools:
        encode_each = encode_tools if request.tool_choice is not None or request.extra else encode_plain_tools
        body["tools"] = encode_each(request.tools, endpoint.quirks, notes)
    if request.tool_choice is not None:
        body["tool_choice"] = _choice(request.tool_choice, request.tools)
    if request.output is not None:
        body["response_format"] = _format(request.output, endpoint.quirks, notes)
    if request.reasoning is not None:
        reasoning = request.reasoning
        if verbatim.keys() & DISPLAY:
            reasoning = replace(reasoning, display=None)  # it is said in the words of the wire
        body |= _reasoning(reasoning, endpoint.quirks, notes)
    if request.cache is not None:
        notes.drop("cache", "prompts are cached automatically here; the lifetime cannot be chosen")
    return body


def _choice(choice: ToolChoice, tools: tuple[AnyTool, ...]) -> Any:
    if (raw := (choice.extra or {}).get(NAME)) is not None:
        return raw
    named = [_named(name, tools) for name in choice.names]
    if choice.mode == "tool" and named:
        return named[0]
    if named and choice.mode in ("auto", "required"):
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}
    return "required" if choice.mode == "tool" else choice.mode


def _named(name: str, tools: tuple[AnyTool, ...]) -> JsonObject:
    for tool in tools:
        match tool:
            case OpaqueTool(json={"type": "custom", "custom": {"name": str(custom)}}) if custom == name:
                return {"type": "custom", "custom": {"name": name}}
            case Tool() | OpaqueTool():
                pass
    return {"type": "function", "function": {"name": name}}


def _format(output: OutputFormat, quirks: Quirks, notes: WarningLog) -> JsonObject:
    if output.kind != "json_schema":
        return {"type": output.kind}
    schema: JsonObject = {"name": output.name or "answer"}
    if output.description is not None:
        schema["description"] = output.description
    schema["schema"], strict = encode_strict_schema(output, quirks, notes)
    if strict is not None:
        schema["strict"] = strict
    return {"type": "json_schema", "json_schema": schema}


def _reasoning(reasoning: Reasoning, quirks: Quirks, notes: WarningLog) -> JsonObject:
    effort = effort_for(reasoning, quirks)
    if "reasoning" in quirks.refused:
        if not is_off(reasoning):
            notes.drop("reasoning", "the model refuses it")
        return {}
    body: JsonObject = {}
    if quirks.reasoning_switch and (reasoning.mode is not None or effort == "none"):
        body["reasoning"] = {"enabled": not is_off(reasoning)}
        effort = None if effort == "none" else effort
    else:
        note_effort(reasoning, effort, quirks, notes)
    if effort is not None:
        body["reasoning_effort"] = effort
    shown = is_shown(reasoning)
    return body if shown is None else body | _display(shown, reasoning.display, quirks, notes)


def _display(shown: bool, display: str | None, quirks: Quirks, notes: WarningLog) -> JsonObject:
    match quirks.reasoning_display:
        case "include_reasoning":
            return {"include_reasoning": shown}
        case "reasoning_format":
            return {"reasoning_format": "hidden" if not shown else "raw" if display == "raw" else "parsed"}
        case "always" if not shown:
            notes.drop("reasoning display", "thinking is always shown here")
        case "never" if shown:
            notes.drop("reasoning display", "thinking is not shown here")
        case None if display is not None:
            notes.drop("reasoning display", "how thinking is displayed cannot be chosen here")
    return {}


def _set_stream(body: Body, endpoint: Endpoint, *, stream: bool) -> None:
    if not stream:
        # What a recorded caller wrote stays, unless it would start a stream or be refused without one.
        if body.get("stream"):
            body["stream"] = False
        if "stream_options" in body:
            del body["stream_options"]
        return
    body["stream"] = True
    if endpoint.quirks.stream_usage:
        options = body.get("stream_options")
        body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
