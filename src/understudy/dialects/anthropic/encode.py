"""Requests of the Messages API: rendered from the unified request, or patched where they came in as this dialect."""

from __future__ import annotations

from typing import Any

from understudy.dialects.anthropic.encode_messages import MessageEncoder, is_unsigned_turn
from understudy.dialects.anthropic.encode_settings import (
    apply_cache_order,
    apply_thinking_limits,
    encode_output_format,
    encode_settings,
    encode_tool_choice,
    encode_tools,
)
from understudy.dialects.anthropic.thinking import ThinkingLimits, encode_thinking
from understudy.dialects.anthropic.wire import BETA_HEADER, NAME, SAMPLING, VERSION_HEADER
from understudy.dialects.base import Endpoint, WarningLog, extra_fields
from understudy.dialects.output_forms import prepare_output
from understudy.dialects.parameters import fit_parameters
from understudy.dialects.patching import Body, patched, received, received_headers, without
from understudy.dialects.schema_rules import ANTHROPIC
from understudy.dialects.tool_choices import fit_tools
from understudy.domain.content import JsonObject
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import JSON_HEADERS, Headers

_WIRE_FIELDS = {
    **{field.name: (field.wire,) for field in SAMPLING},
    "stop": ("stop_sequences",),
    "reasoning": ("thinking", "output_config"),
    "user": ("metadata",),
    "service_tier": ("service_tier",),
    "cache": ("cache_control",),
}
"""The names on the wire of fields that a configuration can set, besides `max_tokens`, which a body always has."""

_NOT_COUNTED = ("max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier")
"""Fields that the token count does not accept."""


def encode_chat(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog, *, stream: bool) -> Body:
    """Encode the body of `POST /v1/messages`."""
    came_in = received(request, NAME)
    body: Body = (
        _patched(request, came_in, endpoint, notes)
        if came_in is not None
        else _encode_unified(request, endpoint, notes)
    )
    if stream or "stream" in body:
        body["stream"] = stream
    return body


def encode_count(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Encode the body of `POST /v1/messages/count_tokens`: what a message would be, without what shapes the answer."""
    came_in = received(request, NAME)
    if came_in is not None:
        return without(patched(came_in, endpoint), _NOT_COUNTED)
    return without(_encode_unified(request.prompt(), endpoint, notes), _NOT_COUNTED)


def encode_headers(request: GenerationRequest, endpoint: Endpoint) -> Headers:
    """Return the headers of a request. A body in this dialect's own form keeps the version it was written for; beta
    features of the entry and of the caller add up."""
    merged = dict((*JSON_HEADERS, *((name.lower(), value) for name, value in endpoint.headers)))
    for name, value in received_headers(request, NAME):
        if name == BETA_HEADER and name in merged:
            merged[name] = ",".join(dict.fromkeys(f"{merged[name]},{value}".replace(" ", "").split(",")))
        elif name == VERSION_HEADER or name not in merged:
            merged[name] = value
    return tuple(merged.items())


def _encode_unified(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> JsonObject:
    request = fit_tools(fit_parameters(request, endpoint.quirks.limits, notes), NAME, notes)
    effective = dict(encode_headers(request, endpoint))
    version = effective.get(VERSION_HEADER)
    request = prepare_output(request, endpoint.quirks, notes, ANTHROPIC)
    conversation = MessageEncoder(endpoint, version, notes)
    system, messages = conversation.write(request.messages)
    model = endpoint.model or request.model
    body: JsonObject = {"model": model} if model is not None else {}
    body["messages"] = messages
    if system is not None:
        body["system"] = system
    body |= _options(
        request, endpoint, effective, notes, unsigned_turn=request.reasoning is not None and is_unsigned_turn(messages)
    )
    if tools := encode_tools(request, notes):
        body["tools"] = tools
    if conversation.has_marks or any("cache_control" in tool for tool in tools):
        apply_cache_order(body, notes)
    extra = extra_fields(request.extra, NAME, endpoint)
    merged = {**body, **extra}
    return {key: value for key, value in merged.items() if not (value is None and key in extra)}


def _options(
    request: GenerationRequest,
    endpoint: Endpoint,
    effective: dict[str, str],
    notes: WarningLog,
    *,
    unsigned_turn: bool = False,
) -> JsonObject:
    """Return everything but model, messages, system and tools."""
    quirks, version = endpoint.quirks, effective.get(VERSION_HEADER)
    body = encode_settings(request, quirks, _refused_fields(endpoint, version), notes)
    choice = encode_tool_choice(request, quirks, notes)
    limits = ThinkingLimits(
        max_tokens=body["max_tokens"],
        forced_tool=choice is not None and choice["type"] in ("any", "tool"),
        interleaved="interleaved-thinking" in effective.get(BETA_HEADER, ""),
        unsigned_turn=unsigned_turn,
    )
    plan = encode_thinking(request.reasoning, quirks, limits, notes)
    apply_thinking_limits(body, plan.thinking, notes)
    form = encode_output_format(request.output, quirks, notes)
    config = {key: value for key, value in (("effort", plan.effort), ("format", form)) if value is not None}
    optional = {"thinking": plan.thinking, "output_config": config or None, "tool_choice": choice}
    return {**body, **{key: value for key, value in optional.items() if value is not None}}


def _refused_fields(endpoint: Endpoint, version: str | None) -> frozenset[str]:
    """Return the fields of `GenerationRequest` that this model refuses under this version of the API."""
    refused = endpoint.quirks.refused
    for since, fields in endpoint.quirks.refused_since:
        if version is not None and version >= since:
            refused |= fields
    return refused


def _patched(request: GenerationRequest, body: Body, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Return the body as it came in, with this target's model, and with configured values for unset fields."""
    moved = endpoint.model not in (None, body.get("model"))
    options = _options(request, endpoint, dict(encode_headers(request, endpoint)), notes if moved else WarningLog())
    if moved:
        _adapt(body, options)
    configured = {name for field in request.configured for name in _WIRE_FIELDS.get(field, ())} | {"max_tokens"}
    written = {name: options[name] for name in configured & options.keys()}
    return patched(body, endpoint, written, extra_fields(request.extra, endpoint.provider, endpoint))


def _adapt(body: Body, options: JsonObject) -> None:
    """Replace what another model than the caller's may refuse: thinking, sampling and the tool choice are the target's,
    and a form of the answer that it does not support is left out. The rest stays untouched."""
    thinking = body.get("thinking")
    has_budget = isinstance(thinking, dict) and "budget_tokens" in thinking
    for name in ("temperature", "top_p", "top_k", "thinking", "tool_choice", "max_tokens"):
        if name in body and name not in options:
            del body[name]
        elif name in body:
            body[name] = _with_unknown(body[name], options[name]) if name == "thinking" else options[name]
    config, fitting = body.get("output_config"), options.get("output_config", {})
    if config is None and has_budget and "effort" in fitting:
        body["output_config"] = {"effort": fitting["effort"]}  # which stands for the budget
    elif isinstance(config, dict):
        kept = {key: value for key, value in config.items() if key != "effort" and (key != "format" or key in fitting)}
        effort = {"effort": fitting["effort"]} if "effort" in config and "effort" in fitting else {}
        body["output_config"] = effort | kept


def _with_unknown(thinking: Any, fitting: JsonObject) -> JsonObject:
    """Return what the target accepts of `thinking`, with the fields that this library does not know."""
    unknown = thinking.keys() - {"type", "budget_tokens", "display"} if isinstance(thinking, dict) else ()
    return {**fitting, **{name: thinking[name] for name in unknown}}
