"""The rules of Hugging Face's router for chat completions.

The router forwards a request to one of several partners, so a request must keep the rules that they share. These come
from the types of the official client, which are made from those of text-generation-inference (TGI), and from partners'
own documents.
"""

from __future__ import annotations

import re

from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners.base import Examiner, Rule
from understudy.emulator.examiners.call_pairs import Unpaired, unpaired
from understudy.emulator.examiners.json_schema import Subset, violation
from understudy.emulator.examiners.shapes import (
    READ,
    calls,
    functions,
    image_flaw,
    image_urls,
    json_kind,
    messages,
    mistyped,
    objects,
    outside,
    parts,
)

_TYPES = "huggingface_hub 1.33.0: inference/_generated/types/chat_completion.py"
_TGI = "https://github.com/huggingface/text-generation-inference/blob/db931fcf/router/src"

_FIELDS = {
    "model": "string",
    "messages": "array",
    "frequency_penalty": "number",
    "presence_penalty": "number",
    "logprobs": "boolean",
    "top_logprobs": "integer",
    "max_tokens": "integer",
    "n": "integer",
    "reasoning_effort": "string",
    "response_format": "object",
    "seed": "integer",
    "stop": "array",
    "stream": "boolean",
    "stream_options": "object",
    "temperature": "number",
    "tool_choice": "string|object",
    "tool_prompt": "string",
    "tools": "array",
    "top_p": "number",
}
_ROLES = ("system", "user", "assistant", "tool")
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "top_logprobs": (0, 5),
    "max_tokens": (1, 2**32 - 1),
    "seed": (0, 2**64 - 1),
    "n": (1, 128),
}
_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MOST_STOPS = 4


def _invalid(message: str) -> Words:
    return Words(422, f"Input validation error: {message}")


def _undecodable(where: str, message: str) -> Words:
    return Words(422, f"Failed to deserialize the JSON body into the target type: {where}: {message}")


def _required(request: CheckedRequest) -> Words | None:
    for name in ("model", "messages"):
        if request.body.get(name) in (None, "", []):
            return _undecodable(name, f"missing field `{name}`")
    return None


def _types(request: CheckedRequest) -> Words | None:
    wrong = mistyped(request.body, _FIELDS)
    return _undecodable(wrong.name, f"invalid type: {wrong.given}, expected {wrong.wanted}") if wrong else None


def _roles(request: CheckedRequest) -> Words | None:
    for _, message in messages(request):
        if message.get("role") not in _ROLES:
            return Words(422, "Template error: invalid operation: Unexpected message role.", "template_error")
    return None


def _content(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        content = message.get("content")
        if content is None and message.get("tool_calls"):
            continue
        if not isinstance(content, str | list) or content == []:
            return _undecodable(f"messages[{at}]", "data did not match any variant of untagged enum MessageBody")
    return None


def _part_types(request: CheckedRequest) -> Words | None:
    for at, message in messages(request):
        for number, part in parts(message):
            kind = part.get("type")
            if kind not in ("text", "image_url"):
                where = f"messages[{at}].content[{number}]"
                return _undecodable(where, f"unknown variant `{kind}`, expected `text` or `image_url`")
            if (kind == "text" and not isinstance(part.get("text"), str)) or part.get(kind) is None:
                return _undecodable(f"messages[{at}].content[{number}]", f"missing field `{kind}`")
    return None


def _calls(request: CheckedRequest) -> Words | None:
    for at, number, call in calls(request):
        function = call.get("function")
        named = isinstance(function, dict) and isinstance(function.get("name"), str)
        if not named or not isinstance(call.get("id"), str) or not call["id"] or not call.get("type"):
            return _undecodable(f"messages[{at}].tool_calls[{number}]", "missing field `id`, `type` or `function`")
    return None


def _arguments(request: CheckedRequest) -> Words | None:
    for at, number, call in calls(request):
        function = call.get("function")
        given = function.get("arguments") if isinstance(function, dict) else None
        if json_kind(given) != "object" and not isinstance(given, dict):
            return _invalid(f"messages[{at}].tool_calls[{number}].function.arguments is not a JSON object")
    return None


def _results_after_calls(request: CheckedRequest) -> Words | None:
    lone = unpaired(request)
    if lone is None:
        return None
    if lone.lacks is Unpaired.CALL:
        complaint = "Unexpected tool call id {} in tool results".format(*lone.call_ids)
        return Words(400, complaint, "invalid_request_error")
    return Words(400, "Not the same number of function calls and responses", "invalid_request_error")


def _images(request: CheckedRequest) -> Words | None:
    for _, _, url in image_urls(request):
        if flaw := image_flaw(url, _IMAGES):
            return _invalid(f"invalid image: {flaw}")
    return None


def _ranges(request: CheckedRequest) -> Words | None:
    for name, (least, greatest) in _RANGES.items():
        if outside(request.body.get(name), least, greatest):
            return _invalid(f"`{name}` must be >= {least} and <= {greatest}")
    return None


def _top_logprobs(request: CheckedRequest) -> Words | None:
    if request.body.get("top_logprobs") and request.body.get("logprobs") is not True:
        return _invalid("`logprobs` must be set to true if `top_logprobs` is used")
    return None


def _stop(request: CheckedRequest) -> Words | None:
    stop = request.body.get("stop")
    if not isinstance(stop, list):
        return None
    if len(stop) > _MOST_STOPS:
        return _invalid(f"`stop` supports up to {_MOST_STOPS} stop sequences. Given: {len(stop)}")
    return (
        None if all(isinstance(text, str) for text in stop) else _undecodable("stop", "invalid type, expected a string")
    )


def _tools(request: CheckedRequest) -> Words | None:
    for at, tool in objects(request.body.get("tools")):
        function = tool.get("function")
        if tool.get("type") != "function" or not isinstance(function, dict) or "name" not in function:
            return _undecodable(f"tools[{at}]", "missing field `function`")
        if not isinstance(function.get("parameters", {}), dict):
            return _undecodable(f"tools[{at}].function.parameters", "expected an object")
    return None


def _tool_names(request: CheckedRequest) -> Words | None:
    names = [function.get("name") for _, function in functions(request)]
    names += [call["function"].get("name") for *_, call in calls(request) if isinstance(call.get("function"), dict)]
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return Words(400, f"invalid function name: {name}", "invalid_request_error")
    return None


def _tool_choice(request: CheckedRequest) -> Words | None:
    choice = request.body.get("tool_choice")
    if isinstance(choice, str) and choice not in ("auto", "none", "required"):
        return _undecodable("tool_choice", f"unknown variant `{choice}`")
    if choice in (None, "auto", "none"):
        return None
    if not request.body.get("tools"):
        return _invalid("tool_choice requires tools")
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if isinstance(choice, dict) and name not in [function.get("name") for _, function in functions(request)]:
        return _invalid(f"Tool with name {name} not found")
    return None


def _response_format(request: CheckedRequest) -> Words | None:
    given = request.section("response_format")
    kind = given.get("type")
    if not given or kind in ("text", "json_object"):
        return None
    schema = given.get("json_schema")
    if kind != "json_schema":
        return _undecodable("response_format", f"unknown variant `{kind}`")
    if not isinstance(schema, dict) or not schema.get("name") or not isinstance(schema.get("schema"), dict):
        return _undecodable("response_format", "missing field `name` or `schema`")
    if violation(schema["schema"], Subset()):
        return _invalid("grammar is not valid: the schema refers to what is not in it")
    return None


def _rule(name: str, check: Check, source: str = _TYPES) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check)


EXAMINER = Examiner(
    (
        _rule("required", _required),
        _rule("types", _types),
        _rule("roles", _roles, "https://huggingface.co/Qwen/Qwen3-32B/blob/main/tokenizer_config.json"),
        _rule("content", _content, f"{_TGI}/lib.rs"),
        _rule("part-types", _part_types),
        _rule("calls", _calls),
        _rule("arguments", _arguments),
        _rule(
            "results-after-calls",
            _results_after_calls,
            "https://github.com/mistralai/mistral-common/blob/main/src/mistral_common/protocol/instruct/validator.py",
        ),
        _rule("images", _images, f"{_TGI}/validation.rs"),
        _rule("ranges", _ranges),
        _rule("top-logprobs", _top_logprobs),
        _rule("stop", _stop),
        _rule("tools", _tools),
        _rule("tool-names", _tool_names, "groq 1.7.0: types/shared_params/function_definition.py"),
        _rule("tool-choice", _tool_choice, f"{_TGI}/infer/tool_grammar.rs"),
        _rule("response-format", _response_format),
    )
)
