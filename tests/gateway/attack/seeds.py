"""Sound requests of each face: recorded ones, and hand-written ones with everything that a body may hold."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

RECORDINGS = Path(__file__).parents[2] / "recordings"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Seed(msgspec.Struct, frozen=True):
    """One sound request; `{model}` in its path stands for the name of a model."""

    path: str
    body: dict[str, Any]


_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"city": "Oslo"}'}}
_FUNCTION = {"type": "function", "function": {"name": "look", "description": "Looks", "parameters": CITY}}
_IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
_TALK: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Where?"}, _IMAGE]},
    {"role": "assistant", "content": None, "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
    {"role": "user", "content": "And now? \u00e9\U0001f30a"},
]
_CHAT: dict[str, Any] = {
    "messages": _TALK,
    "tools": [_FUNCTION],
    "tool_choice": {"type": "function", "function": {"name": "look"}},
    "temperature": 0.5,
    "max_completion_tokens": 64,
    "stop": ["\n\n"],
    "stream": True,
    "stream_options": {"include_usage": True},
    "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY}},
    "metadata": {"user_id": "u"},
    "prompt_cache_key": "s",
    "user": "u",
}
_RESPONSES: dict[str, Any] = {
    "instructions": "Be brief.",
    "input": [
        {"role": "developer", "content": "Be brief."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Where?"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
            ],
        },
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "us1.x.AAAA"},
        {"type": "function_call", "call_id": "c", "name": "look", "namespace": "eyes", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "seen"},
        {"type": "custom_tool_call", "call_id": "d", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": "done"},
        {"type": "compaction", "encrypted_content": "us1.x.AAAA"},
    ],
    "tools": [
        {"type": "function", "name": "look", "parameters": CITY, "strict": False},
        {"type": "namespace", "name": "eyes", "tools": [{"type": "function", "name": "look", "parameters": CITY}]},
        {
            "type": "custom",
            "name": "apply_patch",
            "format": {"type": "grammar", "syntax": "lark", "definition": "s: x"},
        },
        {"type": "web_search"},
    ],
    "tool_choice": "auto",
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "text": {"format": {"type": "json_schema", "name": "place", "schema": CITY}, "verbosity": "low"},
    "store": False,
    "stream": True,
    "client_metadata": {"x": "y"},
    "prompt_cache_key": "s",
}
_MESSAGES: dict[str, Any] = {
    "max_tokens": 64,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "us1.x.AAAA"},
                {"type": "redacted_thinking", "data": "AAAA"},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"city": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "x"}]}],
        },
        {"role": "system", "content": "Go on."},
    ],
    "tools": [{"name": "look", "input_schema": CITY}],
    "tool_choice": {"type": "tool", "name": "look"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "metadata": {"user_id": '{"session_id": "s"}'},
    "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
    "output_config": {"effort": "low"},
    "stream": True,
}
_CONTENTS: list[Any] = [
    {"role": "user", "parts": [{"text": "Where?"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]},
    {
        "role": "model",
        "parts": [
            {"text": "Hm.", "thought": True},
            {"functionCall": {"id": "c", "name": "look", "args": {"city": "Oslo"}}, "thoughtSignature": "us1.x.AAAA"},
        ],
    },
    {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "look", "response": {"output": "seen"}}}]},
]
_GENERATE: dict[str, Any] = {
    "contents": _CONTENTS,
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "tools": [{"functionDeclarations": [{"name": "look", "parametersJsonSchema": CITY}]}, {"googleSearch": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}},
    "generationConfig": {
        "temperature": 0.5,
        "maxOutputTokens": 64,
        "stopSequences": ["x"],
        "responseMimeType": "application/json",
        "responseJsonSchema": CITY,
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "high"},
    },
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
}
_COHERE: dict[str, Any] = {
    "messages": [*_TALK[:2], {"role": "assistant", "tool_plan": "I look.", "tool_calls": [_CALL]}, *_TALK[3:]],
    "tools": [_FUNCTION],
    "documents": [{"id": "d", "data": {"text": "x"}}, "y"],
    "response_format": {"type": "json_object", "schema": CITY},
    "thinking": {"type": "enabled", "token_budget": 64},
    "max_tokens": 64,
    "stream": True,
}
_OLLAMA: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Where?", "images": [PNG]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "Hm.",
            "tool_calls": [{"function": {"name": "look", "arguments": {"city": "Oslo"}}}],
        },
        {"role": "tool", "tool_name": "look", "content": "seen"},
    ],
    "tools": [_FUNCTION],
    "format": CITY,
    "options": {"temperature": 0.5, "num_ctx": 4096, "num_predict": 64, "stop": ["x"]},
    "think": "low",
    "keep_alive": "5m",
    "stream": True,
}

SEEDS: dict[str, tuple[Seed, ...]] = {
    "openai": (
        Seed("/v1/chat/completions", _CHAT),
        Seed("/v1/embeddings", {"input": ["one", "two"], "dimensions": 8, "encoding_format": "base64"}),
        Seed("/openai/deployments/{model}/chat/completions", {"messages": _TALK}),
    ),
    "completions": (
        Seed("/v1/completions", {"prompt": "Where?", "max_tokens": 9, "stop": "x", "stream": True, "logprobs": 1}),
        Seed("/openai/deployments/{model}/completions", {"prompt": ["Where?"], "n": 1, "echo": False}),
    ),
    "responses": (
        Seed("/v1/responses", _RESPONSES),
        Seed("/v1/responses", {**_RESPONSES, "input": [*_RESPONSES["input"], {"type": "compaction_trigger"}]}),
        Seed("/v1/responses", {"input": "hi", "previous_response_id": "resp_1", "background": True}),
        Seed("/v1/responses/input_tokens", _RESPONSES),
    ),
    "compact": (Seed("/v1/responses/compact", _RESPONSES),),
    "anthropic": (Seed("/v1/messages?beta=true", _MESSAGES), Seed("/v1/messages/count_tokens", _MESSAGES)),
    "gemini": (
        Seed("/v1beta/models/{model}:generateContent", _GENERATE),
        Seed("/v1beta/models/{model}:streamGenerateContent?alt=sse", _GENERATE),
        Seed("/v1beta/models/{model}:streamGenerateContent", _GENERATE),
        Seed("/v1beta/models/{model}:countTokens", {"generateContentRequest": {"model": "models/x", **_GENERATE}}),
        Seed(
            "/v1beta/models/{model}:embedContent",
            {"content": {"parts": [{"text": "x"}]}, "taskType": "RETRIEVAL_QUERY"},
        ),
        Seed(
            "/v1/models/{model}:batchEmbedContents",
            {"requests": [{"model": "models/x", "content": {"parts": [{"text": "x"}]}}]},
        ),
    ),
    "cohere": (
        Seed("/v2/chat", _COHERE),
        Seed("/v2/embed", {"texts": ["one"], "input_type": "search_query", "embedding_types": ["float", "int8"]}),
        Seed("/v1/tokenize", {"text": "hi"}),
    ),
    "cohere-v1": (Seed("/v1/embed", {"texts": ["one"], "input_type": "search_query", "truncate": "END"}),),
    "ollama": (
        Seed("/api/chat", _OLLAMA),
        Seed(
            "/api/generate",
            {"prompt": "Where?", "suffix": "", "system": "x", "images": [PNG], "context": [1], "raw": False},
        ),
        Seed("/api/embed", {"input": ["one"], "truncate": True}),
        Seed("/api/embeddings", {"prompt": "one"}),
        Seed("/api/show", {"verbose": False}),
    ),
}

_RECORDED = {
    ("openai", "/chat/completions"): ("openai", "/v1/chat/completions"),
    ("openai", "/embeddings"): ("openai", "/v1/embeddings"),
    ("anthropic", "/messages"): ("anthropic", "/v1/messages"),
    ("anthropic", "/count_tokens"): ("anthropic", "/v1/messages/count_tokens"),
    ("gemini", ":generateContent"): ("gemini", "/v1beta/models/{model}:generateContent"),
    ("gemini", ":streamGenerateContent"): ("gemini", "/v1beta/models/{model}:streamGenerateContent"),
    ("cohere", "/v2/chat"): ("cohere", "/v2/chat"),
    ("cohere", "/v2/embed"): ("cohere", "/v2/embed"),
    ("ollama", "/api/chat"): ("ollama", "/api/chat"),
    ("ollama", "/api/generate"): ("ollama", "/api/generate"),
    ("ollama", "/api/embed"): ("ollama", "/api/embed"),
}


@cache
def seeds_of(face: str) -> tuple[Seed, ...]:
    """Return the sound requests of a face, those that were recorded from real clients included."""
    found = list(SEEDS[face])
    for (vendor, end), (own, path) in _RECORDED.items():
        if own == face:
            for file in sorted((RECORDINGS / vendor).glob("*.json")):
                request = json.loads(file.read_bytes())["request"]
                if request and isinstance(request.get("body"), dict) and request["url"].partition("?")[0].endswith(end):
                    found.append(
                        Seed(path, {name: value for name, value in request["body"].items() if name != "model"})
                    )
    return tuple(found)
