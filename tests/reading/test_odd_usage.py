"""Counts that are none: the field is ignored, the answer kept, a warning says so, and the count is unknown, never 0."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.reading.answers import SIX, TEXT, chunk, events, plain, usage_of
from tests.reading.talking import framed, read, streamed, vectors, whats, whole
from understudy.domain.fold import fold
from understudy.domain.responses import GenerationResponse

six = pytest.mark.parametrize("dialect", SIX)
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])

ODD: dict[str, Any] = {
    "negative": -5,
    "a boolean": True,
    "a string": "10",
    "beyond 2^53": 2**53 + 1,
    "a fraction": 1.5,
    "a list": [1],
    "an empty list": [],
    "a list of objects": [{"tokens": 5}],
    "an object": {"value": 5},
    "an empty object": {},
}
LITERALS = {"NaN": b"NaN", "Infinity": b"Infinity", "-Infinity": b"-Infinity", "1e400": b"1e400"}
MARK = 123454321


def answer(dialect: str, usage: Any, *, streaming: bool, literal: bytes = b"") -> GenerationResponse:
    body = framed(dialect, events(dialect, usage)) if streaming else json.dumps(plain(dialect, usage)).encode()
    outcome = read(dialect, body.replace(str(MARK).encode(), literal) if literal else body, streaming=streaming)
    assert outcome.failure is None, outcome.failure
    return fold(outcome.steps, dialect=dialect)


@pytest.mark.parametrize("odd", ODD)
@both_ways
@six
def test_a_value_that_is_no_count_is_unknown(dialect: str, streaming: bool, odd: str) -> None:
    response = answer(dialect, usage_of(dialect, answer=ODD[odd]), streaming=streaming)
    assert response.text == TEXT
    assert (response.usage.input_total, response.usage.output_total) == (10, None)
    assert whats(response) == ["usage"]


@pytest.mark.parametrize("literal", LITERALS)
@both_ways
@six
def test_a_number_that_json_has_not_is_unknown(dialect: str, streaming: bool, literal: str) -> None:
    usage = usage_of(dialect, answer=MARK)
    response = answer(dialect, usage, streaming=streaming, literal=LITERALS[literal])
    assert response.text == TEXT
    assert (response.usage.input_total, response.usage.output_total) == (10, None)
    assert "numbers" in whats(response) or "usage" in whats(response)


@pytest.mark.parametrize("odd", [[], {}, "none", 7, True])
@both_ways
@six
def test_a_report_of_another_kind_is_none(dialect: str, streaming: bool, odd: Any) -> None:
    response = answer(dialect, odd if dialect != "ollama" else {"eval_count": odd}, streaming=streaming)
    assert response.text == TEXT
    if not (dialect == "ollama" and odd == 7):
        assert response.usage.output_total is None


CONTRADICTIONS: dict[str, list[Any]] = {
    "openai": [
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 99},
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 11}},
        {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}},
    ],
    "responses": [
        {"input_tokens": 10, "output_tokens": 5, "total_tokens": 99},
        {"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 11}},
    ],
    "anthropic": [{"input_tokens": 10, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 6}}],
    "gemini": [
        {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 99},
        {"promptTokenCount": 10, "candidatesTokenCount": 5, "cachedContentTokenCount": 11},
    ],
    "cohere": [{"tokens": {"input_tokens": 10, "output_tokens": 5}, "cached_tokens": 11}],
}


@pytest.mark.parametrize(
    ("dialect", "usage"), [(dialect, usage) for dialect, several in CONTRADICTIONS.items() for usage in several]
)
@both_ways
def test_counts_that_contradict_each_other_are_warned_about(dialect: str, usage: Any, streaming: bool) -> None:
    response = answer(dialect, usage, streaming=streaming)
    assert (response.usage.input_total, response.usage.output_total) == (10, 5)
    assert whats(response) == ["usage"]
    assert (response.usage.cache_read, response.usage.reasoning) == (None, None)


@both_ways
@six
def test_sound_counts_are_not_warned_about(dialect: str, streaming: bool) -> None:
    response = answer(dialect, usage_of(dialect), streaming=streaming)
    assert (response.usage.total, whats(response)) == (15, [])


def test_an_answer_of_anthropic_without_final_counts_has_an_unknown_length() -> None:
    response = streamed("anthropic", *events("anthropic", None))
    assert (response.usage.input, response.usage.output, whats(response)) == (10, None, ["usage"])


def test_counts_on_the_way_are_not_those_of_the_whole() -> None:
    counts = {"prompt_tokens": 10, "completion_tokens": 1}
    last = [chunk({"content": "b"}), chunk({}, finish="stop"), b"data: [DONE]\n\n"]
    response = streamed("openai", chunk({"content": "a"}, usage=counts), *last)
    assert (response.usage.input, response.usage.output, whats(response)) == (10, None, ["usage"])
    with_all = [chunk({"content": "a"}, usage=counts), chunk({}, finish="stop", usage=counts), b"data: [DONE]\n\n"]
    response = streamed("openai", *with_all)
    assert (response.usage.total, whats(response)) == (11, [])


def test_counts_on_the_way_of_gemini_are_not_those_of_the_whole() -> None:
    first, last = events("gemini", usage_of("gemini"))
    response = streamed(
        "gemini", {**first, "usageMetadata": usage_of("gemini", 10, 1)}, {**last, "usageMetadata": None}
    )
    assert (response.usage.input, response.usage.output, whats(response)) == (10, None, ["usage"])


def test_the_last_report_of_gemini_replaces_the_former_as_a_whole() -> None:
    first, last = events("gemini", {"promptTokenCount": 10, "thoughtsTokenCount": 7, "totalTokenCount": 17})
    early = {"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 15}
    usage = streamed("gemini", {**first, "usageMetadata": early}, last).usage
    assert (usage.input, usage.output, usage.reasoning) == (10, None, 7)


EMBEDDED: dict[str, Callable[[Any], Any]] = {
    "openai": lambda count: {"data": [{"embedding": [1.0], "index": 0}], "usage": {"prompt_tokens": count}},
    "cohere": lambda count: {"embeddings": {"float": [[1.0]]}, "meta": {"billed_units": {"input_tokens": count}}},
    "gemini": lambda count: {"embeddings": [{"values": [1.0]}], "usageMetadata": {"promptTokenCount": count}},
    "ollama": lambda count: {"embeddings": [[1.0]], "prompt_eval_count": count},
}


@pytest.mark.parametrize("odd", [*ODD, *LITERALS])
@pytest.mark.parametrize("dialect", EMBEDDED)
def test_an_odd_count_of_an_embedding_is_unknown(dialect: str, odd: str) -> None:
    body = json.dumps(EMBEDDED[dialect](ODD.get(odd, MARK))).encode()
    response = vectors(dialect, body.replace(str(MARK).encode(), LITERALS.get(odd, b"")), texts=1).one()
    assert response.embeddings == ((1.0,),)
    assert response.usage.input_total is None
    assert response.warnings


def test_whole_bodies_with_infinite_log_probabilities_are_answers() -> None:
    body = json.dumps(plain("openai", usage_of("openai"))).replace(
        '"finish_reason"', '"logprobs": {"content": [{"token": "a", "logprob": -Infinity}]}, "finish_reason"'
    )
    assert whole("openai", body.encode()).text == TEXT
