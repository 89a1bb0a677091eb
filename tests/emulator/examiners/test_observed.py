"""What OpenAI answered to single requests, word for word.

The facts are those that https://github.com/kangminlee-maker/local-OAuth-CLI-API-adapter reports of requests to
gpt-5.6-terra at /v1/chat/completions on 2026-08-30; the requests here are made from them by hand.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.examiners.tables import Case, Table, actor
from understudy.domain.content import JsonObject
from understudy.emulator.examiners import Complaint

MESSAGES = [{"role": "user", "content": "ping"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
LACKS = "Unsupported parameter: '{}' is not supported with this model."
UNKNOWN = "Unknown parameter: '{}'."
MISSING = "Missing required parameter: '{}'."
EFFORTS = "Supported values are: 'none', 'low', 'medium', 'high', and 'xhigh'."


def wrong_type(param: str, expected: str, got: str) -> str:
    return f"Invalid type for '{param}': expected {expected}, but got {got} instead."


def lone(param: str, value: Any, message: str, code: str) -> tuple[JsonObject, str, str | None, str | None]:
    return {param: value}, message, param, code


OBSERVED: list[tuple[JsonObject, str, str | None, str | None]] = [
    *(lone(name, 1, UNKNOWN.format(name), "unknown_parameter") for name in ("zzz_unknown", "reasoning", "text")),
    *(
        lone(name, value, LACKS.format(name), "unsupported_parameter")
        for name, value in (
            ("stop", ["ZZ"]),
            ("logit_bias", {"1": 1}),
            ("prediction", {"type": "content", "content": "pong"}),
            ("frequency_penalty", 0.5),
            ("presence_penalty", 0.5),
            ("logprobs", True),
        )
    ),
    lone(
        "max_tokens", 32, f"{LACKS.format('max_tokens')} Use 'max_completion_tokens' instead.", "unsupported_parameter"
    ),
    *(
        lone(name, value, wrong_type(name, expected, got), "invalid_type")
        for name, value, expected, got in (
            ("n", "2", "an integer", "a string"),
            ("top_p", "wide", "a decimal", "a string"),
            ("store", "yes", "a boolean", "a string"),
            ("seed", 1.5, "an integer", "a decimal number"),
            ("user", {"a": 1}, "a string", "an object"),
            ("tools", "none", "an array of objects", "a string"),
            ("tool_choice", 7, "one of one of 'none', 'auto', or 'required' or object", "an integer"),
            ("response_format", "json", "an object", "a string"),
            ("messages", "ping", "an array of objects", "a string"),
        )
    ),
    ({"messages": ["ping"]}, wrong_type("messages[0]", "an object", "a string"), "messages[0]", "invalid_type"),
    (
        {"messages": [{"role": "user", "content": 7}]},
        wrong_type("messages[0].content", "one of a string or array of objects", "an integer"),
        "messages[0].content",
        "invalid_type",
    ),
    lone(
        "n", 0, "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
        "integer_below_min_value",
    ),
    lone(
        "n", 64, "Invalid 'n': integer above maximum value. Expected a value <= 8, but got 64 instead.",
        "integer_above_max_value",
    ),
    lone(
        "max_completion_tokens", 0,
        "Invalid 'max_completion_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
        "integer_below_min_value",
    ),
    (
        {"reasoning_effort": "none", "logprobs": True, "top_logprobs": 21},
        "Invalid value for 'top_logprobs': must be less than or equal to 5.", "top_logprobs", None,
    ),
    (
        {"reasoning_effort": "none", "top_logprobs": 1},
        "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs", None,
    ),
    lone(
        "metadata", {f"k{n}": "v" for n in range(17)},
        "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object "
        "with 17 properties instead.",
        "object_above_max_properties",
    ),
    (
        {"metadata": {"k": "x" * 600}},
        "Invalid 'metadata.k': string too long. Expected a string with maximum length 512, but got a string with "
        "length 600 instead.",
        "metadata.k", "string_above_max_length",
    ),
    (
        {"metadata": {"k" * 70: "v"}},
        "Invalid property name in 'metadata': 'kkk...kkk' is too long. Expected a string with maximum length 64, but "
        "got a string with length 70 instead.",
        f"metadata.{'k' * 70}", "property_name_above_max_length",
    ),
    ({"metadata": {"k": 7}}, wrong_type("metadata.k", "a string", "an integer"), "metadata.k", "invalid_type"),
    lone(
        "service_tier", "bogus",
        "Invalid value: 'bogus'. Supported values are: 'auto', 'default', 'fast', 'flex', and 'priority'.",
        "invalid_value",
    ),
    lone(
        "verbosity", "bogus", "Invalid value: 'bogus'. Supported values are: 'low', 'medium', and 'high'.",
        "invalid_value",
    ),
    (
        {"response_format": {"type": "bogus"}},
        "Invalid value: 'bogus'. Supported values are: 'json_object', 'json_schema', and 'text'.",
        "response_format.type", "invalid_value",
    ),
    (
        {"messages": [{"role": "bogus", "content": "ping"}]},
        "Invalid value: 'bogus'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and "
        "'developer'.",
        "messages[0].role", "invalid_value",
    ),
    (
        {"tools": [TOOL], "tool_choice": "bogus", "reasoning_effort": "none"},
        "Invalid value: 'bogus'. Supported values are: 'none', 'auto', and 'required'.", "tool_choice",
        "invalid_value",
    ),
    lone(
        "reasoning_effort", "max",
        f"Unsupported value: 'reasoning_effort' does not support 'max' with this model. {EFFORTS}",
        "unsupported_value",
    ),
    *(
        ({**fields, "reasoning_effort": "none"}, MISSING.format(param), param, "missing_required_parameter")
        for fields, param in (
            ({"response_format": {}}, "response_format.type"),
            ({"tools": [{"type": "function"}]}, "tools[0].function"),
            ({"tools": [{"type": "function", "function": {"parameters": {}}}]}, "tools[0].function.name"),
            ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {}}}, "tool_choice.function.name"),
            ({"messages": [{"content": "ping"}]}, "messages[0].role"),
        )
    ),
    lone(
        "messages", [],
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "empty_array",
    ),
    lone(
        "prompt_cache_retention", "in_memory",
        "This model is compatible only with 24h extended prompt caching", "",
    ),
    (
        {"prompt_cache_options": {"bogus": 1}}, UNKNOWN.format("prompt_cache_options.bogus"),
        "prompt_cache_options.bogus", "unknown_parameter",
    ),
    # Of two faults one is reported.
    ({"zzz_unknown": 1, "stop": ["ZZ"]}, UNKNOWN.format("zzz_unknown"), "zzz_unknown", "unknown_parameter"),
    ({"zzz_unknown": 1, "messages": []}, UNKNOWN.format("zzz_unknown"), "zzz_unknown", "unknown_parameter"),
    ({"n": "abc", "stop": ["ZZ"]}, wrong_type("n", "an integer", "a string"), "n", "invalid_type"),
    ({"n": "abc", "temperature": 0.5}, wrong_type("n", "an integer", "a string"), "n", "invalid_type"),
    ({"stop": ["ZZ"], "temperature": 0.5}, LACKS.format("stop"), "stop", "unsupported_parameter"),
]  # fmt: skip

ACCEPTED: list[JsonObject] = [
    {
        "metadata": {"a": "b"}, "store": False, "user": "probe", "safety_identifier": "probe", "seed": 1,
        "prompt_cache_key": "probe-key", "prompt_cache_options": {"ttl": "30m"}, "prompt_cache_retention": "24h",
        "moderation": {"model": "omni-moderation-latest"}, "verbosity": "low",
    },
    {
        "reasoning_effort": "none", "frequency_penalty": 0.5, "presence_penalty": 0.5, "logprobs": True,
        "top_logprobs": 5,
    },
]  # fmt: skip


def complaint(fields: JsonObject) -> Complaint | None:
    body = {"model": "gpt-5.6-terra", "messages": MESSAGES, **fields}
    table = Table("openai", "openai", "/v1/chat/completions", ())
    return actor("openai").examine(table.broken(Case("", body, body)))


@pytest.mark.parametrize(("fields", "message", "param", "code"), OBSERVED)
def test_what_was_refused_is_refused_in_the_same_words(
    fields: JsonObject, message: str, param: str | None, code: str | None
) -> None:
    found = complaint(fields)
    assert found is not None
    assert (found.words.message, found.words.param, found.words.code) == (message, param, code or None)
    assert (found.words.status, found.words.type) == (400, "invalid_request_error")


@pytest.mark.parametrize("fields", ACCEPTED)
def test_what_was_answered_is_accepted(fields: JsonObject) -> None:
    assert complaint(fields) is None
