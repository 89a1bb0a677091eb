"""Malformed requests: no crash, no hang, and no secret in an answer or a log. `python -m tests.gateway.attack` sends
ten thousand to each face."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.attack.attacking import CALLER, judged, target
from tests.gateway.attack.seeds import CITY, SEEDS
from tests.gateway.conftest import Open

REQUESTS, DEEP = 200, 1000
_TOOL: dict[str, Any] = {"name": "look", "description": "Looks"}
_ODD = {**CITY, "properties": 1.5}
HUGE = 10**400

ONCE: dict[str, tuple[str, object]] = {
    "a role that is a list": (
        "/v1beta/models/openai:generateContent",
        {"contents": [{"role": [], "parts": [{"text": "hi"}]}]},
    ),
    "properties that are a number": (
        "/v1beta/models/anthropic:generateContent",
        {
            "contents": [{"parts": [{"text": "hi"}]}],
            "tools": [{"functionDeclarations": [{**_TOOL, "parametersJsonSchema": _ODD}]}],
        },
    ),
    "properties that are a list": (
        "/api/chat",
        {
            "model": "anthropic",
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"type": "function", "function": {**_TOOL, "parameters": {**CITY, "properties": [[]]}}}],
        },
    ),
    "a model that is not UTF-8": (
        "/v1/responses",
        b'{"model": "openai/\x98", "input": "hi", "previous_response_id": "resp_1"}',
    ),
    "an id that is not UTF-8": ("/v1/responses", b'{"model": "openai", "input": "hi", "previous_response_id": "\x98"}'),
    "tokens for a provider that embeds texts": (
        "/v1/embeddings",
        {"model": "cohere/embed-v4.0", "input": [[1, 2], [3]], "dimensions": 128},
    ),
    "no texts": ("/api/embed", {"model": "cohere/embed-v4.0", "input": []}),
    "names that are objects": (
        "/v1/messages",
        {
            "model": "anthropic",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"type": "tool_search_tool_regex_20251119", "name": {"": None}}],
        },
    ),
    "metadata that is no string": (
        "/v1/chat/completions",
        {"model": "openai", "messages": [{"role": "user", "content": "hi"}], "metadata": {"a": 1}},
    ),
    "a bias that is no number": (
        "/v1/chat/completions",
        {"model": "groq", "messages": [{"role": "user", "content": "hi"}], "logit_bias": {"a": "b"}},
    ),
    "a model that is an object": (
        "/v1beta/models/google/gemini-embedding-001:batchEmbedContents",
        {"requests": [{"model": {}, "content": {"parts": [{"text": "hi"}]}}]},
    ),
    "a repeated member that is not UTF-8": (
        "/v1/responses",
        b'{"model": "openai", "input": "\xa3", "input": "hi", "previous_response_id": "resp_1"}',
    ),
    "an address that is none": (
        "/v1/responses",
        {
            "model": "google",
            "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://["}]}],
        },
    ),
    "a number that no float holds": ("/v1/completions", {"model": "google", "prompt": "hi", "max_tokens": HUGE}),
}
"""Requests with which this or an emulator failed."""


@pytest.mark.parametrize("name", ONCE)
async def test_what_once_crashed(name: str) -> None:
    path, body = ONCE[name]
    async with target() as attacked:
        answer = await attacked.caller.post(path, body)
        assert answer.status in (200, 400), answer.text
        assert [*judged(answer), *attacked.faults.found] == []


async def test_tokens_are_embedded_where_their_api_is_spoken(opened: Open) -> None:
    """LangChain's client sends them instead of texts."""
    caller, emulator, _ = await opened("openai")
    for given, number in (([1, 2, 3], 1), ([[1, 2], [3]], 2)):
        body = {"model": "openai/text-embedding-3-small", "input": given, "dimensions": 8}
        answer = await caller.post("/v1/embeddings", body)
        assert answer.status == 200, answer.text
        assert [len(each["embedding"]) for each in answer.json["data"]] == [8] * number
        assert emulator.requests("openai")[-1].body["input"] == given


@pytest.mark.parametrize("face", SEEDS)
async def test_malformed_requests(face: str, deep: bool) -> None:
    async with target() as attacked:
        found = await attacked.attack(face, DEEP if deep else REQUESTS, seed=15)
        assert not found, "\n".join(found[:10])
        assert attacked.statuses[400] > 50
        assert attacked.statuses[200]
        assert attacked.slowest < 5
        # It serves as before.
        answer = await attacked.caller.post("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": "hi"})
        assert answer.status == 200
        assert CALLER not in answer.text


async def test_a_model_that_its_provider_does_not_have_stays_unknown(opened: Open) -> None:
    """It is not asked for again and again, but to wait for it would be useless, and a 503 has clients wait."""
    caller, emulator, _ = await opened("openai")
    for _ in range(4):
        body = {"model": "openai/unknown-one", "messages": [{"role": "user", "content": "hi"}]}
        answer = await caller.post("/v1/chat/completions", body)
        assert answer.status == 404
        assert answer.headers["x-should-retry"] == "false"
        assert "unknown-one" in answer.text
    assert len(emulator.requests("openai")) < 4
