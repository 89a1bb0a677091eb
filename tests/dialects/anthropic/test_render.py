"""Answers as this wire writes them: what a client reads back is what was said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects.anthropic.client import DIALECT
from understudy.dialects.anthropic.server import SERVER
from understudy.dialects.base import Endpoint
from understudy.dialects.server import Inbound
from understudy.domain import events as e
from understudy.domain.content import AnyPart, Citation, Image, Opaque, Provenance, Refusal, Text, Thinking, ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message, Role
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, ModelsRequest
from understudy.domain.responses import GenerationResponse, ModelInfo, TokenCount
from understudy.domain.usage import Usage
from understudy.wire.http import HttpHead

ASKED = GenerationRequest(messages=(Message.user("hello"),), model="m")
CHAT = Inbound(operation=Operation.CHAT, request=ASKED, stream=True)


def whole(*parts: AnyPart, **fields: Any) -> dict[str, Any]:
    response = GenerationResponse(message=Message(Role.ASSISTANT, parts), **fields)
    reply = SERVER.render(response, CHAT)
    assert reply.status == 200
    decoded: dict[str, Any] = json.loads(reply.body)
    return decoded


def streamed(*events: e.Event) -> list[dict[str, Any]]:
    renderer = SERVER.renderer(CHAT)
    data = b"".join(renderer.feed(event) for event in events) + renderer.close()
    found = []
    for frame in data.decode().split("\n\n")[:-1]:
        name, line = frame.split("\n")
        event = json.loads(line.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def read_back(data: bytes) -> list[Any]:
    endpoint = Endpoint(provider="anthropic", base_url="https://host")
    exchange = DIALECT.open(Operation.CHAT, ASKED, endpoint, stream=True)
    exchange.start()
    exchange.head(HttpHead(200, {"content-type": "text/event-stream"}))
    return [*exchange.feed(data), *exchange.close()]


def test_a_whole_message() -> None:
    raw = {"type": "char_location", "cited_text": "x"}
    found = whole(
        Thinking("hm", signature="sig"),
        Thinking("of another provider"),
        Thinking(redacted="secret"),
        Text("x", citations=(Citation(raw=raw, dialect="anthropic"), Citation(url="https://o", title="O"), Citation())),
        Refusal("no"),
        ToolCall(id="a", name="f", arguments='{"x": 1.0}'),
        ToolCall(id="b", name="g", arguments="{broken"),
        Opaque("anthropic", {"type": "server_tool_use", "id": "s"}),
        Opaque("openai", {"type": "file_search_call"}),
        Image(data="AA=="),
        id="msg_1",
        model="claude-x",
        finish_reason=FinishReason.TOOL_CALLS,
        usage=Usage(input=1, cache_read=2, cache_write=3, cache_write_1h=4, output=5, reasoning=6),
        extra={"stop_sequence": "END", "container": {"id": "c"}, "service_tier": "priority"},
    )
    assert found == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "thinking", "thinking": "of another provider", "signature": ""},
            {"type": "redacted_thinking", "data": "secret"},
            {
                "type": "text",
                "text": "x",
                "citations": [
                    raw,
                    {
                        "type": "web_search_result_location",
                        "url": "https://o",
                        "title": "O",
                        "cited_text": "",
                        "encrypted_index": "",
                    },
                ],
            },
            {"type": "text", "text": "no"},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1.0}},
            {"type": "tool_use", "id": "b", "name": "g", "input": {"raw_arguments": "{broken"}},
            {"type": "server_tool_use", "id": "s"},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": "END",
        "stop_details": None,
        "container": {"id": "c"},
        "usage": {
            "input_tokens": 1,
            "cache_creation_input_tokens": 7,
            "cache_read_input_tokens": 2,
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
            "output_tokens": 11,
            "output_tokens_details": {"thinking_tokens": 6},
            "service_tier": "priority",
        },
    }


@pytest.mark.parametrize(
    ("reason", "raw", "written"),
    [
        (FinishReason.STOP, "stop", "end_turn"),
        (FinishReason.STOP, "stop_sequence", "stop_sequence"),
        (FinishReason.LENGTH, "model_context_window_exceeded", "model_context_window_exceeded"),
        (FinishReason.LENGTH, "MAX_TOKENS", "max_tokens"),
        (FinishReason.CONTENT_FILTER, "SAFETY", "refusal"),
        (FinishReason.PAUSED, None, "pause_turn"),
        (FinishReason.TOOL_CALLS, "end_turn", "tool_use"),
        (FinishReason.UNKNOWN, "something_new", "something_new"),
    ],
)
def test_stop_reasons_in_this_wires_words(reason: FinishReason, raw: str | None, written: str) -> None:
    assert whole(finish_reason=reason, finish_reason_raw=raw)["stop_reason"] == written


def test_a_stream_of_another_provider() -> None:
    found = streamed(
        e.Started(id="chatcmpl-1", model="gpt-x"),
        e.TextDelta(0, "Hel"),
        e.TextDelta(0, "lo"),
        e.ToolCallStarted(1, "a", "f"),
        e.ToolCallDelta(1, '{"x":'),
        e.ToolCallDelta(1, "1}"),
        e.Finished(FinishReason.TOOL_CALLS, "tool_calls"),
        e.UsageReported(Usage(input=3, output=5)),
    )
    assert [(event["type"], event.get("index")) for event in found] == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert found[0]["message"]["id"] == "chatcmpl-1"
    assert found[5]["content_block"] == {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    assert found[-2]["delta"]["stop_reason"] == "tool_use"
    assert found[-2]["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": None,
        "cache_read_input_tokens": None,
        "output_tokens": 5,
    }


EVENTS: tuple[e.Event, ...] = (
    e.Started(id="msg_1", model="claude-x"),
    e.UsageReported(Usage(input=3, cache_read=1)),
    e.ThinkingDelta(0, ""),
    e.ThinkingDelta(0, "hm"),
    e.ThinkingSigned(0, "sig"),
    e.PartAdded(1, Thinking(redacted="secret", provenance=Provenance("anthropic", "claude-x"))),
    e.TextDelta(2, "so"),
    e.CitationAdded(2, Citation(raw={"type": "char_location"}, dialect="anthropic")),
    e.PartAdded(3, Opaque("anthropic", {"type": "server_tool_use", "id": "s", "name": "n", "input": {"q": "\n"}})),
    e.PartAdded(4, Opaque("anthropic", {"type": "web_search_tool_result", "tool_use_id": "s", "content": []})),
    e.ToolCallStarted(5, "a", "f"),
    e.ToolCallStarted(6, "b", "g"),
    e.ToolCallDelta(6, "{}"),
    e.ToolCallDelta(5, '{"x": 1}'),
    e.FactReported("stop_sequence", "END"),
    e.FactReported("context_management", {"applied_edits": []}),
    e.UsageReported(Usage(input=3, cache_read=1, output=5, reasoning=2)),
    e.Finished(FinishReason.TOOL_CALLS, "tool_use"),
)


def test_what_is_written_reads_back_as_the_same_answer() -> None:
    renderer = SERVER.renderer(CHAT)
    steps = read_back(b"".join(renderer.feed(event) for event in EVENTS) + renderer.close())
    again, told = fold(steps, dialect="anthropic"), fold(list(EVENTS), dialect="anthropic")
    assert again.message == told.message
    assert (again.finish_reason, again.id, again.model, again.extra) == (
        told.finish_reason,
        told.id,
        told.model,
        told.extra,
    )
    assert (again.usage.input_total, again.usage.output, again.usage.reasoning) == (4, 5, 2)


def test_an_empty_answer_is_still_a_whole_message() -> None:
    assert [event["type"] for event in streamed()] == ["message_start", "message_delta", "message_stop"]


def test_empty_text_makes_no_block_for_the_service_would_refuse_it_back() -> None:
    signed = Text("", extra={"gemini": {"thoughtSignature": "c2ln"}})
    assert whole(Text("hi"), signed, Refusal(""))["content"] == [{"type": "text", "text": "hi"}]
    cited = Citation(url="https://x", title="X")
    assert [block["type"] for block in whole(Text("", citations=(cited,)))["content"]] == ["text"]
    events = streamed(
        e.TextDelta(0, "hi"),
        e.PartExtra(1, "gemini", {"thoughtSignature": "c2ln"}),
        e.TextDelta(1, ""),
        e.RefusalDelta(2, ""),
        e.PartAdded(3, signed),
    )
    assert [event["type"] for event in events].count("content_block_start") == 1


def test_whole_parts_and_what_this_wire_lacks() -> None:
    found = streamed(
        e.PartAdded(0, Text("all at once", citations=(Citation(url="https://o"),))),
        e.PartAdded(1, ToolCall(id="a", name="f", arguments='{"line": "\\n"}')),
        e.PartAdded(2, Image(data="AA==")),
        e.PartAdded(3, Opaque("openai", {})),
        e.CitationAdded(4, Citation()),
        e.RefusalDelta(5, "no"),
    )
    starts = [event["content_block"]["type"] for event in found if event["type"] == "content_block_start"]
    assert starts == ["text", "tool_use", "text"]
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert [delta["type"] for delta in deltas] == ["text_delta", "input_json_delta", "text_delta"]


def test_frames_of_this_dialect_are_forwarded_as_they_came() -> None:
    renderer = SERVER.renderer(CHAT)
    events = (
        e.FactReported("before", 1),
        e.Started(id="1", wire=b"event: message_start\ndata: {}\n\n"),
        e.UsageReported(Usage(), wire=b""),
        e.Frame(b"event: ping\ndata: {}\n\n"),
        e.FactReported("ours", 1),
        e.Finished(FinishReason.STOP, wire=b"event: message_stop\ndata: {}\n\n"),
    )
    assert [renderer.feed(event) for event in events] == [
        b"",
        b"event: message_start\ndata: {}\n\n",
        b"",
        b"event: ping\ndata: {}\n\n",
        b"",
        b"event: message_stop\ndata: {}\n\n",
    ]
    assert renderer.close() == b""


def test_an_error_in_the_middle_of_a_stream() -> None:
    renderer = SERVER.renderer(CHAT)
    data = renderer.feed(e.TextDelta(0, "Hel")) + renderer.fail(
        Failure(kind=FailureKind.OVERLOADED, message="busy", request_id="req_1")
    )
    failure = read_back(data)[-1]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message, failure.request_id) == (FailureKind.OVERLOADED, "busy", "req_1")
    assert b"message_stop" not in data


@pytest.mark.parametrize(
    ("failure", "status", "type_", "message"),
    [
        (Failure(kind=FailureKind.OVERLOADED, message="m"), 529, "overloaded_error", "m"),
        (Failure(kind=FailureKind.OVERLOADED, message="m", status=503), 503, "overloaded_error", "m"),
        (Failure(kind=FailureKind.STALLED, message="m"), 504, "timeout_error", "m"),
        (Failure(kind=FailureKind.DISCONNECTED, message="m"), 500, "api_error", "m"),
        (Failure(kind=FailureKind.SERVER_ERROR, message="m", status=200, type="t"), 500, "t", "m"),
        (Failure(kind=FailureKind.CONTEXT_LENGTH, message="m"), 400, "invalid_request_error", "prompt is too long: m"),
        (
            Failure(kind=FailureKind.CONTEXT_LENGTH, message="Prompt is too long: 9 > 8"),
            400,
            "invalid_request_error",
            "Prompt is too long: 9 > 8",
        ),
    ],
)
def test_errors(failure: Failure, status: int, type_: str, message: str) -> None:
    reply = SERVER.render_error(failure)
    assert reply.status == status
    assert json.loads(reply.body) == {
        "type": "error",
        "error": {"type": type_, "message": message},
        "request_id": None,
    }


def test_an_error_keeps_its_code_details_and_hints() -> None:
    failure = Failure(
        kind=FailureKind.BILLING,
        message="m",
        status=429,
        type="rate_limit_error",
        code="enforced_spend_limit_reached",
        retry_after=2.5,
        should_retry=False,
        request_id="req_1",
        body={"details": {"error_code": "enforced_spend_limit_reached", "limit": 5}},
    )
    reply = SERVER.render_error(failure)
    assert dict(reply.headers) == {
        "content-type": "application/json",
        "request-id": "req_1",
        "retry-after": "2.5",
        "x-should-retry": "false",
    }
    assert json.loads(reply.body)["error"]["details"] == {"error_code": "enforced_spend_limit_reached", "limit": 5}


def page(query: ModelsRequest, **options: object) -> dict[str, Any]:
    models = [ModelInfo(id=f"m{n}") for n in range(5)]
    inbound = Inbound(operation=Operation.MODELS, request=query, options=options)
    decoded: dict[str, Any] = json.loads(SERVER.render(models, inbound).body)
    return {**decoded, "data": [model["id"] for model in decoded["data"]]}


def test_pages_of_models() -> None:
    assert page(ModelsRequest(limit=2)) == {"data": ["m0", "m1"], "has_more": True, "first_id": "m0", "last_id": "m1"}
    assert page(ModelsRequest(limit=2, after="m2")) == {
        "data": ["m3", "m4"],
        "has_more": False,
        "first_id": "m3",
        "last_id": "m4",
    }
    assert page(ModelsRequest(limit=2), before_id="m3")["data"] == ["m1", "m2"]
    assert page(ModelsRequest(limit=9, after="m4")) == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


def test_one_model() -> None:
    own = {"type": "model", "id": "claude-x", "display_name": "X", "future": 1}
    models = [
        ModelInfo(id="main/claude-x", raw=own),
        ModelInfo(id="gpt-x", created=0.0, context_window=8, capabilities=frozenset({"chat", "vision"})),
    ]

    def look_up(name: str) -> tuple[int, dict[str, Any]]:
        inbound = Inbound(operation=Operation.MODELS, request=ModelsRequest(model=name))
        reply = SERVER.render(models, inbound)
        return reply.status, json.loads(reply.body)

    assert look_up("main/claude-x") == (200, {**own, "id": "main/claude-x"})
    status, other = look_up("gpt-x")
    assert (status, other["created_at"], other["display_name"]) == (200, "1970-01-01T00:00:00Z", "gpt-x")
    assert other["max_input_tokens"] == 8
    assert [name for name, value in other["capabilities"].items() if value["supported"]] == ["image_input"]
    status, error = look_up("nothing")
    assert (status, error["error"]) == (404, {"type": "not_found_error", "message": "model: nothing"})


def test_a_count_and_no_embeddings() -> None:
    asked = Inbound(operation=Operation.COUNT_TOKENS, request=CHAT.request)
    assert SERVER.render(TokenCount(input_tokens=12), asked).body == b'{"input_tokens":12}'
    assert Operation.EMBED not in SERVER.operations
