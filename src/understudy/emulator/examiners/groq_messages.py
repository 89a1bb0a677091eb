"""The rules of Groq for messages."""

from __future__ import annotations

import re

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners.base import Rule
from understudy.emulator.examiners.call_pairs import Unpaired, unpaired
from understudy.emulator.examiners.groq_words import in_message, refuse
from understudy.emulator.examiners.shapes import (
    READ,
    calls,
    image_flaw,
    image_urls,
    json_kind,
    kind_of,
    messages,
    parts,
    unknown_field,
)

_FIELDS = {
    "system": {"role": "string", "content": "string|array"},
    "developer": {"role": "string", "content": "string|array"},
    "user": {"role": "string", "content": "string|array"},
    "assistant": {
        "role": "string",
        "content": "string|array",
        "function_call": "object",
        "reasoning": "string",
        "tool_calls": "array",
    },
    "tool": {"role": "string", "content": "string|array", "tool_call_id": "string"},
    "function": {"role": "string", "content": "string", "name": "string"},
}
"""Without `name`, which the client's types have and the service refuses, save for the deprecated role `function`."""
_PARTS = {
    "system": {"text"},
    "developer": {"text"},
    "user": {"text", "image_url", "document"},
    "assistant": {"text"},
    "tool": {"text", "image_url", "document"},
}
_REASONS = re.compile(r"openai/gpt-oss|qwen/qwen|deepseek|groq/compound|compound")
_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_MOST_IMAGES = 5
_MOST_BASE64 = 4 * 1024 * 1024
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _roles(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        if str(message.get("role")) not in _FIELDS:
            accepted = ",".join(f"'{role}'" for role in _FIELDS)
            return refuse(f"'messages.{at}' : discriminator property 'role' has invalid value, expected [{accepted}]")
    return None


def _message_fields(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        role = message.get("role")
        if name := unknown_field(message, _FIELDS.get(str(role), message)):
            return in_message(at, role, f"' : property '{name}' is unsupported")
    return None


def _content(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        role, content = message.get("role"), message.get("content")
        called = message.get("tool_calls") or message.get("function_call") or message.get("reasoning")
        if content is None and role == "assistant" and called:
            continue
        if content is None:
            return in_message(at, role, "' : property 'content' is missing")
        if kind_of(content) not in ("string", "array"):
            return in_message(at, role, ".content' : value must be a string")
        if content == [] and role != "assistant":
            return in_message(at, role, ".content' : minimum number of items is 1")
    return None


def _part_types(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        role = message.get("role")
        for number, part in parts(message):
            kind = part.get("type")
            if not isinstance(kind, str) or kind not in _PARTS.get(str(role), (kind,)):
                return in_message(at, role, f".content.{number}.type' : value is not one of the allowed values")
            if kind == "text" and not isinstance(part.get("text"), str):
                return in_message(at, role, f".content.{number}' : property 'text' is missing")
    return None


def _reasoning(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        if "reasoning" in message and not _REASONS.search(request.model_name or ""):
            return in_message(at, message.get("role"), "' : property 'reasoning' is unsupported")
    return None


def _calls(request: CheckedRequest) -> Words | None:
    for at, number, call in calls(request):
        where = f".tool_calls.{number}"
        if lacking := _lacking(call):
            return in_message(at, "assistant", f"{where}{lacking}")
    return None


def _lacking(call: JsonObject) -> str | None:
    function = call.get("function")
    if not isinstance(call.get("id"), str) or not call["id"]:
        return "' : property 'id' is missing"
    if call.get("type") != "function" or not isinstance(function, dict):
        return "' : property 'function' is missing"
    if not isinstance(function.get("name"), str) or not _NAME.fullmatch(function["name"]):
        return ".function.name' : value must match ^[a-zA-Z0-9_-]{1,64}$"
    if not isinstance(function.get("arguments"), str):
        return ".function.arguments' : value must be a string"
    return None


def _arguments(request: CheckedRequest) -> Words | None:
    for at, number, call in calls(request):
        function = call.get("function")
        given = function.get("arguments") if isinstance(function, dict) else None
        if isinstance(given, str) and json_kind(given) is None:
            return refuse(f"'messages.{at}.tool_calls.{number}.function.arguments' : value must be JSON")
    return None


def _results_have_ids(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        if message.get("role") == "tool" and not message.get("tool_call_id"):
            return in_message(at, "tool", ".tool_call_id' : property 'tool_call_id' is missing")
    return None


def _results_after_calls(request: CheckedRequest) -> Words | None:
    lone = unpaired(request)
    if lone is None or lone.call_ids in (("",), ("None",)):
        return None
    if lone.lacks is Unpaired.CALL:
        return refuse(
            "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'", "messages"
        )
    ids = ", ".join(lone.call_ids)
    return refuse(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {ids}",
        "messages",
    )


def _images(request: CheckedRequest) -> Words | None:
    found = list(image_urls(request))
    if len(found) > _MOST_IMAGES:
        return refuse(f"Too many images provided. This model supports up to {_MOST_IMAGES} images", "messages")
    if sum(len(url) for *_, url in found if isinstance(url, str) and url.startswith("data:")) > _MOST_BASE64:
        return Words(413, "Request Entity Too Large", "invalid_request_error", "request_too_large")
    for _, _, url in found:
        if flaw := image_flaw(url, _IMAGES):
            return refuse(f"invalid image data: {flaw}", "messages")
    return None


def _capabilities(request: CheckedRequest) -> Words | None:
    if request.model is None or "vision" in request.model.capabilities:
        return None
    at = next((at for at, *_ in image_urls(request)), None)
    return None if at is None else refuse(f"messages[{at}].content must be a string", "messages")


def _rule(name: str, check: Check, source: str) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check)


_VISION = "https://console.groq.com/docs/vision"
_TYPES = "groq 1.7.0: types/chat/chat_completion_message_param.py"

RULES = (
    _rule("roles", _roles, _TYPES),
    _rule("message-fields", _message_fields, "https://github.com/janhq/jan/issues/8136"),
    _rule("content", _content, "https://github.com/OpenHands/OpenHands/issues/4643"),
    _rule("part-types", _part_types, "groq 1.7.0: types/chat/chat_completion_content_part_param.py"),
    _rule("reasoning", _reasoning, "https://github.com/karthink/gptel/issues/774"),
    _rule("calls", _calls, "groq 1.7.0: types/chat/chat_completion_message_tool_call_param.py"),
    _rule("arguments", _arguments, "groq 1.7.0: types/chat/chat_completion_message_tool_call_param.py"),
    _rule("results-have-ids", _results_have_ids, "https://github.com/hackclub/ai/issues/22"),
    _rule("results-after-calls", _results_after_calls, "https://github.com/agentjido/req_llm/pull/966"),
    _rule("images", _images, _VISION),
    _rule("capabilities", _capabilities, "https://github.com/vercel/ai/issues/2837"),
)
