"""Arguments of tool calls that are not a JSON object.

OpenAI itself replays what its model wrote; servers that parse the string (llama.cpp, vLLM, Groq) refuse anything but an
object.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from understudy.dialects.base import WarningLog
from understudy.dialects.histories.sharing import shared
from understudy.domain.content import AnyPart, Json, ToolCall
from understudy.domain.messages import Message
from understudy.wire.json import encode

WRAPPED = "raw_arguments"
"""The field that holds arguments which are not an object."""

_object = msgspec.json.Decoder(dict[str, Json])
"""Decodes all of it: numbers out of range, which most servers cannot read, are refused too."""
_FLAWS = (msgspec.DecodeError, RecursionError, UnicodeEncodeError)


def with_object_arguments(messages: tuple[Message, ...], dialect: str, notes: WarningLog) -> tuple[Message, ...]:
    """Return the messages with arguments that are objects: empty ones become `{}`, others a field of an object."""
    return shared(messages, tuple([_message(message, dialect, notes) for message in messages]))


def _message(message: Message, dialect: str, notes: WarningLog) -> Message:
    if isinstance(message.content, str):
        return message
    old = message.content
    parts = shared(old, tuple([_part(part, dialect, notes) if type(part) is ToolCall else part for part in old]))
    return message if parts is old else replace(message, content=parts)


def _part(call: ToolCall, dialect: str, notes: WarningLog) -> AnyPart:
    if is_object(call.arguments) or _is_custom(call, dialect):
        return call
    if not call.arguments.strip():
        return replace(call, arguments="{}")
    notes.emulate("tool call arguments", f"they are not a JSON object; sent as the field `{WRAPPED}`")
    try:
        wrapped = msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, RecursionError):
        wrapped = call.arguments
    except UnicodeEncodeError:
        return call  # a lone surrogate: encoding the request reports it
    return replace(call, arguments=encode({WRAPPED: wrapped}).decode())


def is_object(arguments: str) -> bool:
    """Check whether arguments are a JSON object."""
    return are_objects((arguments,))


def are_objects(arguments: Iterable[str]) -> bool:
    """Check whether all arguments are JSON objects."""
    try:
        for _ in map(_object.decode, arguments):
            pass
    except _FLAWS:
        return False
    return True


def _is_custom(call: ToolCall, dialect: str) -> bool:
    """Check whether a call is one of a custom tool of this wire, whose input is any text."""
    return str((call.extra or {}).get(dialect, {}).get("type", "")).startswith("custom")
