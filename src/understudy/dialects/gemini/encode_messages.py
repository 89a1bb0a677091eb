"""Encodes messages and their parts: text, thoughts, calls and their results, media."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from understudy.dialects.base import Endpoint, WarningLog
from understudy.dialects.gemini.media import ACCEPTED, media_type_of
from understudy.dialects.gemini.names import overlay
from understudy.dialects.gemini.wire import NAME, SIGNATURE, VERSION
from understudy.dialects.histories.rules import HistoryRules
from understudy.dialects.histories.texts import PLACEHOLDER
from understudy.dialects.media import FETCH, fit
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

_SCHEMES = ("https://", "http://", "gs://")
HISTORY = HistoryRules(
    tool_name=re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}"),
    paired=True,
    empty_text=False,
    user_first=True,
)
"""From the service's refusals: "the number of function response parts is equal to the number of function call parts",
"Must start with a letter or an underscore. […] maximum length of 64"."""


class PartEncoder:
    """Writes parts for one endpoint, in the order of the conversation, and notes what it cannot write.

    Results are identified by the name of their tool, so it remembers the calls that it has written.
    """

    def __init__(self, endpoint: Endpoint, notes: WarningLog) -> None:
        self._endpoint = endpoint
        self._quirks = endpoint.quirks
        self._notes = notes
        self._calls: dict[str, ToolCall] = {}

    def parts(self, parts: tuple[AnyPart, ...], role: Role) -> list[JsonObject]:
        """Write the parts of a message, without empty text."""
        return [written for part in parts if (written := self._part(part, role)) is not None]

    def _part(self, part: AnyPart, role: Role) -> JsonObject | None:
        if part.cache is not None:
            self._notes.drop("cache", "this API caches automatically, or caches a whole prompt as `cachedContent`")
        match part:
            case Text(text):
                if any(citation.dialect != NAME for citation in part.citations):
                    self._notes.drop("citations", "only answers have citations")
                own = _own(part)
                return _done(part, {"text": text}) if text or SIGNATURE in own else None
            case ToolCall():
                self._calls[part.id] = part
                return _done(part, {"functionCall": {"id": part.id, "name": part.name, "args": self._arguments(part)}})
            case ToolResult():
                return self._result(part)
            case Thinking():
                return self._thinking(part)
            case Image() | Audio() | File():
                return self._media(part, role)
            case Refusal(text):
                return _done(part, {"text": text})
            case Opaque(dialect, dict(json)) if dialect == NAME:
                return _done(part, dict(json))
            case Opaque(dialect):
                self._notes.drop("opaque part", f"only the {dialect} dialect supports it")
            case Citation():
                self._notes.drop("citations", "only answers have citations")
        return None

    def _thinking(self, part: Thinking) -> JsonObject | None:
        if part.provenance is None or part.provenance.dialect != NAME or part.redacted is not None:
            self._notes.drop("thinking", "only thinking from this provider can be sent back to it")
            return None
        body: JsonObject = {"text": part.text, "thought": True}
        if part.signature is not None:
            body[SIGNATURE] = part.signature
        return _done(part, body)

    def _arguments(self, part: ToolCall) -> Any:
        try:
            arguments = part.parsed_arguments()
        except ValueError:
            arguments = part.arguments
        if isinstance(arguments, dict):
            return msgspec.Raw((part.arguments or "{}").encode())
        self._notes.emulate("tool call arguments", "not a JSON object; sent as the field `raw_arguments`")
        return {"raw_arguments": arguments}

    def _result(self, part: ToolResult) -> JsonObject:
        call = self._calls.get(part.call_id)
        name = part.name or (call.name if call is not None else None)
        if name is None:
            self._notes.emulate("tool result", "its call is unknown; its call id was sent as the tool's name")
        body: JsonObject = {"id": part.call_id, "name": name or part.call_id}
        if call is not None and _own(call).get("functionCall", {}).get("id", call.id) is None:
            del body["id"]  # The call came without an id.
        content = (Text(part.content),) if isinstance(part.content, str) else part.content
        if "response" not in _own(part).get("functionResponse", {}):
            # The result of a tool must be an object.
            text = "".join(piece.text for piece in content if isinstance(piece, Text))
            body["response"] = {"error" if part.is_error else "output": text}
        rest = tuple(piece for piece in content if not isinstance(piece, Text))
        if media := self.parts(rest, Role.TOOL):
            body["parts"] = media
        return _done(part, {"functionResponse": body})

    def _media(self, part: Image | Audio | File, role: Role) -> JsonObject | None:
        kind = type(part).__name__.lower()
        if kind not in self._quirks.inputs or role is Role.SYSTEM:
            why = "system prompts contain only text" if role is Role.SYSTEM else "this model does not accept it"
            self._notes.drop(kind, why)
            return None
        if isinstance(part, Image) and part.detail not in (None, "auto"):
            self._notes.drop("image detail", "this API has no such setting")
        if isinstance(part, File):
            for field in ("name", "context", "citations"):
                if getattr(part, field) is not None:
                    self._notes.drop(f"file {field}", "this API accepts only the file itself")
        return self._located(part, kind)

    def _located(self, part: Image | Audio | File, kind: str) -> JsonObject | None:
        """Encode a medium as its bytes, or by its address."""
        if isinstance(part, File) and part.text == "":
            self._notes.drop("file", "it is empty")
            return None
        if isinstance(part, File) and part.text is not None:
            data = base64.b64encode(part.text.encode()).decode()
            return _done(part, {"inlineData": {"mimeType": "text/plain", "data": data}})
        fitting = fit(part, _accepted_as(kind), self._notes)
        if fitting is None:
            return None
        if fitting.data is not None:
            return _done(part, {"inlineData": {"mimeType": media_type_of(fitting), "data": fitting.data}})
        if isinstance(part, Image) and part.file_id is None and part.url and not self._quirks.image_urls:
            self._notes.drop("image url", f"this target accepts images only as bytes or uploaded files; {FETCH}")
            return None
        if part.url and part.file_id is None and not (part.url or "").lower().startswith(_SCHEMES):
            self._notes.drop(f"{kind} url", "only http, https and gs URLs are accepted")
            return None
        if (body := self._by_address(fitting)) is not None:
            return _done(part, body)
        self._notes.drop(kind, "it has neither bytes, URL nor file id")
        return None

    def _by_address(self, part: Image | Audio | File) -> JsonObject | None:
        address = part.url
        if part.file_id is not None:
            collected = part.file_id if "/" in part.file_id else f"files/{part.file_id}"
            address = collected if "://" in collected else f"{self._endpoint.base_url}/{VERSION}/{collected}"
        if address is None:
            return None
        kind = media_type_of(part)
        return {"fileData": {"mimeType": kind, "fileUri": address} if kind else {"fileUri": address}}


def _accepted_as(kind: str) -> frozenset[str]:
    """Return the accepted types of a part. Google's API has one part for all media, so documents may be anything."""
    return ACCEPTED if kind == "file" else frozenset(name for name in ACCEPTED if name.startswith(kind))


def _own(part: Part) -> JsonObject:
    return (part.extra or {}).get(NAME, {})


def _done(part: Part, body: JsonObject) -> JsonObject:
    return overlay(body, _own(part))


class MessageEncoder:
    """Writes messages in the two roles of this API: system text apart, results of tools in the user's turn."""

    def __init__(self, endpoint: Endpoint, notes: WarningLog) -> None:
        self._writer = PartEncoder(endpoint, notes)
        self._prefill = endpoint.quirks.prefill
        self._notes = notes
        self._system: list[Message] = []
        self._contents: list[JsonObject] = []
        self._last: Role | None = None

    def write(self, messages: tuple[Message, ...]) -> tuple[JsonObject | None, list[JsonObject]]:
        """Return the system instruction and the contents."""
        for message in messages:
            if message.name is not None:
                self._notes.drop("name", "message names are not supported here")
            if message.role not in (Role.SYSTEM, Role.DEVELOPER):
                self._append(message)
            else:
                if self._contents:
                    self._notes.emulate("messages", "a system message in the middle was moved to the system prompt")
                self._system.append(message)
        if not self._contents and self._system:
            # This API requires a message; others accept a system prompt alone.
            self._notes.emulate(
                "messages", "the system message is sent as a user message, because there is no other message"
            )
            last = self._system.pop()
            self._append(Message(Role.USER, last.content))
        if not self._contents:
            self._notes.emulate("messages", "this API requires a message; nothing else is left of the conversation")
            self._append(Message.user(PLACEHOLDER))
        if not self._prefill and len(self._contents) > 1 and self._last is Role.ASSISTANT:
            self._contents.pop()
            self._notes.drop("prefill", "this model does not continue an answer begun by the caller")
        return self._instruction(), self._contents

    def _append(self, message: Message) -> None:
        if message.role is Role.TOOL and isinstance(message.content, str):
            self._notes.drop("tool message", "it does not name the tool call that it answers")
            return
        parts = self._writer.parts(message.parts, message.role)
        if not parts:
            return  # Nothing of it is supported here; what was dropped has its warning.
        if message.role is Role.TOOL and self._last is Role.TOOL:
            # The results of parallel calls belong to one turn.
            self._contents[-1]["parts"] += parts
            return
        own = (message.extra or {}).get(NAME, {})
        if message.role is Role.ASSISTANT and self._last is Role.ASSISTANT:
            # "function call turn comes immediately after a user turn": neighbouring answers are one turn.
            self._contents[-1]["parts"] += parts
            overlay(self._contents[-1], own)
            return
        self._last = message.role
        role = "model" if message.role is Role.ASSISTANT else "user"
        self._contents.append(overlay({"role": role, "parts": parts}, own))

    def _instruction(self) -> JsonObject | None:
        parts = [part for message in self._system for part in self._writer.parts(message.parts, Role.SYSTEM)]
        own = [(message.extra or {}).get(NAME, {}) for message in self._system]
        body = overlay({"parts": parts}, own[0]) if own else {}
        return body if body.get("parts") else None
