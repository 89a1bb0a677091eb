"""Messages in OpenAI's form, from the domain's."""

from __future__ import annotations

import re

from understudy.dialects.base import WarningLog, word_of
from understudy.dialects.failed_results import with_error_in_text
from understudy.dialects.histories.call_ids import CallIds, short_id
from understudy.dialects.histories.rules import TOOL_NAME, HistoryRules
from understudy.dialects.media import FETCH, PDF, assume_pdf, fit, is_web_url, name_of, recast, text_of
from understudy.dialects.openai.encode_usual import MAX_CALL_ID, Usual, encode_usual
from understudy.dialects.openai.wire import NAME
from understudy.dialects.quirks import Quirks
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
from understudy.domain.media_types import suffix_of
from understudy.domain.messages import Message, Role

HISTORY = HistoryRules(tool_name=TOOL_NAME, paired=True, object_arguments=True, result_media=frozenset())
"""Tool messages carry only text (OpenAPI document 2.3.0, `ChatCompletionRequestToolMessage`)."""

MAX_NAME = 64
_ODD_IN_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
"""What OpenAI refuses in `messages[].name` ("Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'")."""
_TTLS = (None, "30m")
"""Lifetimes of cache marks: the only one there is, by its name or as the default."""

_ROLES = {role: role.value for role in Role}
_SYSTEM = frozenset({Role.SYSTEM, Role.DEVELOPER})
_MEDIA = ("image_url", "input_audio", "file")


def extra_of(owner: Part | Message) -> JsonObject:
    """Return the fields that arrived on this wire without a typed place."""
    return {} if owner.extra is None else owner.extra.get(NAME, {})


class MessageEncoder:
    """Encodes messages, with a warning for what they cannot carry.

    Tool results become messages of their own; media in them, which this wire cannot carry there, follow as the user's
    after all results.
    """

    def __init__(self, quirks: Quirks, notes: WarningLog) -> None:
        self._quirks = quirks
        self._notes = notes
        self._ids = CallIds(short_id(MAX_CALL_ID), notes)
        self._images = 0
        self.unusual: list[JsonObject] = []
        """The messages that were written and may not suit every target."""

    def write(self, messages: tuple[Message, ...]) -> list[JsonObject | Usual]:
        """Encode all messages."""
        out: list[JsonObject | Usual] = []
        media: list[JsonObject] = []
        for message in messages:
            if (usual := encode_usual(message)) is None:
                written = self._write(message, media)
                self.unusual += written
                out += written
            else:
                if media and usual.role != "tool":
                    self.unusual.append(sent := self._sent_behind(media))
                    out.append(sent)
                out.append(usual)
        if media:
            self.unusual.append(sent := self._sent_behind(media))
            out.append(sent)
        return out

    def _write(self, message: Message, media: list[JsonObject]) -> list[JsonObject]:
        """Encode a message and what has to stand before it; add the media of its results to those that follow."""
        out: list[JsonObject] = []
        content = message.content
        if not isinstance(content, str) and (results := [part for part in content if type(part) is ToolResult]):
            own = extra_of(message) if len(results) == 1 else {}
            out += [self._tool_message(result, media) | own for result in results]
            if len(results) == len(content):
                return out
            content = tuple(part for part in content if type(part) is not ToolResult)
        if media:
            out.append(self._sent_behind(media))
        out.append(self._message(message, content))
        return out

    def _sent_behind(self, media: list[JsonObject]) -> JsonObject:
        """Return the media of results as a message of the user, and take them from the list."""
        message: JsonObject = {"role": "user", "content": media.copy()}
        media.clear()
        return message

    def _message(self, message: Message, content: str | tuple[AnyPart, ...]) -> JsonObject:
        role = message.role
        if role is Role.TOOL:
            self._notes.emulate("tool message", "without a tool call to answer, it is sent as a user message")
            role = Role.USER
        body: JsonObject = {"role": _ROLES[role]}
        if role is Role.ASSISTANT and isinstance(content, tuple):
            body |= self._answer(content, extra_of(message))
        elif isinstance(content, str):
            body["content"] = content
        else:
            # An empty list is refused, an empty string is not.
            said = self._without_media(content) if role in _SYSTEM else content
            body["content"] = self._parts(said) or ""
        if message.name is not None:
            body["name"] = self._name(message.name)
        return body | extra_of(message)

    def _without_media(self, parts: tuple[AnyPart, ...]) -> tuple[AnyPart, ...]:
        """Return the parts of a system message that are text, the only ones that it may have."""
        for part in parts:
            if isinstance(part, Image | Audio) or (isinstance(part, File) and text_of(part) is None):
                self._notes.drop(word_of(part), "system messages contain only text")
        return tuple(
            part
            for part in parts
            if not isinstance(part, Image | Audio) and not (isinstance(part, File) and text_of(part) is None)
        )

    def _name(self, name: str) -> str:
        fitting = _ODD_IN_NAME.sub("_", name)[:MAX_NAME]
        if fitting != name:
            self._notes.rename("name", "this API accepts only letters, digits, _ and - in it, at most 64")
        return fitting

    def _parts(self, parts: tuple[AnyPart, ...]) -> list[JsonObject]:
        return [written for part in parts if (written := self._part(part)) is not None]

    def _part(self, part: AnyPart) -> JsonObject | None:
        body: JsonObject | None
        match part:
            case Text():
                self._cite(part)
                body = {"type": "text", "text": part.text}
            case Refusal(text):
                body = {"type": "text", "text": text}  # only assistant messages may hold refusals as such
            case Image():
                body = self._image(part)
            case Audio():
                body = self._audio(part)
            case File():
                body = self._file(part)
            case Opaque():
                self._drop_mark(part)
                return self._opaque(part)
            case _:
                self._notes.drop(word_of(part), "this message cannot carry it")
                return None
        return None if body is None else body | self._mark(part) | extra_of(part)

    def _mark(self, part: Part) -> JsonObject:
        if part.cache is None or "prompt_cache_breakpoint" in extra_of(part):
            return {}
        if not self._quirks.cache_breakpoints:
            self._notes.drop("cache", "prompts are cached automatically here, without cache marks")
            return {}
        if part.cache.ttl not in _TTLS:
            self._notes.drop("cache", "the lifetime of a cache mark cannot be chosen here")
        return {"prompt_cache_breakpoint": {"mode": "explicit"}}

    def _drop_mark(self, part: Part) -> None:
        if part.cache is not None:
            self._notes.drop("cache", "only texts and media can carry cache marks here")

    def _cite(self, part: Text) -> None:
        """Note citations of other providers; those of this wire are never sent back to it, even by its own clients."""
        if any(citation.dialect != NAME for citation in part.citations):
            self._notes.drop("citations", "messages here have no citations")

    def _image(self, image: Image) -> JsonObject | None:
        if "image" not in self._quirks.inputs:
            self._notes.drop("image", "the target does not accept it")
            return None
        fitting = fit(image, self._quirks.image_types, self._notes)
        if fitting is None:
            return None
        url = fitting.data_url()
        if url is None:
            self._notes.drop("image", "chat completions do not accept file ids for images")
            return None
        if fitting.data is None and not is_web_url(url):
            self._notes.drop("image url", "only http and https URLs are accepted")
            return None
        self._images += 1
        most = self._quirks.most_images
        if most is not None and self._images > most:
            self._notes.refuse("image", f"at most {most} images are accepted in one request")
        detail = {"detail": image.detail} if image.detail in ("auto", "low", "high") else {}
        if image.detail and not detail:
            self._notes.drop("image detail", "chat completions accept auto, low and high")
        return {"type": "image_url", "image_url": {"url": url} | detail}

    def _audio(self, audio: Audio) -> JsonObject | None:
        fitting = fit(audio, self._quirks.audio_types if "audio" in self._quirks.inputs else None, self._notes)
        if fitting is None:
            return None
        if fitting.data is None and self._quirks.audio_urls and is_web_url(fitting.url):
            return {"type": "audio_url", "audio_url": {"url": fitting.url}}
        if fitting.data is None:
            self._notes.drop("audio", f"chat completions accept audio only as bytes; {FETCH}")
            return None
        kind = fitting.media_type or ""
        return {"type": "input_audio", "input_audio": {"data": fitting.data, "format": suffix_of(kind) or "wav"}}

    def _file(self, file: File) -> JsonObject | None:
        if file.context is not None:
            self._notes.drop("file context", "file context is not supported here")
        if file.citations is not None:
            self._notes.drop("file citations", "file citations cannot be switched on or off here")
        name = {"filename": file.name} if file.name else {}
        if file.file_id is not None:
            return {"type": "file", "file": {"file_id": file.file_id} | name}
        if (other := recast(file)) is not None:
            self._notes.emulate("file", f"it is sent as {word_of(other)}, which its type is")
            return self._image(other) if isinstance(other, Image) else self._audio(other)
        if (text := text_of(file)) is not None:
            self._notes.emulate("file", "a plain-text document is sent as text")
            return {"type": "text", "text": text}
        if "file" not in self._quirks.inputs:
            self._notes.drop("file", "the target does not accept it")
            return None
        # Without a type, a document is a PDF: OpenAI's chat completions accept no other ("File inputs" in its docs).
        fitting = fit(assume_pdf(file), (PDF,), self._notes)
        if fitting is None:
            return None
        if fitting.data is None:
            self._notes.drop("file url", f"chat completions accept files only as bytes or by id; {FETCH}")
            return None
        return {"type": "file", "file": {"filename": name_of(fitting), "file_data": fitting.data_url()}}

    def _opaque(self, part: Opaque) -> JsonObject | None:
        if part.dialect == NAME and isinstance(part.json, dict):
            return part.json
        self._notes.drop("opaque part", f"only the {part.dialect} dialect supports it")
        return None

    def _answer(self, parts: tuple[AnyPart, ...], own: JsonObject) -> JsonObject:
        """Encode an assistant message: text in `content`, everything else in separate fields."""
        texts: list[JsonObject] = []
        body: JsonObject = {}
        for part in parts:
            if type(part) is not Text:
                self._drop_mark(part)
            if type(part) is Thinking:
                self._think(part, body, own)
            else:
                self._say(part, texts, body)
        if len(texts) == 1 and texts[0].keys() == {"type", "text"}:
            return {"content": texts[0]["text"], **body}
        if texts:
            return {"content": texts, **body}
        return body or {"content": ""}

    def _say(self, part: AnyPart, texts: list[JsonObject], body: JsonObject) -> None:
        match part:
            case ToolCall():
                body.setdefault("tool_calls", []).append(encode_tool_call(part, self._ids.of_call(part.id)))
            case Text():
                self._cite(part)
                texts.append({"type": "text", "text": part.text} | self._mark(part) | extra_of(part))
            case Refusal(text) if "refusal" in self._quirks.refused:
                texts.append({"type": "text", "text": text})
            case Refusal():
                body["refusal"] = body.get("refusal", "") + part.text
            case Audio():
                self._encode_audio(part, texts, body)
            case Opaque():
                if (written := self._opaque(part)) is not None:
                    texts.append(written)
            case Image() | File():
                self._notes.drop(word_of(part), "an assistant message carries only text")
            case Citation() if part.dialect != NAME:
                self._notes.drop("citations", "messages here have no citations")
            case _:
                pass  # this wire's own citations are never sent back to it, even by its own clients

    def _think(self, part: Thinking, body: JsonObject, own: JsonObject) -> None:
        if own.keys() & {"reasoning", "reasoning_content"}:
            return  # it came in on this wire and is sent on as it stood
        field = self._quirks.reasoning_field
        if part.provenance is not None and part.provenance.dialect != NAME:
            self._notes.drop("thinking", f"it belongs to the {part.provenance.dialect} dialect")
        elif field is None:
            self._notes.drop("thinking", "thinking is not accepted in requests here")
        elif part.redacted is not None or (part.signature is not None and not part.text):
            self._notes.drop("thinking", "only readable thinking is accepted here")
        elif part.text:
            body[field] = body.get(field, "") + part.text

    def _encode_audio(self, part: Audio, texts: list[JsonObject], body: JsonObject) -> None:
        if part.file_id is not None and "audio" not in self._quirks.refused:
            body["audio"] = {"id": part.file_id}
        elif part.transcript:
            self._notes.emulate("audio", "an earlier audio answer is sent as its transcript")
            texts.append({"type": "text", "text": part.transcript})
        else:
            self._notes.drop("audio", "an earlier audio answer can be referenced only by its id")

    def _tool_message(self, result: ToolResult, media: list[JsonObject]) -> JsonObject:
        self._drop_mark(result)
        result = with_error_in_text(result)
        content: str | list[JsonObject]
        if isinstance(result.content, str):
            content = result.content
        else:
            written = self._parts(result.content)
            moved = [part for part in written if part.get("type") in _MEDIA]
            if moved:
                self._notes.emulate(
                    "tool result media", "tool messages carry only text: sent in a user message after them"
                )
                media += moved
            content = [part for part in written if part.get("type") not in _MEDIA] or ""
        return {"role": "tool", "tool_call_id": self._ids.of_result(result.call_id), "content": content} | extra_of(
            result
        )


def encode_tool_call(call: ToolCall, call_id: str) -> JsonObject:
    """Encode a tool call under an id, a custom tool's in its own form."""
    extra = extra_of(call)
    if extra.get("type") == "custom":
        return {"id": call_id, "custom": {"name": call.name, "input": call.arguments}} | extra
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call_id, "type": "function", "function": function} | extra
