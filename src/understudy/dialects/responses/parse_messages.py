"""`input` items to messages: the inverse of `encode_messages`.

Items that an assistant wrote (messages, calls, reasoning, hosted tools) are gathered into turns, results into tool
messages. A field without a typed place stays in `extra["responses"]` of the message or part whose item it was.
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.responses.citations import read_citation
from understudy.dialects.responses.errors import bad_request
from understudy.dialects.responses.wire import CALL_TEXT, NAME
from understudy.domain.content import (
    AnyPart,
    CacheMark,
    File,
    Image,
    JsonObject,
    Opaque,
    Provenance,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.media_types import parse_data_url
from understudy.domain.messages import Message, Role
from understudy.wire.json import as_objects

_CALLERS = frozenset({"mcp_approval_response"})
_ROLES = {"user": Role.USER, "system": Role.SYSTEM, "developer": Role.DEVELOPER}


def parse_messages(items: list[JsonObject]) -> list[Message]:
    """Parse the items of `input`. Raise `BadRequest`."""
    turns = _MessageParser()
    for position, item in enumerate(items):
        turns.add(item, f"input[{position}]")
    return turns.messages()


class _MessageParser:
    """Gathers items into messages."""

    def __init__(self) -> None:
        self._done: list[Message] = []
        self._role = Role.ASSISTANT
        self._open: list[AnyPart] = []

    def messages(self) -> list[Message]:
        """Return the conversation."""
        self._close()
        return self._done

    def add(self, item: JsonObject, where: str) -> None:
        """Parse one item."""
        kind = item.get("type")
        if not isinstance(kind, str | None):
            raise bad_request("the type of an item must be a string", param=f"{where}.type")
        if kind in (None, "message") and "role" in item:
            self._add_message(item, where)
        elif kind in CALL_TEXT:
            self._push(Role.ASSISTANT, _call(item, where))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            self._push(Role.TOOL, _result(item, where))
        elif kind == "reasoning":
            self._push(Role.ASSISTANT, _thinking(item))
        elif kind == "item_reference" or (kind is None and item.keys() == {"id"}):
            raise bad_request("items cannot be referenced: no responses are stored here; send them whole", param=where)
        elif isinstance(kind, str):
            caller = kind in _CALLERS or kind.endswith("_output")
            self._push(Role.TOOL if caller else Role.ASSISTANT, Opaque(NAME, item))
        else:
            raise bad_request("an item needs a type or a role", param=where)

    def _add_message(self, item: JsonObject, where: str) -> None:
        content = item.get("content")
        if not isinstance(content, str | list):
            raise bad_request("content must be a string or an array of parts", param=f"{where}.content")
        about = {key: value for key, value in item.items() if key not in ("role", "content")}
        if item["role"] == "assistant":
            if any(isinstance(part, Text | Refusal) for part in self._open):
                self._close()  # One turn, one message: what comes after is written as the next.
            for part in _answer(content, about, where):
                self._push(Role.ASSISTANT, part)
            return
        role = _ROLES.get(item["role"]) if isinstance(item["role"], str) else None
        if role is None:
            raise bad_request(f"unknown role {item['role']!r}", param=f"{where}.role")
        self._close()
        self._done.append(Message(role, parse_content(content, f"{where}.content"), extra=_extra(about)))

    def _push(self, role: Role, part: AnyPart) -> None:
        if role is not self._role:
            self._close()
        self._role = role
        self._open.append(part)

    def _close(self) -> None:
        match self._open:
            case []:
                return
            case [Text(text, citations=(), extra=None)] if self._role is Role.ASSISTANT:
                self._done.append(Message(self._role, text))
            case parts:
                self._done.append(Message(self._role, tuple(parts)))
        self._open = []


def parse_content(content: str | list[Any], where: str) -> str | tuple[AnyPart, ...]:
    """Parse the content of a user's or system message, or of a tool's output. Raise `BadRequest`."""
    if isinstance(content, str):
        return content
    return tuple(_piece(piece, f"{where}[{position}]") for position, piece in enumerate(content))


def _piece(piece: Any, where: str) -> AnyPart:
    if not isinstance(piece, dict) or not isinstance(piece.get("type"), str):
        raise bad_request("a content part needs a type", param=where)
    mark = CacheMark() if piece.get("prompt_cache_breakpoint") == {"mode": "explicit"} else None
    rest = {key: value for key, value in piece.items() if key != "type" and value is not None}
    if mark is not None:
        del rest["prompt_cache_breakpoint"]
    match piece["type"]:
        case "input_text":
            text = rest.pop("text", None)
            if not isinstance(text, str):
                raise bad_request("text must be a string", param=f"{where}.text")
            return Text(text, cache=mark, extra=_extra(rest))
        case "input_image":
            url, file_id, detail = (_string(rest, field, where) for field in ("image_url", "file_id", "detail"))
            return Image(url=url, file_id=file_id, detail=detail, cache=mark, extra=_extra(rest)).inline()
        case "input_file":
            return _file(rest, mark, where)
        case _:
            return Opaque(NAME, piece)


def _string(rest: JsonObject, field: str, where: str) -> str | None:
    value = rest.pop(field, None)
    if value is not None and not isinstance(value, str):
        raise bad_request(f"{field} must be a string", param=f"{where}.{field}")
    return value


def _file(rest: JsonObject, mark: CacheMark | None, where: str) -> File:
    raw = _string(rest, "file_data", where)
    # Otherwise it is plain base64, of a type that only the file's name shows.
    kind, data = (parse_data_url(raw) if raw is not None else None) or (None, raw)
    url, file_id, name = (_string(rest, field, where) for field in ("file_url", "file_id", "filename"))
    return File(url=url, data=data, media_type=kind, file_id=file_id, name=name, cache=mark, extra=_extra(rest))


def _answer(content: str | list[Any], about: JsonObject, where: str) -> list[AnyPart]:
    item = {"item": about} if about else {}
    if isinstance(content, str):
        return [Text(content, extra=_extra(item))]
    parts: list[AnyPart] = []
    for position, piece in enumerate(content):
        kind = piece.get("type") if isinstance(piece, dict) else None
        match kind:
            case "output_text" | "input_text" | "text":
                rest = {key: value for key, value in piece.items() if key not in ("type", "text", "annotations")}
                citations = tuple(read_citation(note) for note in as_objects(piece.get("annotations")))
                parts.append(Text(piece.get("text") or "", citations=citations, extra=_extra(rest | item)))
            case "refusal":
                rest = {key: value for key, value in piece.items() if key not in ("type", "refusal")}
                parts.append(Refusal(piece.get("refusal") or "", extra=_extra(rest | item)))
            case _:
                raise bad_request(
                    "an assistant's content is output_text or refusal", param=f"{where}.content[{position}]"
                )
    return parts


def _call(item: JsonObject, where: str) -> ToolCall:
    kind = item["type"]
    call_id, name, text = item.get("call_id"), item.get("name"), item.get(CALL_TEXT[kind])
    if not (isinstance(call_id, str) and isinstance(name, str) and isinstance(text, str)):
        raise bad_request(f"a {kind} needs call_id, name and {CALL_TEXT[kind]} as strings", param=where)
    known = {"call_id", "name", CALL_TEXT[kind]} | ({"type"} if kind == "function_call" else set())
    rest = {key: value for key, value in item.items() if key not in known}
    return ToolCall(id=call_id, name=name, arguments=text, extra=_extra(rest))


def _result(item: JsonObject, where: str) -> ToolResult:
    call_id, output, name = item.get("call_id"), item.get("output"), item.get("name")
    if not isinstance(call_id, str) or not isinstance(output, str | list):
        raise bad_request("a tool's output needs call_id, and output as a string or an array of parts", param=where)
    known = {"call_id", "output"} | ({"type"} if item["type"] == "function_call_output" else set())
    rest = {key: value for key, value in item.items() if key not in known}
    content = parse_content(output, f"{where}.output")
    return ToolResult(call_id=call_id, content=content, name=name, extra=_extra(rest))


def _thinking(item: JsonObject) -> Thinking:
    pieces = [*as_objects(item.get("summary")), *as_objects(item.get("content"))]
    text = "\n\n".join(str(piece.get("text") or "") for piece in pieces)
    encrypted = item.get("encrypted_content")
    return Thinking(text, signature=encrypted, provenance=Provenance(NAME), extra={NAME: item})


def _extra(rest: JsonObject) -> dict[str, JsonObject] | None:
    return {NAME: rest} if rest else None
