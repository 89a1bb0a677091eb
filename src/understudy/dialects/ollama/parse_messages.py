"""Messages of Ollama's chats to the unified ones."""

from __future__ import annotations

import msgspec

from understudy.dialects.ollama.errors import bad_request
from understudy.dialects.ollama.parse_fields import extra_of, leftover_of
from understudy.dialects.ollama.wire import NAME
from understudy.domain.content import (
    AnyPart,
    Image,
    JsonObject,
    Provenance,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.media_types import sniff_image
from understudy.domain.messages import Message, Role

_ROLES = {"system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.TOOL}


class _Function(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class RequestMessage(msgspec.Struct):
    """A message of a chat."""

    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[_Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class MessageParser:
    """Parses the messages of one chat. Calls and results often have no ids: a call gets one from its position, and a
    result is matched to the earliest call of its name without a result. `extra` records which ids were missing."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[ToolCall] = []

    def message(self, sent: RequestMessage, raw: JsonObject) -> Message:
        """Parse one message. Raise `BadRequest`."""
        role = _ROLES.get(sent.role.lower())
        if role is None:
            raise bad_request(f'invalid role: {sent.role}, must be one of ["system", "user", "assistant", "tool"]')
        number, self._count = self._count, self._count + 1
        if role is Role.TOOL:
            return Message(role, (self._result(sent, raw, number),))
        content = parse_content(sent.content, sent.images)
        if sent.thinking or sent.tool_calls:
            parts: list[AnyPart] = []
            if sent.thinking:
                parts.append(Thinking(sent.thinking, provenance=Provenance(NAME)))
            parts += (Text(content),) if isinstance(content, str) and content else content or ()
            calls = zip(sent.tool_calls or (), raw.get("tool_calls") or (), strict=True)
            parts += [self._call(call, own, f"call_{number}_{n}") for n, (call, own) in enumerate(calls)]
            content = tuple(parts)
        return Message(role, content, extra=extra_of(leftover_of(raw, RequestMessage)))

    def _call(self, sent: _Call, raw: JsonObject, generated: str) -> ToolCall:
        arguments = bytes(sent.function.arguments).decode()
        if not arguments.startswith("{"):
            raise bad_request("arguments of a tool call must be an object")
        extra: JsonObject = leftover_of(raw, _Call)
        if not sent.id:
            extra.setdefault("id", None)
        if rest := leftover_of(raw["function"], _Function):
            extra["function"] = rest
        call = ToolCall(id=sent.id or generated, name=sent.function.name, arguments=arguments, extra=extra_of(extra))
        self._open.append(call)
        return call

    def _result(self, sent: RequestMessage, raw: JsonObject, number: int) -> ToolResult:
        call = self._answered(sent)
        if call is not None:
            self._open.remove(call)
        extra: JsonObject = leftover_of(raw, RequestMessage)
        for key in ("tool_call_id", "tool_name"):
            if not raw.get(key):
                extra.setdefault(key, None)
        return ToolResult(
            call_id=sent.tool_call_id or (call.id if call else f"call_{number}"),
            content=parse_content(sent.content, sent.images),
            name=sent.tool_name or (call.name if call else None),
            extra=extra_of(extra),
        )

    def _answered(self, sent: RequestMessage) -> ToolCall | None:
        if sent.tool_call_id:
            return next((call for call in self._open if call.id == sent.tool_call_id), None)
        named = [call for call in self._open if sent.tool_name in (None, "", call.name)]
        return named[0] if named else None


def parse_content(text: str | None, images: list[str] | None) -> str | tuple[AnyPart, ...]:
    """Parse a message's text and its images."""
    if not images:
        return text or ""
    pictures = [Image(data=data, media_type=sniff_image(data)) for data in images]
    return (Text(text), *pictures) if text else tuple(pictures)
