"""Answers, whole and streamed, to events; ends that are none."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from understudy.dialects.base import Endpoint
from understudy.dialects.cohere.client import DIALECT
from understudy.dialects.cohere.usage import decode_usage
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
OWN = Provenance("cohere", "m")
USAGE = {"billed_units": {"input_tokens": 3}, "tokens": {"input_tokens": 10.0, "output_tokens": 7}, "cached_tokens": 4}
SOURCES = [
    {"type": "document", "id": "d", "document": {"id": "d", "title": "T", "text": "words", "url": "https://x"}},
    {"type": "tool", "id": "t:0", "tool_output": {"n": "1"}},
]
CITED = {"start": 0, "end": 2, "text": "Hi", "sources": SOURCES, "type": "TEXT_CONTENT"}
PLAN_CITED = {**CITED, "type": "PLAN"}
THOUGHT_CITED = {**CITED, "type": "THINKING_CONTENT", "content_index": 0}


def read(data: bytes, *, stream: bool, keep_wire: bool = False) -> list[Any]:
    endpoint = Endpoint(provider="cohere", base_url="https://host", model="m", keep_wire=keep_wire)
    exchange = DIALECT.open(Operation.CHAT, ASKED, endpoint, stream=stream)
    exchange.start()
    kind = "text/event-stream" if stream else "application/json"
    return [*exchange.head(HttpHead(200, {"content-type": kind})), *exchange.feed(data), *exchange.close()]


def folded(steps: list[Any]) -> GenerationResponse:
    assert not [step for step in steps if isinstance(step, Failure)]
    return fold(steps, dialect="cohere")


def whole(reason: str | None = "COMPLETE", **message: Any) -> bytes:
    body = {"id": "1", "message": {"role": "assistant", **message}, "finish_reason": reason, "usage": USAGE}
    return json.dumps(body).encode()


def frames(*events: dict[str, Any]) -> bytes:
    written = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
    return written + b"data: [DONE]\n\n"


def event(kind: str, index: int | None = None, **message: Any) -> dict[str, Any]:
    numbered = {} if index is None else {"index": index}
    return {"type": kind, **numbered, **({"delta": {"message": message}} if message else {})}


START = {
    "type": "message-start",
    "id": "1",
    "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}},
}


def end(reason: str | None = "COMPLETE", **delta: Any) -> dict[str, Any]:
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": USAGE, **delta}}


def function(arguments: str, name: str | None = None) -> dict[str, Any]:
    return {"function": {"arguments": arguments, **({"name": name} if name else {})}}


FULL = frames(
    START,
    event("tool-plan-delta", tool_plan="I will "),
    event("tool-plan-delta", tool_plan="look."),
    event("content-start", 0, content={"type": "thinking", "thinking": ""}),
    event("content-delta", 0, content={"thinking": "hm"}),
    event("content-end", 0),
    event("content-start", 1, content={"type": "text", "text": ""}),
    event("content-delta", 1, content={"text": "Hi "}),
    event("citation-start", 0, citations=CITED),
    event("citation-end", 0),
    event("content-delta", 1, content={"text": "there"}),
    event("content-end", 1),
    event("tool-call-start", 0, tool_calls={"id": "c0", "type": "function", **function("", "a")}),
    event("tool-call-delta", 0, tool_calls=function('{"x":')),
    event("tool-call-start", 1, tool_calls={"id": "c1", "type": "function", **function("{}", "b")}),
    event("tool-call-delta", 0, tool_calls=function("1}")),
    event("tool-call-end", 0),
    event("tool-call-end", 1),
    event("citation-start", 1, citations=PLAN_CITED),
    event("citation-start", 2, citations=THOUGHT_CITED),
    end("TOOL_CALL"),
)
SAME = whole(
    "TOOL_CALL",
    tool_plan="I will look.",
    content=[{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi there"}],
    tool_calls=[
        {"id": "c0", "type": "function", **function('{"x":1}', "a")},
        {"id": "c1", "type": "function", **function("{}", "b")},
    ],
    citations=[CITED, PLAN_CITED, THOUGHT_CITED],
)


@pytest.mark.parametrize(("data", "stream"), [(FULL, True), (SAME, False)])
def test_everything_at_once(data: bytes, stream: bool) -> None:
    response = folded(read(data, stream=stream))
    plan, thought, text, first, second = response.message.parts
    assert plan == Thinking(
        "I will look.", provenance=OWN, extra={"cohere": {"tool_plan": True, "citations": [PLAN_CITED]}}
    )
    assert thought == Thinking("hm", provenance=OWN, extra={"cohere": {"citations": [THOUGHT_CITED]}})
    citation = Citation(url="https://x", title="T", cited_text="words", start=0, end=2, raw=CITED, dialect="cohere")
    assert text == Text("Hi there", citations=(citation,))
    assert first == ToolCall(id="c0", name="a", arguments='{"x":1}', provenance=OWN)
    assert second == ToolCall(id="c1", name="b", arguments="{}", provenance=OWN)
    assert (response.id, response.model, response.thinking) == ("1", "m", "I will look.hm")
    assert (response.finish_reason, response.finish_reason_raw) == (FinishReason.TOOL_CALLS, "TOOL_CALL")
    charged = Usage(input=3, output=7)
    assert response.usage == Usage(input=6, cache_read=4, output=7, raw=USAGE, billed=charged)


def test_a_tool_turn_without_content() -> None:
    calls = [{"id": "c0", "type": "function", "function": {"name": "a", "arguments": "{}"}}]
    response = folded(read(whole("TOOL_CALL", tool_calls=calls), stream=False))
    assert [type(part) for part in response.message.parts] == [ToolCall]


def test_content_as_a_string() -> None:
    assert folded(read(whole(content="Hi"), stream=False)).text == "Hi"


def test_blocks_that_only_this_dialect_knows() -> None:
    block = {"type": "chart", "data": [1], "title": "growth"}
    stream = frames(
        START,
        event("content-start", 0, content={"type": "chart", "title": "gro"}),
        event("content-delta", 0, content={"title": "wth", "data": [1]}),
        event("content-end", 0),
        end(),
    )
    for steps in (read(whole(content=[block]), stream=False), read(stream, stream=True)):
        assert folded(steps).message.parts == (Opaque("cohere", block),)


@pytest.mark.parametrize(
    ("citation", "cited"),
    [
        ({"start": 1, "end": 2}, Citation(start=1, end=2)),
        ({"sources": [{"type": "tool", "id": "https://x/y", "tool_output": {"a": 1}}]}, Citation(url="https://x/y")),
        ({"sources": [{"type": "tool", "id": "t:0"}], "content_index": 9}, Citation()),
    ],
)
def test_citations_that_say_less(citation: dict[str, Any], cited: Citation) -> None:
    (part,) = folded(
        read(whole(content=[{"type": "text", "text": "Hi"}], citations=[citation]), stream=False)
    ).message.parts
    assert isinstance(part, Text)
    (found,) = part.citations
    assert (found.url, found.start, found.end) == (cited.url, cited.start, cited.end)
    assert (found.raw, found.dialect) == (citation, "cohere")


def test_a_citation_of_nothing_is_kept_beside_the_answer() -> None:
    assert folded(read(whole(citations=[CITED, PLAN_CITED]), stream=False)).extra == {"citations": [CITED, PLAN_CITED]}


def test_log_probabilities_take_the_form_that_this_library_uses() -> None:
    first = {"text": "Hi", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}
    second = {"text": " there", "token_ids": [3]}
    body = {**json.loads(whole(content=[{"type": "text", "text": "Hi there"}])), "logprobs": [first, second]}
    stream = frames(
        START,
        {**event("content-delta", 0, content={"text": "Hi"}), "logprobs": first},
        {**event("content-delta", 0, content={"text": " there"}), "logprobs": second},
        end(),
    )
    for steps in (read(json.dumps(body).encode(), stream=False), read(stream, stream=True)):
        response = folded(steps)
        assert response.text == "Hi there"
        assert response.extra["logprobs"] == {
            "content": [
                {"token": "Hi", "logprob": -0.75, "top_logprobs": [], **first},
                {"token": " there", "logprob": 0, "top_logprobs": [], **second},
            ]
        }


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("COMPLETE", FinishReason.STOP),
        ("STOP_SEQUENCE", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("ERROR_LIMIT", FinishReason.LENGTH),
        ("TOOL_CALL", FinishReason.TOOL_CALLS),
        ("ERROR_TOXIC", FinishReason.CONTENT_FILTER),
        ("SOMETHING_NEW", FinishReason.UNKNOWN),
        (None, FinishReason.UNKNOWN),
    ],
)
def test_finish_reasons(raw: str | None, reason: FinishReason) -> None:
    for steps in (read(whole(raw, content="x"), stream=False), read(frames(START, end(raw)), stream=True)):
        response = folded(steps)
        assert (response.finish_reason, response.finish_reason_raw) == (reason, raw)


@pytest.mark.parametrize(
    ("reason", "error", "kind", "message"),
    [
        ("ERROR", "it broke", FailureKind.SERVER_ERROR, "it broke"),
        ("ERROR", None, FailureKind.SERVER_ERROR, "the answer ended with ERROR"),
        ("ERROR", "too many tokens: 9", FailureKind.CONTEXT_LENGTH, "too many tokens: 9"),
        ("ERROR", "limited to 20 API calls / minute", FailureKind.RATE_LIMITED, "limited to 20 API calls / minute"),
        ("TIMEOUT", None, FailureKind.SERVER_ERROR, "the answer ended with TIMEOUT"),
        ("USER_CANCEL", None, FailureKind.CONFLICT, "the answer ended with USER_CANCEL"),
        ("COMPLETE", "it broke after all", FailureKind.SERVER_ERROR, "it broke after all"),
    ],
)
def test_an_answer_that_fails_under_way(reason: str, error: str | None, kind: FailureKind, message: str) -> None:
    steps = read(
        frames(START, event("content-delta", 0, content={"text": "Hi"}), end(reason, error=error)), stream=True
    )
    failure = steps[-1]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message, failure.status) == (kind, message, 200)
    assert not [step for step in steps if isinstance(step, e.Finished)]
    # What it used is told all the same.
    assert fold(steps[:-1]).usage.output == 7


def test_a_whole_answer_that_failed() -> None:
    failure = read(whole("ERROR", content="Hi"), stream=False)[-1]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == (FailureKind.SERVER_ERROR, "ERROR")


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_instead_of_an_answer(stream: bool) -> None:
    body = {"id": "9", "message": "too many tokens: 10 > 5"}
    data = f"data: {json.dumps(body)}\n\n".encode() if stream else json.dumps(body).encode()
    (failure,) = read(data, stream=stream)
    assert (failure.kind, failure.request_id) == (FailureKind.CONTEXT_LENGTH, "9")


def test_the_end_mark_alone_ends_nothing() -> None:
    steps = read(frames(START, event("content-delta", 0, content={"text": "Hi"})), stream=True)
    assert isinstance(steps[-1], Failure)
    assert steps[-1].kind is FailureKind.TRUNCATED


@pytest.mark.parametrize(
    "bad",
    [
        b'event: content-delta\ndata: {"type":"content-delta","delta":\n\n',
        b'event: content-delta\ndata: {"type":"content-delta","delta":"zero"}\n\n',
        b'event: tool-call-delta\ndata: {"type":"tool-call-delta","index":3,"delta":{"message":{"tool_calls":{}}}}\n\n',
        b"data: null\n\n",
    ],
)
def test_a_broken_event_ends_the_answer(bad: bytes) -> None:
    steps = read(frames(START).removesuffix(b"data: [DONE]\n\n") + bad + frames(end()), stream=True)
    assert isinstance(steps[-1], Failure)
    assert steps[-1].kind is FailureKind.BAD_RESPONSE
    assert isinstance(steps[0], e.Started)


def test_events_of_a_later_version_may_have_any_shape() -> None:
    strange = {"type": "sonification", "delta": ["la"], "index": "one"}
    response = folded(read(frames(START, strange, {**end(), "id": "1"}), stream=True))
    assert response.finish_reason is FinishReason.STOP


def test_every_frame_is_kept_once() -> None:
    steps = read(FULL, stream=True, keep_wire=True)
    assert b"".join(step.wire for step in steps) + b"data: [DONE]\n\n" == FULL
    assert next(step.wire for step in steps if isinstance(step, e.PartExtra)) != b""


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"tokens": {"input_tokens": 5, "output_tokens": 2}}, Usage(input=5, output=2)),
        ({"billed_units": {"input_tokens": 5, "output_tokens": 2}}, Usage(input=5, output=2)),
        (
            {"tokens": {"input_tokens": 9, "output_tokens": 8, "reasoning_tokens": 6}, "cached_tokens": 9},
            Usage(input=0, cache_read=9, output=2, reasoning=6),
        ),
        # Counts of parts that exceed the whole are ignored.
        (
            {"tokens": {"input_tokens": 9, "output_tokens": 8, "reasoning_tokens": 9}, "cached_tokens": 10},
            Usage(input=9, output=8),
        ),
        # Those of images come beside the others (recorded: 501 and 518, 522 billed).
        (
            {"tokens": {"input_tokens": 501, "image_tokens": 518}, "cached_tokens": 480},
            Usage(input=539, cache_read=480),
        ),
        ({"tokens": {"input_tokens": -1, "output_tokens": "2"}}, Usage()),
        # What is charged leaves the service's own preamble out.
        (
            {
                "tokens": {"input_tokens": 1501, "output_tokens": 346, "reasoning_tokens": 304},
                "billed_units": {"input_tokens": 84.0, "output_tokens": 314.0},
                "cached_tokens": 1008,
            },
            Usage(input=493, cache_read=1008, output=42, reasoning=304, billed=Usage(input=84, output=314)),
        ),
        (
            {"tokens": {"input_tokens": 9, "output_tokens": 3}, "billed_units": {"input_tokens": 2}},
            Usage(input=9, output=3, billed=Usage(input=2, output=3)),
        ),
        ({"tokens": None}, Usage()),
    ],
)
def test_usage(raw: dict[str, Any], usage: Usage) -> None:
    assert decode_usage(raw) == msgspec.structs.replace(usage, raw=raw)
