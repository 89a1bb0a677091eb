"""Encoding Ollama's messages: text is one string, with images beside it as bare base64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from understudy.dialects.base import Endpoint, WarningLog, word_of
from understudy.dialects.failed_results import with_error_in_text
from understudy.dialects.histories.rules import HistoryRules
from understudy.dialects.media import FETCH, fit, recast, text_of
from understudy.dialects.ollama.wire import NAME, RAW_ARGUMENTS, write_arguments
from understudy.domain.content import (
    AnyPart,
    Audio,
    Citation,
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
from understudy.domain.messages import Message, Role

HISTORY = HistoryRules(object_arguments=True)
"""The server compares no ids and accepts any name; it decodes arguments as an object."""


def apply_extra(target: JsonObject, extra: dict[str, JsonObject] | None) -> JsonObject:
    """Set the wire fields of `extra` on an object: `None` removes a field, a tool's `function` is merged."""
    for key, value in (extra or {}).get(NAME, {}).items():
        if value is None:
            target.pop(key, None)
        elif key == "function" and isinstance(target.get(key), dict):
            target[key] = {**target[key], **value}
        else:
            target[key] = value
    return target


class MessageEncoder:
    """Encodes the messages of one request. `notes` collects what they cannot express."""

    def __init__(self, endpoint: Endpoint, notes: WarningLog) -> None:
        self._endpoint = endpoint
        self._notes = notes
        self._names: dict[str, str] = {}

    def write(self, messages: Sequence[Message]) -> Iterator[JsonObject]:
        """Return the messages. Tool results become separate messages, before the rest of theirs."""
        for message in messages:
            results = [part for part in message.parts if isinstance(part, ToolResult)]
            rest = [part for part in message.parts if not isinstance(part, ToolResult)]
            for result in results:
                yield self._result(result)
            if rest or not results:
                written = self._message(message, rest)
                # Nothing is left of a message with parts of another provider only, such as its thinking.
                if not rest or len(written) > 2 or written["content"]:
                    yield written

    def _message(self, message: Message, parts: Sequence[AnyPart]) -> JsonObject:
        if message.name is not None:
            self._notes.drop("name", "Ollama's messages have no names")
        # Pieces of an answer are joined; blocks of a prompt are separate lines.
        separator = "" if message.role is Role.ASSISTANT else "\n"
        written = self._content(self._role(message.role), parts, separator)
        if thinking := "".join(part.text for part in parts if isinstance(part, Thinking) and self._may_replay(part)):
            written["thinking"] = thinking
        if calls := [self._call(part) for part in parts if isinstance(part, ToolCall)]:
            written["tool_calls"] = calls
        return apply_extra(written, message.extra)

    def _role(self, role: Role) -> str:
        if role in (Role.SYSTEM, Role.DEVELOPER):
            return "user" if self._endpoint.quirks.system_role == "user" else "system"
        return role.value

    def _content(self, role: str, parts: Sequence[AnyPart], separator: str) -> JsonObject:
        texts: list[str] = []
        images: list[str] = []
        for part in parts:
            if part.cache is not None:
                self._notes.drop("cache", "Ollama's cache does not support marks")
            match part:
                case Text(text) | Refusal(text):
                    texts.append(text)
                    if isinstance(part, Text) and part.citations:
                        self._notes.drop("citations", "Ollama's messages have no citations")
                case Image():
                    if (data := self._image(part)) is not None:
                        images.append(data)
                case File():
                    said, data = self._file(part)
                    texts += [said] if said is not None else []
                    images += [data] if data is not None else []
                case Audio() | Citation():
                    self._notes.drop(word_of(part), "Ollama's messages cannot contain it")
                case Opaque(dialect):
                    self._notes.drop("opaque part", f"only the {dialect} dialect supports it")
                case _:
                    pass
        written: JsonObject = {"role": role, "content": separator.join(texts)}
        if images:
            written["images"] = images
        return written

    def _image(self, image: Image) -> str | None:
        if "image" not in self._endpoint.quirks.inputs:
            self._notes.drop("image", "the model does not accept images")
            return None
        if image.detail not in (None, "auto"):
            self._notes.drop("image detail", "Ollama has no such setting")
        fitting = fit(image, self._endpoint.quirks.image_types, self._notes, typed=False)
        if fitting is None or fitting.data is not None:
            return None if fitting is None else fitting.data
        if image.url:
            self._notes.drop("image url", f"Ollama accepts images only as bytes; {FETCH}")
        else:
            self._notes.drop("image file_id", "Ollama accepts images only as bytes")
        return None

    def _file(self, file: File) -> tuple[str | None, str | None]:
        """Return the text of a file, or its bytes if it is an image."""
        if isinstance(other := recast(file), Image):
            self._notes.emulate("file", "it is sent as image, which its type is")
            return None, self._image(other)
        if (text := text_of(file)) is None:
            self._notes.drop("file", "Ollama's messages cannot contain it")
        else:
            self._notes.emulate("file", "its text was added to the message")
        return text, None

    def _may_replay(self, thinking: Thinking) -> bool:
        origin = thinking.provenance
        if thinking.redacted is not None or (origin is not None and origin.dialect != NAME):
            self._notes.drop("thinking", "it belongs to another provider")
            return False
        if thinking.signature is not None and not thinking.text:
            self._notes.drop("thinking", "only readable thinking is accepted here")
            return False
        bound = self._endpoint.quirks.thinking_bound_to_model
        if bound and origin is not None and origin.model != self._endpoint.model:
            self._notes.drop("thinking", "it belongs to another model")
            return False
        return True

    def _call(self, call: ToolCall) -> JsonObject:
        self._names[call.id] = call.name
        arguments, is_object = write_arguments(call.arguments)
        if not is_object:
            self._notes.emulate(
                "tool call arguments", f"they are not a JSON object; sent as text under {RAW_ARGUMENTS!r}"
            )
        function = {"name": call.name, "arguments": arguments}
        return apply_extra({"id": call.id, "function": function}, call.extra)

    def _result(self, result: ToolResult) -> JsonObject:
        result = with_error_in_text(result)
        content = result.content
        if result.cache is not None:
            self._notes.drop("cache", "Ollama's cache does not support marks")
        written = self._content("tool", (Text(content),) if isinstance(content, str) else content, "\n")
        if name := result.name or self._names.get(result.call_id):
            written["tool_name"] = name
        if result.call_id:
            written["tool_call_id"] = result.call_id
        return apply_extra(written, result.extra)
