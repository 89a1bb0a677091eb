"""Requests of `POST /v2/chat`: encoded from the unified request, or patched if they came in over this dialect."""

from __future__ import annotations

from understudy.dialects.base import Endpoint, WarningLog, extra_fields
from understudy.dialects.cohere.encode_messages import MessageEncoder
from understudy.dialects.cohere.wire import FIELDS, NAME
from understudy.dialects.efforts import budget_of, is_off, is_shown
from understudy.dialects.output_forms import encode_schema, prepare_output
from understudy.dialects.parameters import fit_parameters
from understudy.dialects.patching import Body, patched, received
from understudy.dialects.quirks import Quirks
from understudy.dialects.request_fields import encode_fields
from understudy.dialects.schema_rules import COHERE
from understudy.dialects.tool_choices import fit_tools
from understudy.dialects.tool_schemas import encode_parameters, encode_strict_parameters
from understudy.domain.content import JsonObject
from understudy.domain.messages import OpaqueTool, Tool
from understudy.domain.requests import GenerationRequest, Reasoning

NOT_ON_WIRE = (
    "min_p", "logit_bias", "top_logprobs", "verbosity", "service_tier", "user", "cache_key", "cache", "metadata",
)  # fmt: skip
"""Fields of `GenerationRequest` that this API does not have."""

_WIRE_FIELDS = {**{field.name: field.wire for field in FIELDS}, "stop": "stop_sequences", "reasoning": "thinking"}
"""Wire names of the fields that a configuration can set."""

_BESIDE_NO_FORMAT = ("tools", "documents")


def encode_chat(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog, *, stream: bool) -> Body:
    """Return the body of `POST /v2/chat`."""
    came_in = received(request, NAME)
    body: Body = (
        _patched(request, came_in, endpoint, notes) if came_in is not None else _rendered(request, endpoint, notes)
    )
    if stream or "stream" in body:
        body["stream"] = stream
    return body


def _rendered(request: GenerationRequest, endpoint: Endpoint, notes: WarningLog) -> JsonObject:
    request = fit_tools(fit_parameters(request, endpoint.quirks.limits, notes), NAME, notes)
    conversation = MessageEncoder(endpoint, notes)
    model = endpoint.model or request.model
    body: JsonObject = {"model": model} if model is not None else {}
    request = prepare_output(request, endpoint.quirks, notes, COHERE)
    body["messages"] = conversation.write(request.messages)
    body |= encode_settings(request, endpoint.quirks, notes)
    extra = extra_fields(request.extra, NAME, endpoint)
    body = {key: value for key, value in {**body, **extra}.items() if not (value is None and key in extra)}
    if conversation.documents:
        body["documents"] = [*(body.get("documents") or ()), *conversation.documents]
    if "response_format" in body and "response_format" not in extra and any(body.get(n) for n in _BESIDE_NO_FORMAT):
        del body["response_format"]
        notes.drop("output", "this API does not accept an output format beside tools or documents")
    return body


def encode_settings(request: GenerationRequest, quirks: Quirks, notes: WarningLog) -> JsonObject:
    """Return everything except model, messages and extra fields."""
    for name in NOT_ON_WIRE:
        if getattr(request, name):
            notes.drop(name, "this API has no such parameter")
    if request.parallel_tool_calls is False:
        notes.drop("parallel_tool_calls", "this API cannot disable them")
    body = encode_fields(FIELDS, request, quirks.refused, notes, why="this model refuses it")
    if stop := _stop(request, quirks, notes):
        body["stop_sequences"] = stop
    optional = {
        **_tools(request, quirks, notes),
        "response_format": _response_format(request, quirks, notes),
        "thinking": _thinking(request.reasoning, quirks, notes),
    }
    return body | {name: value for name, value in optional.items() if value is not None}


def _stop(request: GenerationRequest, quirks: Quirks, notes: WarningLog) -> list[str]:
    most = quirks.max_stop
    if most is not None and len(request.stop) > most:
        notes.drop("stop", f"only the first {most} stop sequences are sent: this API accepts no more")
    return list(request.stop[:most])


def _tools(request: GenerationRequest, quirks: Quirks, notes: WarningLog) -> JsonObject:
    """Return tools and tool choice. A choice among several tools is made by sending only those."""
    choice = request.tool_choice
    mode, names = (choice.mode, choice.names) if choice is not None else ("auto", ())
    names = names[:1] if mode == "tool" else names
    if mode != "auto" and mode not in quirks.tool_choice:
        if mode == "none":
            notes.emulate("tool_choice", "no tools are sent: this model does not support disabling calls")
            return {}
        notes.drop("tool_choice", f"this model refuses the choice {mode!r}; it chooses freely")
        mode = "auto"
    strict, parameters = _strict(request, notes)
    tools: list[JsonObject] = []
    for tool in request.tools:
        match tool:
            case Tool(name=name) if names and mode != "none" and name not in names:
                notes.emulate("tool_choice", "restricted by sending only the tools that may be called")
            case Tool():
                tools.append(_tool(tool, parameters[tool.name], notes))
            case OpaqueTool(json=json):
                tools.append(json)
    wire_choice = {"none": "NONE", "required": "REQUIRED", "tool": "REQUIRED", "auto": None}[mode]
    return {"tools": tools or None, "tool_choice": wire_choice, "strict_tools": strict}


def _tool(tool: Tool, parameters: JsonObject, notes: WarningLog) -> JsonObject:
    if tool.cache is not None:
        notes.drop("cache", "this API caches prompts automatically, without marks")
    own = dict((tool.extra or {}).get(NAME, {}))
    function: JsonObject = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = parameters
    function |= own.pop("function", {})
    return {"type": "function", "function": function, **own}


def _strict(request: GenerationRequest, notes: WarningLog) -> tuple[bool | None, dict[str, JsonObject]]:
    """Return `strict_tools`, which applies to all tools, and the parameters of each."""
    tools = [tool for tool in request.tools if isinstance(tool, Tool)]
    asked = {tool.strict for tool in tools}
    loose = {tool.name: encode_parameters(tool) for tool in tools}
    if True not in asked:
        return (False if False in asked else None), loose
    if len(asked) > 1:
        notes.emulate("tools", "`strict` applies to all tools or to none; it is set for all")
    fitted = dict(loose)
    for tool in tools:
        fitted[tool.name], strict = encode_strict_parameters(tool, COHERE, notes)
        if not strict:
            return False, loose
    return True, fitted


def _response_format(request: GenerationRequest, quirks: Quirks, notes: WarningLog) -> JsonObject | None:
    """Return the output format: there is one JSON mode, with or without a schema."""
    output = request.output
    if output is None:
        return None
    if output.kind not in quirks.output_formats:
        notes.drop("output", f"this model does not support {output.kind}")
        return None
    if output.kind == "text":
        return {"type": "text"}
    if output.kind == "json_object" or output.json_schema is None:
        return {"type": "json_object"}
    return {"type": "json_object", "json_schema": encode_schema(output, COHERE, notes)}


def _thinking(reasoning: Reasoning | None, quirks: Quirks, notes: WarningLog) -> JsonObject | None:
    """Return the thinking mode: on, with an optional budget, or off. An effort becomes a budget."""
    if reasoning is None:
        return None
    if "reasoning" in quirks.refused:
        if not is_off(reasoning):
            notes.drop("reasoning", "this model does not support reasoning")
        return None
    if is_off(reasoning):
        return {"type": "disabled"}
    if is_shown(reasoning) is False:
        notes.drop("reasoning display", "this API always shows thinking")
    if reasoning.mode == "between_tools":
        notes.emulate("reasoning", "thinking can only be enabled or disabled as a whole")
    budget = reasoning.budget
    if reasoning.effort is not None and budget is None:
        budget = budget_of(reasoning.effort)
        notes.emulate("reasoning", f"this API does not support an effort; a budget of {budget} tokens was sent")
    if budget is None:
        return {"type": "enabled"} if reasoning.mode is not None else None
    return {"type": "enabled", "token_budget": budget}


def _patched(request: GenerationRequest, body: Body, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Return the received body with this target's model, and with configured values for missing fields."""
    moved = endpoint.model not in (None, body.get("model"))
    written = encode_settings(request, endpoint.quirks, notes if moved else WarningLog())
    if moved:
        _adapt(body, written)
    configured = {_WIRE_FIELDS[field] for field in request.configured if field in _WIRE_FIELDS}
    own = {name: written[name] for name in configured & written.keys()}
    return patched(body, endpoint, own, extra_fields(request.extra, endpoint.provider, endpoint))


def _adapt(body: Body, written: JsonObject) -> None:
    """Remove what the target's model refuses: thinking, a form of the answer, or a choice of tools."""
    for name in ("thinking", "response_format", "tool_choice"):
        if name in body and name not in written:
            del body[name]
    if "tools" not in written and body.get("tools"):
        del body["tools"]
