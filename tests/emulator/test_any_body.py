"""Whatever a client sends, it is answered; nothing in a request can break an emulator or a server half."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from understudy.emulator import cast
from understudy.emulator.actor import Actor
from understudy.emulator.examiners import find
from understudy.emulator.staging import Write, stage
from understudy.wire.http import HttpReply, HttpRequest
from understudy.wire.json import BadJson

_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris"]}, "days": {"type": ["integer", "null"], "minimum": 1}},
    "required": ["city"],
    "anyOf": [{"$ref": "#/$defs/x"}],
    "$defs": {"x": {"items": {"prefixItems": [{}]}, "uniqueItems": True, "pattern": "a+"}},
}
_FUNCTION = {"name": "get_weather", "description": "weather", "parameters": _SCHEMA, "strict": True}
_OPENAI = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Weather in Paris?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "18"},
        {"role": "user", "content": "Weather in Paris and Oslo?"},
    ],
    "tools": [{"type": "function", "function": _FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": _SCHEMA}},
    "max_completion_tokens": 50,
    "stop": ["x"],
    "stream": True,
    "stream_options": {"include_usage": True},
}
_RESPONSES = {
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather in Paris?"}]},
        {"type": "function_call", "call_id": "1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "18"},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "x"}], "encrypted_content": "y"},
        {"role": "user", "content": "Weather in Oslo?"},
    ],
    "tools": [{"type": "function", **_FUNCTION}],
    "text": {"format": {"type": "json_schema", "name": "x", "schema": _SCHEMA}},
    "reasoning": {"effort": "low", "summary": "auto"},
    "instructions": "Be brief.",
    "stream": True,
}
_ANTHROPIC = {
    "max_tokens": 1500,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Weather?"}, {"type": "image", "source": {"type": "url", "url": "x"}}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "x", "signature": "y"},
                {"type": "tool_use", "id": "1", "name": "get_weather", "input": {"city": "Paris"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "18"}]}],
        },
        {"role": "user", "content": [{"type": "text", "text": "Oslo?", "citations": [{"type": "char_location"}]}]},
    ],
    "tools": [{"name": "get_weather", "input_schema": _SCHEMA}],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"format": {"type": "json_schema", "schema": _SCHEMA}},
    "stop_sequences": ["x"],
    "metadata": {"user_id": "u"},
    "stream": True,
}
_OLLAMA = {
    "messages": [
        {"role": "user", "content": "Weather?", "images": ["AA=="]},
        {
            "role": "assistant",
            "thinking": "x",
            "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}],
        },
        {"role": "tool", "tool_name": "get_weather", "content": "18"},
        {"role": "user", "content": "Weather in Oslo?"},
    ],
    "tools": [{"type": "function", "function": _FUNCTION}],
    "format": _SCHEMA,
    "think": True,
    "options": {"num_predict": 50, "stop": ["x"]},
}
_ROUTES = [
    ("openai", "/v1/chat/completions", {"model": "gpt-4.1", **_OPENAI}),
    ("openai", "/v1/responses", {"model": "gpt-6-sol", **_RESPONSES}),
    ("openai", "/v1/embeddings", {"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 8}),
    ("anthropic", "/v1/messages", {"model": "claude-sonnet-4-5", **_ANTHROPIC}),
    ("anthropic", "/v1/messages/count_tokens", {"model": "claude-sonnet-5", **_ANTHROPIC}),
    ("ollama", "/api/chat", {"model": "qwen3-vl", **_OLLAMA}),
    ("ollama", "/api/embed", {"model": "nomic-embed-text", "input": "a"}),
    ("groq", "/openai/v1/chat/completions", {"model": "openai/gpt-oss-20b", **_OPENAI}),
]
_JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**18,
    "",
    "x",
    [],
    {},
    [1],
    {"a": 1},
    [{}],
    [[]],
    [None],
    {"type": "text"},
]


def spoiled(value: Any, rng: random.Random) -> Any:
    """Return a value with a few of its parts missing or replaced."""
    if rng.random() < 0.02:
        return rng.choice(_JUNK)
    if isinstance(value, dict):
        return {key: spoiled(part, rng) for key, part in value.items() if rng.random() > 0.01}
    if isinstance(value, list):
        return [spoiled(part, rng) for part in value if rng.random() > 0.01]
    return value


def ask_every_rule(actor: Actor, request: HttpRequest) -> None:
    """Ask every rule of form about a request: whatever a body holds, a rule answers."""
    if checked := actor.checked(request):
        for rule in find(actor.provider.type, checked.dialect).rules:
            if checked.operation in rule.operations:
                rule.check(checked)


@pytest.mark.parametrize(("provider", "path", "body"), _ROUTES, ids=[f"{name}{path}" for name, path, _ in _ROUTES])
def test_every_body_is_answered(provider: str, path: str, body: dict[str, Any]) -> None:
    # Nonsense is to reach the server halves, which the rules of form would keep from them.
    actor = Actor(cast.find(provider), None, lenient=True)
    headers = (("authorization", "Bearer key"), ("anthropic-version", "2023-06-01"))
    rng = random.Random(path)
    statuses: list[int] = []
    for number in range(150):
        sent = msgspec.json.encode(spoiled(body, rng) if number else body)
        request = HttpRequest("POST", path, headers, sent)
        with suppress(BadJson):
            ask_every_rule(actor, request)
        answer = actor.answer(actor.call(request), number)
        statuses.append(answer.status if isinstance(answer, HttpReply) else 200)
        assert any(isinstance(act, Write) for act in stage(answer))
    assert statuses[0] == 200
    assert set(statuses) <= {200, 400, 403, 404}
    assert len(set(statuses)) > 1
