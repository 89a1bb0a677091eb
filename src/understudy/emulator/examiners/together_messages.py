"""The rules of Together AI for messages."""

from __future__ import annotations

from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners.base import Rule
from understudy.emulator.examiners.call_pairs import Unpaired, unpaired
from understudy.emulator.examiners.shapes import READ, calls, image_flaw, image_urls, json_kind, messages, parts
from understudy.emulator.examiners.together_words import SPEC, refuse

_ROLES = ("system", "user", "assistant", "tool", "function")
_PARTS = {"text": "text", "image_url": "image_url", "video_url": "video_url", "audio_url": "audio_url"} | {
    "input_audio": "input_audio"
}
_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


def _roles(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        if message.get("role") not in _ROLES:
            return refuse(f"messages.{at}.role must be one of {', '.join(_ROLES)}", "messages")
    return None


def _content(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        content, role = message.get("content"), message.get("role")
        if role == "assistant" and (content is None or isinstance(content, str)):
            continue
        if isinstance(content, str) or (role == "user" and isinstance(content, list) and content):
            continue
        return refuse(f"messages.{at}.content must be a string", "messages")
    return None


def _part_types(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        for number, part in parts(message):
            kind = str(part.get("type"))
            if kind not in _PARTS or part.get(_PARTS[kind]) is None:
                return refuse(f"messages.{at}.content.{number} must be one of {', '.join(_PARTS)}", "messages")
    return None


def _audio(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        for number, part in parts(message):
            audio = part.get("input_audio")
            if isinstance(audio, dict) and audio.get("format") != "wav":
                return refuse(f"messages.{at}.content.{number}.input_audio.format must be wav", "messages")
    return None


def _images(request: CheckedRequest) -> Words | None:
    for at, number, url in image_urls(request):
        if flaw := image_flaw(url, _IMAGES):
            return refuse(f"messages.{at}.content.{number}.image_url: {flaw}", "messages")
    return None


def _calls(request: CheckedRequest) -> Words | None:
    for at, number, call in calls(request):
        function = call.get("function")
        named = isinstance(function, dict) and isinstance(function.get("name"), str) and function["name"]
        if not named or not call.get("id") or call.get("type") != "function":
            return refuse(f"messages.{at}.tool_calls.{number} must have id, type and function", "messages")
    return None


def _arguments(request: CheckedRequest) -> Words | None:
    for at, number, call in calls(request):
        function = call.get("function")
        if isinstance(function, dict) and json_kind(function.get("arguments")) != "object":
            return refuse(
                f"messages.{at}.tool_calls.{number}.function.arguments must be a JSON object string", "messages"
            )
    return None


def _results_have_ids(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        if message.get("role") == "tool" and not message.get("tool_call_id"):
            return refuse(f"messages.{at}.tool_call_id is required", "messages")
    return None


def _results_after_calls(request: CheckedRequest) -> Words | None:
    lone = unpaired(request)
    if lone is None or lone.call_ids in (("",), ("None",)):
        return None
    if lone.lacks is Unpaired.CALL:
        return refuse(
            "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.", "messages"
        )
    return refuse(f"The tool call {lone.call_ids[0]} is not followed by a tool message with its result.", "messages")


def _rule(name: str, check: Check, source: str = SPEC) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check)


_FUNCTION_CALLING = "https://docs.together.ai/docs/function-calling"

RULES = (
    _rule("roles", _roles, "https://github.com/togethercomputer/together-python/issues/113"),
    _rule("content", _content),
    _rule("part-types", _part_types),
    _rule("audio", _audio),
    _rule("images", _images),
    _rule("calls", _calls),
    _rule("arguments", _arguments, _FUNCTION_CALLING),
    _rule("results-have-ids", _results_have_ids),
    _rule("results-after-calls", _results_after_calls, _FUNCTION_CALLING),
)
