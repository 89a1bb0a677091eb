"""Messages of Cohere's chat to the unified ones."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.cohere.citations import read_citation
from understudy.dialects.cohere.errors import bad_request
from understudy.dialects.cohere.parse_fields import Fields, rest_of
from understudy.dialects.cohere.wire import NAME, PLAN
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
from understudy.domain.messages import Message, Role
from understudy.wire.json import encode

_ORIGIN = Provenance(NAME)


def parse_message(value: Any, n: int) -> Message:
    """Parse the n-th message. Raise `BadRequest`."""
    if not isinstance(value, dict):
        raise bad_request(f"invalid request: messages[{n}] must be an object")
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
            raise bad_request(f"invalid request: messages[{n}].role must be one of system, user, assistant, tool")
    return Message(Role(role), content, extra={NAME: fields.left} if fields.left else None)


def _content(value: str | list[Any], where: str) -> str | tuple[AnyPart, ...]:
    if isinstance(value, str):
        return value
    for n, block in enumerate(value):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise bad_request(f"invalid request: {where}[{n}] must be an object with a type")
    return tuple(map(_block, value))


def _block(block: JsonObject) -> AnyPart:
    """Parse one block; one that exists only in this dialect becomes `Opaque`."""
    match block:
        case {"type": "text", "text": str(text)}:
            return Text(text, extra=rest_of(block, "text"))
        case {"type": "thinking", "thinking": str(text)}:
            return Thinking(text, provenance=_ORIGIN, extra=rest_of(block, "thinking"))
        case {"type": "image_url", "image_url": {"url": str(url), **rest}} if not rest.keys() - {"detail"}:
            detail: Any = rest.get("detail")
            return Image(url=url, detail=detail, extra=rest_of(block, "image_url")).inline()
        case {"type": "document", "document": {"data": str() | dict() as data} as document}:
            return Text(_text_of(data), extra={NAME: {"document": document}})
        case _:
            return Opaque(NAME, block)


def _text_of(data: str | JsonObject) -> str:
    """Return what a document says, for models that read texts: its one string, as clients wrap a tool's result, or
    all of its fields as JSON."""
    match data:
        case str():
            return data
        case dict() if len(data) == 1 and isinstance(text := next(iter(data.values())), str):
            return text
        case _:
            return encode(data).decode()


def _assistant(fields: Fields, n: int) -> str | tuple[AnyPart, ...]:
    """Parse an assistant's message: plan, content, calls, and citations, which are put on the text that they cite."""
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
    """Put a citation on the text with its index, else on the first text; return whether there was one."""
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
            extra = rest_of(value, "id", "function")
            return ToolCall(id=call_id, name=name, arguments=arguments, provenance=_ORIGIN, extra=extra)
        case _:
            raise bad_request(f"invalid request: messages[{n}].tool_calls: each must have an id and a function")


def _result(fields: Fields, n: int) -> ToolResult:
    content = _content(fields.take("content", str, list) or "", f"messages[{n}].content")
    call_id = fields.take("tool_call_id", str)
    if call_id is None:
        raise bad_request(f"invalid request: messages[{n}].tool_call_id is required")
    return ToolResult(call_id=call_id, content=content)
