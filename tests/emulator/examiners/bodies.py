"""Pieces of bodies that several tables share."""

from __future__ import annotations

import base64

from understudy.domain.content import JsonObject

Body = JsonObject

PNG = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()
PNG_URL = f"data:image/png;base64,{PNG}"


def turn(role: str, content: object, **fields: object) -> JsonObject:
    return {"role": role, "content": content, **fields}


def result(call_id: str, **fields: object) -> JsonObject:
    return {"role": "tool", "tool_call_id": call_id, "content": "18 degrees", **fields}


def call(call_id: str = "c1", name: str = "weather", arguments: object = "{}") -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: JsonObject, content: object = None) -> JsonObject:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def tool(name: str = "weather", parameters: object = None, **fields: object) -> JsonObject:
    schema = {"type": "object", "properties": {}} if parameters is None else parameters
    return {"type": "function", "function": {"name": name, "parameters": schema, **fields}}


def look(*urls: str) -> list[JsonObject]:
    return [{"type": "image_url", "image_url": {"url": url}} for url in urls]
