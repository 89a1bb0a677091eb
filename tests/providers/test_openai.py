"""OpenAI's row: which model wants what, and which API speaks with it."""

from __future__ import annotations

import pytest

from understudy.domain.messages import Message, OpaqueTool, Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, Reasoning
from understudy.providers.base import dialect_for, endpoint_of, quirks_of
from understudy.providers.openai import ROW

SAMPLING = {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"}


def speaks(model: str, *, tools: bool = True, effort: str | None = None) -> str | None:
    request = GenerationRequest(
        messages=(Message.user("x"),),
        tools=(Tool(name="f"),) if tools else (),
        reasoning=Reasoning(effort=effort) if effort else None,
    )
    return dialect_for(ROW, Operation.CHAT, quirks_of(ROW, model), request)


@pytest.mark.parametrize(
    ("model", "samples", "stops", "efforts"),
    [
        ("gpt-4o-mini", True, True, None),
        ("gpt-4.1-nano-2025-04-14", True, True, None),
        ("ft:gpt-4o-mini-2024-07-18:org::id", True, True, None),
        ("gpt-5-chat-latest", True, True, None),
        ("o3", False, False, "low medium high"),
        ("o4-mini-2025-04-16", False, False, "low medium high"),
        ("gpt-5", False, False, "minimal low medium high"),
        ("gpt-5-nano-2025-08-07", False, False, "minimal low medium high"),
        ("gpt-5.1", False, False, "none low medium high"),
        ("gpt-5.4-mini", False, False, "none low medium high xhigh"),
        ("gpt-5.6-sol", False, False, "none low medium high xhigh max"),
        ("gpt-6-luna", False, False, "none low medium high xhigh max"),
        ("gpt-6-astra", False, False, "low medium high xhigh"),
        ("gpt-6.1-sol", False, False, "low medium high xhigh"),
        ("gpt-5.5-pro", False, False, "medium high xhigh"),
        ("gpt-5-pro", False, False, "high"),
        ("gpt-5-codex", False, False, "low medium high"),
        ("codex-mini-latest", False, False, "low medium high"),
    ],
)
def test_families(model: str, samples: bool, stops: bool, efforts: str | None) -> None:
    quirks = quirks_of(ROW, model)
    assert (quirks.refused & SAMPLING == set()) is samples
    assert ("stop" not in quirks.refused) is stops
    assert quirks.efforts == (frozenset(efforts.split()) if efforts else None)
    assert quirks.other_max_tokens is samples
    assert "top_k" in quirks.refused


def test_models_that_do_not_reason_take_no_effort() -> None:
    assert {"reasoning", "verbosity"} <= quirks_of(ROW, "gpt-4.1").refused
    assert "reasoning" not in quirks_of(ROW, "gpt-5-mini").refused


def test_sampling_comes_back_where_the_effort_is_none() -> None:
    assert quirks_of(ROW, "gpt-5.2").default_effort_none
    assert quirks_of(ROW, "gpt-6-sol").sampling_without_effort
    assert not quirks_of(ROW, "gpt-6-sol").default_effort_none
    assert not quirks_of(ROW, "gpt-5").sampling_without_effort


def test_old_models_take_no_schema() -> None:
    assert "json_schema" not in quirks_of(ROW, "gpt-4-0613").output_formats
    assert "json_schema" not in quirks_of(ROW, "gpt-3.5-turbo").output_formats
    assert "json_schema" in quirks_of(ROW, "gpt-4o").output_formats
    assert "json_schema" in quirks_of(ROW, "gpt-4.1").output_formats


def test_the_first_reasoning_models_take_no_system_message() -> None:
    assert quirks_of(ROW, "o1-mini-2024-09-12").system_role == "user"
    assert quirks_of(ROW, "o1").system_role == "as_given"


@pytest.mark.parametrize(
    ("model", "effort", "dialect"),
    [
        ("gpt-4o", "high", "openai"),
        ("gpt-5", "high", "openai"),
        ("gpt-5.1", "high", "openai"),
        ("gpt-5.2", None, "openai"),
        ("gpt-5.2", "none", "openai"),
        ("gpt-5.4", "low", "responses"),
        ("gpt-5.6-sol", None, "responses"),
        ("gpt-5.6-sol", "none", "openai"),
        ("gpt-6-luna", "low", "responses"),
        ("gpt-6-astra", "none", "responses"),
        ("gpt-6.1-sol", None, "responses"),
    ],
)
def test_tools_decide_between_the_two_apis(model: str, effort: str | None, dialect: str) -> None:
    assert speaks(model, effort=effort) == dialect
    assert speaks(model, tools=False, effort=effort) == "openai"


@pytest.mark.parametrize(
    "model", ["gpt-5.5-pro", "o3-pro", "gpt-5.1-codex-mini", "gpt-5-pro-2025-10-06", "o3-deep-research"]
)
def test_some_models_speak_only_responses(model: str) -> None:
    assert speaks(model, tools=False) == "responses"


def test_hosted_tools_of_chat_completions_stay_there() -> None:
    request = GenerationRequest(messages=(), tools=(OpaqueTool("openai", {"type": "custom"}),))
    assert dialect_for(ROW, Operation.CHAT, quirks_of(ROW, "gpt-5"), request) == "openai"


def test_the_row_itself() -> None:
    assert endpoint_of(ROW, None).base_url == "https://api.openai.com/v1"
    assert ROW.dialects[Operation.COUNT_TOKENS] == "responses"
    assert ROW.text_model is not None
    assert ROW.embedding_model is not None
    assert quirks_of(ROW, ROW.text_model).cache_breakpoints
