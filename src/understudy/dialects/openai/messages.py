"""Messages in OpenAI's form, from the domain's. What differs among servers is left to `fit`."""

from __future__ import annotations

import hashlib

from understudy.dialects.base import Notes
from understudy.dialects.openai.decode import NAME
from understudy.domain.content import (
    AnyPart,
    Audio,
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

MAX_CALL_ID = 40
"""Characters of a tool call's id; OpenAI refuses longer ones, which other providers do make."""

AUDIO_FORMATS = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav"}


def extras(owner: Part | Message) -> JsonObject:
    """The fields that arrived on this wire without a typed place."""
    return (owner.extra or {}).get(NAME, {})


def conversation(messages: tuple[Message, ...], notes: Notes) -> list[JsonObject]:
    """Write messages. Tool results become messages of their own; media in them, which this wire cannot carry there,
    follow as the user's once all results are told."""
    out: list[JsonObject] = []
    media: list[JsonObject] = []
    for message in messages:
        parts = message.content if isinstance(message.content, tuple) else ()
        results = [part for part in parts if isinstance(part, ToolResult)]
        own = extras(message) if len(results) == 1 else {}
        out += [_tool_message(result, media, notes) | own for result in results]
        rest = tuple(part for part in parts if not isinstance(part, ToolResult))
        if results and not rest:
            continue
        if media:
            out.append({"role": "user", "content": media})
            media = []
        content = rest if isinstance(message.content, tuple) else message.content
        out.append(_message(message, content, notes))
    if media:
        out.append({"role": "user", "content": media})
    return out


def _message(message: Message, content: str | tuple[AnyPart, ...], notes: Notes) -> JsonObject:
    role = message.role
    if role is Role.TOOL:
        notes.emulate("tool message", "without a call to answer it is sent as the user's")
        role = Role.USER
    body: JsonObject = {"role": role.value}
    if role is Role.ASSISTANT and isinstance(content, tuple):
        body |= _answer(content, notes)
    else:
        body["content"] = content if isinstance(content, str) else content_parts(content, notes)
    if message.name is not None:
        body["name"] = message.name
    return body | extras(message)


def content_parts(parts: tuple[AnyPart, ...], notes: Notes) -> list[JsonObject]:
    """Write the parts of a message that is not the assistant's; what cannot be written is noted."""
    return [written for part in parts if (written := _content_part(part, notes)) is not None]


def _content_part(part: AnyPart, notes: Notes) -> JsonObject | None:
    body: JsonObject | None
    match part:
        case Text():
            body = {"type": "text", "text": part.text}
        case Refusal():
            body = {"type": "refusal", "refusal": part.text}
        case Image():
            body = _image(part, notes)
        case Audio():
            body = _audio(part, notes)
        case File():
            body = _file(part, notes)
        case Opaque():
            return _opaque(part, notes)
        case _:
            notes.drop(str(part.__struct_config__.tag), "it has no place in this message")
            return None
    if body is None:
        return None
    if part.cache is not None:
        body["prompt_cache_breakpoint"] = {"mode": "explicit"}
    return body | extras(part)


def _image(image: Image, notes: Notes) -> JsonObject | None:
    url = image.data_url()
    if url is None:
        notes.drop("image", "chat completions take no file ids for images")
        return None
    return {"type": "image_url", "image_url": {"url": url} | ({"detail": image.detail} if image.detail else {})}


def _audio(audio: Audio, notes: Notes) -> JsonObject | None:
    if audio.data is None:
        notes.drop("audio", "chat completions take audio by its bytes only")
        return None
    media_type = audio.media_type or ""
    kind = audio.format or AUDIO_FORMATS.get(media_type) or media_type.rpartition("/")[2] or "wav"
    return {"type": "input_audio", "input_audio": {"data": audio.data, "format": kind}}


def _file(file: File, notes: Notes) -> JsonObject | None:
    name = {"filename": file.name} if file.name else {}
    if file.file_id is not None:
        return {"type": "file", "file": {"file_id": file.file_id} | name}
    if file.data is not None:
        data = file.data_url() if file.media_type else file.data
        return {"type": "file", "file": name | {"file_data": data}}
    if file.text is not None:
        notes.emulate("file", "a plain-text document is sent as text")
        title = f"{file.name}:\n" if file.name else ""
        return {"type": "text", "text": title + file.text}
    notes.drop("file url", "chat completions take files by their bytes or id")
    return None


def _opaque(part: Opaque, notes: Notes) -> JsonObject | None:
    if part.dialect == NAME and isinstance(part.json, dict):
        return part.json
    notes.drop("opaque", f"only the {part.dialect} dialect knows it")
    return None


def _answer(parts: tuple[AnyPart, ...], notes: Notes) -> JsonObject:
    """Write what an assistant said: text in `content`, everything else in fields of its own."""
    texts: list[JsonObject] = []
    body: JsonObject = {}
    for part in parts:
        _say(part, texts, body, notes)
    if len(texts) == 1 and texts[0].keys() == {"type", "text"}:
        return {"content": texts[0]["text"], **body}
    if texts:
        return {"content": texts, **body}
    return body or {"content": ""}


def _say(part: AnyPart, texts: list[JsonObject], body: JsonObject, notes: Notes) -> None:
    match part:
        case Text():
            texts.append({"type": "text", "text": part.text} | extras(part))
        case Refusal():
            body["refusal"] = body.get("refusal", "") + part.text
        case ToolCall():
            body.setdefault("tool_calls", []).append(tool_call(part))
        case Thinking():
            _think(part, body, notes)
        case Audio():
            _spoken(part, texts, body, notes)
        case Opaque():
            if (written := _opaque(part, notes)) is not None:
                texts.append(written)
        case Image() | File():
            notes.drop(str(part.__struct_config__.tag), "an assistant's message carries text only")
        case _:
            pass  # citations belong to the answer that was read; nothing replays them


def _think(part: Thinking, body: JsonObject, notes: Notes) -> None:
    if part.provenance is not None and part.provenance.dialect != NAME:
        notes.drop("thinking", f"it belongs to the {part.provenance.dialect} dialect")
    elif part.text:
        body["reasoning"] = body.get("reasoning", "") + part.text


def _spoken(part: Audio, texts: list[JsonObject], body: JsonObject, notes: Notes) -> None:
    if part.file_id is not None:
        body["audio"] = {"id": part.file_id}
    elif part.transcript:
        notes.emulate("audio", "an earlier spoken answer is sent as its transcript")
        texts.append({"type": "text", "text": part.transcript})
    else:
        notes.drop("audio", "an earlier spoken answer can be named only by its id")


def tool_call(call: ToolCall) -> JsonObject:
    """Write a tool call, a custom tool's in its own form."""
    extra = extras(call)
    call_id = _call_id(call.id)
    if extra.get("type") == "custom":
        return {"id": call_id, "custom": {"name": call.name, "input": call.arguments}} | extra
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call_id, "type": "function", "function": function} | extra


def _tool_message(result: ToolResult, media: list[JsonObject], notes: Notes) -> JsonObject:
    if result.is_error:
        notes.drop("tool result is_error", "this wire has no mark for it; the content is sent")
    content: str | list[JsonObject]
    if isinstance(result.content, str):
        content = result.content
    else:
        content = []
        for written in content_parts(result.content, notes):
            if written.get("type") in ("image_url", "input_audio", "file"):
                notes.emulate("tool result media", "tool messages carry text only: sent as the user's after them")
                media.append(written)
            else:
                content.append(written)
        content = content or ""
    return {"role": "tool", "tool_call_id": _call_id(result.call_id), "content": content} | extras(result)


def _call_id(given: str) -> str:
    if len(given) <= MAX_CALL_ID:
        return given
    return "call_" + hashlib.sha256(given.encode()).hexdigest()[: MAX_CALL_ID - 5]
