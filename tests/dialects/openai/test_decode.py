"""Streams and whole completions become the same events, and the variants of other servers are understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.openai.talking import answer, chunk, completion, failure, sse, stream, whole
from understudy.domain import events as e
from understudy.domain.content import Audio, Opaque, Text, Thinking, ToolCall
from understudy.domain.failures import FailureKind
from understudy.domain.finish import FinishReason

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10, "audio_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 4},
}


def call(
    index: float | None, call_id: str | None = None, name: str | None = None, arguments: object = None
) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    piece = {"index": index, "id": call_id, "type": "function", "function": function}
    return {key: value for key, value in piece.items() if value is not None}


def test_a_stream_and_a_whole_body_fold_to_the_same_response() -> None:
    message = {
        "content": "Hello there",
        "reasoning": "Let me think",
        "refusal": None,
        "tool_calls": [call(None, "call_1", "look", '{"a": 1}'), call(None, "call_2", "look", '{"b": 2}')],
    }
    body = completion(message, "tool_calls", usage=USAGE, service_tier="default", system_fingerprint="fp")
    tier: dict[str, Any] = {"service_tier": "default", "system_fingerprint": "fp"}
    pieces = sse(
        chunk({"role": "assistant", "content": ""}, **tier),
        chunk({"reasoning": "Let me "}, **tier),
        chunk({"reasoning": "think"}, **tier),
        chunk({"content": "Hello "}, **tier),
        chunk({"content": "there"}, **tier),
        chunk({"tool_calls": [call(0, "call_1", "look", "")]}, **tier),
        chunk({"tool_calls": [call(1, "call_2", "look", '{"b"'), call(0, arguments='{"a": ')]}, **tier),
        chunk({"tool_calls": [call(1, arguments=": 2}")]}, **tier),
        chunk({"tool_calls": [call(0, arguments="1}")]}, **tier),
        chunk({}, finish="tool_calls", **tier),
        chunk(usage=USAGE, **tier) | {"choices": []},
    )
    assert answer(stream(pieces)) == answer(whole(body))
    assert answer(whole(body)).finish_reason is FinishReason.TOOL_CALLS


def test_events_come_in_order_with_usage_before_the_one_finish() -> None:
    steps = stream(sse(chunk({"content": "a"}), chunk(finish="stop"), chunk(usage=USAGE) | {"choices": []}))
    assert [type(step) for step in steps] == [e.Started, e.TextDelta, e.UsageReported, e.Finished]
    assert steps[0] == e.Started(id="c1", model="m-1", created=1)


def test_classes_of_tokens_are_taken_apart() -> None:
    usage = answer(whole(completion({"content": "x"}, usage=USAGE))).usage
    assert (usage.input, usage.cache_read, usage.cache_write, usage.audio_input) == (25, 60, 10, 5)
    assert (usage.output, usage.reasoning, usage.audio_output) == (26, 20, 4)
    assert (usage.input_total, usage.output_total, usage.total, usage.raw) == (100, 50, 150, USAGE)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            {"prompt_tokens": 7, "completion_tokens": 8, "prompt_tokens_details": {"cached_tokens": 161}},
            (7, None, 8, None),
        ),
        ({"prompt_tokens": 7, "completion_tokens": 8, "cached_tokens": 3}, (4, 3, 8, None)),
        ({"prompt_tokens": True, "completion_tokens": -1}, (None, None, None, None)),
        ({"prompt_tokens": 7.0, "completion_tokens": "8", "prompt_tokens_details": None}, (7, None, None, None)),
        # Reasoning counted beside the completion, as the provider's own total shows.
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "total_tokens": 17,
                "completion_tokens_details": {"reasoning_tokens": 10},
            },
            (5, None, 2, 10),
        ),
    ],
)
def test_a_broken_sub_count_is_unknown_and_leaves_the_total(raw: Any, expected: tuple[int | None, ...]) -> None:
    usage = answer(whole(completion({"content": "x"}, usage=raw))).usage
    assert (usage.input, usage.cache_read, usage.output, usage.reasoning) == expected


def test_counts_that_groq_gives_twice_count_once() -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    final = chunk(finish="stop", x_groq={"id": "req_1", "usage": counts})
    assert answer(stream(sse(chunk({"content": "a"}), final))).usage.total == 7
    twice = sse(chunk({"content": "a"}), final, chunk(usage=counts) | {"choices": []})
    assert answer(stream(twice)).usage.total == 7


@pytest.mark.parametrize("given", ["eos", "eos_token", "stop_sequence", "stop"])
def test_other_words_for_stop(given: str) -> None:
    response = answer(whole(completion({"content": "x"}, given)))
    assert (response.finish_reason, response.finish_reason_raw) == (FinishReason.STOP, given)


def test_an_unknown_reason_is_kept_and_a_missing_one_is_no_error_in_a_whole_body() -> None:
    assert answer(whole(completion({"content": "x"}, "brand_new"))).finish_reason is FinishReason.UNKNOWN
    assert answer(whole(completion({"content": "x"}, None))).finish_reason_raw is None


def test_a_missing_reason_is_warned_about_in_a_whole_body_as_in_a_stream() -> None:
    plain = answer(whole(completion({"content": "x"}, None)))
    streamed = answer(stream(sse(chunk({"content": "x"}))))
    for response in (plain, streamed):
        assert (response.text, response.finish_reason) == ("x", FinishReason.UNKNOWN)
        assert [warning.what for warning in response.warnings] == ["finish_reason"]
    assert plain.warnings == streamed.warnings
    called = answer(whole(completion({"content": None, "tool_calls": [call(0, "c", "f", "{}")]}, None)))
    assert (called.finish_reason, called.warnings) == (FinishReason.TOOL_CALLS, ())


def test_a_call_of_the_named_tool_ends_with_stop_and_is_a_call_all_the_same() -> None:
    response = answer(whole(completion({"content": None, "tool_calls": [call(0, "c", "f", "{}")]}, "stop")))
    assert (response.finish_reason, response.finish_reason_raw) == (FinishReason.TOOL_CALLS, "stop")


def test_the_first_chunk_may_have_no_choices() -> None:
    first = {"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    steps = stream(sse(first, chunk({"content": "a"}), chunk(finish="stop")))
    assert isinstance(steps[0], e.Started)
    assert answer(steps).extra["prompt_filter_results"] == [{"prompt_index": 0}]


def test_only_the_first_choice_becomes_events() -> None:
    steps = stream(
        sse(
            chunk({"content": "a"}),
            chunk({"content": "other"}, index=1),
            chunk(finish="length", index=1),
            chunk(finish="stop"),
            chunk({"content": "more"}, index=1),
        )
    )
    assert (answer(steps).text, answer(steps).finish_reason) == ("a", FinishReason.STOP)


class TestToolCalls:
    def calls(self, *pieces: dict[str, Any]) -> list[tuple[str, str, str]]:
        steps = stream(sse(*(chunk({"tool_calls": [piece]}) for piece in pieces), chunk(finish="tool_calls")))
        return [(c.id, c.name, c.arguments) for c in answer(steps).tool_calls]

    def test_float_indexes_and_object_arguments(self) -> None:
        assert self.calls(call(0.0, "a", "f", {"x": 1}), call(1.0, "b", "g", "{}")) == [
            ("a", "f", '{"x":1}'),
            ("b", "g", "{}"),
        ]

    def test_whole_calls_under_the_same_index_are_different_calls(self) -> None:
        assert self.calls(call(0, "a", "f", "1"), call(0, "b", "g", "2")) == [("a", "f", "1"), ("b", "g", "2")]

    def test_a_repeated_id_and_name_belong_to_the_same_call(self) -> None:
        assert self.calls(call(0, "a", "f", "{"), call(0, "a", "f", "}")) == [("a", "f", "{}")]

    def test_without_an_index_a_name_begins_the_next_call(self) -> None:
        pieces = (call(None, "a", "f", "{"), call(None, arguments="}"), call(None, "b", "g", "{}"))
        assert self.calls(*pieces) == [("a", "f", "{}"), ("b", "g", "{}")]

    def test_a_name_that_comes_late_keeps_the_arguments(self) -> None:
        assert self.calls(call(0, "a", arguments="{"), call(0, name="f", arguments="}")) == [("a", "f", "{}")]

    def test_missing_and_repeated_ids_become_unique(self) -> None:
        body = completion(
            {"tool_calls": [call(None, "0", "f", "{}"), call(None, "0", "g", "{}"), call(None, None, "h")]}
        )
        ids = [c.id for c in answer(whole(body)).tool_calls]
        assert len(set(ids)) == 3
        assert all(ids)

    def test_arguments_are_kept_as_the_model_wrote_them(self) -> None:
        assert self.calls(call(0, "a", "f", '{"broken": ')) == [("a", "f", '{"broken": ')]

    def test_a_custom_tool_is_a_call_that_knows_what_it_is(self) -> None:
        custom = {"id": "a", "type": "custom", "custom": {"name": "calc", "input": "4 + 4"}}
        response = answer(whole(completion({"content": None, "tool_calls": [custom]}, "tool_calls")))
        (found,) = response.tool_calls
        assert (found.name, found.arguments, found.extra) == ("calc", "4 + 4", {"openai": {"type": "custom"}})

    def test_the_deprecated_function_call_is_a_tool_call(self) -> None:
        pieces = sse(
            chunk({"function_call": {"name": "f", "arguments": ""}}),
            chunk({"function_call": {"arguments": '{"a":'}}),
            chunk({"function_call": {"arguments": "1}"}}),
            chunk(finish="function_call"),
        )
        legacy = completion({"content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}}, "function_call")
        for response in (answer(stream(pieces)), answer(whole(legacy))):
            assert [(c.name, c.arguments) for c in response.tool_calls] == [("f", '{"a":1}')]
            assert response.finish_reason is FinishReason.TOOL_CALLS

    def test_tools_that_ran_at_the_provider_are_no_calls(self) -> None:
        ran = [{"index": 0, "type": "search", "arguments": "{}", "output": "…"}]
        response = answer(whole(completion({"content": "x", "executed_tools": ran})))
        assert response.tool_calls == ()
        assert response.extra["executed_tools"] == ran


class TestContent:
    def test_thinking_under_either_name(self) -> None:
        for field in ("reasoning", "reasoning_content"):
            response = answer(whole(completion({"content": "x", field: "hm"})))
            assert response.thinking == "hm"
            assert isinstance(response.message.parts[0], Thinking)
            assert response.message.parts[0].provenance is not None

    def test_think_tags_stay_in_the_text(self) -> None:
        assert answer(whole(completion({"content": "<think>a</think>b"}))).text == "<think>a</think>b"

    def test_content_as_parts(self) -> None:
        parts = [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": "a"},
            "b",
            {"type": "hologram", "data": 1},
        ]
        response = answer(whole(completion({"content": parts})))
        assert (response.thinking, response.text) == ("hm", "ab")
        assert Opaque("openai", parts[3]) in response.message.parts

    def test_a_refusal_is_kept_apart(self) -> None:
        steps = stream(sse(chunk({"refusal": "I "}), chunk({"refusal": "won't"}), chunk(finish="stop")))
        assert (answer(steps).refusal, answer(steps).text) == ("I won't", "")

    def test_annotations_become_citations_of_the_text(self) -> None:
        note = {
            "type": "url_citation",
            "url_citation": {"url": "http://a.invalid", "title": "A", "start_index": 0, "end_index": 2},
        }
        (part,) = answer(whole(completion({"content": "ab", "annotations": [note]}))).message.parts
        assert isinstance(part, Text)
        (citation,) = part.citations
        assert (citation.url, citation.title, citation.start, citation.end) == ("http://a.invalid", "A", 0, 2)
        assert citation.raw == note

    def test_places_of_citations_that_are_no_numbers_are_unknown(self) -> None:
        note = {
            "type": "url_citation",
            "url_citation": {"url": "http://a.invalid", "start_index": True, "end_index": "2"},
        }
        (part,) = answer(whole(completion({"content": "ab", "annotations": [note]}))).message.parts
        assert isinstance(part, Text)
        assert [(each.start, each.end) for each in part.citations] == [(None, None)]

    def test_the_id_of_spoken_audio_that_is_no_string_is_unknown(self) -> None:
        (part,) = answer(whole(completion({"audio": {"id": True, "transcript": "Hello"}}))).message.parts
        assert isinstance(part, Audio)
        assert (part.file_id, part.transcript) == (None, "Hello")

    def test_spoken_answers_come_in_pieces(self) -> None:
        pieces = sse(
            chunk({"audio": {"id": "audio_1", "transcript": "Hel"}}),
            chunk({"audio": {"data": "AAAA"}}),
            chunk({"audio": {"transcript": "lo", "data": "BBBB"}}),
            chunk({"audio": {"expires_at": 99}}),
            chunk(finish="stop"),
        )
        audio = {"id": "audio_1", "data": "AAAABBBB", "transcript": "Hello", "expires_at": 99}
        expected = Audio(file_id="audio_1", data="AAAABBBB", transcript="Hello", extra={"openai": {"expires_at": 99}})
        assert answer(stream(pieces)).message.parts == (expected,)
        assert answer(whole(completion({"content": None, "audio": audio}))).message.parts == (expected,)

    def test_logprobs_in_three_forms_are_one(self) -> None:
        entry = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
        body = json.loads(completion({"content": "a"}))
        body["choices"][0]["logprobs"] = {"content": [entry], "refusal": None}
        assert answer(whole(json.dumps(body).encode())).extra["logprobs"] == {"content": [entry]}
        body["choices"][0]["logprobs"] = {"tokens": ["a"], "token_ids": [1], "token_logprobs": [-0.5]}
        arrays = answer(whole(json.dumps(body).encode())).extra["logprobs"]
        number = chunk({"content": "a"})
        number["choices"][0]["logprobs"] = -0.5
        assert answer(stream(sse(number, chunk(finish="stop")))).extra["logprobs"] == arrays
        assert arrays == {"content": [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}

    def test_nulls_everywhere_say_nothing(self) -> None:
        nulls = dict.fromkeys(
            (
                "role",
                "content",
                "reasoning",
                "reasoning_content",
                "refusal",
                "tool_calls",
                "function_call",
                "annotations",
            )
        )
        empty = chunk(nulls, usage=None, service_tier=None, system_fingerprint=None, x_groq=None, error=None)
        steps = stream(sse(empty, chunk({"content": "a"}), chunk(finish="stop")))
        assert answer(steps).text == "a"
        assert [type(step) for step in steps] == [e.Started, e.TextDelta, e.Finished]

    def test_containers_of_another_kind_are_read_as_far_as_they_fit(self) -> None:
        odd = chunk({"content": "a", "tool_calls": "none", "function_call": []})
        one = chunk({"tool_calls": call(0, "c", "f", "{}")})
        response = answer(stream(sse(odd, one, chunk(finish="stop"))))
        assert (response.text, [c.name for c in response.tool_calls]) == ("a", ["f"])


class TestEnds:
    def test_a_clean_end_after_the_reason_is_a_success(self) -> None:
        assert answer(stream(sse(chunk({"content": "a"}), chunk(finish="stop"), done=False))).text == "a"

    def test_an_end_before_the_reason_is_truncated(self) -> None:
        assert failure(stream(sse(chunk({"content": "a"}), done=False))).kind is FailureKind.TRUNCATED
        assert failure(stream(sse(chunk()))).kind is FailureKind.TRUNCATED
        assert failure(stream(b"")).kind is FailureKind.TRUNCATED

    def test_an_event_that_the_end_cuts_is_truncated(self) -> None:
        body = sse(chunk({"content": "a"}), chunk({"content": "b"}), done=False)
        assert failure(stream(body[:-20])).kind is FailureKind.TRUNCATED

    def test_broken_json_in_the_middle_is_a_bad_response_after_what_came_before(self) -> None:
        body = sse(chunk({"content": "a"}), done=False) + b"data: {broken\n\n" + sse(chunk({"content": "b"}))
        steps = stream(body)
        assert failure(steps).kind is FailureKind.BAD_RESPONSE
        assert [step.text for step in steps if isinstance(step, e.TextDelta)] == ["a"]

    def test_nothing_after_the_end_mark_counts(self) -> None:
        body = sse(chunk({"content": "a"}), chunk(finish="stop")) + sse(chunk({"content": "b"}))
        assert answer(stream(body)).text == "a"

    def test_a_split_changes_nothing(self) -> None:
        body = sse(chunk({"content": "ä🌍"}), chunk({"tool_calls": [call(0, "c", "f", "{}")]}), chunk(finish="stop"))
        expected = stream(body)
        assert stream(*(bytes([byte]) for byte in body)) == expected
        assert stream(body.replace(b"\n", b"\r\n")) == expected

    @pytest.mark.parametrize(
        "body", [b"[]", b"{}", b'{"choices": [{"index": 0}]}', b'{"choices": 1}', b"null", b"<html>"]
    )
    def test_a_body_without_an_answer_is_a_bad_response(self, body: bytes) -> None:
        assert failure(whole(body)).kind is FailureKind.BAD_RESPONSE

    def test_no_choice_at_all_is_empty(self) -> None:
        assert failure(whole(b'{"id": "x", "choices": []}')).kind is FailureKind.EMPTY


class TestFrames:
    def test_every_byte_of_a_stream_is_on_exactly_one_event(self) -> None:
        body = sse(
            {"id": "", "choices": [], "prompt_filter_results": [{}]},
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "a", "reasoning": "b"}, service_tier="x"),
            chunk({}),
            chunk(finish="stop"),
            chunk(usage=USAGE) | {"choices": []},
        )
        steps = stream(body, keep_wire=True)
        assert b"".join(step.wire for step in steps) == body
        assert all(step.wire is not None for step in steps)

    def test_without_the_wish_no_event_carries_a_frame(self) -> None:
        steps = stream(sse(chunk({}), chunk({"content": "a"}), chunk(finish="stop")))
        assert all(step.wire is None for step in steps)
        assert not any(isinstance(step, e.Frame) for step in steps)


def test_the_message_can_be_appended_to_the_history() -> None:
    body = completion({"content": "x", "tool_calls": [call(None, "a", "f", "{}")]}, "tool_calls")
    message = answer(whole(body)).message
    assert [type(part).__name__ for part in message.parts] == ["Text", "ToolCall"]
    assert isinstance(message.parts[1], ToolCall)
