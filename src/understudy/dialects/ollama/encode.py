"""Encoding Ollama's requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from understudy.dialects.base import Endpoint, WarningLog
from understudy.dialects.efforts import effort_of_budget, is_off, is_shown
from understudy.dialects.ollama.encode_messages import MessageEncoder, apply_extra
from understudy.dialects.ollama.wire import LEVELS, NAME, OTHER_OPTIONS, SAMPLING
from understudy.dialects.output_forms import encode_schema, prepare_output
from understudy.dialects.parameters import fit_parameters
from understudy.dialects.patching import Body, fill, patched, received
from understudy.dialects.quirks import nearest_effort
from understudy.dialects.schema_rules import OLLAMA
from understudy.dialects.tool_choices import fit_tools
from understudy.dialects.tool_schemas import encode_parameters
from understudy.domain.content import JsonObject
from understudy.domain.messages import Tool, ToolChoice
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, OutputFormat, Reasoning
from understudy.wire.splice import SplicedObject

NOWHERE = ("logit_bias", "verbosity", "service_tier", "user", "cache_key", "cache", "metadata")
"""Fields of `GenerationRequest` that this API does not have."""

_UNSET = GenerationRequest(messages=())


def encode_chat(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog, *, stream: bool) -> Body:
    """Return the body of `/api/chat`.

    A request that came in on this wire is patched: what it holds goes out as it was, and the entry's own values fill
    only what it leaves open. Any other request is rendered from its typed fields, and `stream` is always written
    there, because the server's default is true.
    """
    if (body := _received(request, "messages")) is None:
        return {**_encode_unified(request, endpoint, notes), "stream": stream}
    own = GenerationRequest(messages=(), **{name: getattr(request, name) for name in request.configured})
    rendered = _encode_unified(own, endpoint, notes)
    fields = {key: value for key, value in rendered.items() if key not in ("model", "messages")}
    fill(body, fields)
    if isinstance(body.get("options"), dict):
        fill(body["options"], fields.get("options") or {})
    if endpoint.model:
        body["model"] = endpoint.model
    if (body.get("stream") is not False) is not stream:
        body["stream"] = stream
    return body


def encode_embed(request: EmbeddingRequest, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Return the body of `/api/embed`."""
    if (came_in := _received(request, "input")) is not None:
        return patched(came_in, endpoint, _sorted_in(endpoint.options))
    body: JsonObject = {
        "model": endpoint.model or request.model or "",
        "input": request.texts[0] if request.single and len(request.texts) == 1 else list(request.texts),
    }
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    for name in ("input_type", "user"):
        if getattr(request, name) is not None:
            notes.drop(name, "Ollama has no such field")
    return _with_extra(body, request.extra, endpoint)


def _encode_unified(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> JsonObject:
    request = fit_parameters(_accepted(request, endpoint, notes), endpoint.quirks.limits, notes)
    request = fit_tools(request, NAME, notes)
    request = prepare_output(request, endpoint.quirks, notes, OLLAMA)
    body: JsonObject = {"model": endpoint.model or request.model or ""}
    body["messages"] = list(MessageEncoder(endpoint, notes).write(request.messages))
    if tools := _tools(request, notes):
        body["tools"] = tools
    if request.output is not None:
        _set(body, "format", _format(request.output, notes))
    if request.reasoning is not None:
        _set(body, "think", _think(request.reasoning, endpoint, notes))
    _set(body, "logprobs", request.logprobs)
    _set(body, "top_logprobs", request.top_logprobs)
    options: JsonObject = {}
    for name, key in SAMPLING.items():
        _set(options, key, getattr(request, name))
    if options:
        body["options"] = options
    for name in NOWHERE:
        if getattr(request, name) is not None:
            notes.drop(name, "Ollama has no such field")
    if request.parallel_tool_calls is False:
        notes.drop("parallel_tool_calls", "Ollama cannot disable parallel tool calls")
    return _with_extra(body, request.extra, endpoint)


def _accepted(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> GenerationRequest:
    """Return the request without the fields that the model refuses."""
    refused: dict[str, Any] = {}
    for name in endpoint.quirks.refused:
        unset = getattr(_UNSET, name)
        if getattr(request, name) != unset:
            notes.drop(name, "the model refuses it")
            refused[name] = unset
    return msgspec.structs.replace(request, **refused) if refused else request


def _set(body: JsonObject, key: str, value: Any) -> None:
    """Set a field unless the value is unset or an empty list of stop sequences."""
    if value is not None and value != ():
        body[key] = value


def _tools(request: GenerationRequest, notes: WarningLog) -> list[JsonObject]:
    choice = request.tool_choice or ToolChoice()
    if choice.mode == "none":
        notes.emulate("tool_choice", "Ollama has no tool choice; the tools were omitted")
        return []
    if choice.mode in ("required", "tool"):
        notes.drop("tool_choice", "Ollama cannot require a tool call")
    tools: list[JsonObject] = []
    for tool in request.tools:
        if not isinstance(tool, Tool):
            tools.append(tool.json)
        elif choice.names and tool.name not in choice.names:
            notes.emulate("tool_choice", "Ollama has no tool choice; only the named tools were sent")
        else:
            tools.append(_tool(tool, notes))
    return tools


def _tool(tool: Tool, notes: WarningLog) -> JsonObject:
    if tool.strict:
        notes.drop("strict", "Ollama does not enforce schemas of tool arguments")
    if tool.cache is not None:
        notes.drop("cache", "Ollama's cache does not support marks")
    function: JsonObject = {"name": tool.name}
    _set(function, "description", tool.description)
    if tool.parameters is not None:
        function["parameters"] = encode_parameters(tool)
    return apply_extra({"type": "function", "function": function}, tool.extra)


def _format(output: OutputFormat, notes: WarningLog) -> str | JsonObject | None:
    if output.kind == "text":
        return None
    if output.kind == "json_schema" and output.json_schema is not None:
        return encode_schema(output, OLLAMA, notes)
    return "json"


def _think(reasoning: Reasoning, endpoint: Endpoint, notes: WarningLog) -> bool | str | None:
    """Return the value of `think`. A target without the level `none` always thinks and accepts only levels."""
    if is_shown(reasoning) is False:
        notes.drop("reasoning display", "Ollama shows thinking if the model thinks")
    efforts = endpoint.quirks.efforts
    switchable = efforts is None or "none" in efforts
    if is_off(reasoning):
        if switchable:
            return False
        notes.clamp("reasoning", "thinking cannot be disabled; the level low was sent")
        return "low"
    if reasoning.mode == "between_tools":
        notes.emulate("reasoning", "thinking can only be enabled or disabled as a whole")
    asked = reasoning.effort
    if asked is None and reasoning.budget is not None:
        # Models that can be switched often have no levels, and ignore one that they do not have.
        asked = None if switchable else effort_of_budget(reasoning.budget)
        notes.emulate("reasoning", "Ollama does not support a thinking budget, only a level or a switch")
    if asked is None:
        return True if switchable and (reasoning.mode is not None or reasoning.budget is not None) else None
    accepted = LEVELS if efforts is None else efforts
    level = asked if asked in accepted else nearest_effort(asked, accepted) or "high"
    if level != asked:
        notes.clamp("reasoning", f"the level {asked} is not supported; {level} was sent")
    return level


def _with_extra(body: JsonObject, extra: dict[str, JsonObject] | None, endpoint: Endpoint) -> JsonObject:
    """Merge the entry's fields and the caller's: `None` removes a field, and `options` are merged one by one."""
    for fields in _layers(extra, endpoint):
        options = body.get("options")
        body.update(fields)
        if isinstance(options, dict) and isinstance(fields.get("options"), dict):
            body["options"] = _without_none({**options, **fields["options"]})
    return _without_none(body)


def _layers(extra: dict[str, JsonObject] | None, endpoint: Endpoint) -> Iterator[JsonObject]:
    yield _sorted_in(endpoint.options)
    for name in dict.fromkeys((NAME, endpoint.provider)):
        if extra and name in extra:
            yield _sorted_in(extra[name])


def _sorted_in(fields: JsonObject) -> JsonObject:
    """Move options that stand beside `options` (`num_ctx = 8192` in a configuration) into `options`."""
    options = {key: value for key, value in fields.items() if key in OTHER_OPTIONS}
    if not options:
        return fields
    rest = {key: value for key, value in fields.items() if key not in OTHER_OPTIONS}
    return {**rest, "options": {**options, **(rest.get("options") or {})}}


def _without_none(fields: JsonObject) -> JsonObject:
    return {key: value for key, value in fields.items() if value is not None}


def _received(request: GenerationRequest | EmbeddingRequest, needs: str) -> SplicedObject | None:
    """Return the body of a request that came in on this wire, over the route that `needs` belongs to: the older routes
    (`/api/generate`, `/api/embeddings`) have a `prompt`, and their requests are rendered again."""
    body = received(request, NAME)
    return body if body is not None and needs in body else None
