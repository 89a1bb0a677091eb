"""Answers, whole and streamed, to events; counts; ends that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects.anthropic.client import DIALECT
from understudy.dialects.anthropic.usage import decode_usage
from understudy.dialects.base import Endpoint
from understudy.domain import events as e
from understudy.domain.content import Citation, Opaque, Provenance, Text, Thinking, ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import Usage
from understudy.wire.http import HttpHead

ASKED = GenerationRequest(messages=(Message.user("hello"),))
OWN = Provenance("anthropic", "claude-x")


def read(data: bytes, *, stream: bool, keep_wire: bool = False, step: int = 1 << 20) -> list[Any]:
    endpoint = Endpoint(provider="anthropic", base_url="https://host", model="m", keep_wire=keep_wire)
    exchange = DIALECT.open(Operation.CHAT, ASKED, endpoint, stream=stream)
    exchange.start()
    kind = "text/event-stream" if stream else "application/json"
    steps = list(exchange.head(HttpHead(200, {"content-type": kind})))
    for start in range(0, len(data), step):
        steps += exchange.feed(data[start : start + step])
    return [*steps, *exchange.close()]


def folded(steps: list[Any]) -> GenerationResponse:
    assert not [step for step in steps if isinstance(step, Failure)]
    return fold(steps, dialect="anthropic")


def frames(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def start(**usage: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
    return {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def end(reason: str | None = "end_turn", usage: dict[str, Any] | None = None, **delta: Any) -> list[dict[str, Any]]:
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason, **delta}, "usage": usage or {"output_tokens": 9}},
        {"type": "message_stop"},
    ]


CITATION = {
    "type": "web_search_result_location",
    "url": "https://c",
    "title": "C",
    "cited_text": "x",
    "encrypted_index": "e",
}
BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Let me see.", "signature": "sig"},
    {"type": "redacted_thinking", "data": "secret"},
    {"type": "text", "text": "It is ", "citations": None},
    {"type": "text", "text": "sunny", "citations": [CITATION]},
    {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "weather"}},
    {"type": "web_search_tool_result", "tool_use_id": "srv", "content": [{"type": "web_search_result", "url": "u"}]},
    {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}, "caller": {"type": "direct"}},
    {
        "type": "tool_use",
        "id": "b",
        "name": "g",
        "input": {},
        "caller": {"type": "code_execution_20260120", "tool_id": "srv"},
    },
    {"type": "text", "text": ""},
    {"type": "compaction", "content": "so far"},
]
STREAM = frames(
    start(input_tokens=10, output_tokens=1),
    {"type": "ping"},
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Let me "},
        {"type": "thinking_delta", "thinking": "see."},
        {"type": "signature_delta", "signature": "sig"},
    ),
    *block(1, BLOCKS[1]),
    *block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "It is "}),
    *block(
        3,
        {"type": "text", "text": "", "citations": []},
        {"type": "citations_delta", "citation": CITATION},
        {"type": "text_delta", "text": "sunny"},
    ),
    *block(
        4,
        {**BLOCKS[4], "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"query": "wea'},
        {"type": "input_json_delta", "partial_json": 'ther"}'},
    ),
    *block(5, BLOCKS[5]),
    *block(6, {**BLOCKS[6], "input": {}}, {"type": "input_json_delta", "partial_json": '{"x": 1}'}),
    *block(7, BLOCKS[7], {"type": "input_json_delta", "partial_json": ""}),
    *block(8, {"type": "text", "text": ""}),
    *block(9, {"type": "compaction", "content": None}, {"type": "compaction_delta", "content": "so far"}),
    {"type": "some_future_event", "anything": [1]},
    *end("tool_use", {"output_tokens": 9}),
)
WHOLE = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": BLOCKS,
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 9},
        "unknown": True,
    }
).encode()


def test_every_kind_of_block() -> None:
    answer = folded(read(WHOLE, stream=False))
    assert answer.message.parts == (
        Thinking("Let me see.", signature="sig", provenance=OWN),
        Thinking(redacted="secret", provenance=OWN),
        Text("It is "),
        Text(
            "sunny",
            citations=(Citation(url="https://c", title="C", cited_text="x", raw=CITATION, dialect="anthropic"),),
        ),
        Opaque("anthropic", BLOCKS[4]),
        Opaque("anthropic", BLOCKS[5]),
        ToolCall(id="a", name="f", arguments='{"x": 1}', provenance=OWN),
        ToolCall(id="b", name="g", provenance=OWN, extra={"anthropic": {"caller": BLOCKS[7]["caller"]}}),
        Opaque("anthropic", BLOCKS[9]),
    )
    assert answer.finish_reason is FinishReason.TOOL_CALLS
    assert answer.usage == Usage(input=10, output=9, raw={"input_tokens": 10, "output_tokens": 9})
    assert (answer.id, answer.model) == ("msg_1", "claude-x")


def test_a_stream_folds_to_the_same_as_the_whole() -> None:
    assert folded(read(STREAM, stream=True)) == folded(read(WHOLE, stream=False))


@pytest.mark.parametrize("step", [1, 7, 64])
def test_no_split_of_the_bytes_changes_the_events(step: int) -> None:
    assert read(STREAM, stream=True, step=step) == read(STREAM, stream=True)
    crlf = STREAM.replace(b"\n", b"\r\n")
    assert read(crlf, stream=True, step=step) == read(STREAM, stream=True)


@pytest.mark.parametrize("name", [{"a": 1}, ["code_execution"], None, 1])
def test_a_hosted_tool_whose_name_is_no_text_is_kept_as_it_is(name: Any) -> None:
    hosted = {"type": "server_tool_use", "id": "srv", "name": name, "input": {}}
    found = folded(read(frames(start(), *block(0, hosted), *end()), stream=True))
    (part,) = found.message.parts
    assert isinstance(part, Opaque)
    assert part.json == hosted


def test_parts_are_numbered_in_the_order_in_which_they_begin() -> None:
    indexes = [step.index for step in read(STREAM, stream=True) if isinstance(step, e.CONTENT_EVENTS)]
    assert list(dict.fromkeys(indexes)) == list(range(9))


def test_every_frame_is_kept_once() -> None:
    steps = read(STREAM, stream=True, keep_wire=True)
    assert b"".join(step.wire for step in steps) == STREAM
    plain = [step for step in steps if not isinstance(step, e.Frame)]
    assert folded(plain) == folded(read(STREAM, stream=True))
    assert all(step.wire is None for step in read(STREAM, stream=True))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("refusal", FinishReason.CONTENT_FILTER),
        ("pause_turn", FinishReason.PAUSED),
        ("something_new", FinishReason.UNKNOWN),
        (None, FinishReason.UNKNOWN),
    ],
)
def test_finish_reasons(raw: str | None, reason: FinishReason) -> None:
    steps = read(frames(start(), *end(raw)), stream=True)
    assert [step for step in steps if isinstance(step, e.Finished)] == [e.Finished(reason, raw)]


def test_facts_without_a_unified_name() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": None}
    steps = read(
        frames(start(service_tier="priority"), *end("refusal", stop_details=details, container={"id": "c"})),
        stream=True,
    )
    assert folded(steps).extra == {"stop_details": details, "container": {"id": "c"}, "service_tier": "priority"}
    stopped = folded(read(frames(start(), *end("stop_sequence", stop_sequence="END")), stream=True))
    assert stopped.extra == {"stop_sequence": "END"}


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"input_tokens": 3, "output_tokens": 5}, Usage(input=3, output=5)),
        ({"output_tokens": True, "input_tokens": -1}, Usage()),
        (
            {"input_tokens": 3, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 7, "output_tokens": 5},
            Usage(input=3, cache_write=30, cache_read=7, output=5),
        ),
        (
            {
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            },
            Usage(cache_write=10, cache_write_1h=20),
        ),
        (
            {
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
            },
            Usage(cache_write=30, cache_write_1h=0),
        ),
        ({"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}}, Usage(output=30, reasoning=20)),
        ({"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 20}}, Usage(output=5)),
    ],
    ids=["plain", "broken", "cache", "lifetimes", "inconsistent lifetimes", "thinking", "inconsistent thinking"],
)
def test_counts_are_disjoint(raw: dict[str, Any], usage: Usage) -> None:
    found = decode_usage(raw)
    assert found.raw == raw
    assert {name: getattr(found, name) for name in Usage.__struct_fields__ if name != "raw"} == {
        name: getattr(usage, name) for name in Usage.__struct_fields__ if name != "raw"
    }


def test_counts_of_a_stream_are_cumulative_and_the_latest_known_counts() -> None:
    split = {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}
    begun = start(input_tokens=100, cache_creation_input_tokens=10, cache_creation=split, output_tokens=1)
    final = {"input_tokens": None, "output_tokens": 40, "output_tokens_details": {"thinking_tokens": 15}}
    usage = folded(read(frames(begun, *end(usage=final)), stream=True)).usage
    assert (usage.input, usage.cache_write, usage.cache_write_1h, usage.output, usage.reasoning) == (100, 4, 6, 25, 15)
    assert usage.input_total == 110


@pytest.mark.parametrize(
    "cut",
    [STREAM[: STREAM.index(b"event: message_stop")], STREAM[:-20], STREAM[: len(STREAM) // 2], b""],
    ids=["no end mark", "cut end mark", "cut in the middle", "nothing"],
)
def test_an_answer_without_its_end_mark_is_truncated(cut: bytes) -> None:
    steps = read(cut, stream=True)
    assert isinstance(steps[-1], Failure)
    assert steps[-1].kind is FailureKind.TRUNCATED
    assert not [step for step in steps if isinstance(step, e.Finished)]


def test_what_follows_the_end_mark_is_ignored() -> None:
    assert read(STREAM + frames(start(), *end()) + b"data: {broken\n\n", stream=True) == read(STREAM, stream=True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, FailureKind.OVERLOADED),
        ({"type": "api_error", "message": "Internal"}, FailureKind.SERVER_ERROR),
        ({"type": "invalid_request_error", "message": "bad"}, FailureKind.INVALID_REQUEST),
        (
            {"type": "rate_limit_error", "message": "m", "details": {"error_code": "enforced_spend_limit_reached"}},
            FailureKind.BILLING,
        ),
    ],
)
def test_an_error_in_the_middle_of_a_stream(error: dict[str, Any], kind: FailureKind) -> None:
    begun = [start(), *block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hel"})]
    steps = read(frames(*begun, {"type": "error", "error": error, "request_id": "req_1"}, *end()), stream=True)
    assert steps[-2] == e.TextDelta(0, "Hel")
    failure = steps[-1]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.type, failure.request_id) == (kind, error["type"], "req_1")


def test_a_broken_event_ends_the_answer_after_those_before_it() -> None:
    data = frames(start()) + b"event: message_delta\ndata: {broken}\n\n" + frames(*end())
    for step in (1, 1 << 20):
        steps = read(data, stream=True, step=step)
        assert isinstance(steps[0], e.Started)
        assert isinstance(steps[-1], Failure)
        assert steps[-1].kind is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"{}", FailureKind.BAD_RESPONSE),
        (b'{"type": "message", "content": "text"}', FailureKind.BAD_RESPONSE),
        (b"<html>", FailureKind.BAD_RESPONSE),
        (b'{"type": "error", "error": {"type": "overloaded_error", "message": "m"}}', FailureKind.OVERLOADED),
    ],
)
def test_a_body_that_is_no_message(data: bytes, kind: FailureKind) -> None:
    (failure,) = read(data, stream=False)
    assert isinstance(failure, Failure)
    assert failure.kind is kind
