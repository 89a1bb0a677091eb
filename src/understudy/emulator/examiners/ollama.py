"""The rules of Ollama's native API, from the source of the server (`api/types.go`, `server/routes.go`, `llm/`).

The server decodes the body into typed structs: fields that it does not know are ignored, a value of another type is a
400 in the words of Go's decoder. It compares no ids of calls and results, and checks no ranges of options.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from understudy.domain.content import JsonObject
from understudy.domain.operation import Operation
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners import ollama_tools
from understudy.emulator.examiners.base import CHAT, EMBED, Examiner, Rule
from understudy.emulator.examiners.ollama_words import refuse, unmarshal
from understudy.emulator.examiners.shapes import READ, calls, kind_of, messages, mistyped, outside

_TREE = "https://github.com/ollama/ollama/blob/fb3076099"
_TYPES_GO = f"{_TREE}/api/types.go"
_ROUTES_GO = f"{_TREE}/server/routes.go"

_CHAT_FIELDS = {
    "model": "string",
    "messages": "array",
    "stream": "boolean",
    "tools": "array",
    "options": "object",
    "truncate": "boolean",
    "shift": "boolean",
    "logprobs": "boolean",
    "top_logprobs": "integer",
}
_EMBED_FIELDS = {"model": "string", "truncate": "boolean", "dimensions": "integer", "options": "object"}
_MESSAGE_FIELDS = {
    "role": "string",
    "content": "string",
    "thinking": "string",
    "images": "array",
    "tool_calls": "array",
    "tool_name": "string",
    "tool_call_id": "string",
}
_COUNTS = "num_keep seed num_predict top_k repeat_last_n num_ctx num_batch num_gpu main_gpu num_thread"
_FLOATS = "top_p min_p typical_p temperature repeat_penalty presence_penalty frequency_penalty"
_OPTIONS = {"integer": _COUNTS.split(), "float32": _FLOATS.split(), "boolean": ["use_mmap"]}
_DURATION = re.compile(
    r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))*|0"
)
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_MODEL = re.compile(
    rf"(?:[A-Za-z0-9_][A-Za-z0-9_.:-]{{0,349}}/)?(?:[A-Za-z0-9_][A-Za-z0-9_-]{{0,79}}/)?{_PART}(?::{_PART})?"
)
_THINK = ("high", "medium", "low", "max")


def _body(request: CheckedRequest) -> Words | None:
    embeds = request.operation is Operation.EMBED
    struct, fields = ("EmbedRequest", _EMBED_FIELDS) if embeds else ("ChatRequest", _CHAT_FIELDS)
    wrong = mistyped(request.body, fields)
    return unmarshal(wrong, struct) if wrong else None


def _messages(request: CheckedRequest) -> Words | None:
    given = request.body.get("messages")
    for value in given if isinstance(given, list) else ():
        if not isinstance(value, dict):
            return refuse(f"json: cannot unmarshal {kind_of(value)} into Go value of type api.Alias")
        if wrong := mistyped(value, _MESSAGE_FIELDS):
            return unmarshal(wrong, "Alias")
    return None


def _calls(request: CheckedRequest) -> Words | None:
    for _, _, call in calls(request):
        if wrong := mistyped(call, {"id": "string", "function": "object"}):
            return unmarshal(wrong, "ToolCall.tool_calls")
        function = call.get("function")
        if isinstance(function, dict) and (wrong := mistyped(function, {"index": "integer", "name": "string"})):
            return unmarshal(wrong, "ToolCallFunction.tool_calls.function")
    return None


def _arguments(request: CheckedRequest) -> Words | None:
    for _, _, call in calls(request):
        function = call.get("function")
        given = function.get("arguments") if isinstance(function, dict) else None
        if given is not None and not isinstance(given, dict):
            # The words of the server's ordered map, for whatever is not an object.
            return refuse("Value looks like object, but can't find closing '}' symbol")
    return None


def _images(request: CheckedRequest) -> Words | None:
    for _, message in messages(request):
        images = message.get("images")
        for image in images if isinstance(images, list) else ():
            if not isinstance(image, str):
                return refuse(
                    f"json: cannot unmarshal {kind_of(image)} into Go struct field Alias.images of type []uint8"
                )
            if (at := _first_flaw(image)) is not None:
                return refuse(f"illegal base64 data at input byte {at}")
    return None


_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=\r\n]")


def _first_flaw(text: str) -> int | None:
    """Return the position of the first character that is not base64; line ends are skipped, as Go's decoder does."""
    if found := _NOT_BASE64.search(text):
        return found.start()
    try:
        base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return len(text)
    return None


def _think(request: CheckedRequest) -> Words | None:
    given = request.body.get("think")
    if isinstance(given, str) and given not in _THINK:
        return refuse(f'invalid think value: "{given}" (must be "high", "medium", "low", "max", true, or false)')
    if given is not None and not isinstance(given, str | bool):
        return refuse('think must be a boolean or string ("high", "medium", "low", "max", true, or false)')
    return None


def _keep_alive(request: CheckedRequest) -> Words | None:
    given = request.body.get("keep_alive")
    if isinstance(given, str) and not _DURATION.fullmatch(given):
        return refuse(f'time: invalid duration "{given}"')
    if given is not None and kind_of(given) not in ("string", "integer", "number"):
        return refuse(f"Unsupported type: '{kind_of(given)}'")
    return None


def _model(request: CheckedRequest) -> Words | None:
    name = request.body.get("model")
    if isinstance(name, str) and _MODEL.fullmatch(name.strip()):
        return None
    if request.operation is Operation.EMBED:
        return Words(404, f"model '{name or ''}' not found")
    return refuse("invalid model name" if name else "model is required")


def _options(request: CheckedRequest) -> Words | None:
    options = request.section("options")
    for wanted, names in _OPTIONS.items():
        for name in names:
            given = options.get(name)
            fits = kind_of(given) in ("null", *(("boolean",) if wanted == "boolean" else ("integer", "number")))
            if not fits:
                # The options are merged when the model is scheduled, outside the checks that answer 400.
                return Words(500, f'option "{name}" must be of type {wanted}')
    stop = options.get("stop")
    if stop is not None and not isinstance(stop, list):
        return Words(500, 'option "stop" must be of type array')
    if isinstance(stop, list) and not all(isinstance(text, str) for text in stop):
        return Words(500, 'option "stop" must be of an array of strings')
    return None


def _format(request: CheckedRequest) -> Words | None:
    given = request.body.get("format")
    if given in (None, "", "json") or isinstance(given, dict):
        return None
    return Words(500, f'invalid format: "{given}"; expected "json" or a valid JSON Schema object')


def _top_logprobs(request: CheckedRequest) -> Words | None:
    if outside(request.body.get("top_logprobs"), 0, 20):
        return refuse("top_logprobs must be between 0 and 20")
    return None


def _embed_input(request: CheckedRequest) -> Words | None:
    given: Any = request.body.get("input")
    texts: list[Any] = given if isinstance(given, list) else [given]
    if given is None or all(isinstance(text, str) for text in texts):
        return None
    return refuse("invalid input type")


def _wanted(request: CheckedRequest) -> Iterator[tuple[str, bool]]:
    body: JsonObject = request.body
    yield "thinking", body.get("think") in (True, *_THINK)
    yield "chat", True
    yield "tools", bool(body.get("tools"))


def _capabilities(request: CheckedRequest) -> Words | None:
    if request.model is None:
        return None
    for name, asked_for in _wanted(request):
        if asked_for and name not in request.model.capabilities:
            return refuse(f'"{request.body["model"]}" does not support {name}')
    return None


def _rule(name: str, check: Check, source: str, *, everywhere: bool = False) -> Rule:
    return Rule(name=name, source=source, read=READ, check=check, operations=CHAT | EMBED if everywhere else CHAT)


_CALL_ARGUMENTS = "https://github.com/openclaw/openclaw/pull/52253"
_LLAMA_SERVER_GO = f"{_TREE}/llm/llama_server.go"

EXAMINER = Examiner(
    (
        _rule("body", _body, _TYPES_GO, everywhere=True),
        _rule("messages", _messages, "https://github.com/ollama/ollama/issues/6451"),
        _rule("calls", _calls, _TYPES_GO),
        _rule("arguments", _arguments, _CALL_ARGUMENTS),
        _rule("images", _images, _TYPES_GO),
        *ollama_tools.RULES,
        _rule("think", _think, _TYPES_GO),
        _rule("keep-alive", _keep_alive, _TYPES_GO, everywhere=True),
        _rule("top-logprobs", _top_logprobs, _ROUTES_GO),
        _rule("model", _model, _ROUTES_GO, everywhere=True),
        Rule(name="embed-input", source=_ROUTES_GO, read=READ, check=_embed_input, operations=EMBED),
        _rule("capabilities", _capabilities, _ROUTES_GO),
        _rule("options", _options, _TYPES_GO, everywhere=True),
        _rule("format", _format, _LLAMA_SERVER_GO),
    )
)
