"""Messages to those of the Messages API, their parts to content blocks."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from understudy.dialects.anthropic.wire import NAME, STRICT_VERSION
from understudy.dialects.base import Endpoint, WarningLog, word_of
from understudy.dialects.histories.call_ids import CallIds, made_id
from understudy.dialects.histories.foreign import is_same_model
from understudy.dialects.histories.rules import TOOL_NAME, HistoryRules
from understudy.dialects.histories.texts import PLACEHOLDER
from understudy.dialects.media import FETCH, PDF, assume_pdf, fit, is_web_url, recast
from understudy.domain.content import (
    AnyPart,
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    JsonObject,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.messages import Message, Role

HISTORY = HistoryRules(
    tool_name=TOOL_NAME,
    paired=True,
    empty_text=False,
    blank_text=False,
    user_first=True,
    cache_marks=4,
)
"""From the service's refusals: "text content blocks must be non-empty", "text content blocks must contain
non-whitespace text", "A maximum of 4 blocks with cache_control may be provided"; names as documented for `tools`."""

FAILED = "(The tool call failed.)"
_TTLS = (None, "5m", "1h")
_FOREIGN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def encode_cache_control(mark: CacheMark, notes: WarningLog) -> JsonObject:
    """Encode a cache mark."""
    if mark.ttl not in _TTLS:
        notes.clamp("cache", f"this API does not support a lifetime of {mark.ttl}; its default is used")
        return {"type": "ephemeral"}
    return {"type": "ephemeral", "ttl": mark.ttl} if mark.ttl else {"type": "ephemeral"}


class BlockEncoder:
    """Encodes parts for one endpoint, with a warning for what it cannot carry."""

    def __init__(self, endpoint: Endpoint, version: str | None, notes: WarningLog) -> None:
        self._endpoint = endpoint
        self._quirks = endpoint.quirks
        self._strict = version is not None and version >= STRICT_VERSION
        self._notes = notes
        self.has_marks = False
        """Whether a block has a cache mark."""
        self._ids = CallIds(_tool_id, notes, distinct=True)

    def blocks(self, parts: tuple[AnyPart, ...], role: Role) -> list[JsonObject]:
        """Encode the parts of a message, without empty text, which the service refuses."""
        return [block for part in parts if not _is_blank(part, role) and (block := self._block(part, role)) is not None]

    def _block(self, part: AnyPart, role: Role) -> JsonObject | None:
        match part:
            case ToolCall():
                call_id = self._ids.of_call(part.id)
                block = {"type": "tool_use", "id": call_id, "name": part.name, "input": self._input(part)}
                return self._done(part, block)
            case ToolResult():
                return self._done(part, self._tool_result(part))
            case Text():
                return self._text(part, role)
            case Thinking():
                return self._thinking(part)
            case Image() | File():
                return self._media(part, role)
            case Refusal(text):
                return self._done(part, {"type": "text", "text": text})
            case Opaque(dialect, dict(json)) if dialect == NAME:
                return self._done(part, dict(json))
            case Opaque(dialect):
                self._notes.drop("opaque part", f"only the {dialect} dialect supports it")
                return None
            case Audio():
                self._notes.drop("audio", "this API does not accept audio")
                return None
            case Citation():
                self._notes.drop("citations", "only text can carry citations")
                return None

    def _done(self, part: Part, block: JsonObject) -> JsonObject:
        if part.cache is not None:
            block["cache_control"] = encode_cache_control(part.cache, self._notes)
            self.has_marks = True
        if part.extra and NAME in part.extra:
            block.update(part.extra[NAME])
        return block

    def _text(self, part: Text, role: Role) -> JsonObject:
        block: JsonObject = {"type": "text", "text": part.text}
        if part.citations and self._strict and role is not Role.ASSISTANT:
            self._notes.drop("citations", "this API version accepts them only in assistant messages")
        elif part.citations:
            own = [c.raw for c in part.citations if c.dialect == NAME and c.raw is not None]
            if len(own) < len(part.citations):
                self._notes.drop("citations", "citations of other providers cannot be expressed here")
            if own:
                block["citations"] = own
        return self._done(part, block)

    def _input(self, part: ToolCall) -> Any:
        try:
            arguments = part.parsed_arguments()
        except ValueError:
            arguments = part.arguments
        if isinstance(arguments, dict):
            return arguments
        self._notes.emulate("tool call arguments", "they are not a JSON object; sent as the field `raw_arguments`")
        return {"raw_arguments": arguments}

    def _tool_result(self, part: ToolResult) -> JsonObject:
        content: str | list[JsonObject] = (
            part.content if isinstance(part.content, str) else self.blocks(part.content, Role.TOOL)
        )
        block: JsonObject = {"type": "tool_result", "tool_use_id": self._ids.of_result(part.call_id)}
        if part.is_error is None:
            return block | {"content": content}
        if part.is_error and not content:
            content = FAILED  # "content cannot be empty if `is_error` is true"
        elif part.is_error and any(piece.get("type") != "text" for piece in _as_blocks(content)):
            # "all content must be type `text` if `is_error` is true"
            self._notes.emulate("tool result is_error", "a failed result with media is marked by a text")
            return block | {"content": [*_as_blocks(FAILED), *_as_blocks(content)]}
        return block | {"content": content, "is_error": part.is_error}

    def _thinking(self, part: Thinking) -> JsonObject | None:
        """Encode thinking unchanged, and only for the service that it came from."""
        if part.cache is not None:
            self._notes.drop("cache", "thinking cannot carry a cache mark")
        origin = part.provenance
        if origin is None or origin.dialect != NAME or not (part.signature or part.redacted):
            self._notes.drop("thinking", "only thinking that this provider signed can be sent back to it")
            return None
        if self._quirks.thinking_bound_to_model and not is_same_model(origin.model, self._endpoint.model):
            self._notes.drop("thinking", f"it was written by {origin.model}, and this model accepts only its own")
            return None
        if part.redacted is not None:
            return {"type": "redacted_thinking", "data": part.redacted}
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}

    def _media(self, part: Image | File, role: Role) -> JsonObject | None:
        if isinstance(part, File) and isinstance(other := recast(part), Image):
            self._notes.emulate("file", "it is sent as image, which its type is")
            part = other
        if self._refuses_media(part, role):
            return None
        return self._image(part) if isinstance(part, Image) else self._file(part)

    def _refuses_media(self, part: Image | File, role: Role) -> bool:
        kind = "image" if isinstance(part, Image) else "file"
        if kind not in self._quirks.inputs:
            self._notes.drop(kind, "this model does not accept it")
        elif role is Role.SYSTEM:
            self._notes.drop(kind, "system prompts contain only text")
        elif role is Role.ASSISTANT and (kind == "image" or self._strict):
            self._notes.drop(kind, "assistant messages cannot carry it")
        else:
            return False
        return True

    def _image(self, part: Image) -> JsonObject | None:
        fitting = fit(part, self._quirks.image_types, self._notes)
        source = self._source(fitting) if fitting is not None else None
        if source is None:
            return None
        if part.detail not in (None, "auto"):
            self._notes.drop("image detail", "this API has no such setting")
        return self._done(part, {"type": "image", "source": source})

    def _file(self, part: File) -> JsonObject | None:
        text = part.located().plain_text()
        source: JsonObject | None = {"type": "text", "media_type": "text/plain", "data": text}
        if text is None:
            fitting = fit(assume_pdf(part), (PDF,), self._notes)
            source = self._source(fitting) if fitting is not None else None
        if source is None:
            return None
        block: JsonObject = {"type": "document", "source": source}
        if part.name:
            block["title"] = part.name
        if part.context:
            block["context"] = part.context
        if part.citations is not None:
            block["citations"] = {"enabled": part.citations}
        return self._done(part, block)

    def _source(self, part: Image | File) -> JsonObject | None:
        """Encode where the bytes of a fitting medium are."""
        what = word_of(part)
        if part.file_id is not None:
            return {"type": "file", "file_id": part.file_id}
        if part.data is not None:
            return {"type": "base64", "media_type": part.media_type, "data": part.data}
        if part.url is None:
            self._notes.drop(what, "it has no bytes, URL or file id")
        elif not self._quirks.image_urls:
            self._notes.drop(f"{what} url", f"this target accepts it only as bytes; {FETCH}")
        elif not is_web_url(part.url, secure=True):
            self._notes.drop(f"{what} url", f"only https URLs are accepted; {FETCH}")
        else:
            return {"type": "url", "url": part.url}
        return None


def _is_blank(part: AnyPart, role: Role) -> bool:
    """Check whether a part is empty text, which the service refuses; in assistant messages also white space."""
    return type(part) is Text and (not part.text or (role is Role.ASSISTANT and part.text.isspace()))


def _tool_id(call_id: str) -> str:
    """Return an id without characters that this API refuses, which ids of other providers may have."""
    return _FOREIGN_ID.sub("_", call_id) or made_id(call_id)


_SYSTEM = frozenset({Role.SYSTEM, Role.DEVELOPER})
_ROLES = {role: "user" if role is Role.TOOL else role.value for role in Role}
"""Tool results are in user messages."""


class MessageEncoder:
    """Writes messages in the two roles of this wire: system text apart, tool results in user messages."""

    def __init__(self, endpoint: Endpoint, version: str | None, notes: WarningLog) -> None:
        self._writer = BlockEncoder(endpoint, version, notes)
        self._quirks = endpoint.quirks
        self._notes = notes
        self._system: list[Message] = []
        self._waiting: list[Message] = []
        self._messages: list[JsonObject] = []

    @property
    def has_marks(self) -> bool:
        """Whether a block has a cache mark."""
        return self._writer.has_marks

    def write(self, messages: tuple[Message, ...]) -> tuple[str | list[JsonObject] | None, list[JsonObject]]:
        """Return the system prompt and the messages."""
        for message in messages:
            if message.name is not None:
                self._notes.drop("name", "message names are not supported here")
            if message.role not in _SYSTEM:
                self._append(message)
            elif self._messages and self._quirks.mid_system:
                self._waiting.append(message)
            else:
                self._move(message)
        self._append_waiting()
        for message in self._waiting:
            self._move(message)
        if not self._messages and self._system:
            # This wire demands a message; others take a system prompt alone.
            self._notes.emulate(
                "messages", "the system message is sent as a user message, because there is no other message"
            )
            self._append(msgspec.structs.replace(self._system.pop(), role=Role.USER))
        if not self._messages:
            self._notes.emulate("messages", "this API requires a message; nothing else is left of the conversation")
            self._append(Message.user(PLACEHOLDER))
        self._refuse_prefill(messages)
        self._trim_prefill()
        return self._system_prompt(), self._messages

    def _move(self, message: Message) -> None:
        if self._messages:
            self._notes.emulate("messages", "a system message in the middle was moved to the system prompt")
        self._system.append(message)

    def _append_waiting(self) -> None:
        """Write the system messages of the middle where they are accepted: as one, behind the user and before the
        assistant ("a system message must follow a user message", "must be last or be followed by an assistant
        message")."""
        if not self._waiting or not self._messages or self._messages[-1]["role"] != "user":
            return
        first, *others = self._waiting
        parts = tuple(part for message in self._waiting for part in message.parts)
        self._append(msgspec.structs.replace(first, role=Role.SYSTEM, content=parts if others else first.content))
        self._waiting = []

    def _append(self, message: Message) -> None:
        role = _ROLES[message.role]
        content = self._content(message)
        if not content and not (isinstance(message.content, str) and message.role is Role.USER):
            return  # Nothing of it can be expressed here; what was omitted has a warning.
        if self._waiting and message.role is Role.ASSISTANT:
            self._append_waiting()
        last = self._messages[-1] if self._messages else None
        extra = {} if message.extra is None else message.extra.get(NAME, {})
        if last is None or last["role"] != role or role == "system":
            self._messages.append({"role": role, "content": content, **extra})
            return
        blocks = [*_as_blocks(last["content"]), *_as_blocks(content)]
        # Tool results must come first in their message, and all those of one turn together.
        last["content"] = sorted(blocks, key=_is_no_result)
        last.update(extra)

    def _content(self, message: Message) -> str | list[JsonObject]:
        if message.role is Role.TOOL and isinstance(message.content, str):
            self._notes.drop("tool message", "it does not name the tool call that it answers")
            return ""
        if isinstance(message.content, str):
            return message.content if message.role is not Role.ASSISTANT or message.content.strip() else ""
        blocks = self._writer.blocks(message.content, message.role)
        return sorted(blocks, key=_is_no_result) if message.role is Role.USER else blocks

    def _system_prompt(self) -> str | list[JsonObject] | None:
        match self._system:
            case [Message(content=str(text))]:
                return text or None
            case system:
                return [
                    block for message in system for block in self._writer.blocks(message.parts, Role.SYSTEM)
                ] or None

    def _trim_prefill(self) -> None:
        """Remove white space at the end of a begun answer ("final assistant content cannot end with trailing
        whitespace"): of what is really sent, because parts behind it may have been left out."""
        last = self._messages[-1]
        if last["role"] != "assistant":
            return
        holder, key = (last, "content") if isinstance(last["content"], str) else (last["content"][-1], "text")
        text = holder.get(key) if holder.get("type") in (None, "text") else None
        if isinstance(text, str) and text != text.rstrip():
            self._notes.emulate("prefill", "white space at its end was removed, which this API refuses there")
            holder[key] = text.rstrip()

    def _refuse_prefill(self, messages: tuple[Message, ...]) -> None:
        """Leave out a begun answer if the model refuses it. A paused turn, which holds hosted tools' blocks, is
        not one: it is sent back as it is."""
        if self._quirks.prefill or self._messages[-1]["role"] != "assistant":
            return
        if len(self._messages) == 1:
            self._notes.emulate("messages", "this API requires a user message at the end, and none is left")
            self._append(Message.user(PLACEHOLDER))
            return
        if any(isinstance(part, Opaque) and part.dialect == NAME for part in messages[-1].parts):
            return
        self._messages.pop()
        self._notes.drop("prefill", "this model does not continue an answer begun by the caller")


def _is_no_result(block: JsonObject) -> bool:
    return block.get("type") != "tool_result"


def _as_blocks(content: str | list[JsonObject]) -> list[JsonObject]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content


def is_unsigned_turn(messages: list[JsonObject]) -> bool:
    """Check whether the assistant's turn under way, with its calls and results, does not begin with thinking.

    With thinking by budget the service refuses that: "a final `assistant` message must start with a thinking block
    (preceeding the lastmost set of `tool_use` and `tool_result` blocks)". Adaptive thinking has no such rule.
    """
    begin: list[JsonObject] = []
    for message in reversed(messages):
        if message["role"] == "assistant":
            begin = _as_blocks(message["content"])
        elif message["role"] == "user" and all(map(_is_no_result, _as_blocks(message["content"]))):
            break
    return bool(begin) and begin[0].get("type") not in ("thinking", "redacted_thinking")
