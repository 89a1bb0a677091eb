"""What the ollama dialect makes of answers."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.driving import Outcome, drive
from understudy.dialects.base import Endpoint
from understudy.dialects.ollama.client import DIALECT
from understudy.domain import events as e
from understudy.domain.failures import FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import GenerationResponse
from understudy.wire.http import HttpHead

ENDPOINT = Endpoint(provider="ollama", base_url="http://host", model="qwen3:4b")
REQUEST = GenerationRequest(messages=())
NDJSON = HttpHead(200, {"content-type": "application/x-ndjson"})
JSON = HttpHead(200, {"content-type": "application/json; charset=utf-8"})
AT = "2026-08-04T19:58:15.115854Z"


def line(**fields: Any) -> bytes:
    return json.dumps({"model": "qwen3:4b", "created_at": AT, **fields}, ensure_ascii=False).encode() + b"\n"


def piece(content: str = "", **fields: Any) -> bytes:
    return line(message={"role": "assistant", "content": content, **fields}, done=False)


LAST = line(
    message={"role": "assistant", "content": ""},
    done=True,
    done_reason="stop",
    total_duration=5_000_000_000,
    load_duration=7,
    prompt_eval_count=30,
    prompt_eval_duration=1,
    eval_count=12,
    eval_duration=2,
)
CALL = {"id": "call_a", "function": {"index": 0, "name": "add", "arguments": {"x": 1, "y": "ü"}}}
UNNAMED = {"function": {"name": "sub", "arguments": {}}}
STREAM = (
    piece(thinking="hm") + piece(thinking=" …") + piece("grüß ") + piece("dich 🌍")
    + piece(tool_calls=[CALL]) + piece(tool_calls=[UNNAMED]) + LAST
)  # fmt: skip


def streamed(*pieces: bytes, keep_wire: bool = False) -> Outcome:
    endpoint = msgspec.structs.replace(ENDPOINT, keep_wire=keep_wire)
    return drive(DIALECT.open(Operation.CHAT, REQUEST, endpoint, stream=True), NDJSON, pieces)


def whole(body: dict[str, Any]) -> Outcome:
    return drive(DIALECT.open(Operation.CHAT, REQUEST, ENDPOINT), JSON, [json.dumps(body).encode()])


def answer(outcome: Outcome) -> GenerationResponse:
    assert outcome.failure is None, outcome.failure
    return fold(outcome.steps, dialect="ollama")


def test_a_stream_with_thinking_text_and_tools() -> None:
    response = answer(streamed(STREAM))
    assert (response.thinking, response.text) == ("hm …", "grüß dich 🌍")
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == [
        ("call_a", "add", '{"x": 1, "y": "ü"}'),
        ("call_20260804195815115854_1", "sub", "{}"),
    ]
    assert (response.finish_reason, response.finish_reason_raw) == (FinishReason.TOOL_CALLS, "stop")
    assert (response.usage.input, response.usage.output) == (30, 12)
    assert response.usage.raw == {"prompt_eval_count": 30, "eval_count": 12}
    assert response.extra["durations"]["total_duration"] == 5_000_000_000
    assert (response.model, response.created, response.id) == ("qwen3:4b", 1785873495.115854, None)


def test_events_come_in_their_order_and_parts_are_numbered_as_they_appear() -> None:
    steps = streamed(STREAM).steps
    assert [type(step) for step in steps[:2]] == [e.Started, e.ThinkingDelta]
    assert [type(step) for step in steps[-2:]] == [e.UsageReported, e.Finished]
    assert [step.index for step in steps if isinstance(step, e.ThinkingDelta | e.TextDelta | e.ToolCallStarted)] == [
        0, 0, 1, 1, 2, 3,
    ]  # fmt: skip


def test_a_whole_answer_folds_to_the_same_as_its_stream() -> None:
    body = {
        **json.loads(LAST),
        "message": {
            "role": "assistant", "content": "grüß dich 🌍", "thinking": "hm …", "tool_calls": [CALL, UNNAMED],
        },
    }  # fmt: skip
    ours = answer(
        drive(
            DIALECT.open(Operation.CHAT, REQUEST, ENDPOINT),
            JSON,
            [json.dumps(body, ensure_ascii=False).encode()],
        )
    )
    assert ours == answer(streamed(STREAM))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40, unique=True), st.booleans())
def test_the_split_of_the_bytes_does_not_matter(cuts: list[int], keep_wire: bool) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    assert streamed(*pieces, keep_wire=keep_wire).steps == streamed(STREAM, keep_wire=keep_wire).steps


def test_single_bytes_give_the_same_events() -> None:
    assert streamed(*[STREAM[i : i + 1] for i in range(len(STREAM))]).steps == streamed(STREAM).steps


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b" \n"])
def test_line_ends_and_blank_lines_do_not_matter(end: bytes) -> None:
    assert streamed(STREAM.replace(b"\n", end)).steps == streamed(STREAM).steps


class TestFrames:
    def test_every_line_stands_once_on_its_first_event(self) -> None:
        quiet = piece()
        outcome = streamed(piece("a") + quiet + LAST, keep_wire=True)
        assert b"".join(step.wire for step in outcome.steps) == piece("a") + quiet + LAST
        assert e.Frame(quiet) in outcome.steps
        assert all(step.wire is not None for step in outcome.steps)

    def test_without_keeping_them_there_are_none(self) -> None:
        assert all(step.wire is None for step in streamed(piece("a") + piece() + LAST).steps)

    def test_a_last_line_without_a_line_end_stays_as_it_came(self) -> None:
        outcome = streamed(piece("a") + LAST.rstrip(), keep_wire=True)
        assert b"".join(step.wire for step in outcome.steps) == piece("a") + LAST.rstrip()


class TestEnds:
    def test_done_without_a_last_line_end_is_an_end(self) -> None:
        assert answer(streamed(piece("a") + LAST.rstrip())).text == "a"

    @pytest.mark.parametrize("rest", [b"", LAST[:40], LAST[:-3], b'{"model":'])
    def test_the_end_of_input_without_done_is_truncation(self, rest: bytes) -> None:
        outcome = streamed(piece("a") + rest)
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.TRUNCATED
        assert [step for step in outcome.steps if isinstance(step, e.TextDelta)] == [e.TextDelta(0, "a")]
        assert not any(isinstance(step, e.Finished) for step in outcome.steps)

    def test_what_follows_done_is_ignored(self) -> None:
        exchange = DIALECT.open(Operation.CHAT, REQUEST, ENDPOINT, stream=True)
        outcome = drive(exchange, NDJSON, [LAST, piece("late"), b"no json\n"], heed_finished=False)
        assert outcome.failure is None
        assert sum(isinstance(step, e.Finished) for step in outcome.steps) == 1
        assert not answer(outcome).text
        assert answer(streamed(LAST + piece("late") + b"no json\n")).text == ""

    def test_invalid_utf_8_in_arguments_is_a_bad_response_too(self) -> None:
        outcome = streamed(piece(tool_calls=[CALL]).replace("ü".encode(), b"\xff") + LAST)
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.BAD_RESPONSE

    @pytest.mark.parametrize("cut", [0, 5, 1000])
    def test_a_broken_line_is_a_bad_response_whatever_the_split(self, cut: int) -> None:
        data = piece("a") + b'{"message": nonsense}\n' + LAST
        outcome = streamed(data[:cut], data[cut:])
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.BAD_RESPONSE
        assert e.TextDelta(0, "a") in outcome.steps

    def test_a_whole_answer_that_is_not_done_is_truncated(self) -> None:
        outcome = whole({"message": {"role": "assistant", "content": "a"}, "done": False})
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.TRUNCATED

    @pytest.mark.parametrize("body", [b"{}", b'{"done": true}', b"[]", b"<html>", b"", b'{"message": 3, "done": true}'])
    def test_a_body_of_another_shape_is_a_bad_response(self, body: bytes) -> None:
        outcome = drive(DIALECT.open(Operation.CHAT, REQUEST, ENDPOINT), JSON, [body])
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.BAD_RESPONSE

    def test_a_web_page_under_200_is_a_bad_response(self) -> None:
        page = HttpHead(200, {"content-type": "text/html"})
        outcome = drive(DIALECT.open(Operation.CHAT, REQUEST, ENDPOINT, stream=True), page, [b"<html>log in</html>"])
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.BAD_RESPONSE

    def test_an_endless_line_is_too_large(self) -> None:
        outcome = streamed(*[b"x" * (1 << 20)] * 5)
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.TOO_LARGE

    def test_the_cloud_streams_as_plain_json(self) -> None:
        outcome = drive(DIALECT.open(Operation.CHAT, REQUEST, ENDPOINT, stream=True), JSON, [STREAM])
        assert answer(outcome).text == "grüß dich 🌍"


@pytest.mark.parametrize(
    ("raw", "calls", "reason"),
    [
        ("stop", False, FinishReason.STOP),
        ("stop", True, FinishReason.TOOL_CALLS),
        ("length", False, FinishReason.LENGTH),
        ("length", True, FinishReason.LENGTH),
        ("load", False, FinishReason.STOP),
        ("unload", False, FinishReason.STOP),
        ("custom", False, FinishReason.UNKNOWN),
        ("", False, FinishReason.UNKNOWN),
        (None, False, FinishReason.UNKNOWN),
        (None, True, FinishReason.TOOL_CALLS),
    ],
)
def test_finish_reasons(raw: str | None, calls: bool, reason: FinishReason) -> None:
    message = {"role": "assistant", "content": "x", **({"tool_calls": [UNNAMED]} if calls else {})}
    response = answer(whole({"message": message, "done": True, "done_reason": raw}))
    assert (response.finish_reason, response.finish_reason_raw) == (reason, raw)


class TestUsage:
    def test_what_is_not_said_is_unknown_and_not_zero(self) -> None:
        usage = answer(whole({"message": {"content": "x"}, "done": True, "eval_count": 3})).usage
        assert (usage.input, usage.output) == (None, 3)
        assert answer(whole({"message": {"content": "x"}, "done": True})).usage.total is None

    @pytest.mark.parametrize("count", [-1, True, "7", 1.5, 2**60, [], {}])
    def test_a_broken_count_is_unknown_and_breaks_nothing(self, count: Any) -> None:
        body = {"message": {"content": "x"}, "done": True, "prompt_eval_count": count, "total_duration": count}
        response = answer(whole(body))
        assert response.usage.input is None
        assert response.usage.raw == {"prompt_eval_count": count}
        assert "durations" not in response.extra


def test_logprobs_of_all_lines_are_gathered() -> None:
    def token(text: str) -> dict[str, Any]:
        return {"token": text, "logprob": -0.5, "top_logprobs": []}

    lines = [line(message={"content": text}, logprobs=[token(text)], done=False) for text in "ab"]
    assert answer(streamed(*lines, LAST)).extra["logprobs"] == {"content": [token("a"), token("b")]}


def test_the_cloud_model_behind_a_local_name_is_noted() -> None:
    body = {
        "message": {"content": "x"}, "done": True, "remote_model": "gpt-oss:120b", "remote_host": "https://ollama.com",
    }  # fmt: skip
    extra = answer(whole(body)).extra
    assert (extra["remote_model"], extra["remote_host"]) == ("gpt-oss:120b", "https://ollama.com")


def test_a_text_completion_is_read_as_well() -> None:
    response = answer(streamed(line(response="", thinking="hm", done=False), line(response="OK", done=True)))
    assert (response.thinking, response.text) == ("hm", "OK")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"a": [1, 2.0]}, '{"a": [1, 2.0]}'), ('{"a": 1}', '{"a": 1}'), ("broken {", "broken {"), (None, "{}")],
)
def test_arguments_are_the_text_that_the_model_wrote(arguments: Any, text: str) -> None:
    call = {"function": {"name": "f", "arguments": arguments}}
    response = answer(whole({"message": {"tool_calls": [call]}, "done": True}))
    assert response.tool_calls[0].arguments == text


def test_generated_ids_are_the_same_at_every_reading_and_differ_in_one_answer() -> None:
    stream = piece(tool_calls=[UNNAMED, UNNAMED]) + LAST
    ids = [call.id for call in answer(streamed(stream)).tool_calls]
    assert len(set(ids)) == 2
    assert ids == [call.id for call in answer(streamed(stream)).tool_calls]


class TestEmbeddings:
    def _read(self, body: Any, texts: int = 2) -> Outcome:
        exchange = DIALECT.open(Operation.EMBED, EmbeddingRequest(texts=("x",) * texts, user="u"), ENDPOINT)
        return drive(exchange, JSON, [json.dumps(body).encode()])

    def test_vectors_usage_and_warnings(self) -> None:
        response = self._read({"model": "nomic", "embeddings": [[0.5, 1], [-1, 0]], "prompt_eval_count": 4}).one()
        assert response.embeddings == ((0.5, 1.0), (-1.0, 0.0))
        assert (response.model, response.usage.input, response.usage.output) == ("nomic", 4, None)
        assert [warning.what for warning in response.warnings] == ["user"]

    def test_no_texts_give_no_vectors(self) -> None:
        assert self._read({"model": "nomic"}, texts=0).one().embeddings == ()

    @pytest.mark.parametrize(
        "body", [{"embeddings": [[1.0]]}, {"embeddings": None}, {"embeddings": [[1.0], ["x"]]}, {}, []]
    )
    def test_another_number_of_vectors_or_another_shape_is_a_bad_response(self, body: Any) -> None:
        failure = self._read(body).failure
        assert failure is not None
        assert failure.kind is FailureKind.BAD_RESPONSE

    def test_an_error_under_200_is_that_error(self) -> None:
        failure = self._read({"error": "the input length exceeds the context length"}).failure
        assert failure is not None
        assert failure.kind is FailureKind.CONTEXT_LENGTH


TAGS: dict[str, Any] = {
    "models": [
        {"name": "a:latest", "model": "a:latest", "modified_at": "2026-01-01T00:00:00Z", "size": 5, "digest": "d",
         "capabilities": ["completion", "tools", "insert", "vision", "thinking"]},
        {"name": "b:1b", "capabilities": ["embedding"]},
        {"name": "c"},
    ]
}  # fmt: skip


class TestModels:
    def _list(self, body: Any, **fields: Any) -> Outcome:
        return drive(
            DIALECT.open(Operation.MODELS, ModelsRequest(**fields), ENDPOINT), JSON, [json.dumps(body).encode()]
        )

    def test_list(self) -> None:
        models = self._list(TAGS).steps
        assert [model.id for model in models] == ["a:latest", "b:1b", "c"]
        assert [model.capabilities for model in models] == [
            frozenset({"chat", "tools", "vision", "thinking"}), frozenset({"embed"}), None,
        ]  # fmt: skip
        assert models[0].created == 1767225600.0
        assert models[0].raw == TAGS["models"][0]

    def test_list_is_bounded(self) -> None:
        assert [model.id for model in self._list(TAGS, limit=2).steps] == ["a:latest", "b:1b"]

    def test_one_model_and_its_window(self) -> None:
        facts = {"general.architecture": "llama", "llama.context_length": 131072, "other.context_length": 1}
        model = self._list({"model_info": facts, "capabilities": ["completion"]}, model="a").one()
        assert (model.id, model.context_window, model.capabilities) == ("a", 131072, frozenset({"chat"}))

    @pytest.mark.parametrize("body", [{}, {"models": {}}, {"models": [{}]}, {"models": [3]}, []])
    def test_another_shape_is_a_bad_response(self, body: Any) -> None:
        failure = self._list(body).failure
        assert failure is not None
        assert failure.kind is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T00:00:00Z", 1767225600.0),
        ("2026-01-01T02:00:00.123456789+02:00", 1767225600.123456),
        ("2026-01-01T00:00:00", 1767225600.0),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times(text: str | None, seconds: float | None) -> None:
    assert answer(whole({"created_at": text, "message": {"content": "x"}, "done": True})).created == seconds


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_error_that_says_nothing_is_none(nothing: str | None) -> None:
    assert answer(whole({"error": nothing, "message": {"content": "x"}, "done": True})).text == "x"
