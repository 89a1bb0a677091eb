"""The rules of Together AI, from its OpenAPI description: chat completions here, messages in `together_messages`.

The service forwards what it does not know to one of several engines; a field outside the description is refused here,
because what such an engine does with it is not documented.
"""

from __future__ import annotations

import re

from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners import together_messages
from understudy.emulator.examiners.base import CHAT, EMBED, Examiner, Rule
from understudy.emulator.examiners.json_schema import Subset, violation
from understudy.emulator.examiners.shapes import READ, functions, mistyped, objects, outside, unknown_field
from understudy.emulator.examiners.together_words import SPEC, refuse

_FIELDS = {
    "model": "string",
    "messages": "array",
    "chat_template_kwargs": "object",
    "compliance": "string",
    "context_length_exceeded_behavior": "string",
    "echo": "boolean",
    "frequency_penalty": "number",
    "function_call": "string|object",
    "logit_bias": "object",
    "logprobs": "integer",
    "max_tokens": "integer",
    "min_p": "number",
    "n": "integer",
    "presence_penalty": "number",
    "reasoning": "object",
    "reasoning_effort": "string",
    "repetition_penalty": "number",
    "response_format": "object",
    "safety_model": "string",
    "seed": "integer",
    "stop": "array",
    "stream": "boolean",
    # Absent from the description; sent by OpenAI's client to ask for what Together reports unasked.
    "stream_options": "object",
    "temperature": "number",
    "tool_choice": "string|object",
    "tools": "array",
    "top_k": "integer",
    "top_p": "number",
}
_EMBED_FIELDS = {"model": "string", "input": "string|array"}
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "logprobs": (0, 20),
    "n": (1, 128),
    "max_tokens": (1, 2**31 - 1),
}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CHOICES = {
    "reasoning_effort": ("low", "medium", "high"),
    "context_length_exceeded_behavior": ("truncate", "error"),
}


def _required(request: CheckedRequest) -> Words | None:
    wanted = ("model", "messages") if "messages" in request.body or request.operation in CHAT else ("model", "input")
    missing = next((name for name in wanted if request.body.get(name) in (None, [], "")), None)
    return refuse(f"Missing required parameter: '{missing}'.", missing) if missing else None


def _known_fields(request: CheckedRequest) -> Words | None:
    name = unknown_field(request.body, _FIELDS)
    return refuse(f"Unrecognized request argument supplied: {name}", name) if name else None


def _types(request: CheckedRequest) -> Words | None:
    wrong = mistyped(request.body, _FIELDS)
    return refuse(f"{wrong.name} must be of type {wrong.wanted}, got {wrong.given}", wrong.name) if wrong else None


def _ranges(request: CheckedRequest) -> Words | None:
    for name, (least, greatest) in _RANGES.items():
        if outside(request.body.get(name), least, greatest):
            return refuse(f"{name} must be between {least} and {greatest}", name)
    return None


def _choices(request: CheckedRequest) -> Words | None:
    for name, accepted in _CHOICES.items():
        value = request.body.get(name)
        if value is not None and value not in accepted:
            return refuse(f"{name} must be one of {', '.join(accepted)}", name)
    return None


def _tools(request: CheckedRequest) -> Words | None:
    for at, tool in objects(request.body.get("tools")):
        function = tool.get("function")
        if tool.get("type") != "function" or not isinstance(function, dict) or not function.get("name"):
            return refuse(f"tools[{at}] must be a function with a name", "tools")
        if mistyped(function, {"name": "string", "description": "string", "parameters": "object"}):
            return refuse(f"tools[{at}].function has a value of an invalid type", "tools")
    return None


def _tool_choice(request: CheckedRequest) -> Words | None:
    choice = request.body.get("tool_choice")
    if choice in (None, "auto", "none"):
        return None
    names = [function.get("name") for _, function in functions(request)]
    if choice == "required" and names:
        return None
    function = choice.get("function") if isinstance(choice, dict) else None
    named = function.get("name") if isinstance(function, dict) else choice
    return None if named in names else refuse(f"tool_choice names no tool of the request: {named}", "tool_choice")


def _response_format(request: CheckedRequest) -> Words | None:
    given = request.section("response_format")
    if not given:
        return None
    if given.get("type") not in ("text", "json_object", "json_schema"):
        return refuse("response_format.type must be one of text, json_object, json_schema", "response_format")
    schema = given.get("json_schema")
    if given["type"] != "json_schema":
        return None
    if not isinstance(schema, dict) or not isinstance(name := schema.get("name"), str) or not _NAME.fullmatch(name):
        return refuse("response_format.json_schema.name must match ^[a-zA-Z0-9_-]{1,64}$", "response_format")
    if not isinstance(schema.get("schema"), dict) or violation(schema["schema"], Subset()):
        return refuse("response_format.json_schema.schema must be a valid JSON schema", "response_format")
    return None


def _embed_fields(request: CheckedRequest) -> Words | None:
    name = unknown_field(request.body, _EMBED_FIELDS)
    return refuse(f"Unrecognized request argument supplied: {name}", name) if name else None


def _embed_input(request: CheckedRequest) -> Words | None:
    given = request.body.get("input")
    texts = given if isinstance(given, list) else [given]
    if given is None or all(isinstance(text, str) for text in texts):
        return None
    return refuse("input must be a string or an array of strings", "input")


def _kind_of_model(request: CheckedRequest) -> Words | None:
    wanted = "embed" if request.operation in EMBED else "chat"
    if request.model is None or wanted in request.model.capabilities:
        return None
    route = "the chat endpoint" if wanted == "chat" else "embeddings"
    return refuse(f"Model {request.model.id} is not supported with {route}.", "model")


def _rule(name: str, check: Check, source: str = SPEC) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check)


EXAMINER = Examiner(
    (
        Rule(name="required", source=SPEC, read=READ, check=_required, operations=CHAT | EMBED),
        _rule("known-fields", _known_fields),
        _rule("types", _types),
        _rule("ranges", _ranges),
        _rule("choices", _choices),
        *together_messages.RULES,
        _rule("tools", _tools),
        _rule("tool-choice", _tool_choice),
        _rule("response-format", _response_format),
        Rule(name="embed-known-fields", source=SPEC, read=READ, check=_embed_fields, operations=EMBED),
        Rule(name="embed-input", source=SPEC, read=READ, check=_embed_input, operations=EMBED),
        Rule(name="kind-of-model", source=SPEC, read=READ, check=_kind_of_model, operations=CHAT | EMBED),
    )
)
