"""The rules of Cohere's v2 API: chat here, embeddings in `cohere_embed`, schemas in `cohere_schema`.

The API refuses unknown fields and wrong types with 422 while it reads the body, everything else with 400. Where the
vendor's words for a documented rule are not public, the message states the rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners import cohere_embed, cohere_schema
from understudy.emulator.examiners.base import Examiner, Rule
from understudy.emulator.examiners.cohere_words import ERRORS, SPEC, invalid, mistyped_words, unknown_words
from understudy.emulator.examiners.shapes import (
    READ,
    calls,
    functions,
    image_flaw,
    image_urls,
    is_empty,
    json_kind,
    messages,
    mistyped,
    objects,
    outside,
    parts,
    unknown_field,
)

_FIELDS = {
    "model": "string",
    "messages": "array",
    "stream": "boolean",
    "tools": "array",
    "strict_tools": "boolean",
    "documents": "array",
    "citation_options": "object",
    "response_format": "object",
    "safety_mode": "string",
    "max_tokens": "integer",
    "stop_sequences": "array",
    "temperature": "number",
    "seed": "integer",
    "frequency_penalty": "number",
    "presence_penalty": "number",
    "k": "integer",
    "p": "number",
    "logprobs": "boolean",
    "tool_choice": "string",
    "thinking": "object",
    "priority": "integer",
}
_MESSAGE_FIELDS = {
    "system": {"role": "string", "content": "string|array"},
    "user": {"role": "string", "content": "string|array"},
    "assistant": {
        "role": "string",
        "content": "string|array",
        "tool_calls": "array",
        "tool_plan": "string",
        "citations": "array",
    },
    "tool": {"role": "string", "content": "string|array", "tool_call_id": "string"},
}
_PARTS = {
    "system": {"text"},
    "user": {"text", "image_url"},
    "assistant": {"text", "thinking"},
    "tool": {"text", "document"},
}
_PART_FIELDS = {
    "text": {"type": "string", "text": "string"},
    "thinking": {"type": "string", "thinking": "string"},
    "image_url": {"type": "string", "image_url": "object"},
    "document": {"type": "string", "document": "object"},
}
_CALL_FIELDS = {"id": "string", "type": "string", "function": "object"}
_CALLED_FIELDS = {"name": "string", "arguments": "string"}
_TOOL_FIELDS = {"type": "string", "function": "object"}
_FUNCTION_FIELDS = {"name": "string", "description": "string", "parameters": "object"}
_FORMAT_FIELDS = {"type": "string", "json_schema": "object", "schema": "object"}
_THINKING_FIELDS = {"type": "string", "token_budget": "integer"}
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 1.0),
    "p": (0.01, 0.99),
    "k": (0, 500),
    "presence_penalty": (0, 1),
    "frequency_penalty": (0, 1),
    "seed": (0, 2**64 - 1),
    "priority": (0, 999),
    "max_tokens": (1, 2**31 - 1),
}
_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOOL_CHOICE_CAME_LATER = re.compile(r"command-r(-plus)?-08-2024")
_ALWAYS_SAFE = re.compile(r"command-(r7b|a)")


def _objects_with_fields(request: CheckedRequest) -> Iterator[tuple[JsonObject, dict[str, str]]]:
    """Yield each object of a request with the fields that the API knows in it."""
    yield request.body, _FIELDS
    for _, message in messages(request):
        yield message, _MESSAGE_FIELDS.get(str(message.get("role")), message)
        for _, part in parts(message):
            yield part, _PART_FIELDS.get(str(part.get("type")), part)
    for _, _, call in calls(request):
        yield call, _CALL_FIELDS
        if isinstance(called := call.get("function"), dict):
            yield called, _CALLED_FIELDS
    for _, tool in objects(request.body.get("tools")):
        yield tool, _TOOL_FIELDS
    yield from ((function, _FUNCTION_FIELDS) for _, function in functions(request))
    yield request.section("response_format"), _FORMAT_FIELDS
    yield request.section("thinking"), _THINKING_FIELDS


def _known_fields(request: CheckedRequest) -> Words | None:
    for value, fields in _objects_with_fields(request):
        if name := unknown_field(value, fields):
            return unknown_words(name, "chat")
    return None


def _types(request: CheckedRequest) -> Words | None:
    for value, fields in _objects_with_fields(request):
        if fields is not value and (wrong := mistyped(value, fields)):
            return mistyped_words(wrong, "chat")
    return None


def _model(request: CheckedRequest) -> Words | None:
    return None if request.body.get("model") else invalid("a model parameter is required for this endpoint.", "")


def _messages(request: CheckedRequest) -> Words | None:
    if not request.body.get("messages"):
        return invalid("messages must not be empty")
    for at, message in messages(request):
        if str(message.get("role")) not in _MESSAGE_FIELDS:
            return invalid(
                f"Invalid role in messages at index {at}. Role must be one of: user, assistant, system, tool"
            )
    return None


def _part_types(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        for number, part in parts(message):
            if str(part.get("type")) not in _PARTS.get(str(message.get("role")), ()):
                where = f"messages[{at}].content[{number}]"
                return invalid(
                    f"content type {part.get('type')!r} is not allowed in a {message.get('role')} message: {where}"
                )
    return None


def _no_empty_turn(request: CheckedRequest) -> Words | None:
    for _, message in messages(request):
        empty = is_empty(message.get("content"))
        match message.get("role"):
            case "user" | "system" if empty:
                return invalid("message must not be empty in a turn", "")
            case "assistant" if empty and not message.get("tool_calls"):
                return invalid("message must not be empty in a turn", "")
            case "tool" if "content" not in message:
                return invalid("message must not be empty in a turn", "")
    return None


def _plan_instead_of_text(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        if not message.get("tool_calls"):
            continue
        content = message.get("content")
        texts = [(0, content)] if isinstance(content, str) else [(n, part.get("text")) for n, part in parts(message)]
        if found := [number for number, text in texts if text]:
            return Words(
                400,
                "text content is not allowed when tool_calls are provided. If you wish to pass a tool plan, either "
                "pass thinking content (with thinking enabled) or use 'tool_plan': "
                f"'messages[{at}].content[{found[0]}]'",
            )
    return None


def _calls(request: CheckedRequest) -> Words | None:
    seen: list[Any] = []
    for _, _, call in calls(request):
        function = call.get("function")
        if call.get("type") != "function" or not isinstance(function, dict):
            return invalid("tool call must be of type function", "")
        if not call.get("id") or call["id"] in seen:
            return invalid("cannot have duplicate tool ids", "")
        seen.append(call["id"])
    return None


def _arguments(request: CheckedRequest) -> Words | None:
    for at, number, call in calls(request):
        function = call.get("function")
        if isinstance(function, dict) and json_kind(function.get("arguments")) != "object":
            return invalid(f"messages[{at}].tool_calls[{number}].function.arguments must be a JSON object string")
    return None


def _results_after_calls(request: CheckedRequest) -> Words | None:
    waiting: list[str] = []
    for _, message in messages(request):
        if message.get("role") == "tool":
            if not message.get("tool_call_id"):
                return invalid("tool call id must be provided with tool message", "")
            if message["tool_call_id"] not in waiting:
                return invalid("tool call id not found in previous tool calls", "")
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            break
        waiting = [str(call.get("id")) for _, call in objects(message.get("tool_calls"))]
    return invalid(f"no tool message for the tool call {waiting[0]}") if waiting else None


def _tools(request: CheckedRequest) -> Words | None:
    for at, tool in objects(request.body.get("tools")):
        function = tool.get("function")
        if tool.get("type") != "function" or not isinstance(function, dict):
            return invalid(f"tools[{at}] must be of type function")
        if not isinstance(function.get("parameters"), dict):
            return invalid("schema must be an object", "")
    return None


def _tool_names(request: CheckedRequest) -> Words | None:
    names = [function.get("name") for _, function in functions(request)]
    for _, _, call in calls(request):
        if isinstance(called := call.get("function"), dict):
            names.append(called.get("name"))
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return invalid(
                "tool names can only contain certain characters (A-Za-z0-9_) and can't begin with a digit "
                f"(provided name: '{name}')."
            )
    return None


def _tool_choice(request: CheckedRequest) -> Words | None:
    choice = request.body.get("tool_choice")
    if choice is None:
        return None
    if choice not in ("REQUIRED", "NONE"):
        return invalid("tool_choice must be one of REQUIRED, NONE")
    if choice == "REQUIRED" and not request.body.get("tools"):
        return invalid("tools must be provided when tool_choice is REQUIRED")
    if _TOOL_CHOICE_CAME_LATER.match(request.model_name or ""):
        return invalid(f"tool_choice is not supported by model '{request.model_name}'")
    return None


def _response_format(request: CheckedRequest) -> Words | None:
    given = request.section("response_format")
    if given and given.get("type") not in ("text", "json_object"):
        return invalid("response_format.type must be one of text, json_object")
    if given.get("type") == "text" and given.get("json_schema") is not None:
        return invalid("json_schema must not be specified when the response_format type is text")
    if given.get("type") != "json_object":
        return None
    for beside, name in (("documents", "RAG"), ("tools", "tools")):
        if request.body.get(beside):
            return invalid(f"response_format is not supported with {name}.")
    return None


def _ranges(request: CheckedRequest) -> Words | None:
    for name, (least, greatest) in _RANGES.items():
        if outside(request.body.get(name), least, greatest):
            return invalid(f"{name} must be between {least} and {greatest} inclusive.")
    return None


def _stop_sequences(request: CheckedRequest) -> Words | None:
    stops = request.body.get("stop_sequences")
    if isinstance(stops, list) and (len(stops) > 5 or not all(isinstance(stop, str) and stop for stop in stops)):
        return invalid("stop_sequences must be at most 5 strings that are not empty")
    return None


def _thinking(request: CheckedRequest) -> Words | None:
    thinking = request.section("thinking")
    if thinking and thinking.get("type") not in ("enabled", "disabled"):
        return invalid("thinking.type must be one of enabled, disabled")
    if outside(thinking.get("token_budget"), 1, float("inf")):
        return invalid("thinking.token_budget must be a positive integer")
    return None


def _safety_mode(request: CheckedRequest) -> Words | None:
    mode = request.body.get("safety_mode")
    if mode is None:
        return None
    if mode not in ("CONTEXTUAL", "STRICT", "OFF"):
        return invalid("safety_mode must be one of CONTEXTUAL, STRICT, OFF")
    if request.body.get("tools") or request.body.get("documents"):
        return invalid("safety_mode is not supported with tools or documents")
    if mode == "OFF" and _ALWAYS_SAFE.match(request.model_name or ""):
        return invalid(f"safety_mode OFF is not supported by model '{request.model_name}'")
    return None


def _images(request: CheckedRequest) -> Words | None:
    found = list(image_urls(request))
    if len(found) > 20:
        return invalid(f"the number of images must be at most 20 - received {len(found)}")
    for at, number, url in found:
        if flaw := image_flaw(url, _IMAGES):
            return invalid(f"invalid image at messages[{at}].content[{number}]: {flaw}")
    return None


def _capabilities(request: CheckedRequest) -> Words | None:
    model = request.model
    if model is None:
        return None
    sees = any(True for _ in image_urls(request))
    wanted = {
        "chat": True,
        "tools": bool(request.body.get("tools")),
        "thinking": request.section("thinking").get("type") == "enabled",
        "vision": sees,
    }
    lacking = [name for name, asked_for in wanted.items() if asked_for and name not in model.capabilities]
    return invalid(f"{lacking[0]} is not supported by model '{model.id}'") if lacking else None


def _rule(name: str, check: Check, source: str = SPEC) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check)


_UNKNOWN_FIELD = "https://github.com/OpenRouterTeam/openrouter-examples/issues/71"
_WRONG_TYPE = "https://github.com/BerriAI/litellm/pull/14691"
_TEXT_BESIDE_CALLS = "https://github.com/vercel/ai/issues/5794"
_IMAGE_INPUTS = "https://docs.cohere.com/docs/image-inputs"
_CHAT = "https://docs.cohere.com/reference/chat"

EXAMINER = Examiner(
    (
        _rule("known-fields", _known_fields, _UNKNOWN_FIELD),
        _rule("types", _types, _WRONG_TYPE),
        _rule("model", _model, ERRORS),
        _rule("messages", _messages, ERRORS),
        _rule("part-types", _part_types),
        _rule("no-empty-turn", _no_empty_turn, ERRORS),
        _rule("plan-instead-of-text", _plan_instead_of_text, _TEXT_BESIDE_CALLS),
        _rule("calls", _calls, ERRORS),
        _rule("arguments", _arguments),
        _rule("results-after-calls", _results_after_calls, ERRORS),
        _rule("tools", _tools, ERRORS),
        _rule("tool-names", _tool_names, ERRORS),
        _rule("tool-choice", _tool_choice),
        _rule("response-format", _response_format, ERRORS),
        *cohere_schema.RULES,
        _rule("ranges", _ranges, ERRORS),
        _rule("stop-sequences", _stop_sequences),
        _rule("thinking", _thinking),
        _rule("safety-mode", _safety_mode, _CHAT),
        _rule("images", _images, _IMAGE_INPUTS),
        _rule("capabilities", _capabilities, ERRORS),
        *cohere_embed.RULES,
    )
)
