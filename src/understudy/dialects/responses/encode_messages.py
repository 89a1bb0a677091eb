"""Messages to `instructions` and `input` items.

A leading system message in plain text becomes `instructions`; every other message keeps its place and role. Parts of
an assistant's turn become items of their own (message, function call, reasoning), in their order.
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.base import Endpoint, WarningLog, word_of
from understudy.dialects.failed_results import with_error_in_text
from understudy.dialects.histories.call_ids import CallIds, short_id
from understudy.dialects.histories.rules import TOOL_NAME, HistoryRules
from understudy.dialects.media import assume_pdf, fit, is_web_url, name_of, recast
from understudy.dialects.responses.wire import CALL_TEXT, NAME
from understudy.domain.content import (
    AnyPart,
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
from understudy.domain.requests import GenerationRequest

HISTORY = HistoryRules(
    tool_name=TOOL_NAME,
    paired=True,
    object_arguments=True,
    result_media=frozenset({"image", "file"}),
    account="openai-organization",
)
"""The output of a call may be a list of texts, images and files (openai 2.54.0, `FunctionCallOutput.output`). Reasoning
that another organization encrypted is refused: "The encrypted content gAAA… could not be verified. Reason: Encrypted
content organization_id did not match the target organization." (https://github.com/BerriAI/litellm/pull/21994)."""

_TTLS = (None, "30m")
"""Lifetimes of cache marks: the only one there is, by its name or as the default."""

MAX_CALL_ID = 64
"""Characters of a call's id; longer ones, which other providers do make, are refused."""

_ROLES = {Role.SYSTEM: "system", Role.DEVELOPER: "developer"}
"""All other roles become the user's, such as what a tool message holds besides its results."""


def encode_messages(
    request: GenerationRequest, endpoint: Endpoint, notes: WarningLog
) -> tuple[str | None, str | list[JsonObject]]:
    """Return the instructions, if any, and the input: a string for one plain user's message, else items."""
    messages = request.messages
    instructions = None
    # JSON mode is refused unless the input, not the instructions, mentions JSON: "Response input messages must contain
    # the word 'json' in some form to use 'text.format' of type 'json_object'."
    in_json_mode = request.output is not None and request.output.kind == "json_object"
    if messages and messages[0].role is Role.SYSTEM and _is_plain(messages[0]) and not in_json_mode:
        instructions, messages = messages[0].text, messages[1:]
    if len(messages) == 1 and messages[0].role is Role.USER and _is_plain(messages[0]) and messages[0].content:
        return instructions, messages[0].text
    writer = _MessageEncoder(endpoint, notes)
    for message in messages:
        writer.add(message)
    return instructions, writer.items


def _is_plain(message: Message) -> bool:
    return isinstance(message.content, str) and message.extra is None and message.name is None


class _MessageEncoder:
    """Writes items, message by message."""

    def __init__(self, endpoint: Endpoint, notes: WarningLog) -> None:
        self.items: list[JsonObject] = []
        self._endpoint = endpoint
        self._quirks = endpoint.quirks
        self._notes = notes
        self._custom: set[str] = set()
        self._ids = CallIds(short_id(MAX_CALL_ID), notes)

    def add(self, message: Message) -> None:
        """Encode one message."""
        if message.name is not None:
            self._notes.drop("name", "message names are not supported here")
        if message.role is Role.ASSISTANT:
            self._add_answer(message)
        elif isinstance(message.content, str):
            self.items.append(_message(message, message.content))
        else:
            self._add_parts(message, message.content)

    def _add_parts(self, message: Message, parts: tuple[AnyPart, ...]) -> None:
        """Encode results as items; the other parts are gathered into messages around them."""
        content: list[JsonObject] = []
        for part in parts:
            item = self._own_item(part)
            if item is None:
                if (piece := self.content(part)) is not None:
                    content.append(piece)
                continue
            self._flush(message, content)
            content = []
            self.items.append(item)
        self._flush(message, content)

    def _flush(self, message: Message, content: list[JsonObject]) -> None:
        if content:
            self.items.append(_message(message, content))

    def _own_item(self, part: AnyPart) -> JsonObject | None:
        """Return the item that a part is by itself; `None` if it is content of a message."""
        if isinstance(part, ToolResult | Opaque):
            self._drop_mark(part)
        match part:
            case ToolResult():
                return self._result(part)
            case Opaque(dialect, dict() as item) if dialect == NAME and not str(item.get("type")).startswith("input_"):
                return item
            case _:
                return None

    def _drop_mark(self, part: AnyPart) -> None:
        if part.cache is not None:
            self._notes.drop("cache", "only texts and media of the input can carry cache marks here")

    def _result(self, result: ToolResult) -> JsonObject:
        result = with_error_in_text(result)
        if isinstance(result.content, str):
            output: Any = result.content
        else:
            # An empty list is refused; an empty string is not.
            output = [piece for part in result.content if (piece := self.content(part)) is not None] or ""
        kind = "custom_tool_call_output" if result.call_id in self._custom else "function_call_output"
        return {"type": kind, "call_id": self._ids.of_result(result.call_id), "output": output, **_extra(result)}

    def content(self, part: AnyPart) -> JsonObject | None:
        """Encode a part of a user's or system message, or of a tool's result."""
        match part:
            case Text(text):
                if part.citations:
                    self._notes.drop("citations", "only texts of an assistant's message can carry citations here")
                piece: JsonObject = {"type": "input_text", "text": text}
            case Image():
                return self._done(part, self._image(part))
            case File():
                return self._done(part, self._file(part))
            case Opaque(dialect, json) if dialect == NAME:
                return dict(json)
            case Opaque(dialect):
                self._notes.drop("opaque part", f"only the {dialect} dialect supports it")
                return None
            case _:
                self._notes.drop(word_of(part), "the Responses API does not accept it as input")
                return None
        return self._done(part, piece)

    def _done(self, part: Part, piece: JsonObject | None) -> JsonObject | None:
        if piece is None:
            return None
        if part.cache is not None:
            piece["prompt_cache_breakpoint"] = {"mode": "explicit"}
            if part.cache.ttl not in _TTLS:
                self._notes.drop("cache", "the lifetime of a cache mark cannot be chosen here")
        return {**piece, **_extra(part)}

    def _image(self, image: Image) -> JsonObject | None:
        if "image" not in self._quirks.inputs:
            self._notes.drop("image", "the target does not accept it")
            return None
        fitting = fit(image, self._quirks.image_types, self._notes)
        if fitting is None:
            return None
        piece: JsonObject = {"type": "input_image"}
        if fitting.file_id is not None:
            piece["file_id"] = fitting.file_id
        elif fitting.data is not None or is_web_url(fitting.url):
            piece["image_url"] = fitting.data_url()
        else:
            reason = "it has no bytes, URL or file id" if fitting.url is None else "only http and https are accepted"
            self._notes.drop("image" if fitting.url is None else "image url", reason)
            return None
        if image.detail in ("auto", "low", "high", "original"):
            piece["detail"] = image.detail
        elif image.detail is not None:
            self._notes.drop("image detail", "the Responses API accepts auto, low, high and original")
        return piece

    def _file(self, file: File) -> JsonObject | None:
        if file.context is not None:
            self._notes.drop("file context", "file context is not supported here")
        if file.citations is not None:
            self._notes.drop("file citations", "file citations cannot be switched on or off here")
        if isinstance(other := recast(file), Image):
            self._notes.emulate("file", "it is sent as image, which its type is")
            return self._image(other)
        if file.text is not None:
            self._notes.emulate("file", "a plain-text document is sent as text")
            return {"type": "input_text", "text": file.text}
        if "file" not in self._quirks.inputs:
            self._notes.drop("file", "the target does not accept it")
            return None
        fitting = fit(assume_pdf(file), None, self._notes)
        if fitting is not None and (fitting.media_type or "").startswith(("audio/", "video/")):
            self._notes.refuse("file", f"the type {fitting.media_type} is not accepted; documents and text are")
            return None
        return None if fitting is None else self._file_piece(fitting, file.name)

    def _file_piece(self, file: File, name: str | None) -> JsonObject | None:
        piece: JsonObject = {"type": "input_file"}
        if file.file_id is not None:
            piece["file_id"] = file.file_id
        elif file.data is not None:
            # Bytes without a name are refused: the service goes by its extension.
            return {**piece, "filename": name_of(file), "file_data": file.data_url()}
        elif is_web_url(file.url):
            piece["file_url"] = file.url
        else:
            reason = "it has no bytes, URL or file id" if file.url is None else "only http and https are accepted"
            self._notes.drop("file" if file.url is None else "file url", reason)
            return None
        return {**piece, "filename": name} if name is not None else piece

    def _add_answer(self, message: Message) -> None:
        """Encode an assistant's turn. Texts that came in one message item go back in one."""
        open_about: JsonObject | None = None
        content: list[JsonObject] = []
        for part in message.parts:
            self._drop_mark(part)
            if not isinstance(part, Text | Refusal):
                self._close_answer(open_about, content)
                open_about, content = None, []
                self._add_item_of(part)
                continue
            about = _extra(message) | _extra(part).get("item", {})
            if content and about != open_about:
                self._close_answer(open_about, content)
                content = []
            open_about = about
            content.append(self._answer_piece(part, whole="id" in about))
        self._close_answer(open_about, content)

    def _close_answer(self, about: JsonObject | None, content: list[JsonObject]) -> None:
        if not content:
            return
        item: JsonObject = {"type": "message", "role": "assistant", **(about or {}), "content": content}
        if "id" not in item and len(content) == 1 and content[0].keys() == {"type", "text"}:
            item["content"] = content[0]["text"]
        self.items.append(item)

    def _answer_piece(self, part: Text | Refusal, *, whole: bool) -> JsonObject:
        own = {key: value for key, value in _extra(part).items() if key != "item"}
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text, **own}
        piece: JsonObject = {"type": "output_text", "text": part.text}
        if any(citation.dialect != NAME for citation in part.citations):
            self._notes.drop("citations", "citations of other providers cannot be expressed here")
        annotations = [citation.raw for citation in part.citations if citation.dialect == NAME]
        if annotations or whole:
            piece["annotations"] = annotations
        return {**piece, **own}

    def _add_item_of(self, part: AnyPart) -> None:
        match part:
            case ToolCall():
                self.items.append(self._call(part))
            case Thinking():
                if (item := self._thinking(part)) is not None:
                    self.items.append(item)
            case Opaque(dialect, json) if dialect == NAME:
                self.items.append(json)
            case Opaque(dialect):
                self._notes.drop("opaque part", f"only the {dialect} dialect supports it")
            case Citation():
                self._notes.drop("citations", "only text can carry citations here")
            case ToolResult():
                self.items.append(self._result(part))
            case _:
                self._notes.drop(word_of(part), "an assistant message cannot carry it here")

    def _call(self, call: ToolCall) -> JsonObject:
        about = _extra(call)
        kind = about.get("type", "function_call")
        if kind == "custom_tool_call":
            self._custom.add(call.id)
        return {
            "type": kind,
            "call_id": self._ids.of_call(call.id),
            "name": call.name,
            CALL_TEXT[kind]: call.arguments,
            **about,
        }

    def _thinking(self, thinking: Thinking) -> JsonObject | None:
        """Return reasoning as it came, to the service that it came from; `None` for any other."""
        source = thinking.provenance
        if source is None or source.dialect != NAME:
            self._notes.drop("thinking", "it was not produced by this API, which accepts only its own")
            return None
        model = self._endpoint.model
        if self._quirks.thinking_bound_to_model and source.model and model and not source.model.startswith(model):
            self._notes.drop("thinking", f"{model} does not accept the thinking of {source.model}")
            return None
        item = _extra(thinking)
        if item.get("type") == "reasoning":
            return item
        if thinking.signature is None:
            self._notes.drop("thinking", "without its encrypted form it cannot be replayed")
            return None
        summary = [{"type": "summary_text", "text": thinking.text}] if thinking.text else []
        return {"type": "reasoning", "summary": summary, "encrypted_content": thinking.signature}


def _message(message: Message, content: str | list[JsonObject]) -> JsonObject:
    """Return a message item. Its `type` is optional at OpenAI, but llama.cpp refuses an item without one."""
    role = _ROLES.get(message.role, "user")
    return {"type": "message", "role": role, "content": content, **_extra(message)}


def _extra(holder: Message | Part) -> JsonObject:
    """Return the wire fields that were kept for this dialect."""
    return (holder.extra or {}).get(NAME, {})
