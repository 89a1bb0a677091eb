"""What the client half reads, with OpenAI's official client as oracle of the same bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import responses as r
from openai.types.responses.response import IncompleteDetails
from openai.types.responses.response_function_web_search import ActionSearch
from openai.types.responses.response_output_text import AnnotationFileCitation, AnnotationURLCitation
from openai.types.responses.response_reasoning_item import Summary

from tests.dialects.responses.sdk import (
    KEEPING,
    added,
    arguments,
    begun,
    call,
    completed,
    done,
    frames,
    message,
    oracle,
    read,
    read_whole,
    response,
    say,
    stream,
    text,
    whole,
    words,
)
from understudy.dialects.responses.citations import read_citation
from understudy.domain import events as e
from understudy.domain.content import Opaque, Provenance, Refusal, Text, Thinking, ToolCall
from understudy.domain.failures import FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import Usage


def answer(body: bytes) -> GenerationResponse:
    outcome = read(body)
    assert outcome.failure is None, outcome.failure
    return fold(outcome.steps, dialect="responses")


def test_text_arrives_in_its_pieces_with_model_usage_and_finish() -> None:
    body = stream(*begun(), *say(0, "msg_1", "Grü", "ße 🌍"), completed(response(message("msg_1", text("Grüße 🌍")))))
    outcome = read(body)
    assert outcome.steps[0] == e.Started(id="resp_1", model="gpt-6-sol-2026-10-01", created=1_780_000_000)
    assert [step.text for step in outcome.steps if isinstance(step, e.TextDelta)] == ["Grü", "ße 🌍"]
    assert outcome.steps[-1] == e.Finished(FinishReason.STOP, "completed")
    assert oracle(body)[-1].response.output_text == fold(outcome.steps).text
    assert [type(step) for step in outcome.steps].count(e.Finished) == 1


def test_token_classes_are_disjoint() -> None:
    usage = answer(stream(*begun(), completed(response(message("msg_1", text("hi")))))).usage
    assert usage.raw is not None
    assert usage.raw["total_tokens"] == 80
    assert (usage.input, usage.cache_read, usage.cache_write) == (25, 20, 5)
    assert (usage.output, usage.reasoning, usage.total) == (20, 10, 80)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, Usage(raw={})),
        ({"input_tokens": 5, "output_tokens": "7"}, Usage(input=5)),
        (
            {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 6}, "output_tokens": 2},
            Usage(input=5, output=2),
        ),
        ({"output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 3}}, Usage(output=2)),
        ({"input_tokens": -1, "output_tokens": True, "input_tokens_details": None}, Usage()),
    ],
)
def test_a_broken_usage_report_is_unknown_where_it_is_broken(raw: dict[str, Any], expected: Usage) -> None:
    final = {"id": "resp_1", "output": [], "status": "completed", "usage": raw}
    (reported,) = [s for s in read_whole(json.dumps(final).encode()).steps if isinstance(s, e.UsageReported)]
    for name in ("input", "cache_read", "cache_write", "output", "reasoning"):
        assert getattr(reported.usage, name) == getattr(expected, name)


def test_a_refusal_is_kept_apart_from_text() -> None:
    refused = r.ResponseOutputRefusal(type="refusal", refusal="I won't.")
    place: dict[str, Any] = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "sequence_number": 0}
    body = stream(
        *begun(),
        added(0, message("msg_1")),
        r.ResponseRefusalDeltaEvent(type="response.refusal.delta", delta="I ", **place),
        r.ResponseRefusalDeltaEvent(type="response.refusal.delta", delta="won't.", **place),
        r.ResponseRefusalDoneEvent(type="response.refusal.done", refusal="I won't.", **place),
        done(0, message("msg_1", refused)),
        completed(response(message("msg_1", refused))),
    )
    found = answer(body)
    assert (found.refusal, found.text, found.finish_reason) == ("I won't.", "", FinishReason.STOP)
    assert oracle(body)[-1].response.output[0].content[0].refusal == found.refusal


def test_parallel_calls_may_interleave() -> None:
    first, second = call("fc_1", "call_a", '{"place":"Rome"}'), call("fc_2", "call_b", '{"place":"Oslo"}', "look_up")
    body = stream(
        *begun(),
        added(0, first.model_copy(update={"arguments": ""})),
        added(1, second.model_copy(update={"arguments": ""})),
        arguments(1, "fc_2", '{"place"'),
        arguments(0, "fc_1", '{"place":"R'),
        arguments(1, "fc_2", ':"Oslo"}'),
        arguments(0, "fc_1", 'ome"}'),
        done(1, second),
        done(0, first),
        completed(response(first, second)),
    )
    found = answer(body)
    assert [(c.id, c.name, c.arguments) for c in found.tool_calls] == [
        ("call_a", "get_weather", '{"place":"Rome"}'),
        ("call_b", "look_up", '{"place":"Oslo"}'),
    ]
    assert found.finish_reason is FinishReason.TOOL_CALLS
    assert found.tool_calls[0].extra == {"responses": {"id": "fc_1", "status": "completed"}}
    assert [item.arguments for item in oracle(body)[-1].response.output] == [c.arguments for c in found.tool_calls]


def test_a_custom_tools_call_is_a_call_whose_input_is_not_json() -> None:
    custom = r.ResponseCustomToolCall(
        id="ctc_1", type="custom_tool_call", call_id="call_a", name="sql", input="SELECT 1"
    )
    delta = r.ResponseCustomToolCallInputDeltaEvent(
        type="response.custom_tool_call_input.delta",
        delta="SELECT 1",
        item_id="ctc_1",
        output_index=0,
        sequence_number=0,
    )
    opened = custom.model_copy(update={"input": ""})
    for body in (
        stream(*begun(), added(0, opened), delta, done(0, custom), completed(response(custom))),
        stream(*begun(), completed(response(custom))),
    ):
        found = answer(body)
        assert found.finish_reason is FinishReason.TOOL_CALLS
        (made,) = found.tool_calls
        assert (made.id, made.name, made.arguments) == ("call_a", "sql", "SELECT 1")
        assert made.extra == {"responses": {"type": "custom_tool_call", "id": "ctc_1"}}


def reasoning() -> r.ResponseReasoningItem:
    return r.ResponseReasoningItem(
        id="rs_1",
        type="reasoning",
        summary=[Summary(type="summary_text", text="First."), Summary(type="summary_text", text="Then.")],
        encrypted_content="gAAAA-sealed",
    )


def summary(index: int, delta: str) -> r.ResponseReasoningSummaryTextDeltaEvent:
    return r.ResponseReasoningSummaryTextDeltaEvent(
        type="response.reasoning_summary_text.delta",
        delta=delta,
        item_id="rs_1",
        output_index=0,
        summary_index=index,
        sequence_number=0,
    )


def test_reasoning_keeps_its_words_its_seal_and_the_item_it_was() -> None:
    item = reasoning()
    body = stream(
        *begun(),
        added(0, item.model_copy(update={"summary": [], "encrypted_content": None})),
        summary(0, "Fir"),
        summary(0, "st."),
        summary(1, "Then."),
        done(0, item),
        *say(1, "msg_1", "42"),
        completed(response(item, message("msg_1", text("42")))),
    )
    thought, said = answer(body).message.parts
    assert isinstance(thought, Thinking)
    assert thought.text == "First.\n\nThen."
    assert thought.signature == "gAAAA-sealed"
    assert thought.provenance == Provenance("responses", "gpt-6-sol-2026-10-01")
    assert thought.extra == {"responses": item.model_dump(mode="json", exclude_unset=True)}
    assert said == Text("42", extra={"responses": {"item": {"id": "msg_1", "status": "completed"}}})
    assert oracle(body)[-1].response.output[0].encrypted_content == thought.signature


def test_reasoning_that_shows_nothing_begins_only_when_it_is_whole() -> None:
    sealed = r.ResponseReasoningItem(id="rs_1", type="reasoning", summary=[], encrypted_content="gAAAA")
    parts = frames(*begun(), added(0, sealed), done(0, sealed), completed(response(sealed)))
    before = read(b"".join(parts[:3]))
    assert not any(isinstance(step, e.CONTENT_EVENTS) for step in before.steps)
    assert answer(b"".join(parts)).message.parts[0].signature == "gAAAA"  # type: ignore[union-attr]


def test_places_of_citations_that_are_no_numbers_are_unknown() -> None:
    found = read_citation({"type": "url_citation", "url": "https://x.org", "start_index": True, "end_index": "9"})
    assert (found.start, found.end) == (None, None)


def test_a_hosted_search_is_opaque_and_its_citations_are_the_texts() -> None:
    searched = r.ResponseFunctionWebSearch(
        id="ws_1", type="web_search_call", status="completed", action=ActionSearch(type="search", query="Lisbon")
    )
    page = AnnotationURLCitation(type="url_citation", url="https://x.org", title="X", start_index=3, end_index=9)
    file = AnnotationFileCitation(type="file_citation", file_id="file_1", filename="a.pdf", index=2)
    said = message("msg_1", text("In Lisbon", page, file))
    place: dict[str, Any] = {"item_id": "ws_1", "output_index": 0, "sequence_number": 0}
    body = stream(
        *begun(),
        added(0, searched.model_copy(update={"status": "in_progress"})),
        r.ResponseWebSearchCallInProgressEvent(type="response.web_search_call.in_progress", **place),
        r.ResponseWebSearchCallSearchingEvent(type="response.web_search_call.searching", **place),
        r.ResponseWebSearchCallCompletedEvent(type="response.web_search_call.completed", **place),
        done(0, searched),
        added(1, message("msg_1")),
        words(1, "msg_1", "In Lisbon"),
        r.ResponseOutputTextAnnotationAddedEvent(
            type="response.output_text.annotation.added",
            annotation=page.model_dump(),
            annotation_index=0,
            content_index=0,
            item_id="msg_1",
            output_index=1,
            sequence_number=0,
        ),
        done(1, said),
        completed(response(searched, said)),
    )
    hosted, spoken = answer(body).message.parts
    assert hosted == Opaque("responses", searched.model_dump(mode="json", exclude_unset=True))
    assert isinstance(spoken, Text)
    assert [(c.url, c.title, c.start, c.end) for c in spoken.citations] == [
        ("https://x.org", "X", 3, 9),
        (None, "a.pdf", None, None),
    ]
    assert spoken.citations[0].raw == page.model_dump()


@pytest.mark.parametrize(
    ("details", "reason", "raw"),
    [
        ("max_output_tokens", FinishReason.LENGTH, "max_output_tokens"),
        ("content_filter", FinishReason.CONTENT_FILTER, "content_filter"),
        (None, FinishReason.UNKNOWN, "incomplete"),
    ],
)
def test_an_incomplete_answer_says_why(details: Any, reason: FinishReason, raw: str) -> None:
    final = response(
        message("msg_1", text("and so")), status="incomplete", incomplete_details=IncompleteDetails(reason=details)
    )
    end = r.ResponseIncompleteEvent(type="response.incomplete", response=final, sequence_number=0)
    found = answer(stream(*begun(), *say(0, "msg_1", "and so"), end))
    assert (found.finish_reason, found.finish_reason_raw, found.text) == (reason, raw, "and so")
    assert found.usage.total == 80


def failed(code: str, words: str) -> r.ResponseFailedEvent:
    error = r.ResponseError.model_construct(code=code, message=words)
    return r.ResponseFailedEvent(
        type="response.failed", response=response(status="failed", error=error), sequence_number=0
    )


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        ("server_error", "Try again.", FailureKind.SERVER_ERROR),
        ("rate_limit_exceeded", "Try again in 2s.", FailureKind.RATE_LIMITED),
        ("invalid_prompt", "Flagged by our usage policy.", FailureKind.CONTENT_FILTER),
        ("image_content_policy_violation", "No.", FailureKind.CONTENT_FILTER),
        ("image_too_large", "No.", FailureKind.INVALID_REQUEST),
        ("failed_to_download_image", "No.", FailureKind.INVALID_REQUEST),
        ("vector_store_timeout", "Slow.", FailureKind.SERVER_ERROR),
        ("a_code_of_tomorrow", "Hm.", FailureKind.SERVER_ERROR),
    ],
)
def test_a_failed_response_keeps_its_class_and_its_usage(code: str, words: str, kind: FailureKind) -> None:
    outcome = read(stream(*begun(), *say(0, "msg_1", "so"), failed(code, words)))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.code, outcome.failure.message) == (kind, code, words)
    assert isinstance(outcome.steps[-1], e.UsageReported)
    assert not any(isinstance(step, e.Finished) for step in outcome.steps)


def test_a_failed_responses_hint_to_wait_is_read() -> None:
    failure = read(stream(*begun(), failed("rate_limit_exceeded", "Please try again in 2.5s."))).failure
    assert failure is not None
    assert failure.retry_after == 2.5


FLAT = {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None}
NESTED = {
    "type": "error",
    "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down.", "param": "input"},
}


@pytest.mark.parametrize("event", [FLAT, NESTED])
def test_an_error_event_ends_the_stream_whichever_shape_it_has(event: dict[str, Any]) -> None:
    outcome = read(stream(*begun(), *say(0, "msg_1", "so"), event, completed(response())))
    assert outcome.failure is not None
    assert outcome.failure.kind is FailureKind.RATE_LIMITED
    assert outcome.failure.message == "Slow down."
    assert fold(outcome.steps).text == "so"


def test_an_error_without_an_event_name_is_an_error_too() -> None:
    body = b'data: {"error": {"message": "overloaded", "code": "server_is_overloaded"}}\n\n'
    failure = read(body).failure
    assert failure is not None
    assert failure.kind is FailureKind.OVERLOADED


STRANGE: list[dict[str, Any]] = [
    {"type": "response.dream.delta", "delta": {"not": "a string"}, "output_index": "x"},
    {"type": "keepalive"},
    {"type": "response.image_generation_call.partial_image", "partial_image_b64": "AAAA", "output_index": 7},
]


def test_unknown_events_are_ignored_and_unknown_items_are_opaque() -> None:
    item = {"type": "dream_call", "id": "dr_1", "status": "completed"}
    body = stream(
        *begun(),
        *STRANGE,
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        *say(1, "msg_1", "hi"),
        completed(response(message("msg_1", text("hi"))).model_copy(update={"output": []})),
    )
    assert answer(body).message.parts[0] == Opaque("responses", item)
    assert answer(body).text == "hi"


def test_kept_frames_are_the_stream_and_change_no_event() -> None:
    said = message("msg_1", text("hi"))
    parts = frames(*begun(), *STRANGE, *say(0, "msg_1", "h", "i"), completed(response(said)), {"type": "late"})
    kept = read(b"".join(parts), endpoint=KEEPING).steps
    assert [step.wire for step in kept if step.wire] == parts[:-1]
    bare = [type(step)(**{**_fields(step), "wire": None}) for step in kept if not isinstance(step, e.Frame)]
    assert bare == read(b"".join(parts)).steps


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_a_stream_cut_anywhere_is_never_a_success() -> None:
    item = reasoning()
    parts = frames(*begun(), added(0, item), done(0, item), *say(1, "msg_1", "4", "2"), completed(response(item)))
    for count in range(len(parts)):
        failure = read(b"".join(parts[:count])).failure
        assert failure is not None
        assert failure.kind is FailureKind.TRUNCATED
    body = b"".join(parts)
    for cut in range(len(body) - len(parts[-1]) + 1, len(body) - 3):
        failure = read(body[:cut]).failure
        assert failure is not None, f"a success after {cut} of {len(body)} bytes"
        assert failure.kind is FailureKind.TRUNCATED
    assert read(body.rstrip()).failure is None  # Only the blank line is missing: some servers omit it.


def test_done_is_no_end_of_this_wire() -> None:
    failure = read(stream(*begun(), *say(0, "msg_1", "hi")) + b"data: [DONE]\n\n").failure
    assert failure is not None
    assert failure.kind is FailureKind.TRUNCATED


@pytest.mark.parametrize("size", [1, 7, 64, None])
def test_broken_json_fails_the_stream_after_what_came_before(size: int | None) -> None:
    body = stream(*begun(), *say(0, "msg_1", "hi")) + b'event: response.dream\ndata: {"type":\n\n'
    outcome = read(body + stream(completed(response())), size=size)
    assert outcome.failure is not None
    assert outcome.failure.kind is FailureKind.BAD_RESPONSE
    assert fold(outcome.steps).text == "hi"


def test_an_event_of_a_known_type_without_its_payload_is_a_bad_response() -> None:
    for event in (
        {"type": "response.completed"},
        {"type": "response.output_item.added", "item": {"type": "function_call"}},
    ):
        failure = read(stream(*begun(), event)).failure
        assert failure is not None
        assert failure.kind is FailureKind.BAD_RESPONSE


def test_nothing_is_read_after_the_end() -> None:
    body = stream(*begun(), *say(0, "msg_1", "hi"), completed(response(message("msg_1", text("hi")))))
    assert read(body + stream(*say(1, "msg_2", "more")) + b"data: {").steps == read(body).steps


def test_events_without_names_are_read_by_their_type() -> None:
    body = stream(*begun(), *say(0, "msg_1", "hi"), completed(response(message("msg_1", text("hi")))))
    unnamed = b"".join(line + b"\n" for line in body.split(b"\n") if not line.startswith(b"event:"))
    assert read(unnamed).steps == read(body).steps


OUTPUT = (
    reasoning(),
    message("msg_1", text("I look "), text("that up."), phase="commentary"),
    call("fc_1", "call_a", "{}"),
    call("fc_2", "call_b", ""),
)


def test_a_stream_without_pieces_is_read_from_its_closed_items_or_from_its_end() -> None:
    final = response(*OUTPUT)
    items = [done(position, item) for position, item in enumerate(OUTPUT)]
    told = fold(read_whole(whole(final)).steps, dialect="responses")
    assert [type(part) for part in told.message.parts] == [Thinking, Text, Text, ToolCall, ToolCall]
    assert told.text == "I look that up."
    assert told.message.parts[1].extra == {
        "responses": {"item": {"id": "msg_1", "status": "completed", "phase": "commentary"}}
    }
    assert answer(stream(*begun(), *items, completed(final))) == told
    assert answer(stream(*begun(), completed(final))) == told
    assert answer(stream(*begun(), *items, completed(response()))) == told


def test_log_probabilities_are_noted_once() -> None:
    token = {"token": "hi", "logprob": -0.5, "bytes": [104, 105], "top_logprobs": []}
    said = {"type": "output_text", "text": "hi", "annotations": [], "logprobs": [token]}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [said]}
    body = json.dumps({"id": "resp_1", "status": "completed", "output": [item]}).encode()
    assert fold(read_whole(body).steps).extra["logprobs"] == {"content": [token]}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("queued", FailureKind.BAD_RESPONSE),
        ("in_progress", FailureKind.BAD_RESPONSE),
        ("cancelled", FailureKind.SERVER_ERROR),
        ("failed", FailureKind.SERVER_ERROR),
    ],
)
def test_a_whole_body_that_is_not_finished_is_a_failure(status: str, kind: FailureKind) -> None:
    failure = read_whole(whole(response(status=status))).failure
    assert failure is not None
    assert failure.kind is kind


def test_a_status_of_tomorrow_is_unknown_and_not_stop() -> None:
    body = whole(response(message("msg_1", text("hi")))).replace(b'"status":"completed"', b'"status":"archived"')
    found = fold(read_whole(body).steps)
    assert (found.finish_reason, found.finish_reason_raw) == (FinishReason.UNKNOWN, "archived")


def test_an_error_in_a_success_counts_by_its_code() -> None:
    body = b'{"error": {"message": "No credit.", "type": "insufficient_quota", "code": "credit_balance_exhausted"}}'
    failure = read_whole(body).failure
    assert failure is not None
    assert failure.kind is FailureKind.BILLING


def test_a_refusal_part_of_a_whole_body() -> None:
    refused = r.ResponseOutputRefusal(type="refusal", refusal="No.")
    (part,) = fold(read_whole(whole(response(message("msg_1", refused)))).steps).message.parts
    assert isinstance(part, Refusal)
    assert part.text == "No."
