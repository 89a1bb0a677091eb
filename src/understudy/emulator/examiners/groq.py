"""The rules of Groq's chat completions: requests here, messages in `groq_messages`, schemas in `groq_schema`."""

from __future__ import annotations

import re
from typing import Any

from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners import groq_messages, groq_schema
from understudy.emulator.examiners.base import Examiner, Rule
from understudy.emulator.examiners.groq_words import REFERENCE, SDK, refuse
from understudy.emulator.examiners.shapes import (
    READ,
    functions,
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
    "citation_options": "string",
    "compound_custom": "object",
    "disable_tool_validation": "boolean",
    "documents": "array",
    "exclude_domains": "array",
    "include_domains": "array",
    "frequency_penalty": "number",
    "presence_penalty": "number",
    "function_call": "string|object",
    "functions": "array",
    "include_reasoning": "boolean",
    "logit_bias": "object",
    "logprobs": "boolean",
    "top_logprobs": "integer",
    "max_completion_tokens": "integer",
    "max_tokens": "integer",
    "metadata": "object",
    "n": "integer",
    "parallel_tool_calls": "boolean",
    "reasoning_effort": "string",
    "reasoning_format": "string",
    "response_format": "object",
    "search_settings": "object",
    "seed": "integer",
    "service_tier": "string",
    "stop": "string|array",
    "store": "boolean",
    "stream": "boolean",
    # Absent from the client's types; accepted in recorded traffic of three clients.
    "stream_options": "object",
    "temperature": "number",
    "tool_choice": "string|object",
    "tools": "array",
    "top_p": "number",
    "user": "string",
}
_UNSUPPORTED = ("logprobs", "top_logprobs", "logit_bias")
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "max_completion_tokens": (1, 2**31 - 1),
    "max_tokens": (1, 2**31 - 1),
}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_EFFORTS = (
    (re.compile(r"openai/gpt-oss"), ("low", "medium", "high")),
    (re.compile(r"qwen/qwen3\.[89]"), ("none", "default", "low", "medium", "high")),
    (re.compile(r"qwen/qwen"), ("none", "default")),
)
"""The efforts of each family, the first match counting; other models have none."""
_CHOICES = {
    "reasoning_format": ("hidden", "raw", "parsed"),
    "service_tier": ("auto", "on_demand", "flex", "performance"),
    "citation_options": ("enabled", "disabled"),
}


def _known_fields(request: CheckedRequest) -> Words | None:
    name = unknown_field(request.body, _FIELDS)
    return refuse(f"property '{name}' is unsupported", name) if name else None


def _types(request: CheckedRequest) -> Words | None:
    wrong = mistyped(request.body, _FIELDS)
    return refuse(f"'{wrong.name}' : value must be {_article(wrong.wanted)}", wrong.name) if wrong else None


def _article(kinds: str) -> str:
    return " or ".join(f"{'an' if kind[0] in 'aio' else 'a'} {kind}" for kind in kinds.split("|"))


def _required(request: CheckedRequest) -> Words | None:
    for name in ("model", "messages"):
        if not request.body.get(name) and request.body.get(name) != []:
            return refuse(f"property '{name}' is missing", name)
    return None if request.body["messages"] else refuse("'messages' : minimum number of items is 1", "messages")


def _unsupported(request: CheckedRequest) -> Words | None:
    for name in _UNSUPPORTED:
        if request.body.get(name):
            return refuse(f"`{name}` is not supported with this model", name)
    return None


def _one_choice(request: CheckedRequest) -> Words | None:
    number: Any = request.body.get("n")
    if not isinstance(number, int) or number == 1:
        return None
    return refuse(f"'n' : number must be at {'most' if number > 1 else 'least'} 1", "n")


def _not_stored(request: CheckedRequest) -> Words | None:
    for name in ("metadata", "store"):
        if request.body.get(name):
            return refuse(f"property '{name}' is unsupported", name)
    return None


def _ranges(request: CheckedRequest) -> Words | None:
    for name, (least, greatest) in _RANGES.items():
        value: Any = request.body.get(name)
        if outside(value, least, greatest):
            bound = f"most {greatest}" if value > greatest else f"least {least}"
            return refuse(f"'{name}' : number must be at {bound}", name)
    return None


def _choices(request: CheckedRequest) -> Words | None:
    for name, accepted in _CHOICES.items():
        value = request.body.get(name)
        if value is not None and value not in accepted:
            return refuse(f"'{name}' : value is not one of the allowed values [{','.join(map(repr, accepted))}]", name)
    return None


def _stop(request: CheckedRequest) -> Words | None:
    stop = request.body.get("stop")
    if not isinstance(stop, list):
        return None
    if len(stop) > 4:
        return refuse("'stop' : maximum number of items is 4", "stop")
    return None if all(isinstance(text, str) for text in stop) else refuse("'stop' : value must be a string", "stop")


def _tools(request: CheckedRequest) -> Words | None:
    tools = list(objects(request.body.get("tools")))
    if len(tools) > 128:
        return refuse("'tools' : maximum number of items is 128", "tools")
    for at, tool in tools:
        if tool.get("type") == "function" and not isinstance(tool.get("function"), dict):
            return refuse(f"'tools.{at}' : property 'function' is missing", "tools")
        if not isinstance(tool.get("type"), str):
            return refuse(f"'tools.{at}' : property 'type' is missing", "tools")
    return None


def _tool_names(request: CheckedRequest) -> Words | None:
    for at, function in functions(request):
        name = function.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return refuse(f"'tools.{at}.function.name' : value must match ^[a-zA-Z0-9_-]{{1,64}}$", "tools")
    return None


def _tool_choice(request: CheckedRequest) -> Words | None:
    choice = request.body.get("tool_choice")
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        return refuse(
            "'tool_choice' : value is not one of the allowed values ['none','auto','required']", "tool_choice"
        )
    if choice in (None, "none", "auto"):
        return None
    names = [function.get("name") for _, function in functions(request)]
    if choice == "required":
        return None if request.body.get("tools") else refuse("tool_choice requires tools", "tool_choice")
    function = choice.get("function") if isinstance(choice, dict) else None
    if not isinstance(function, dict) or function.get("name") not in names:
        return refuse("tool_choice names a tool that is not in request.tools", "tool_choice")
    return None


def _effort(request: CheckedRequest) -> Words | None:
    effort = request.body.get("reasoning_effort")
    accepted = next((levels for model, levels in _EFFORTS if model.match(request.model_name or "")), ())
    if effort is None or effort in accepted:
        return None
    if not accepted:
        return refuse("`reasoning_effort` is not supported with this model", "reasoning_effort")
    return refuse(
        f"`reasoning_effort` must be one of {' or '.join(f'`{one}`' for one in accepted)}", "reasoning_effort"
    )


def _reasoning_format(request: CheckedRequest) -> Words | None:
    shown = request.body.get("reasoning_format")
    if shown is not None and request.body.get("include_reasoning") is not None:
        return refuse("cannot specify both reasoning_format and include_reasoning", "reasoning_format")
    machine_read = bool(request.body.get("tools")) or request.section("response_format").get("type") in _JSON
    if shown == "raw" and machine_read:
        return refuse("reasoning_format `raw` is not supported with JSON mode or tool use", "reasoning_format")
    return None


_JSON = ("json_object", "json_schema")


def _json_without_tools(request: CheckedRequest) -> Words | None:
    if request.body.get("tools") and request.section("response_format").get("type") in _JSON:
        return refuse("json mode cannot be combined with tool/function calling", "response_format")
    return None


def _json_is_named(request: CheckedRequest) -> Words | None:
    if request.section("response_format").get("type") != "json_object":
        return None
    for _, message in messages(request):
        content = message.get("content")
        texts = [content] if isinstance(content, str) else [part.get("text") for _, part in parts(message)]
        if any(isinstance(text, str) and "json" in text.lower() for text in texts):
            return None
    complaint = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return refuse(complaint, "messages")


def _rule(name: str, check: Check, source: str = SDK) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check)


_COMPATIBILITY = "https://console.groq.com/docs/openai"
_REASONING = "https://console.groq.com/docs/reasoning"

EXAMINER = Examiner(
    (
        _rule("required", _required, REFERENCE),
        _rule("known-fields", _known_fields, "https://github.com/fanenr/chatbot/issues/21"),
        _rule("types", _types),
        _rule("unsupported", _unsupported, _COMPATIBILITY),
        _rule("one-choice", _one_choice, _COMPATIBILITY),
        _rule("not-stored", _not_stored),
        _rule("ranges", _ranges),
        _rule("choices", _choices),
        _rule("stop", _stop),
        *groq_messages.RULES,
        _rule("tools", _tools, REFERENCE),
        _rule("tool-names", _tool_names, "groq 1.7.0: types/shared_params/function_definition.py"),
        _rule("tool-choice", _tool_choice),
        *groq_schema.RULES,
        _rule("effort", _effort, "https://github.com/earendil-works/pi/issues/1745"),
        _rule("reasoning-format", _reasoning_format, _REASONING),
        _rule("json-without-tools", _json_without_tools, "https://github.com/vercel/ai/pull/16540"),
        _rule("json-is-named", _json_is_named, "https://github.com/vercel/ai/issues/7303"),
    )
)
