"""How much a model thinks, and whether that is shown: what a client asks for in its wire format, at every provider.

Expectations are written by hand from the vendors' documents. Budgets and efforts stand for each other as in Google's
endpoint in OpenAI's wire format (https://ai.google.dev/gemini-api/docs/openai): low 1,024, medium 8,192, high 24,576.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.conftest import Open

PROVIDERS = (
    *("openai", "azure-openai", "anthropic", "google", "groq", "together", "huggingface", "cohere", "ollama"),
    "replicate",
)
SAY = [{"role": "user", "content": "Why?"}]
PLAIN = {"max_tokens": 32_000, "messages": SAY, "model": "m"}
ASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "a budget at Anthropic": (
        "/v1/messages",
        {**PLAIN, "thinking": {"type": "enabled", "budget_tokens": 10_000}},
    ),
    "an effort at Anthropic": (
        "/v1/messages",
        {**PLAIN, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    ),
    "a budget at Cohere": (
        "/v2/chat",
        {"model": "m", "messages": SAY, "thinking": {"type": "enabled", "token_budget": 5000}},
    ),
    "a switch at Ollama": ("/api/chat", {"model": "m", "messages": SAY, "think": True, "stream": False}),
    "an effort at OpenAI": ("/v1/chat/completions", {"model": "m", "messages": SAY, "reasoning_effort": "high"}),
    "a summary at Responses": (
        "/v1/responses",
        {"model": "m", "input": "Why?", "reasoning": {"effort": "high", "summary": "auto"}},
    ),
    "a level at Gemini": (
        "/v1beta/models/m:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": "Why?"}]}],
            "generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"}},
        },
    ),
}
FIELDS = {
    "thinking", "think", "reasoning", "reasoning_effort", "reasoning_format", "include_reasoning",
}  # fmt: skip
SUMMARIZED = {"display": "summarized"}
ADAPTIVE = {"type": "adaptive"}


def budget(tokens: int, **more: Any) -> dict[str, Any]:
    """Return thinking by budget, as Anthropic has it."""
    return {"thinking": {"type": "enabled", "budget_tokens": tokens, **more}}


def summary(effort: str | None) -> dict[str, Any]:
    """Return reasoning that is shown, as the Responses API has it."""
    return {"reasoning": {"summary": "auto"} | ({"effort": effort} if effort else {})}


def gemini(**config: Any) -> dict[str, Any]:
    """Return thinking as Gemini has it."""
    return {"thinkingConfig": config}


def cohere(tokens: int | None) -> dict[str, Any]:
    """Return thinking as Cohere has it."""
    return {"thinking": {"type": "enabled"} | ({"token_budget": tokens} if tokens else {})}


def chat(effort: str | None, **more: Any) -> dict[str, Any]:
    """Return an effort of chat completions."""
    return more | ({"reasoning_effort": effort} if effort else {})


PARSED = {"reasoning_format": "parsed"}
INCLUDED = {"include_reasoning": True}
SWITCHED = {"reasoning": {"enabled": True}}
# In the order of ASKS.
EXPECTED: dict[str, list[dict[str, Any]]] = {
    # Chat completions never show thinking, so a caller who wants to see it is served by the Responses API.
    "openai/gpt-6-luna": [
        *(summary("high"), summary("high"), summary("medium"), summary(None)),
        *(chat("high"), summary("high"), summary("low")),
    ],
    "azure-openai/gpt-5-mini": [
        *(summary("high"), summary("high"), summary("medium"), summary(None)),
        *(chat("high"), summary("high"), summary("low")),
    ],
    # Thinks only if it is asked to.
    "openai/gpt-5.2": [
        *(summary("high"), summary("high"), summary("medium"), summary("medium")),
        *(chat("high"), summary("high"), summary("low")),
    ],
    "anthropic/claude-sonnet-4-5": [
        *(budget(10_000), budget(24_576), budget(5000, **SUMMARIZED), budget(8192, **SUMMARIZED)),
        *(budget(24_576), budget(24_576, **SUMMARIZED), budget(1024, **SUMMARIZED)),
    ],
    "anthropic/claude-opus-5-5": [
        {"thinking": ADAPTIVE, "effort": "high"},
        {"thinking": ADAPTIVE, "effort": "high"},
        {"thinking": ADAPTIVE | SUMMARIZED, "effort": "medium"},
        {"thinking": ADAPTIVE | SUMMARIZED},
        {"effort": "high"},
        {"thinking": ADAPTIVE | SUMMARIZED, "effort": "high"},
        {"thinking": ADAPTIVE | SUMMARIZED, "effort": "low"},
    ],
    "google/gemini-3.8-flash": [
        gemini(includeThoughts=True, thinkingLevel="HIGH"),
        gemini(includeThoughts=True, thinkingLevel="HIGH"),
        gemini(includeThoughts=True, thinkingLevel="MEDIUM"),
        gemini(includeThoughts=True),
        gemini(thinkingLevel="HIGH"),
        gemini(includeThoughts=True, thinkingLevel="HIGH"),
        gemini(includeThoughts=True, thinkingLevel="LOW"),
    ],
    "google/gemini-2.5-flash": [
        gemini(includeThoughts=True, thinkingBudget=10_000),
        gemini(includeThoughts=True, thinkingBudget=24_576),
        gemini(includeThoughts=True, thinkingBudget=5000),
        gemini(includeThoughts=True, thinkingBudget=-1),
        gemini(thinkingBudget=24_576),
        gemini(includeThoughts=True, thinkingBudget=24_576),
        gemini(includeThoughts=True, thinkingBudget=1024),
    ],
    "groq/openai/gpt-oss-120b": [
        *(chat("high", **INCLUDED), chat("high", **INCLUDED), chat("medium", **INCLUDED), chat(None, **INCLUDED)),
        *(chat("high"), chat("high", **INCLUDED), chat("low", **INCLUDED)),
    ],
    "groq/qwen/qwen3.8-27b": [
        *(chat("high", **PARSED), chat("high", **PARSED), chat("medium", **PARSED), chat(None, **PARSED)),
        *(chat("high"), chat("high", **PARSED), chat("low", **PARSED)),
    ],
    "together/Qwen/Qwen3.5-397B-A17B": [
        *(chat("high", **SWITCHED), chat("high", **SWITCHED), chat("medium", **SWITCHED), chat(None, **SWITCHED)),
        *(chat("high"), chat("high"), chat("low")),
    ],
    "together/openai/gpt-oss-120b": [
        *(chat("high"), chat("high"), chat("medium"), chat(None), chat("high"), chat("high"), chat("low"))
    ],
    "huggingface/openai/gpt-oss-120b": [
        *(chat("high"), chat("high"), chat("medium"), chat(None), chat("high"), chat("high"), chat("low"))
    ],
    "cohere/command-a-plus-05-2026": [
        *(cohere(10_000), cohere(24_576), cohere(5000), cohere(None)),
        *(cohere(24_576), cohere(24_576), cohere(1024)),
    ],
    "ollama/qwen3": [{"think": value} for value in (True, "high", True, True, "high", "high", "low")],
    "ollama/gpt-oss:20b": [
        *({"think": "high"}, {"think": "high"}, {"think": "medium"}, {"think": True}),
        *({"think": "high"}, {"think": "high"}, {"think": "low"}),
    ],
    "replicate/openai/gpt-5-mini": [
        *(chat("high"), chat("high"), chat("medium"), chat("medium"), chat("high"), chat("high"), chat("low"))
    ],
}


def thinking_in(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a body says about thinking."""
    found = {name: value for name, value in body.items() if name in FIELDS}
    found |= {name: value for name, value in body.get("output_config", {}).items() if name == "effort"}
    found |= {name: value for name, value in body.get("generationConfig", {}).items() if name == "thinkingConfig"}
    inputs = body.get("input")
    return found | (
        {name: value for name, value in inputs.items() if name in FIELDS} if isinstance(inputs, dict) else {}
    )


@pytest.mark.parametrize("ask", ASKS)
async def test_thinking_is_asked_for_at_every_provider(ask: str, opened: Open) -> None:
    caller, emulator, _ = await opened(*PROVIDERS)
    path, body = ASKS[ask]
    found: dict[str, Any] = {}
    for model in EXPECTED:
        answer = await caller.post(path, body, {"x-understudy-models": model})
        assert answer.status == 200, (model, answer.text)
        sent = emulator.requests(model.partition("/")[0])
        assert not [each.error for each in sent if each.status != 200 and each.error], model
        posted = next(each.body for each in reversed(sent) if each.body)
        found[model] = thinking_in(posted)
    place = list(ASKS).index(ask)
    assert found == {model: each[place] for model, each in EXPECTED.items()}


async def test_a_local_model_that_does_not_think_answers_without(opened: Open) -> None:
    """Claude Code asks for thinking in every request; Ollama refuses it for models that do not think."""
    caller, _, _ = await opened("ollama")
    path, body = ASKS["an effort at Anthropic"]
    answer = await caller.post(path, body, {"x-understudy-models": "ollama/llama3.2"})
    assert answer.status == 200, answer.text
    assert "the provider refuses it for this model" in answer.headers["x-understudy-warnings"]
    path, body = ASKS["a switch at Ollama"]
    own = await caller.post(path, body, {"x-understudy-models": "ollama/llama3.2"})
    assert (own.status, own.json) == (400, {"error": '"llama3.2" does not support thinking'})


@pytest.mark.parametrize("shown", [{"include_reasoning": True}, {"reasoning_format": "parsed"}])
async def test_groqs_clients_see_thinking_of_others(shown: dict[str, Any], opened: Open) -> None:
    caller, emulator, _ = await opened("groq", "google", "together", "openai")
    asked = {"model": "m", "messages": SAY, "reasoning_effort": "high", **shown}
    found = {}
    for model in (
        "groq/openai/gpt-oss-120b",
        "google/gemini-3.8-flash",
        "together/openai/gpt-oss-120b",
        "openai/gpt-5",
    ):
        answer = await caller.post("/v1/chat/completions", asked, {"x-understudy-models": model})
        assert answer.status == 200, answer.text
        sent = thinking_in(emulator.requests(model.partition("/")[0])[-1].body)
        found[model] = (sent, answer.headers.get("x-understudy-warnings", ""))
    assert found == {
        "groq/openai/gpt-oss-120b": (chat("high", **shown), ""),
        "google/gemini-3.8-flash": (gemini(includeThoughts=True, thinkingLevel="HIGH"), ""),
        "together/openai/gpt-oss-120b": (chat("high"), ""),
        "openai/gpt-5": (chat("high"), "dropped reasoning display: thinking is not shown here"),
    }
