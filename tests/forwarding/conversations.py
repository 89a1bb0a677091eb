"""Conversations and tools in each wire format, written by hand: what agents send, and what only some of them do."""

from __future__ import annotations

import random
from typing import Any

from tests.forwarding.bodies import Spelled, disordered, with_odd_parts
from tests.forwarding.test_bodies import CHATS
from understudy.wire.http import HttpRequest

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
ARGUMENTS = '{"path": "a.py", "image": "\\"image_url\\""}'
WORDS = "Which of the tests fails? It says \"image_url\" and 'tool_result', and also \u001b[31mred\u001b[0m."
_CALL = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": ARGUMENTS}}
_OLLAMA_CALL = {"function": {"name": "read", "arguments": {"path": "a.py"}}}

TURNS: dict[str, list[list[Any]]] = {
    "openai": [
        [{"role": "user", "content": WORDS}],
        [
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": WORDS},
        ],
        [{"role": "assistant", "content": WORDS}, {"role": "user", "content": [{"type": "text", "text": WORDS}]}],
        [{"role": "assistant", "content": "It goes on"}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.invalid/b.png"}}]}],
    ],
    "responses": [
        [{"role": "developer", "content": WORDS}, {"role": "user", "content": WORDS}],
        [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"},
            {"type": "function_call", "call_id": "call_1", "name": "read", "arguments": ARGUMENTS},
            {"type": "function_call", "call_id": "call_2", "name": "read", "arguments": ARGUMENTS},
            {"type": "function_call_output", "call_id": "call_1", "output": WORDS},
            {"type": "function_call_output", "call_id": "call_2", "output": WORDS},
        ],
        [
            {"role": "assistant", "content": [{"type": "output_text", "text": WORDS}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": WORDS}]},
        ],
        [
            {"type": "custom_tool_call", "call_id": "call_3", "name": "patch", "input": WORDS},
            {"type": "custom_tool_call_output", "call_id": "call_3", "output": WORDS},
        ],
        [{"type": "web_search_call", "id": "ws_1", "status": "completed"}],
        [{"role": "user", "content": [{"type": "input_image", "image_url": "https://a.invalid/b.png"}]}],
    ],
    "anthropic": [
        [{"role": "user", "content": WORDS}],
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": WORDS, "signature": "abc"},
                    {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a.py"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": WORDS}]},
                    {"type": "text", "text": WORDS},
                ],
            },
        ],
        [{"role": "assistant", "content": WORDS}, {"role": "user", "content": [{"type": "text", "text": WORDS}]}],
        [{"role": "system", "content": WORDS}],
        [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://a.invalid/b"}}]}],
    ],
    "gemini": [
        [{"role": "user", "parts": [{"text": WORDS}]}],
        [
            {"role": "model", "parts": [{"functionCall": {"name": "read", "args": {"path": "a.py"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "read", "response": {"output": WORDS}}}]},
        ],
        [{"role": "model", "parts": [{"text": WORDS}]}, {"parts": [{"text": WORDS}]}],
        [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}],
    ],
    "cohere": [
        [{"role": "user", "content": WORDS}],
        [
            {"role": "assistant", "tool_plan": WORDS, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": WORDS}]},
        ],
        [{"role": "assistant", "content": WORDS}, {"role": "user", "content": WORDS}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.invalid/b.png"}}]}],
    ],
    "ollama": [
        [{"role": "system", "content": WORDS}, {"role": "user", "content": WORDS}],
        [
            {"role": "assistant", "content": "", "tool_calls": [_OLLAMA_CALL]},
            {"role": "tool", "tool_name": "read", "content": WORDS},
        ],
        [{"role": "assistant", "content": WORDS}, {"role": "user", "content": WORDS}],
        [{"role": "user", "content": WORDS, "images": ["AAAA"]}],
    ],
}
"""Pieces of conversations, which may follow each other in any order."""

_FUNCTION = {"name": "read", "description": WORDS, "parameters": SCHEMA}
TOOLS: dict[str, list[Any]] = {
    "openai": [
        {"type": "function", "function": _FUNCTION},
        {"type": "custom", "custom": {"name": "patch"}},
        {"type": "web_search", "web_search": {}},
    ],
    "responses": [
        {"type": "function", **_FUNCTION},
        {"type": "web_search"},
        {"type": "custom", "name": "patch", "format": {"type": "text"}},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", **_FUNCTION}]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
    ],
    "anthropic": [
        {"name": "read", "description": WORDS, "input_schema": SCHEMA},
        {"type": "custom", "name": "other", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}},
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "code_execution_20250825", "name": "code_execution"},
    ],
    "gemini": [
        {"functionDeclarations": [{"name": "read", "description": WORDS, "parametersJsonSchema": SCHEMA}]},
        {"function_declarations": [{"name": "read", "parameters": {"type": "OBJECT"}}]},
        {"googleSearch": {}},
        {"codeExecution": {}},
    ],
    "cohere": [{"type": "function", "function": _FUNCTION}],
    "ollama": [{"type": "function", "function": _FUNCTION}, {"function": _FUNCTION}],
}
MESSAGES = {"responses": "input", "gemini": "contents"}
"""The member that holds the conversation, where it is not `messages`."""
FURTHER: dict[str, dict[str, Any]] = {
    "openai": {
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "reasoning_effort": "low",
        "n": 1,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
        "functions": [_FUNCTION],
        "user": "u",
        "stop": ["x"],
    },
    "responses": {
        "tool_choice": {"type": "function", "name": "read"},
        "instructions": WORDS,
        "reasoning": {"effort": "low"},
        "prompt_cache_key": "k",
        "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}},
    },
    "anthropic": {
        "tool_choice": {"type": "any"},
        "thinking": {"type": "adaptive"},
        "stop_sequences": ["x"],
        "zz": {"deep": [Spelled("1.0")]},
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": WORDS}]},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "safetySettings": [],
    },
    "cohere": {
        "tool_choice": "REQUIRED",
        "strict_tools": True,
        "documents": [WORDS],
        "response_format": {"type": "text"},
    },
    "ollama": {"think": True, "format": SCHEMA, "keep_alive": "5m"},
}


def conversation(dialect: str, dice: random.Random) -> HttpRequest:
    """Return a request with a conversation of any length, tools of any kind, and odd parts here and there."""
    path, fields = CHATS[dialect]
    fields = dict(fields)
    fields[MESSAGES.get(dialect, "messages")] = [
        message for _ in range(dice.randint(1, 6)) for message in dice.choice(TURNS[dialect])
    ]
    if dice.random() < 0.7:
        fields["tools"] = dice.choices(TOOLS[dialect], k=dice.randint(1, 4))
    fields |= {name: value for name, value in FURTHER[dialect].items() if dice.random() < 0.4}
    if dice.random() < 0.3:
        fields = {name: with_odd_parts(value, dice) for name, value in fields.items()}
    if dialect == "gemini" and dice.random() < 0.5:
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    elif dialect != "gemini":
        fields["stream"] = dice.random() < 0.5
    return HttpRequest("POST", path, (), disordered(fields, dice))
