"""Messages and their content blocks to the unified ones."""

from __future__ import annotations

from typing import Any

from understudy.dialects.anthropic.citations import read_citation
from understudy.dialects.anthropic.errors import bad_request
from understudy.dialects.anthropic.wire import NAME
from understudy.domain.content import (
    AnyPart,
    CacheMark,
    File,
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
from understudy.wire.json import as_objects, encode

_TTLS = ("5m", "1h")


def parse_parts(value: str | list[Any]) -> str | tuple[AnyPart, ...]:
    """Parse the content of a message or tool result."""
    return value if isinstance(value, str) else tuple(parse_block(block) for block in value)


def parse_block(block: JsonObject) -> AnyPart:
    """Parse one block; one that only this dialect knows becomes `Opaque`."""
    match block:
        case {"type": "text", "text": str(text)}:
            read = tuple(map(read_citation, as_objects(block.get("citations"))))
            return Text(text, citations=read, **_common(block, "text", "citations"))
        case {"type": "image", "source": dict(source)}:
            return _image(block, source)
        case {"type": "document", "source": dict(source)}:
            return _document(block, source)
        case {"type": "tool_use", "id": str(call_id), "name": str(name)}:
            arguments = encode(block.get("input") or {}).decode()
            return ToolCall(id=call_id, name=name, arguments=arguments, **_common(block, "id", "name", "input"))
        case {"type": "tool_result", "tool_use_id": str(call_id)}:
            return _tool_result(block, call_id)
        case {"type": "thinking", "thinking": str(text)}:
            # An empty signature is what this library's own server half writes for another provider's thinking.
            signature = block.get("signature") or None
            origin = Provenance(NAME) if signature else None
            return Thinking(text, signature=signature, provenance=origin, **_common(block, "thinking", "signature"))
        case {"type": "redacted_thinking", "data": str(data)}:
            return Thinking(redacted=data, provenance=Provenance(NAME), **_common(block, "data"))
        case _:
            return Opaque(NAME, block)


def _common(block: JsonObject, *own: str) -> dict[str, Any]:
    """Return the fields `cache` and `extra` of a part: the cache mark, and what has no other place."""
    cache, extra = parse_cache(block, {"type", *own})
    return {"cache": cache, "extra": {NAME: extra} if extra else None}


def parse_cache(block: JsonObject, own: set[str]) -> tuple[CacheMark | None, JsonObject]:
    """Parse the cache mark of a block, tool or request, and gather the fields that are not its own.

    A mark with more than a lifetime goes to the extra fields as it is, beside the unified one.
    """
    extra = {key: value for key, value in block.items() if key not in own and value is not None}
    match extra.get("cache_control"):
        case {"type": "ephemeral", **rest}:
            ttl = rest.pop("ttl", None)
            if not rest and ttl in (None, *_TTLS):
                del extra["cache_control"]
            return CacheMark(ttl=ttl if isinstance(ttl, str) else None), extra
        case _:
            return None, extra


def _image(block: JsonObject, source: JsonObject) -> AnyPart:
    fields = _common(block, "source")
    match source:
        case {"type": "base64", "media_type": str(kind), "data": str(data), **rest} if not rest:
            return Image(data=data, media_type=kind, **fields)
        case {"type": "url", "url": str(url), **rest} if not rest:
            return Image(url=url, **fields)
        case {"type": "file", "file_id": str(file_id), **rest} if not rest:
            return Image(file_id=file_id, **fields)
        case _:
            return Opaque(NAME, block)


def _document(block: JsonObject, source: JsonObject) -> AnyPart:
    own: dict[str, Any] = {"name": block.get("title"), "context": block.get("context")}
    fields = _common(block, "source", "title", "context", "citations")
    match block.get("citations"):
        case None:
            pass
        case {"enabled": bool(enabled), **rest} if not rest:
            own["citations"] = enabled
        case _:
            return Opaque(NAME, block)
    match source:
        case {"type": "base64", "media_type": str(kind), "data": str(data), **more} if not more:
            return File(data=data, media_type=kind, **own, **fields)
        case {"type": "text", "media_type": "text/plain", "data": str(text), **more} if not more:
            return File(text=text, media_type="text/plain", **own, **fields)
        case {"type": "url", "url": str(url), **more} if not more:
            return File(url=url, **own, **fields)
        case {"type": "file", "file_id": str(file_id), **more} if not more:
            return File(file_id=file_id, **own, **fields)
        case _:
            return Opaque(NAME, block)


def _tool_result(block: JsonObject, call_id: str) -> AnyPart:
    content = block.get("content")
    match content:
        case None:
            read: str | tuple[AnyPart, ...] = ""
        case str():
            read = content
        case list() if all(isinstance(inner, dict) for inner in content):
            read = parse_parts(content)
        case _:
            return Opaque(NAME, block)
    error = block.get("is_error")
    fields = _common(block, "tool_use_id", "content", "is_error")
    return ToolResult(call_id=call_id, content=read, is_error=error if isinstance(error, bool) else None, **fields)


def parse_message(value: Any, n: int) -> Message:
    """Parse the n-th message. Raise `BadRequest`."""
    match value:
        case {"role": ("user" | "assistant" | "system") as role, "content": str() | list() as content, **rest}:
            kept: JsonObject = {str(name): field for name, field in rest.items() if field is not None}
            read = parse_content(content, f"messages.{n}.content")
            return Message(Role(role), read, extra={NAME: kept} if kept else None)
        case {"role": ("user" | "assistant" | "system"), **rest}:
            raise bad_request(
                f"messages.{n}.content: {'Input should be a valid list' if 'content' in rest else 'Field required'}"
            )
        case {"role": role}:
            raise bad_request(
                f"messages: Unexpected role {role!r}. The Messages API takes the roles user and assistant"
            )
        case _:
            raise bad_request(f"messages.{n}: Input does not match the expected shape.")


def parse_content(value: str | list[Any], where: str) -> Any:
    """Parse the content at `where`: a string or blocks. Raise `BadRequest`."""
    for n, block in enumerate(value if isinstance(value, list) else ()):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise bad_request(f"{where}.{n}: Input does not match the expected shape.")
    return parse_parts(value)
