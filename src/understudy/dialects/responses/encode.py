"""Requests of the Responses API.

The service keeps no state for us (`store: false`), so every turn carries the whole conversation, and reasoning is
asked for in its encrypted form, the only one that can be replayed without stored state.

Source: OpenAI API reference, "Create a model response"; OpenAI's OpenAPI document (2.3.0).
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.base import Endpoint, WarningLog, extra_fields
from understudy.dialects.efforts import effort_for, is_off, is_shown, note_effort
from understudy.dialects.histories.texts import PLACEHOLDER
from understudy.dialects.limits import ParameterLimits
from understudy.dialects.output_forms import encode_strict_schema, prepare_output
from understudy.dialects.parameters import fit_parameters
from understudy.dialects.patching import Body, encoded, is_received, keep_only, patched, received, without
from understudy.dialects.quirks import Quirks
from understudy.dialects.responses.encode_messages import encode_messages
from understudy.dialects.responses.quirks import apply_quirks
from understudy.dialects.responses.wire import ENCRYPTED, LOGPROBS, NAME
from understudy.dialects.tool_choices import fit_tools
from understudy.dialects.tool_schemas import NO_PARAMETERS, encode_tool_schema
from understudy.domain.content import JsonObject
from understudy.domain.messages import AnyTool, Tool, ToolChoice
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning

_ABSENT = ("stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "top_k", "min_p")
_SUMMARIES = {"concise": "concise", "detailed": "detailed"}
"""How much a summary of thinking holds, if more is said of it than that it is wanted."""
_LEAST = ParameterLimits(ranges={"max_tokens": (16, None)})
"""The service refuses fewer output tokens ("Expected a value >= 16")."""
_COUNTED = (
    *("model", "input", "instructions", "conversation", "previous_response_id", "truncation", "personality"),
    *("tools", "tool_choice", "parallel_tool_calls", "reasoning", "text"),
)
"""The fields that `/responses/input_tokens` takes."""
_NOT_COUNTED = (
    *("max_output_tokens", "max_tool_calls", "temperature", "top_p", "top_logprobs", "service_tier", "metadata"),
    *("safety_identifier", "user", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    *("store", "include", "stream", "stream_options", "background"),
)
"""The fields of a request for an answer that it refuses."""
_PROMPTS = ("input", "previous_response_id", "prompt", "conversation")
"""Of these, one must be there."""


def encode_chat(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog, *, stream: bool) -> bytes:
    """Encode the body of `POST /responses`."""
    body = _body(request, endpoint, notes)
    if stream:
        body["stream"] = True
    elif body.get("stream"):
        body["stream"] = False
        body.pop("stream_options", None)
    return encoded(body)


def encode_count(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> bytes:
    """Encode the body of `POST /responses/input_tokens`: those fields of a request that make up its prompt."""
    body = _body(request.prompt(), endpoint, notes)
    # One that came in may have fields that are newer than these lists.
    return encoded(without(body, _NOT_COUNTED) if is_received(body) else keep_only(body, _COUNTED))


def _body(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> Body:
    came_in = received(request, NAME)
    body: Body
    if came_in is not None:
        body = _patched(request, came_in, endpoint, notes)
    else:
        body = _merge(_encode_unified(request, endpoint, notes), extra_fields(request.extra, NAME, endpoint))
        if request.messages and not any(body.get(name) for name in _PROMPTS):
            notes.emulate("messages", f"this API refuses a request without input; `{PLACEHOLDER}` is sent")
            body["input"] = PLACEHOLDER
    apply_quirks(body, endpoint.quirks, notes)
    return body


def _patched(request: GenerationRequest, body: Body, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Return the caller's body with the target's model, and with configured values for missing fields.

    Whether the service stores the response, and what it includes in it, is the caller's own choice.
    """
    configured = {name: getattr(request, name) for name in request.configured}
    fields = _fields(GenerationRequest(messages=(), **configured), endpoint, notes)
    del fields["store"]
    return patched(body, endpoint, _merge(fields, endpoint.options))


def _merge(fields: JsonObject, extra: JsonObject) -> JsonObject:
    """Add wire fields: `None` removes one, `include` is united, the objects `reasoning` and `text` are merged."""
    body = dict(fields)
    for key, value in extra.items():
        present = body.get(key)
        if value is None:
            body.pop(key, None)
        elif isinstance(value, dict) and isinstance(present, dict) and key in ("reasoning", "text"):
            body[key] = {**present, **value}
        elif isinstance(value, list) and isinstance(present, list) and key == "include":
            body[key] = [*value, *(name for name in present if name not in value)]
        else:
            body[key] = value
    return body


def _encode_unified(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> JsonObject:
    request = fit_parameters(request, _LEAST, notes)
    request = fit_tools(fit_parameters(request, endpoint.quirks.limits, notes), NAME, notes)
    request = prepare_output(request, endpoint.quirks, notes)
    instructions, items = encode_messages(request, endpoint, notes)
    body: JsonObject = {"model": endpoint.model or request.model, "input": items}
    if instructions is not None:
        body["instructions"] = instructions
    return {**body, **_fields(request, endpoint, notes)}


def _fields(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> JsonObject:
    """Return everything but the model and the conversation, without unset fields."""
    for name in _ABSENT:
        if getattr(request, name) not in (None, ()):
            notes.drop(name, "the Responses API has no such field")
    if request.cache is not None and request.cache.ttl is not None:
        notes.drop("cache", "prompts are cached automatically here; the lifetime cannot be chosen")
    candidates: JsonObject = {
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.top_logprobs,
        "tools": _tools(request.tools, endpoint.quirks, notes) or None,
        "tool_choice": _tool_choice(request.tool_choice),
        "parallel_tool_calls": request.parallel_tool_calls,
        "text": _text(request, endpoint.quirks, notes),
        "reasoning": _reasoning(request.reasoning, endpoint.quirks, notes),
        "service_tier": request.service_tier,
        endpoint.quirks.user_field: request.user,
        "prompt_cache_key": request.cache_key,
        "metadata": request.metadata,
        "store": False,
        "include": _include(request, endpoint.quirks) or None,
    }
    return {key: value for key, value in candidates.items() if value is not None}


def _include(request: GenerationRequest, quirks: Quirks) -> list[str]:
    include = []
    if request.reasoning is not None and "reasoning" not in quirks.refused and not is_off(request.reasoning):
        include.append(ENCRYPTED)
    if request.logprobs:
        include.append(LOGPROBS)
    return include


def _tools(tools: tuple[AnyTool, ...], quirks: Quirks, notes: WarningLog) -> list[JsonObject]:
    written = []
    for tool in tools:
        if isinstance(tool, Tool):
            if tool.cache is not None:
                notes.drop("cache", "tools are cached automatically here, without cache marks")
            written.append(_function(tool, quirks, notes))
        else:
            written.append(tool.json)
    return written


def _function(tool: Tool, quirks: Quirks, notes: WarningLog) -> JsonObject:
    body: JsonObject = {"type": "function", "name": tool.name}
    if tool.description is not None:
        body["description"] = tool.description
    parameters, strict = encode_tool_schema(tool, quirks, notes)
    body["parameters"] = NO_PARAMETERS if parameters is None else parameters
    # The service takes an absent `strict` as true, which refuses most schemas.
    body["strict"] = bool(strict)
    return {**body, **(tool.extra or {}).get(NAME, {})}


def _tool_choice(choice: ToolChoice | None) -> Any:
    if choice is None:
        return None
    if choice.extra and NAME in choice.extra:
        return choice.extra[NAME]
    if choice.mode == "none" or not choice.names:
        return "required" if choice.mode == "tool" else choice.mode
    if choice.mode == "tool" and len(choice.names) == 1:
        return {"type": "function", "name": choice.names[0]}
    mode = "auto" if choice.mode == "auto" else "required"
    return {"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": n} for n in choice.names]}


def _text(request: GenerationRequest, quirks: Quirks, notes: WarningLog) -> JsonObject | None:
    text: JsonObject = {}
    if request.output is not None:
        text["format"] = _format(request.output, quirks, notes)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    return text or None


def _format(output: OutputFormat, quirks: Quirks, notes: WarningLog) -> JsonObject:
    if output.kind != "json_schema":
        return {"type": output.kind}
    schema, strict = encode_strict_schema(output, quirks, notes)
    body = {
        "type": "json_schema",
        "name": output.name or "response",
        "description": output.description,
        "schema": schema,
        "strict": strict,
    }
    return {key: value for key, value in body.items() if value is not None}


def _reasoning(reasoning: Reasoning | None, quirks: Quirks, notes: WarningLog) -> JsonObject | None:
    if reasoning is None:
        return None
    if "reasoning" in quirks.refused:
        if not is_off(reasoning):
            notes.drop("reasoning", "the model refuses it")
        return None
    effort = effort_for(reasoning, quirks)
    note_effort(reasoning, effort, quirks, notes)
    body: JsonObject = {}
    if effort is not None:
        body["effort"] = effort
    if is_shown(reasoning):
        body["summary"] = _SUMMARIES.get(reasoning.display or "auto", "auto")
    return body or None
