"""Messages in OpenAI's form to the domain's. What has no typed place is kept in `extra["openai"]`, where it stood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from understudy.dialects.openai.errors import bad_request
from understudy.dialects.openai.wire import NAME
from understudy.dialects.server import BadRequest
from understudy.domain.content import (
    AnyPart,
    Audio,
    CacheMark,
    File,
    Image,
    JsonObject,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.errors import Misuse
from understudy.domain.media_types import parse_data_url
from understudy.domain.messages import Message, Role
from understudy.domain.suggestions import shown

_AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_BREAKPOINT = {"mode": "explicit"}


def read_messages(messages: Iterable[Mapping[str, Any]], *, first: int = 0) -> tuple[Message, ...]:
    """Parse messages as they are written for OpenAI's client. `first` is the number of the first in its list.

    Raise `Misuse`, which names the message and the field, for a malformed one.
    """
    try:
        return parse_messages(messages, first=first, strict=True)
    except BadRequest as error:
        raise Misuse(error.failure.message, failure=error.failure) from error


def parse_messages(messages: Iterable[Any], *, first: int = 0, strict: bool = False) -> tuple[Message, ...]:
    """Parse messages of a request. Raise `BadRequest`. A message without content is left to the provider to judge,
    unless `strict`."""
    reader = _MessageParser(strict=strict)
    found: list[Message] = []
    for message in messages:
        if type(message) is dict and len(message) == 2:  # most messages have only a role and text
            role, content = message.get("role"), message.get("content")
            if type(content) is str and type(role) is str and role in _PLAIN_ROLES:
                found.append(Message(_PLAIN_ROLES[role], content))
                continue
        found.append(reader.message(message, f"messages[{first + len(found)}]"))
    return tuple(found)


_PLAIN_ROLES = {role.value: role for role in Role if role is not Role.TOOL}


def rest_of(value: Mapping[str, Any], *known: str) -> dict[str, JsonObject] | None:
    """Return what no typed field holds, as `extra`. A null counts as an absent field."""
    rest = {key: item for key, item in value.items() if key not in known and item is not None}
    return {NAME: rest} if rest else None


class _MessageParser:
    """Reads one message after another; the deprecated function calls need ids that their results refer to."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._legacy = 0

    def message(self, value: Any, at: str) -> Message:
        if not isinstance(value, Mapping):
            raise bad_request(at, f"expected an object, got {_kind(value)}")
        role = value.get("role")
        content = value.get("content")
        match role:
            case "assistant":
                return self._assistant(value, at)
            case "tool":
                call_id = value.get("tool_call_id")
                if not isinstance(call_id, str):
                    raise bad_request(f"{at}.tool_call_id", "a tool message needs the id of the call that it answers")
                return _tool_message(value, at, call_id, "role", "content", "tool_call_id")
            case "function":
                return _tool_message(value, at, f"call_legacy_{max(self._legacy - 1, 0)}", "role", "content", "name")
            case "system" | "developer" | "user":
                if content is None and self._strict:
                    raise bad_request(f"{at}.content", "expected a string or an array of parts, got null")
                name = value.get("name")
                if name is not None and not isinstance(name, str):
                    raise bad_request(f"{at}.name", f"expected a string, got {_kind(name)}")
                extra = rest_of(value, "role", "content", "name")
                return Message(Role(role), _content(content, f"{at}.content"), name=name, extra=extra)
        known = "system, developer, user, assistant, tool or function"
        raise bad_request(f"{at}.role", f"expected one of {known}, got {shown(role)}", "invalid_value")

    def _assistant(self, value: Mapping[str, Any], at: str) -> Message:
        content = _content(value.get("content"), f"{at}.content")
        beside = self._beside(value, at)
        # Thinking is a part, and it also stays where it stood: servers differ in what they call it.
        known = ["role", "content", "name", "refusal", "tool_calls", "function_call"]
        name = value.get("name") if isinstance(value.get("name"), str) else None
        if isinstance(value.get("audio"), Mapping) and isinstance(value["audio"].get("id"), str):
            known.append("audio")
        if content == "" and beside and value.get("content") == "":
            # An empty text beside tool calls is kept for this wire alone: others refuse empty texts.
            known.remove("content")
        extra = rest_of(value, *known)
        if not beside:
            return Message(Role.ASSISTANT, content, name=name, extra=extra)
        texts = ((Text(content),) if content else ()) if isinstance(content, str) else content
        thinking = tuple(part for part in beside if isinstance(part, Thinking))
        others = tuple(part for part in beside if not isinstance(part, Thinking))
        return Message(Role.ASSISTANT, (*thinking, *texts, *others), name=name, extra=extra)

    def _beside(self, value: Mapping[str, Any], at: str) -> list[AnyPart]:
        parts: list[AnyPart] = []
        if isinstance(thinking := value.get("reasoning") or value.get("reasoning_content"), str):
            parts.append(Thinking(thinking))
        if isinstance(refusal := value.get("refusal"), str) and refusal:
            parts.append(Refusal(refusal))
        audio = value.get("audio")
        if isinstance(audio, Mapping) and isinstance(audio.get("id"), str):
            parts.append(Audio(file_id=audio["id"]))
        calls = value.get("tool_calls")
        if calls is not None:
            if not isinstance(calls, list | tuple):
                raise bad_request(f"{at}.tool_calls", f"expected an array, got {_kind(calls)}")
            parts += [_tool_call(call, f"{at}.tool_calls[{n}]") for n, call in enumerate(calls)]
        legacy = value.get("function_call")
        if legacy is not None:
            call = {"id": f"call_legacy_{self._legacy}", "type": "function", "function": legacy}
            parts.append(_tool_call(call, f"{at}.function_call"))
            self._legacy += 1
        return parts


def _tool_message(value: Mapping[str, Any], at: str, call_id: str, *known: str) -> Message:
    name = value.get("name")
    result = ToolResult(
        call_id=call_id,
        content=_content(value.get("content"), f"{at}.content"),
        name=name if isinstance(name, str) else None,
    )
    return Message(Role.TOOL, (result,), extra=rest_of(value, *known))


def _tool_call(value: Any, at: str) -> ToolCall:
    if not isinstance(value, Mapping):
        raise bad_request(at, f"expected an object, got {_kind(value)}")
    call_id = value.get("id")
    if not isinstance(call_id, str):
        raise bad_request(f"{at}.id", "a tool call needs an id, to which its result refers")
    custom, function = value.get("custom"), value.get("function")
    if isinstance(custom, Mapping):
        name, text = _string(custom, "name", f"{at}.custom"), _string(custom, "input", f"{at}.custom")
        rest = rest_of(value, "id", "type", "custom") or {NAME: {}}
        return ToolCall(id=call_id, name=name, arguments=text, extra={NAME: {"type": "custom", **rest[NAME]}})
    if not isinstance(function, Mapping):
        raise bad_request(f"{at}.function", f"expected an object, got {_kind(function)}")
    arguments = function.get("arguments")
    return ToolCall(
        id=call_id,
        name=_string(function, "name", f"{at}.function"),
        arguments="" if arguments is None else _string(function, "arguments", f"{at}.function"),
        extra=rest_of(value, "id", "type", "function"),
    )


def _content(value: Any, at: str) -> str | tuple[AnyPart, ...]:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list | tuple):
        raise bad_request(at, f"expected a string or an array of parts, got {_kind(value)}")
    return tuple(_part(part, f"{at}[{number}]") for number, part in enumerate(value))


def _part(value: Any, at: str) -> AnyPart:
    if isinstance(value, str):
        return Text(value)
    if not isinstance(value, Mapping):
        raise bad_request(at, f"expected a content part, got {_kind(value)}")
    kind = value.get("type")
    if not isinstance(kind, str):
        raise bad_request(f"{at}.type", "every content part needs a type", "missing_required_parameter")
    read = _READERS.get(kind)
    if read is None:
        return Opaque(NAME, dict(value))
    inner = value.get(kind)
    if kind in ("text", "refusal") or (kind == "image_url" and isinstance(inner, str)):
        inner = {kind: inner}
    if not isinstance(inner, Mapping):
        raise bad_request(f"{at}.{kind}", f"expected an object, got {_kind(inner)}")
    mark = value.get("prompt_cache_breakpoint")
    cache = CacheMark() if mark == _BREAKPOINT else None
    extra = rest_of(value, "type", kind)
    return read(inner, f"{at}.{kind}", {"cache": cache, "extra": extra})


def _text(value: Mapping[str, Any], at: str, common: JsonObject) -> AnyPart:
    return Text(_string(value, "text", at.removesuffix(".text")), **common)


def _refusal(value: Mapping[str, Any], at: str, common: JsonObject) -> AnyPart:
    return Refusal(_string(value, "refusal", at.removesuffix(".refusal")), **common)


def _image(value: Mapping[str, Any], at: str, common: JsonObject) -> AnyPart:
    url = _string(value, "image_url", at) if "image_url" in value else _string(value, "url", at)
    detail = value.get("detail")
    return Image(url=url, detail=detail if isinstance(detail, str) else None, **common).inline()


def _audio(value: Mapping[str, Any], at: str, common: JsonObject) -> AnyPart:
    kind = _string(value, "format", at)
    media_type = _AUDIO_TYPES.get(kind, f"audio/{kind}")
    return Audio(data=_string(value, "data", at), format=kind, media_type=media_type, **common)


def _file(value: Mapping[str, Any], at: str, common: JsonObject) -> AnyPart:
    name = value.get("filename")
    name = name if isinstance(name, str) else None
    if value.get("file_id") is not None:
        return File(file_id=_string(value, "file_id", at), name=name, **common)
    data = _string(value, "file_data", at)
    kind, data = parse_data_url(data) or (None, data)
    return File(data=data, media_type=kind, name=name, **common)


_READERS = {"text": _text, "refusal": _refusal, "image_url": _image, "input_audio": _audio, "file": _file}


def _string(value: Mapping[str, Any], key: str, at: str) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        raise bad_request(f"{at}.{key}", f"expected a string, got {_kind(found)}")
    return found


def _kind(value: Any) -> str:
    """JSON's name of a value's type."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", type(None): "null"}
    if isinstance(value, Mapping):
        return "an object"
    return names.get(type(value), "an array" if isinstance(value, list | tuple) else type(value).__name__)
