"""Parses the messages and parts of requests."""

from __future__ import annotations

from typing import Any

from understudy.dialects.gemini.errors import bad_request
from understudy.dialects.gemini.media import read_media
from understudy.dialects.gemini.parse_fields import objects_of
from understudy.dialects.gemini.wire import NAME, SIGNATURE
from understudy.domain.content import AnyPart, JsonObject, Opaque, Provenance, Text, Thinking, ToolCall, ToolResult
from understudy.domain.messages import Message, Role
from understudy.wire.json import encode

_ROLES = {"user": Role.USER, "model": Role.ASSISTANT, "function": Role.TOOL, "tool": Role.TOOL}


class PartParser:
    """Parses the parts of one conversation, in order. Names are in camel case already.

    A call without an id gets one from its place, and a result without one is matched to the earliest call of its name
    that has no result yet.
    """

    def __init__(self) -> None:
        self._calls = 0
        self._open: list[ToolCall] = []

    def parts(self, parts: list[JsonObject]) -> tuple[AnyPart, ...]:
        """Parse the parts of one content."""
        return tuple(self.part(part) for part in parts)

    def part(self, part: JsonObject) -> AnyPart:
        """Parse one part; one that only this dialect has becomes `Opaque`."""
        match part:
            case {"text": str(text), "thought": True}:
                rest = _rest(part, "text", "thought", SIGNATURE)
                signature = part.get(SIGNATURE)
                return Thinking(text, signature=signature, provenance=Provenance(NAME), extra=_extra(rest))
            case {"text": str(text)}:
                return Text(text, extra=_extra(_rest(part, "text")))
            case {"functionCall": {"name": str(name)} as call}:
                return self._call(name, call, _rest(part, "functionCall"))
            case {"functionResponse": {"name": str(name)} as response}:
                return self._result(name, response, _rest(part, "functionResponse"))
            case {"inlineData": {"mimeType": str(kind), "data": str(data), **more}} if not more:
                return read_media(kind, data=data, extra=_extra(_rest(part, "inlineData")))
            case {"fileData": {"fileUri": str(address), "mimeType": str(kind), **more}} if not more:
                return read_media(kind, url=address, extra=_extra(_rest(part, "fileData")))
            case {"fileData": {"fileUri": str(address), **more}} if not more:
                return read_media(None, url=address, extra=_extra(_rest(part, "fileData")))
            case _:
                return Opaque(NAME, part)

    def _call(self, name: str, call: JsonObject, beside: JsonObject) -> ToolCall:
        number, self._calls = self._calls, self._calls + 1
        own = _rest(call, "id", "name", "args")
        given = call.get("id")
        if not given:
            own["id"] = None
        arguments = call.get("args")
        read = ToolCall(
            id=given or f"call_{number}",
            name=name,
            arguments="{}" if arguments is None else encode(arguments).decode(),
            provenance=Provenance(NAME) if SIGNATURE in beside else None,
            extra=_extra({**beside, "functionCall": own} if own else beside),
        )
        self._open.append(read)
        return read

    def _result(self, name: str, response: JsonObject, beside: JsonObject) -> ToolResult:
        given = response.get("id")
        answered = next((call for call in self._open if (call.id == given if given else call.name == name)), None)
        if answered is not None:
            self._open.remove(answered)
        own = _rest(response, "id", "name", "response", "parts")
        if not given:
            own["id"] = None
        text, is_error, is_plain = _parse_response(response.get("response"), name)
        if not is_plain:
            own["response"] = response.get("response")
        media = response.get("parts")
        content: str | tuple[AnyPart, ...] = text
        if isinstance(media, list) and media:
            pieces = tuple(self.part(piece) for piece in media if isinstance(piece, dict))
            content = (Text(text), *pieces) if text else pieces
        return ToolResult(
            call_id=given or (answered.id if answered is not None else name),
            name=name,
            content=content,
            is_error=is_error,
            extra=_extra({**beside, "functionResponse": own} if own else beside),
        )


def _parse_response(response: Any, name: str) -> tuple[str, bool | None, bool]:
    """Return the text of a tool's result, whether it is an error, and whether the text is all of it."""
    match response:
        case {"output": str(text), **rest} if not rest:
            return text, None, True
        case {"error": str(text), **rest} if not rest:
            return text, True, True
        # As Google's own client and pydantic-ai write what a function of the program returned.
        case {"result": str(text), **rest} | {"return_value": str(text), **rest} if not rest:
            return text, None, False
        case {"name": str(called), "content": str(text), **rest} if not rest and called == name:
            return text, None, False  # as Vercel's AI SDK writes every result
        case None:
            return "", None, False
        case _:
            return encode(response).decode(), None, False


def _rest(body: JsonObject, *own: str) -> JsonObject:
    return {name: value for name, value in body.items() if name not in own and value is not None}


def _extra(fields: JsonObject) -> dict[str, JsonObject] | None:
    return {NAME: fields} if fields else None


def parse_content(value: Any, n: int, reader: PartParser) -> Message:
    """Parse the n-th content. Raises `BadRequest`."""
    where = f"contents[{n}]"
    if not isinstance(value, dict):
        raise bad_request(f"Invalid value at '{where}': it must be an object")
    role = value.get("role")
    if role is not None and (not isinstance(role, str) or role not in _ROLES):
        raise bad_request("Please use a valid role: user, model.")
    parts = objects_of(value.get("parts"), f"{where}.parts")
    if not parts:
        raise bad_request(f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.")
    read = reader.parts([{key: item for key, item in part.items() if item is not None} for part in parts])
    own = {key: item for key, item in value.items() if key not in ("role", "parts") and item is not None}
    if role not in ("user", "model"):
        own["role"] = role
    return Message(_ROLES[role or "user"], read, extra={NAME: own} if own else None)


def parse_system(value: Any, reader: PartParser) -> Message:
    """Parse a system instruction. Its role means nothing, but clients write one."""
    if not isinstance(value, dict):
        raise bad_request("Invalid value at 'system_instruction': it must be an object")
    parts = reader.parts(objects_of(value.get("parts"), "system_instruction.parts"))
    own = {key: item for key, item in value.items() if key != "parts" and item is not None}
    return Message(Role.SYSTEM, parts, extra={NAME: own} if own else None)
