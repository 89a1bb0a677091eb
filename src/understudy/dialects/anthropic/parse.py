"""Requests of the Messages API, read. What has no typed place goes to `extra["anthropic"]` where it stood."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from understudy.dialects.anthropic.errors import bad_request
from understudy.dialects.anthropic.parse_messages import parse_cache, parse_content, parse_message
from understudy.dialects.anthropic.wire import FORWARDED, NAME, SAMPLING
from understudy.dialects.server import KIND_NAMES, BadRequest, BodyFields, Inbound, complaint_about, receive_body
from understudy.domain.content import JsonObject
from understudy.domain.messages import AnyTool, Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, ModelsRequest, OutputFormat, Reasoning, WireOrigin
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson

_MODES = ("adaptive", "enabled", "disabled", "between_tools")
_HARMLESS = ("web_search_", "web_fetch_", "tool_search_tool_")
"""Hosted tools that only read: running them twice changes nothing."""

PAGE = 20
"""Models per page unless asked otherwise."""


def parse_models(request: HttpRequest) -> Inbound:
    """Parse the query of a model list, or the name of a look-up. Raise `BadRequest`."""
    url = urlsplit(request.url)
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    _, _, model = url.path.rstrip("/").partition("/v1/models/")
    try:
        limit = int(query.get("limit", PAGE))
    except ValueError:
        raise bad_request("limit: Input should be a valid integer") from None
    if not 1 <= limit <= 1000:
        raise bad_request("limit: Input should be between 1 and 1000")
    wanted = ModelsRequest(model=unquote(model) or None, limit=limit, after=query.get("after_id"))
    options: dict[str, object] = {"before_id": query["before_id"]} if "before_id" in query else {}
    return Inbound(operation=Operation.MODELS, request=wanted, options=options)


def parse_chat(request: HttpRequest, operation: Operation) -> Inbound:
    """Parse the body of a message or a token count. Raise `BadRequest`."""
    try:
        sent = receive_body(request, NAME, FORWARDED)
    except BadJson as error:
        raise bad_request(complaint_about(error, "The request body is not valid JSON")) from error
    stream = sent.fields.get("stream") is True
    parsed = _request(sent.fields, sent.origin, counts=operation is Operation.COUNT_TOKENS)
    return Inbound(operation=operation, request=parsed, stream=stream)


def _request(body: JsonObject, origin: WireOrigin, *, counts: bool) -> GenerationRequest:
    fields = _Fields(body)
    model = fields.take("model", str)
    if model is None:
        raise bad_request("model: Field required")
    messages = fields.take("messages", list)
    if messages is None:
        raise bad_request("messages: Field required")
    max_tokens = fields.take("max_tokens", int)
    if max_tokens is None and not counts:
        raise bad_request("max_tokens: Field required")
    system = fields.take("system", str, list)
    fields.take("stream", bool)
    read = [parse_message(message, n) for n, message in enumerate(messages)]
    if system is not None:
        read.insert(0, Message(Role.SYSTEM, parse_content(system, "system")))
    values: dict[str, Any] = {
        "tools": tuple(_tool(tool, n) for n, tool in enumerate(fields.take("tools", list) or ())),
        **fields.take_plain(SAMPLING),
        "stop": _stops(fields),
        "service_tier": fields.take("service_tier", str),
        "user": _user(fields),
        **_choice(fields),
        **_thinking(fields),
    }
    cache, extra = parse_cache(fields.left, set())
    return GenerationRequest(
        messages=tuple(read),
        model=model,
        max_tokens=max_tokens,
        cache=cache,
        extra={NAME: extra} if extra else None,
        origin=origin,
        **values,
    )


class _Fields(BodyFields):
    def wrong_type(self, name: str, kind: type) -> BadRequest:
        return bad_request(f"{name}: Input should be a valid {'dictionary' if kind is dict else KIND_NAMES[kind]}")


def _tool(value: Any, n: int) -> AnyTool:
    match value:
        case {"type": str(kind)} if kind != "custom":
            return OpaqueTool(NAME, value, effects=not kind.startswith(_HARMLESS))
        case {"name": str(name), "input_schema": dict(schema)}:
            return _function(name, schema, value)
        case _:
            raise bad_request(f"tools.{n}: Input does not match the expected shape.")


def _function(name: str, schema: JsonObject, tool: JsonObject) -> Tool:
    description, strict = tool.get("description"), tool.get("strict")
    cache, extra = parse_cache(tool, {"name", "input_schema", "description", "strict"})
    return Tool(
        name=name,
        description=description if isinstance(description, str) else None,
        parameters=schema,
        strict=strict if isinstance(strict, bool) else None,
        cache=cache,
        extra={NAME: extra} if extra else None,
    )


def _choice(fields: _Fields) -> dict[str, Any]:
    choice = fields.take("tool_choice", dict)
    if choice is None:
        return {}
    parallel = choice.get("disable_parallel_tool_use")
    rest = {k: v for k, v in choice.items() if k not in ("type", "name", "disable_parallel_tool_use") and v is not None}
    extra = {NAME: rest} if rest else None
    switch = {"parallel_tool_calls": not parallel} if isinstance(parallel, bool) else {}
    match choice:
        case {"type": "tool", "name": str(name)}:
            return {"tool_choice": ToolChoice("tool", (name,), extra), **switch}
        case {"type": "any"}:
            return {"tool_choice": ToolChoice("required", (), extra), **switch}
        case {"type": ("auto" | "none") as mode}:
            return {"tool_choice": ToolChoice(mode, (), extra), **switch}
        case _:
            raise bad_request("tool_choice: Input tag must be one of 'auto', 'any', 'tool', 'none'")


def _thinking(fields: _Fields) -> dict[str, Any]:
    """Parse `thinking` and `output_config`; a form with more than the typed fields also travels as it is.

    `output_format` is the former place of `output_config.format` (beta header `structured-outputs-2025-11-13`).
    """
    thinking = fields.take("thinking", dict) or {}
    config = fields.take("output_config", dict) or {}
    match fields.left.get("output_format"):
        case {"type": "json_schema", "schema": dict(), **rest} if not rest:
            config = {"format": fields.left.pop("output_format"), **config}
    form = config.get("format")
    mode, effort, budget = thinking.get("type"), config.get("effort"), thinking.get("budget_tokens")
    if thinking and (mode not in _MODES or thinking.keys() - {"type", "budget_tokens", "display"}):
        fields.left["thinking"] = thinking
    if config.keys() - {"effort", "format"} or (isinstance(form, dict) and form.keys() - {"type", "schema"}):
        fields.left["output_config"] = config
    found: dict[str, Any] = {}
    if thinking or effort is not None:
        found["reasoning"] = Reasoning(
            effort=effort if isinstance(effort, str) else None,
            budget=budget if isinstance(budget, int) else None,
            mode=mode if mode in _MODES else None,
            display=thinking.get("display"),
        )
    match form:
        case {"type": "json_schema", "schema": dict(schema)}:
            found["output"] = OutputFormat(kind="json_schema", json_schema=schema)
    return found


def _stops(fields: _Fields) -> tuple[str, ...]:
    stops = fields.take("stop_sequences", list) or []
    if not all(isinstance(stop, str) for stop in stops):
        raise bad_request("stop_sequences: Input should be a list of strings")
    return tuple(stops)


def _user(fields: _Fields) -> str | None:
    metadata = fields.take("metadata", dict)
    if metadata is None:
        return None
    if metadata.keys() != {"user_id"}:
        fields.left["metadata"] = metadata
    user = metadata.get("user_id")
    return user if isinstance(user, str) else None
