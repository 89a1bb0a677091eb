"""Messages of the unified request to those of Cohere's chat."""

from __future__ import annotations

import re
from typing import Any

from understudy.dialects.base import Endpoint, WarningLog, word_of
from understudy.dialects.cohere.citations import citations_of, write_citation
from understudy.dialects.cohere.wire import NAME, PLAN, is_plan
from understudy.dialects.failed_results import with_error_in_text
from understudy.dialects.histories.rules import HistoryRules
from understudy.dialects.histories.texts import PLACEHOLDER
from understudy.dialects.media import FETCH, fit, is_web_url, recast
from understudy.domain.content import (
    AnyPart,
    Audio,
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
    tool_name=re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}"),
    paired=True,
    unique_ids=True,
    object_arguments=True,
    result_media=frozenset(),
    empty_text=False,
)
"""Names as documented for tools (letters, digits and underscores, no digit first); tool messages carry texts and
documents (cohere 7.3.1, `ToolMessageV2Content`)."""


class MessageEncoder:
    """Encodes messages for one endpoint, and logs what it cannot express.

    Plain-text files are collected in `documents`, a field of the request.
    """

    def __init__(self, endpoint: Endpoint, notes: WarningLog) -> None:
        self._quirks = endpoint.quirks
        self._notes = notes
        self.documents: list[JsonObject] = []

    def write(self, messages: tuple[Message, ...]) -> list[JsonObject]:
        """Return the messages of the wire: one for each tool result, whichever message contains it."""
        written: list[JsonObject] = []
        for message in messages:
            if message.name is not None:
                self._notes.drop("name", "message names are not supported here")
            written += self._message(message)
        if not written:
            self._notes.emulate("messages", "this API requires a message; nothing else is left of the conversation")
            written.append({"role": "user", "content": PLACEHOLDER})
        return written

    def _message(self, message: Message) -> list[JsonObject]:
        extra = (message.extra or {}).get(NAME, {})
        match message.role:
            case Role.ASSISTANT:
                bodies = self._assistant(message)
            case Role.TOOL | Role.USER:
                results = [self._result(part) for part in message.parts if isinstance(part, ToolResult)]
                bodies = [*results, *self._speech(message)]
            case Role.SYSTEM | Role.DEVELOPER:
                bodies = self._plain("system", message)
        if bodies and extra:
            bodies[0].update(extra)
        return bodies

    def _plain(self, role: str, message: Message) -> list[JsonObject]:
        if isinstance(message.content, str):
            return [{"role": role, "content": message.content}]
        if any(isinstance(part, Text) and part.citations for part in message.content):
            self._no("citations", "only an assistant's message can carry citations")
        blocks = self._blocks(message.content, message.role)
        return [{"role": role, "content": blocks}] if blocks or not message.content else []

    def _speech(self, message: Message) -> list[JsonObject]:
        """Return what a message contains besides its tool results."""
        if message.role is Role.USER:
            others = tuple(part for part in message.parts if not isinstance(part, ToolResult))
            if isinstance(message.content, str) or len(others) == len(message.content):
                return self._plain("user", message)
            return self._plain("user", Message(Role.USER, others)) if others else []
        if isinstance(message.content, str) or not all(isinstance(part, ToolResult) for part in message.content):
            self._notes.drop("tool message", "it does not name the tool call that it answers")
        return []

    def _result(self, part: ToolResult) -> JsonObject:
        part = with_error_in_text(part)
        content = part.content if isinstance(part.content, str) else self._blocks(part.content, Role.TOOL)
        body: JsonObject = {"role": "tool", "tool_call_id": part.call_id, "content": content}
        return self._done(part, body)

    def _assistant(self, message: Message) -> list[JsonObject]:
        """Return an assistant's message, with a plan as `tool_plan` and citations beside the content."""
        if isinstance(message.content, str):
            return [{"role": "assistant", "content": message.content}]
        body: JsonObject = {"role": "assistant"}
        blocks: list[JsonObject] = []
        citations: list[JsonObject] = []
        calls: list[JsonObject] = []
        plan = ""
        has_calls = any(isinstance(part, ToolCall) for part in message.content)
        for part in message.content:
            match part:
                case Text(text) | Refusal(text) if has_calls and text:
                    # "text content is not allowed when tool_calls are provided": it is a plan there.
                    plan = f"{plan}\n{text}" if plan else text
                    if isinstance(part, Text) and part.citations:
                        self._no("citations", "text beside tool calls is sent as a plan, without citations")
                case ToolCall():
                    function = {"name": part.name, "arguments": part.arguments}
                    calls.append(self._done(part, {"id": part.id, "type": "function", "function": function}))
                case Thinking() if is_plan(part) and self._is_own(part):
                    plan += part.text
                    citations += citations_of(part)
                case _:
                    blocks += (written := self._blocks((part,), Role.ASSISTANT))
                    if written:
                        citations += self._citations(part, len(blocks) - 1)
        optional = {"tool_plan": plan, "content": blocks, "tool_calls": calls, "citations": citations}
        body.update((name, value) for name, value in optional.items() if value)
        return [body] if len(body) > 1 else []

    def _citations(self, part: AnyPart, position: int) -> list[JsonObject]:
        if isinstance(part, Thinking):
            return [{**raw, "content_index": position} for raw in citations_of(part)]
        if not isinstance(part, Text):
            return []
        own = [citation for citation in part.citations if citation.dialect == NAME]
        if len(own) < len(part.citations):
            self._notes.drop("citations", "this API cannot express those of other providers")
        return [raw for citation in own if (raw := write_citation(citation, part.text, position)) is not None]

    def _blocks(self, parts: tuple[AnyPart, ...], role: Role) -> list[JsonObject]:
        written = (self._block(part, role) for part in parts)
        return [block for block in written if block is not None]

    def _block(self, part: AnyPart, role: Role) -> JsonObject | None:
        match part:
            case Text(text) | Refusal(text):
                return self._done(part, {"type": "text", "text": text})
            case Thinking() if role is not Role.ASSISTANT:
                return self._no("thinking", "only assistant messages can contain it")
            case Thinking() if is_plan(part) or not self._is_own(part):
                return None
            case Thinking(text):
                return self._done(part, {"type": "thinking", "thinking": text})
            case Image():
                return self._image(part, role)
            case File():
                return self._file(part, role)
            case Audio():
                return self._no("audio", "this API does not accept audio")
            case Opaque(dialect, dict(json)) if dialect == NAME:
                return self._done(part, dict(json))
            case Opaque(dialect):
                return self._no("opaque part", f"only the {dialect} dialect supports it")
            case Citation():
                return self._no("citations", "only text can carry citations")
            case ToolCall() | ToolResult():
                return self._no(word_of(part), f"{role} messages do not accept it")

    def _done(self, part: Part, block: JsonObject) -> JsonObject:
        if part.cache is not None:
            self._notes.drop("cache", "this API caches prompts automatically, without marks")
        own = {key: value for key, value in (part.extra or {}).get(NAME, {}).items() if key not in (PLAN, "citations")}
        if "document" in own:
            return {"type": "document", **own}  # Its text is what other wires get of it.
        return {**block, **own}

    def _no(self, what: str, why: str) -> JsonObject | None:
        """Log what cannot be expressed; return nothing in its place."""
        self._notes.drop(what, why)
        return None

    def _is_own(self, part: Thinking) -> bool:
        """Encode thinking, which needs no signature: the caller's own is sent, too, but not another provider's."""
        if "thinking" in self._quirks.refused:
            self._no("thinking", "this model does not accept it back")
        elif part.redacted is not None or (part.provenance is not None and part.provenance.dialect != NAME):
            self._no("thinking", "another provider's thinking is not sent to this one")
        else:
            return True
        return False

    def _image(self, part: Image, role: Role) -> JsonObject | None:
        if "image" not in self._quirks.inputs:
            return self._no("image", "this model does not accept it")
        if role is not Role.USER:
            return self._no("image", f"{role} messages do not accept it")
        fitting = fit(part, self._quirks.image_types, self._notes)
        url = fitting.data_url() if fitting is not None else None
        if fitting is None:
            return None
        if url is None:
            return self._no("image file_id", "this API accepts images only as bytes or URLs")
        if fitting.data is None and not self._quirks.image_urls:
            return self._no("image url", f"this target accepts images only as bytes; {FETCH}")
        if fitting.data is None and not is_web_url(url):
            return self._no("image url", "only http and https URLs are accepted")
        body: JsonObject = {"url": url}
        if part.detail is not None:
            body["detail"] = part.detail
        return self._done(part, {"type": "image_url", "image_url": body})

    def _file(self, part: File, role: Role) -> JsonObject | None:
        if isinstance(other := recast(part), Image):
            self._notes.emulate("file", "it is sent as image, which its type is")
            return self._image(other, role)
        text = part.located().plain_text()
        if text is None:
            return self._no("file", "this API accepts only plain text")
        data: dict[str, Any] = {"title": part.name, "text": text, "context": part.context}
        document: JsonObject = {"data": {name: value for name, value in data.items() if value is not None}}
        if role is Role.TOOL:
            return {"type": "document", "document": document}
        if role is not Role.USER:
            return self._no("file", f"{role} messages do not accept it")
        self._notes.emulate("file", "a plain-text file was added to the documents of the request")
        self.documents.append({"id": f"file:{len(self.documents)}", **document})
        return None
