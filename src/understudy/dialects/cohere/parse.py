"""Requests of `POST /v2/chat`, read. What has no typed place goes to `extra["cohere"]` where it stood."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.cohere.citations import read_citation
from understudy.dialects.cohere.fields import Fields, bad, body_of
from understudy.dialects.cohere.wire import NAME, PLAN
from understudy.dialects.server import Inbound
from understudy.domain.content import (
    AnyPart,
    Image,
    JsonObject,
    Opaque,
    Provenance,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.messages import AnyTool, Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning, WireOrigin
from understudy.wire.http import HttpRequest

_ORIGIN = Provenance(NAME)


def parse_chat(request: HttpRequest) -> Inbound:
    """Read the body of a chat. Raises `BadRequest`."""
    data, fields = body_of(request)
    stream = fields.take("stream", bool) is True
    model = fields.need("model", str)
    messages = fields.need("messages", list)
    if not messages:
        raise bad("invalid request: messages must not be empty")
    values: dict[str, Any] = {
        "messages": tuple(_message(message, n) for n, message in enumerate(messages)),
        "max_tokens": fields.take("max_tokens", int),
        "temperature": fields.take("temperature", float, int),
        "top_p": fields.take("p", float, int),
        "top_k": fields.take("k", int),
        "presence_penalty": fields.take("presence_penalty", float, int),
        "frequency_penalty": fields.take("frequency_penalty", float, int),
        "seed": fields.take("seed", int),
        "stop": fields.texts("stop_sequences"),
        "logprobs": fields.take("logprobs", bool),
        "tools": _tools(fields),
        "tool_choice": _choice(fields),
        "output": _output(fields),
        "reasoning": _reasoning(fields),
    }
    extra = fields.left
    parsed = GenerationRequest(
        model=model, extra={NAME: extra} if extra else None, origin=WireOrigin(NAME, data), **values
    )
    return Inbound(operation=Operation.CHAT, request=parsed, stream=stream)


def _message(value: Any, n: int) -> Message:
    if not isinstance(value, dict):
        raise bad(f"invalid request: messages[{n}] must be an object")
    fields = Fields(value)
    role = fields.take("role", str)
    match role:
        case "system" | "user":
            content: Any = _content(fields.need("content", str, list), f"messages[{n}].content")
        case "assistant":
            content = _assistant(fields, n)
        case "tool":
            content = (_result(fields, n),)
        case _:
            raise bad(f"invalid request: messages[{n}].role must be one of system, user, assistant, tool")
    return Message(Role(role), content, extra={NAME: fields.left} if fields.left else None)


def _content(value: str | list[Any], where: str) -> str | tuple[AnyPart, ...]:
    if isinstance(value, str):
        return value
    for n, block in enumerate(value):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise bad(f"invalid request: {where}[{n}] must be an object with a type")
    return tuple(map(_block, value))


def _block(block: JsonObject) -> AnyPart:
    """Read one block; one that only this dialect knows becomes `Opaque`."""
    match block:
        case {"type": "text", "text": str(text)}:
            return Text(text, extra=_rest(block, "text"))
        case {"type": "thinking", "thinking": str(text)}:
            return Thinking(text, provenance=_ORIGIN, extra=_rest(block, "thinking"))
        case {"type": "image_url", "image_url": {"url": str(url), **rest}} if not rest.keys() - {"detail"}:
            detail: Any = rest.get("detail")
            return Image(url=url, detail=detail, extra=_rest(block, "image_url")).inline()
        case _:
            return Opaque(NAME, block)


def _rest(block: JsonObject, *own: str) -> dict[str, JsonObject] | None:
    rest = {key: value for key, value in block.items() if key not in ("type", *own) and value is not None}
    return {NAME: rest} if rest else None


def _assistant(fields: Fields, n: int) -> str | tuple[AnyPart, ...]:
    """Read an assistant's message: its plan, content, calls, and the citations beside them, put where they belong."""
    content = _content(fields.take("content", str, list) or "", f"messages[{n}].content")
    plan = fields.take("tool_plan", str)
    calls = tuple(_call(call, n) for call in fields.take("tool_calls", list) or ())
    citations = [raw for raw in fields.take("citations", list) or () if isinstance(raw, dict)]
    if isinstance(content, str) and not (plan or calls or citations):
        return content
    parts: list[AnyPart] = [Thinking(plan, provenance=_ORIGIN, extra={NAME: {PLAN: True}})] if plan else []
    first = len(parts)
    parts += content if not isinstance(content, str) else (Text(content),) if content else ()
    left = [raw for raw in citations if not _cite(parts, first, raw)]
    if left:
        fields.left["citations"] = left
    return (*parts, *calls)


def _cite(parts: list[AnyPart], first: int, raw: JsonObject) -> bool:
    """Put a citation on the text that it belongs to: the one named by number, else the first; tell whether it went."""
    index = raw.get("content_index")
    if raw.get("type", "TEXT_CONTENT") != "TEXT_CONTENT":
        return False
    for at, part in enumerate(parts):
        if isinstance(part, Text) and (not isinstance(index, int) or at == first + index):
            parts[at] = msgspec.structs.replace(part, citations=(*part.citations, read_citation(raw)))
            return True
    return False


def _call(value: Any, n: int) -> ToolCall:
    match value:
        case {"id": str(call_id), "function": {"name": str(name), "arguments": str(arguments)}}:
            extra = _rest(value, "id", "function")
            return ToolCall(id=call_id, name=name, arguments=arguments, provenance=_ORIGIN, extra=extra)
        case _:
            raise bad(f"invalid request: messages[{n}].tool_calls: each must have an id and a function")


def _result(fields: Fields, n: int) -> ToolResult:
    content = _content(fields.take("content", str, list) or "", f"messages[{n}].content")
    call_id = fields.take("tool_call_id", str)
    if call_id is None:
        raise bad(f"invalid request: messages[{n}].tool_call_id is required")
    return ToolResult(call_id=call_id, content=content)


def _tools(fields: Fields) -> tuple[AnyTool, ...]:
    tools = fields.take("tools", list) or []
    strict = fields.take("strict_tools", bool)
    if strict is not None and not tools:
        fields.left["strict_tools"] = strict
    return tuple(_tool(tool, strict, n) for n, tool in enumerate(tools))


def _tool(tool: Any, strict: bool | None, n: int) -> AnyTool:
    match tool:
        case {"type": "function", "function": {"name": str(name), **rest}}:
            function: JsonObject = {str(key): value for key, value in rest.items() if value is not None}
            description, parameters = function.pop("description", None), function.pop("parameters", None)
            extra = (_rest(tool, "function") or {}).get(NAME, {})
            if function:
                extra = {**extra, "function": function}
            return Tool(
                name=name,
                description=description if isinstance(description, str) else None,
                parameters=parameters if isinstance(parameters, dict) else None,
                strict=strict,
                extra={NAME: extra} if extra else None,
            )
        case {"type": str(kind)} if kind != "function":
            return OpaqueTool(NAME, tool)
        case _:
            raise bad(f"invalid request: tools[{n}] must be a function with a name")


def _choice(fields: Fields) -> ToolChoice | None:
    match fields.take("tool_choice", str):
        case None:
            return None
        case "REQUIRED":
            return ToolChoice("required")
        case "NONE":
            return ToolChoice("none")
        case other:
            raise bad(f"invalid request: tool_choice must be REQUIRED or NONE, not {other!r}")


def _output(fields: Fields) -> OutputFormat | None:
    """Read the response format; a form with more than the typed fields also travels as it is."""
    form = fields.take("response_format", dict)
    match form:
        case None:
            return None
        case {"type": "text"}:
            found = OutputFormat(kind="text")
        case {"type": "json_object", "json_schema": dict(schema)} | {"type": "json_object", "schema": dict(schema)}:
            found = OutputFormat(kind="json_schema", json_schema=schema)
        case {"type": "json_object"}:
            found = OutputFormat(kind="json_object")
        case _:
            raise bad("invalid request: response_format.type must be text or json_object")
    typed = {"type", "json_schema"} if found.kind == "json_schema" else {"type"}
    if any(value is not None for name, value in form.items() if name not in typed):
        fields.left["response_format"] = form
    return found


def _reasoning(fields: Fields) -> Reasoning | None:
    thinking = fields.take("thinking", dict)
    if thinking is None:
        return None
    kind, budget = thinking.get("type"), thinking.get("token_budget")
    if kind not in ("enabled", "disabled"):
        raise bad("invalid request: thinking.type must be enabled or disabled")
    if thinking.keys() - {"type", "token_budget"}:
        fields.left["thinking"] = thinking
    return Reasoning(mode=kind, budget=budget if isinstance(budget, int) else None)
