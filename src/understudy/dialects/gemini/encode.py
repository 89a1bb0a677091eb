"""Requests of `generateContent`: encoded from the unified request, or patched if they came in as this dialect."""

from __future__ import annotations

from understudy.dialects.base import Endpoint, WarningLog
from understudy.dialects.gemini.encode_messages import MessageEncoder
from understudy.dialects.gemini.encode_settings import encode_settings, encode_tool_choice, encode_tools
from understudy.dialects.gemini.names import bare, camel_keys, overlay, qualified, spelling
from understudy.dialects.gemini.quirks import apply_quirks
from understudy.dialects.gemini.wire import NAME
from understudy.dialects.output_forms import prepare_output
from understudy.dialects.parameters import fit_parameters
from understudy.dialects.patching import Body, received
from understudy.dialects.schema_rules import GEMINI
from understudy.dialects.tool_choices import fit_tools
from understudy.domain.content import JsonObject
from understudy.domain.requests import GenerationRequest

_COUNTED = ("contents", "systemInstruction", "tools", "toolConfig", "cachedContent")
"""Fields of a request that are part of its prompt."""


def encode_chat(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Write the body of `generateContent`, the same for a stream. The model is in the URL."""
    came_in = received(request, NAME)
    body: Body = (
        _patched(request, came_in, endpoint) if came_in is not None else _encode_unified(request, endpoint, notes)
    )
    apply_quirks(body, endpoint.quirks, notes)
    return body


def encode_count(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Write the body of `countTokens`: the messages alone, or the prompt of a request."""
    model = qualified(endpoint.model or request.model or "")
    if (came_in := received(request, NAME)) is not None:
        if "model" in came_in:
            _set_model(came_in, model)
        place = spelling(came_in, "generateContentRequest")
        if isinstance(came_in.get(place), dict):
            _set_model(came_in[place], model)
        return came_in
    body = {
        name: value for name, value in _encode_unified(request.prompt(), endpoint, notes).items() if name in _COUNTED
    }
    apply_quirks(body, endpoint.quirks, notes)
    return body if body.keys() == {"contents"} else {"generateContentRequest": {"model": model, **body}}


def _encode_unified(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> JsonObject:
    request = fit_tools(fit_parameters(request, endpoint.quirks.limits, notes), NAME, notes)
    request = prepare_output(request, endpoint.quirks, notes, GEMINI)
    system, contents = MessageEncoder(endpoint, notes).write(request.messages)
    body: JsonObject = {"contents": contents}
    if system is not None:
        body["systemInstruction"] = system
    body |= encode_settings(request, notes)
    if tools := encode_tools(request, notes):
        body["tools"] = tools
    if (choice := encode_tool_choice(request, notes)) is not None:
        body["toolConfig"] = choice
    extra = request.extra or {}
    for fields in (endpoint.options, extra.get(NAME), extra.get(endpoint.provider)):
        if fields:
            overlay(body, camel_keys(fields))
    count = body.get("generationConfig", {}).get("candidateCount")
    if isinstance(count, int) and count > 1:
        notes.drop("n", "only the first of several answers is returned; call several times instead")
    if "model" in body:
        # The model is in the URL; a body that names it too must have the same.
        body["model"] = qualified(endpoint.model or request.model or "")
    return body


def _patched(request: GenerationRequest, body: Body, endpoint: Endpoint) -> Body:
    """Patch a body that came in: configured values and the entry's own fill only unset fields."""
    if endpoint.model is not None and "model" in body:
        _set_model(body, qualified(endpoint.model))
    configured = {name: getattr(request, name) for name in request.configured}
    defaults = encode_settings(GenerationRequest(messages=(), **configured), WarningLog())
    for fields in (defaults, endpoint.options, (request.extra or {}).get(endpoint.provider)):
        if fields:
            _fill(body, camel_keys(fields))
    return body


def _set_model(body: Body, model: str) -> None:
    """Name the model of the URL in a body, unless it is named already, with or without its collection."""
    named = body.get("model")
    if not isinstance(named, str) or bare(named) != bare(model):
        body["model"] = model


def _fill(body: Body, fields: JsonObject) -> None:
    for name, value in fields.items():
        place = spelling(body, name)
        if body.get(place) is None:
            if value is not None:
                body[place] = value
        elif isinstance(body[place], dict) and isinstance(value, dict):
            _fill(body[place], value)
