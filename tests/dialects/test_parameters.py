"""Plain fields over all providers and families: ranges, lengths and what models refuse, from the vendors' documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy import dialects, providers
from understudy.dialects.base import Send, WarningLog
from understudy.dialects.limits import ParameterLimits
from understudy.dialects.parameters import fit_parameters
from understudy.domain.events import Warned
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, Reasoning
from understudy.providers.base import dialect_for, endpoint_of


def sent(provider: str, model: str, **fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the body that goes out, and the warnings."""
    row = providers.row(provider)
    endpoint = endpoint_of(row, model, base_url="https://x.example" if row.base_url_required else None)
    request = GenerationRequest(messages=(Message.user("?"),), **fields)
    name = dialect_for(row, Operation.CHAT, endpoint.quirks, request)
    assert name is not None
    steps = dialects.load(name).open(Operation.CHAT, request, endpoint).start()
    (body,) = [json.loads(step.request.body or b"") for step in steps if isinstance(step, Send)]
    return body, [(str(step.warning.kind), step.warning.what) for step in steps if isinstance(step, Warned)]


def at(body: dict[str, Any], path: str) -> Any:
    """Return a field of a body, `None` if it is missing."""
    value: Any = body
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


HAIKU = "claude-3-5-haiku-20241022"
G2 = "gemini-2.0-flash"


@pytest.mark.parametrize(
    ("provider", "model", "field", "given", "path", "value", "warned"),
    [
        # platform.openai.com/docs/api-reference/chat/create
        ("openai", "gpt-4.1", "temperature", 3, "temperature", 2, "clamped"),
        ("openai", "gpt-4.1", "top_p", 1.5, "top_p", 1, "clamped"),
        ("openai", "gpt-4.1", "presence_penalty", -3, "presence_penalty", -2, "clamped"),
        ("azure-openai", "gpt-4.1", "frequency_penalty", 2.5, "frequency_penalty", 2, "clamped"),
        ("openai", "gpt-4.1", "logit_bias", {"1": -200.0, "2": 5.0}, "logit_bias", {"1": -100, "2": 5}, "clamped"),
        ("openai", "gpt-4.1", "top_logprobs", 3, "logprobs", True, None),
        ("openai", "gpt-4.1", "top_logprobs", 0, "top_logprobs", None, None),
        ("openai", "gpt-4.1", "stop", ("", "x"), "stop", ["x"], "dropped"),
        ("openai", "gpt-4.1", "stop", ("x", "x"), "stop", ["x"], None),
        ("openai", "gpt-4.1", "stop", ("",), "stop", None, "dropped"),
        ("openai", "gpt-4.1", "service_tier", "weird", "service_tier", None, "dropped"),
        ("openai", "gpt-4.1", "metadata", {"k" * 65: "v", "k": "v"}, "metadata", {"k": "v"}, "dropped"),
        ("openai", "gpt-4.1", "metadata", {"k": "v" * 513}, "metadata", None, "dropped"),
        ("azure-openai", "gpt-4.1", "user", "u" * 100, "user", "u" * 100, None),
        # Models of the Responses API
        ("openai", "gpt-5-pro", "max_tokens", 1, "max_output_tokens", 16, "clamped"),
        ("openai", "gpt-5-pro", "temperature", 0.5, "temperature", None, "dropped"),
        ("openai", "gpt-5-codex", "temperature", 0.5, "temperature", None, "dropped"),
        ("openai", "codex-mini-latest", "temperature", 0.5, "temperature", None, "dropped"),
        ("openai", "gpt-5-pro", "top_p", 0.5, "top_p", None, "dropped"),
        ("openai", "gpt-5-pro", "temperature", 1, "temperature", 1, None),
        ("openai", "gpt-5-pro", "reasoning", Reasoning(effort="low"), "reasoning.effort", "high", "clamped"),
        ("openai", "gpt-5.4-pro", "reasoning", Reasoning(effort="none"), "reasoning.effort", "medium", "clamped"),
        ("openai", "o3-deep-research", "reasoning", Reasoning(effort="high"), "reasoning.effort", "medium", "clamped"),
        ("openai", "o3", "parallel_tool_calls", True, "parallel_tool_calls", None, None),
        ("openai", "gpt-6-luna", "reasoning", Reasoning(effort="max"), "reasoning_effort", "xhigh", "clamped"),
        ("openai", "gpt-5.1", "logit_bias", {"1": 1.0}, "logit_bias", None, "dropped"),
        ("openai", "gpt-5.1", "temperature", 0.5, "temperature", 0.5, None),
        # docs.anthropic.com/en/api/messages; version 2023-06-01 is what accepts sampling
        ("anthropic", HAIKU, "stop", (" ", "\n", "x"), "stop_sequences", ["x"], "dropped"),
        ("anthropic", "claude-opus-5-5", "temperature", 1.0, "temperature", None, "dropped"),
        # ai.google.dev/api/generate-content
        ("google", G2, "temperature", 3, "generationConfig.temperature", 2, "clamped"),
        ("google", G2, "top_k", 0, "generationConfig.topK", 1, "clamped"),
        ("google", G2, "seed", 2**40, "generationConfig.seed", 2**31 - 1, "clamped"),
        ("google", G2, "presence_penalty", 2, "generationConfig.presencePenalty", 1.99, "clamped"),
        ("google", G2, "top_logprobs", 25, "generationConfig.logprobs", 20, "clamped"),
        ("google", G2, "top_logprobs", 5, "generationConfig.responseLogprobs", True, None),
        ("google", "gemini-2.5-pro", "presence_penalty", 0.5, "generationConfig", None, "dropped"),
        ("google", "gemini-3.8-flash", "temperature", 0.5, "generationConfig", None, "dropped"),
        # console.groq.com/docs/api-reference
        ("groq", "openai/gpt-oss-120b", "temperature", 3, "temperature", 2, "clamped"),
        ("groq", "openai/gpt-oss-120b", "service_tier", "default", "service_tier", "on_demand", None),
        ("groq", "openai/gpt-oss-120b", "service_tier", "priority", "service_tier", None, "dropped"),
        # docs.together.ai/reference/chat-completions
        ("together", "Qwen/Q", "frequency_penalty", 3, "frequency_penalty", 2, "clamped"),
        ("together", "Qwen/Q", "top_logprobs", 5, "logprobs", 5, None),
        # huggingface.co/docs/inference-providers/tasks/chat-completion
        ("huggingface", "Qwen/Q", "seed", -1, "seed", 0, "clamped"),
        ("huggingface", "Qwen/Q", "top_logprobs", 20, "top_logprobs", 5, "clamped"),
        # docs.cohere.com/reference/chat
        ("cohere", "command-a-03-2025", "temperature", 1.5, "temperature", 1, "clamped"),
        ("cohere", "command-a-03-2025", "stop", ("",), "stop_sequences", None, "dropped"),
        ("ollama", "llama3.2", "top_logprobs", 25, "top_logprobs", 20, "clamped"),
        ("ollama", "llama3.2", "temperature", 5, "options.temperature", 5, None),
    ],
)  # fmt: skip
def test_values_fit(
    provider: str, model: str, field: str, given: Any, path: str, value: Any, warned: str | None
) -> None:
    body, warnings = sent(provider, model, **{field: given})
    assert at(body, path) == value
    assert type(at(body, path)) is type(value)
    assert warnings == ([(warned, field)] if warned else [])
    # What comes from the configuration is fitted in silence: `check` reports it.
    assert sent(provider, model, **{field: given}, configured=frozenset({field})) == (body, [])


def test_long_ids_become_others_that_are_always_the_same() -> None:
    for provider, model, path, longest in (
        ("openai", "gpt-4.1", "safety_identifier", 64),
        ("openai", "gpt-5-pro", "safety_identifier", 64),
        ("anthropic", "claude-opus-5-5", "metadata.user_id", 256),
    ):
        one, other = "u" * 300, "u" * 299
        first, warnings = sent(provider, model, user=one)
        assert warnings == [("renamed", "user")]
        assert 0 < len(at(first, path)) <= longest
        assert at(first, path) == at(sent(provider, model, user=one)[0], path)
        assert at(first, path) != at(sent(provider, model, user=other)[0], path)


def test_an_email_address_is_hashed_where_it_is_refused() -> None:
    body, warnings = sent("anthropic", "claude-opus-5-5", user="ann@example.com")
    assert warnings == [("renamed", "user")]
    assert len(body["metadata"]["user_id"]) == 64
    assert sent("anthropic", "claude-opus-5-5", user="ann at example")[0]["metadata"] == {"user_id": "ann at example"}
    assert sent("openai", "gpt-4.1", user="ann@example.com")[1] == []


def test_sixteen_pairs_of_metadata() -> None:
    body, warnings = sent("openai", "gpt-4.1", metadata={f"k{n:02}": "v" for n in range(20)})
    assert sorted(body["metadata"]) == [f"k{n:02}" for n in range(16)]
    assert warnings == [("dropped", "metadata")]


@pytest.mark.parametrize(
    ("provider", "model", "extra"),
    [
        ("openai", "gpt-4.1", {"openai": {"n": 2}}),
        ("together", "Qwen/Q", {"together": {"n": 2}}),
        ("google", G2, {"gemini": {"generationConfig": {"candidateCount": 2}}}),
        ("google", G2, {"google": {"generation_config": {"candidate_count": 2}}}),
    ],
)
def test_further_choices_are_warned_about(provider: str, model: str, extra: Any) -> None:
    assert sent(provider, model, extra=extra)[1] == [("dropped", "n")]


def test_a_family_without_a_known_level() -> None:
    """A custom row may name levels of its own."""
    from understudy.dialects.gemini.thinking import apply_thinking_quirks
    from understudy.dialects.quirks import Quirks

    for config in ({"thinkingLevel": "LOW"}, {"thinkingBudget": 100}, {"thinkingBudget": 0}):
        notes, settings = WarningLog(), {"thinkingConfig": config}
        apply_thinking_quirks(settings, Quirks(efforts=frozenset({"turbo"})), notes)
        assert settings == {}
        assert [warning.what for warning in notes.warnings] == ["reasoning"]


def test_a_request_without_such_fields_passes_untouched() -> None:
    request = GenerationRequest(messages=(Message.user("?"),), model="m", reasoning=Reasoning(effort="low"))
    notes = WarningLog()
    assert fit_parameters(request, ParameterLimits(ranges={"temperature": (0, 1)}, bias=1), notes) is request
    assert notes.warnings == []


@pytest.mark.parametrize("provider", ["openai", "azure-openai", "google"])
def test_a_value_that_is_left_out_in_the_end_is_not_also_called_clamped(provider: str) -> None:
    model = "gemini-3.8-flash" if provider == "google" else "gpt-6-luna"
    assert sent(provider, model, frequency_penalty=5.0)[1] == [("dropped", "frequency_penalty")]
