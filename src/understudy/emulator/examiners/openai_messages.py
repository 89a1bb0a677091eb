"""The messages of chat completions: their shapes, and the order of calls and results."""

from __future__ import annotations

from understudy.domain.content import Json, JsonObject
from understudy.emulator.cast.base import CheckedRequest, Words
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.openai_media import PDF, audio, file_data, image_url
from understudy.emulator.examiners.openai_models import family_of
from understudy.emulator.examiners.openai_shapes import (
    Shape,
    anything,
    array,
    either,
    nullable,
    obj,
    objects,
    one_of,
    section,
    string,
    tagged,
)

NAME = r"^[a-zA-Z0-9_-]+$"
NAME_LIMIT = 64
CALL_ID_LIMIT = 40

name = string(limit=NAME_LIMIT, pattern=NAME, empty=False)
"""The name of a function, of a participant or of a schema."""


def _audio_data(value: Json, where: str) -> Words | None:
    shape = obj({"data": anything, "format": one_of("wav", "mp3")}, required=("data", "format"))
    if (words := shape(value, where)) is not None or not isinstance(value, dict):
        return words
    return audio(value["data"], f"{where}.data", value["format"])


def _file(value: Json, where: str) -> Words | None:
    fields = {"file_data": file_data(PDF), "file_id": string(empty=False), "filename": string(empty=False)}
    if (words := obj(fields)(value, where)) is not None or not isinstance(value, dict):
        return words
    if "file_id" in value:
        return None
    return next((say.missing(f"{where}.{field}") for field in ("file_data", "filename") if field not in value), None)


def _part(kind: str, shape: Shape, *, cached: bool = True) -> Shape:
    mark: dict[str, Shape] = (
        {"prompt_cache_breakpoint": obj({"mode": one_of("explicit")}, required=("mode",))} if cached else {}
    )
    return obj({"type": anything, kind: shape, **mark}, required=(kind,))


_TEXT = _part("text", string())
_IMAGE = _part("image_url", obj({"url": image_url, "detail": one_of("auto", "low", "high")}, required=("url",)))
_USER_PARTS = {
    "text": _TEXT,
    "image_url": _IMAGE,
    "input_audio": _part("input_audio", _audio_data),
    "file": _part("file", _file),
}
_ASSISTANT_PARTS = {"text": _TEXT, "refusal": _part("refusal", string(), cached=False)}


def _content(parts: dict[str, Shape], *, optional: bool = False) -> Shape:
    """Return the shape of a content: a string or an array of parts."""
    shape = either("one of a string or array of objects", {str: string(), list: array(tagged("type", parts))})

    def check(value: Json, where: str) -> Words | None:
        if value is None and not optional:
            return say.refuse("Invalid value for 'content': expected a string, got null.", where)
        return None if value is None else shape(value, where)

    return check


_CALL = tagged(
    "type",
    {
        "function": obj(
            {
                "id": string(limit=CALL_ID_LIMIT, empty=False),
                "type": anything,
                "function": obj({"name": name, "arguments": string()}, required=("name", "arguments")),
            },
            required=("id", "function"),
        ),
        "custom": obj(
            {
                "id": string(limit=CALL_ID_LIMIT, empty=False),
                "type": anything,
                "custom": obj({"name": name, "input": string()}, required=("name", "input")),
            },
            required=("id", "custom"),
        ),
    },
)


def _assistant(value: Json, where: str) -> Words | None:
    fields: dict[str, Shape] = {
        "role": anything,
        "content": _content(_ASSISTANT_PARTS, optional=True),
        "name": name,
        "refusal": nullable(string()),
        "audio": nullable(obj({"id": string()}, required=("id",), ignored=("data", "expires_at", "transcript"))),
        "tool_calls": nullable(array(_CALL)),
        "function_call": nullable(obj({"name": name, "arguments": string()}, required=("name", "arguments"))),
    }
    # Recorded requests replay the whole message of an answer and are accepted.
    if (words := obj(fields, ignored=("annotations",))(value, where)) is not None or not isinstance(value, dict):
        return words
    if value.get("content") is None and not any(
        value.get(key) for key in ("tool_calls", "function_call", "audio", "refusal")
    ):
        return say.refuse("Invalid value for 'content': expected a string, got null.", f"{where}.content")
    return None


def _message(parts: dict[str, Shape], **more: Shape) -> Shape:
    fields = {"role": anything, "content": _content(parts), "name": name, **more}
    return obj(fields, required=("content", *more))


_TEXTS = {"text": _TEXT}
_MESSAGE = tagged(
    "role",
    {
        "system": _message(_TEXTS),
        "assistant": _assistant,
        "user": _message(_USER_PARTS),
        "function": obj({"role": anything, "name": name, "content": nullable(string())}, required=("name", "content")),
        "tool": _message(_TEXTS, tool_call_id=string(empty=False)),
        "developer": _message(_TEXTS),
    },
)
MESSAGES = array(_MESSAGE, of="objects")


def required_messages(request: CheckedRequest) -> Words | None:
    """Refuse a request without messages."""
    return say.missing("messages") if request.body.get("messages") is None else None


def calls_and_results(request: CheckedRequest) -> Words | None:
    """Check that the results of calls follow directly, one for each call."""
    waiting: list[str] = []
    for at, message in objects(request.body.get("messages")):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                words = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                return say.refuse(f"Invalid parameter: {words}", f"messages.[{at}].role")
            waiting.remove(str(message["tool_call_id"]))
            continue
        if waiting:
            return _unanswered(waiting, at)
        waiting = [str(call.get("id")) for _, call in objects(message.get("tool_calls"))]
    return _unanswered(waiting, None) if waiting else None


def _unanswered(waiting: list[str], at: int | None) -> Words:
    message = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(waiting)}"
    )
    return say.refuse(message, "messages" if at is None else f"messages.[{at}].role")


def system_role(request: CheckedRequest) -> Words | None:
    """Refuse system messages to the models that have none."""
    if family_of(request).system:
        return None
    for at, message in objects(request.body.get("messages")):
        if message.get("role") in ("system", "developer"):
            where = f"messages[{at}].role"
            return say.unsupported_value(where, message["role"])
    return None


def vision(request: CheckedRequest) -> Words | None:
    """Refuse images to the models that see none."""
    if family_of(request).vision:
        return None
    for at, message in objects(request.body.get("messages")):
        for number, part in objects(message.get("content")):
            if part.get("type") == "image_url":
                message_ = "Invalid content type. image_url is only supported by certain models."
                return say.refuse(message_, f"messages.[{at}].content.[{number}].type")
    return None


def mentions_json(request: CheckedRequest) -> Words | None:
    """Check that JSON mode is announced in the messages."""
    if section(request.body, "response_format").get("type") != "json_object":
        return None
    if any("json" in text.lower() for _, message in objects(request.body.get("messages")) for text in texts(message)):
        return None
    words = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return say.refuse(words, "messages")


def texts(message: JsonObject) -> list[str]:
    """Return the texts of a message or an item."""
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    return [text for _, part in objects(content) if isinstance(text := part.get("text"), str)]
