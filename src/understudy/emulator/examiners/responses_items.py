"""The items of a Responses input: their shapes, and how calls, results and reasoning belong together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from understudy.domain.content import Json, JsonObject
from understudy.emulator import compaction
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.openai_media import DOCUMENTS, file_data, image_url
from understudy.emulator.examiners.openai_messages import name, texts
from understudy.emulator.examiners.openai_models import family_of
from understudy.emulator.examiners.openai_shapes import (
    Shape,
    an_object,
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

CALL_ID_LIMIT = 64
PASSTHROUGH = "internal_chat_message_metadata_passthrough"
"""What Codex adds to the items that it sends to OpenAI (github.com/openai/codex, `ResponseItem`)."""
CALLS = {"function_call": "function call", "custom_tool_call": "custom tool call"}
"""Items with calls that the client answers, and what the service calls them."""

_STATUS = nullable(one_of("in_progress", "completed", "incomplete"))
_CALLER = nullable(an_object)
_MARK = nullable(obj({"mode": one_of("explicit")}, required=("mode",)))
_URL = string(pattern=r"https?://.+")
_ID = string(limit=CALL_ID_LIMIT, empty=False)


def _id(prefix: str) -> Shape:
    """Return the shape of an item's id, which begins with a prefix of its type."""

    def check(value: Json, where: str) -> Words | None:
        if not isinstance(value, str):
            return say.wrong_type(where, "a string", value)
        if value.startswith(prefix):
            return None
        message = f"Invalid '{where}': '{value}'. Expected an ID that begins with '{prefix}'."
        return say.refuse(message, where, "invalid_value")

    return check


def _one_source(shape: Shape, fields: tuple[str, ...], needed: str) -> Shape:
    """Return the shape of a part whose content comes from one of several fields."""

    def check(value: Json, where: str) -> Words | None:
        if (words := shape(value, where)) is not None or not isinstance(value, dict):
            return words
        return None if any(value.get(field) for field in fields) else say.missing(f"{where}.{needed}")

    return check


_IMAGE = _one_source(
    obj(
        {
            "type": anything,
            "image_url": nullable(image_url),
            "file_id": nullable(string()),
            "detail": nullable(one_of("low", "high", "auto", "original")),
            "prompt_cache_breakpoint": _MARK,
        }
    ),
    ("image_url", "file_id"),
    "image_url",
)
_FILE_FIELDS = obj(
    {
        "type": anything,
        "file_data": nullable(file_data(DOCUMENTS)),
        "file_id": nullable(string()),
        "file_url": nullable(_URL),
        "filename": nullable(string(empty=False)),
        "detail": nullable(one_of("low", "high", "auto")),
        "prompt_cache_breakpoint": _MARK,
    }
)


def _file(value: Json, where: str) -> Words | None:
    check = _one_source(_FILE_FIELDS, ("file_data", "file_id", "file_url"), "file_id")
    if (words := check(value, where)) is not None or not isinstance(value, dict):
        return words
    return say.missing(f"{where}.filename") if value.get("file_data") and not value.get("filename") else None


_TEXT = obj({"type": anything, "text": string(), "prompt_cache_breakpoint": _MARK}, required=("text",))
_INPUT_PARTS = {"input_text": _TEXT, "input_image": _IMAGE, "input_file": _file}
_OUTPUT_PARTS = {
    "output_text": obj(
        {"type": anything, "text": string(), "annotations": array(anything, empty=True), "logprobs": anything},
        required=("text",),
    ),
    "refusal": obj({"type": anything, "refusal": string()}, required=("refusal",)),
}


def _content(parts: dict[str, Shape]) -> Shape:
    return either(
        "one of a string or array of objects", {str: string(), list: array(tagged("type", parts), empty=True)}
    )


def _message_of(parts: dict[str, Shape]) -> Shape:
    fields: dict[str, Shape] = {
        "type": one_of("message"),
        "role": anything,
        "content": _content(parts),
        "id": nullable(_id("msg")),
        "status": _STATUS,
        "phase": nullable(one_of("commentary", "final_answer")),
        PASSTHROUGH: nullable(an_object),
    }
    return obj(fields, required=("content",))


_INPUT = _message_of(_INPUT_PARTS)
_MESSAGE = tagged(
    "role",
    {"assistant": _message_of(_OUTPUT_PARTS), "system": _INPUT, "developer": _INPUT, "user": _INPUT},
)


def _item(prefix: str, required: Iterable[str], **fields: Shape) -> Shape:
    shared: dict[str, Shape] = {"type": anything, "id": nullable(_id(prefix)), "status": _STATUS, "caller": _CALLER}
    return obj({**shared, PASSTHROUGH: nullable(an_object), **fields}, required=tuple(required))


_OUTPUT = either("one of a string or array of objects", {str: string(), list: array(tagged("type", _INPUT_PARTS))})
_SUMMARY = obj({"type": one_of("summary_text"), "text": string()}, required=("type", "text"))
_THOUGHT = obj({"type": one_of("reasoning_text"), "text": string()}, required=("type", "text"))
_HOSTED = (
    "file_search_call", "computer_call", "computer_call_output", "web_search_call", "tool_search_call",
    "tool_search_output", "additional_tools", "image_generation_call", "code_interpreter_call",
    "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call",
    "apply_patch_call_output", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "mcp_call",
    "compaction_trigger", "item_reference", "program", "program_output",
)  # fmt: skip
"""Types of items whose fields are not looked into here."""
_ITEM = tagged(
    "type",
    {
        "message": _MESSAGE,
        "function_call": _item(
            "fc", ("call_id", "name", "arguments"),
            call_id=_ID, name=name, arguments=string(), namespace=string(),
        ),
        "function_call_output": _item(
            "fc", ("call_id", "output"),
            call_id=_ID, output=_OUTPUT, name=nullable(string()), namespace=nullable(string()),
        ),
        "custom_tool_call": _item(
            "ctc", ("call_id", "name", "input"), call_id=_ID, name=name, input=string(), namespace=string()
        ),
        "custom_tool_call_output": _item("ctc", ("call_id", "output"), call_id=_ID, output=_OUTPUT),
        "reasoning": _item(
            "rs", ("summary",),
            summary=array(_SUMMARY, empty=True), content=nullable(array(_THOUGHT, empty=True)),
            encrypted_content=nullable(string()),
        ),
        "compaction": _item("cmp", ("encrypted_content",), encrypted_content=string(), created_by=nullable(string())),
        **dict.fromkeys(_HOSTED, an_object),
    },
    default="message",
)  # fmt: skip
INPUT = either("one of a string or array of input items", {str: string(), list: array(_ITEM, empty=True)})


def calls_and_results(request: CheckedRequest) -> Words | None:
    """Check that each call has a result behind it, and each result a call before it."""
    waiting: dict[str, str] = {}
    called: set[str] = set()
    stored = request.body.get("previous_response_id") or request.body.get("conversation")
    for _, item in objects(request.body.get("input")):
        kind, call_id = str(item.get("type")), item.get("call_id")
        if not isinstance(call_id, str):
            continue
        if kind in CALLS:
            waiting[call_id] = CALLS[kind]
            called.add(call_id)
        elif (called_kind := kind.removesuffix("_output")) in CALLS and kind != called_kind:
            waiting.pop(call_id, None)
            if call_id not in called and not stored:
                message = f"No tool call found for {CALLS[called_kind]} output with call_id {call_id}."
                return say.refuse(message, "input")
    if waiting:
        call_id, kind = next(iter(waiting.items()))
        return say.refuse(f"No tool output found for {kind} {call_id}.", "input")
    return None


def reasoning_is_followed(request: CheckedRequest) -> Words | None:
    """Check that what the model made of a reasoning item follows it."""
    items = [item for _, item in objects(request.body.get("input"))]
    for item, following in zip_longest(items, items[1:]):
        if item.get("type") != "reasoning" or (following is not None and _is_output(following)):
            continue
        message = f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item."
        return say.refuse(message, "input")
    return None


def _is_output(item: JsonObject) -> bool:
    """Check whether a model made an item."""
    kind = str(item.get("type", "message"))
    if kind == "message":
        return item.get("role") == "assistant"
    return not kind.endswith(("_output", "_response"))


def reasoning_is_kept(request: CheckedRequest) -> Words | None:
    """Refuse a reasoning item without its content where nothing is stored that it could refer to."""
    if request.body.get("store") is not False:
        return None
    for _, item in objects(request.body.get("input")):
        if item.get("type") == "reasoning" and item.get("id") and not item.get("encrypted_content"):
            message = (
                f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false. "
                "Try again with `store` set to true, or remove this item from your input."
            )
            return say.refuse(message, "input", status=404)
    return None


def compactions_are_of(account: str) -> Check:
    """Return a check that refuses compactions which another account made."""

    def check(request: CheckedRequest) -> Words | None:
        for _, item in objects(request.body.get("input")):
            content = str(item.get("encrypted_content"))
            if item.get("type") == "compaction" and compaction.decrypt(content, account) is None:
                message = (
                    f"The encrypted content for item {item.get('id')} could not be verified. "
                    "Reason: Encrypted content could not be decrypted or parsed."
                )
                return say.refuse(message, code="invalid_encrypted_content")
        return None

    return check


def mentions_json(request: CheckedRequest) -> Words | None:
    """Check that JSON mode is announced in the input; instructions do not count."""
    if section(request.body, "text", "format").get("type") != "json_object":
        return None
    given = request.body.get("input")
    found = [given] if isinstance(given, str) else [text for _, item in objects(given) for text in texts(item)]
    if any("json" in text.lower() for text in found):
        return None
    message = (
        "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'."
    )
    return say.refuse(message, "input")


def vision(request: CheckedRequest) -> Words | None:
    """Refuse images to the models that see none."""
    if family_of(request).vision:
        return None
    for at, item in objects(request.body.get("input")):
        for number, part in objects(item.get("content")):
            if part.get("type") == "input_image":
                message = "Invalid content type. image_url is only supported by certain models."
                return say.refuse(message, f"input[{at}].content[{number}].type")
    return None
