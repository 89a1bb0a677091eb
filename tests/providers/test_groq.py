"""Groq's row: its base URL, what its API lacks, and its own statuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects.base import Send
from understudy.dialects.openai.client import DIALECT
from understudy.domain import events as e
from understudy.domain.content import Provenance, Text, Thinking
from understudy.domain.messages import Message, Role
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, Reasoning, WireOrigin
from understudy.providers.base import endpoint_of, quirks_of
from understudy.providers.groq import ROW


def sent(
    request: GenerationRequest, model: str = "openai/gpt-oss-20b", *, stream: bool = False
) -> tuple[Any, set[str]]:
    *before, send = DIALECT.open(Operation.CHAT, request, endpoint_of(ROW, model), stream=stream).start()
    assert isinstance(send, Send)
    return json.loads(send.request.body or b""), {s.warning.what for s in before if isinstance(s, e.Warned)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/openai", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/openai/v1/", "https://api.groq.com/openai/v1"),
        ("http://localhost:8080/v1", "http://localhost:8080/v1"),
    ],
)
def test_the_base_url_with_and_without_its_path(given: str, expected: str) -> None:
    assert endpoint_of(ROW, None, base_url=given).base_url == expected
    assert endpoint_of(ROW, None).base_url == "https://api.groq.com/openai/v1"


def test_what_groq_does_not_have_is_left_out_and_said() -> None:
    request = GenerationRequest(
        messages=(Message(Role.USER, "x", name="n"),),
        presence_penalty=1.0,
        logprobs=True,
        metadata={"a": "b"},
        user="u",
        extra={"openai": {"n": 2}},
    )
    body, warned = sent(request)
    assert body == {"messages": [{"role": "user", "content": "x"}], "model": "openai/gpt-oss-20b", "user": "u"}
    assert warned == {"presence_penalty", "logprobs", "metadata", "n", "name"}


def test_a_request_of_openais_client_is_made_to_fit() -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x", "name": "n"}], "n": 1, "max_tokens": 5,
            "store": True, "safety_identifier": "u", "top_p": 0.5}  # fmt: skip
    raw = json.dumps(body).encode()
    request = GenerationRequest(messages=(Message.user("x"),), origin=WireOrigin("openai", raw))
    assert sent(request) == (
        {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "x"}], "n": 1, "max_tokens": 5,
         "top_p": 0.5, "user": "u"},
        {"store", "name"},
    )  # fmt: skip


def test_usage_need_not_be_asked_for() -> None:
    body, _ = sent(GenerationRequest(messages=(Message.user("x"),)), stream=True)
    assert (body["stream"], "stream_options" in body) == (True, False)


def test_parsed_reasoning_is_replayed() -> None:
    thinking = Thinking("hm", provenance=Provenance("openai", "openai/gpt-oss-20b"))
    body, warned = sent(GenerationRequest(messages=(Message.assistant((thinking, Text("a"))),)))
    assert (body["messages"], warned) == ([{"role": "assistant", "reasoning": "hm", "content": "a"}], set())


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        (
            "openai/gpt-oss-120b",
            Reasoning(effort="max", display="omitted"),
            {"reasoning_effort": "high", "include_reasoning": False},
        ),
        (
            "qwen/qwen3-32b",
            Reasoning(effort="high", display="summarized"),
            {"reasoning_effort": "default", "reasoning_format": "parsed"},
        ),
        ("qwen/qwen3.8-27b", Reasoning(effort="low"), {"reasoning_effort": "low"}),
        ("llama-3.3-70b-versatile", Reasoning(effort="low"), {}),
    ],
)
def test_reasoning_by_family(model: str, asked: Reasoning, expected: dict[str, object]) -> None:
    body, _ = sent(GenerationRequest(messages=(Message.user("x"),), reasoning=asked), model)
    assert {key: value for key, value in body.items() if key not in ("model", "messages")} == expected


def test_what_is_missing_says_what_to_use_instead() -> None:
    assert Operation.EMBED not in ROW.dialects
    assert Operation.COUNT_TOKENS not in ROW.dialects
    assert set(ROW.instead) == {Operation.EMBED, Operation.COUNT_TOKENS}
    assert ROW.embedding_model is None
    assert quirks_of(ROW, ROW.text_model).efforts == frozenset({"low", "medium", "high"})
