"""Whose a piece is: known by its id before its position, and never guessed. How an answer ended: by its status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.reading.answers import SIX, SSE, TEXT, chunk, events, plain, response_object, usage_of
from tests.reading.talking import calls, failed, framed, read, streamed, whats, whole
from understudy.domain.failures import FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold

DONE = b"data: [DONE]\n\n"


def call_item(n: int, arguments: str = "") -> dict[str, Any]:
    return {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": f"f{n}", "arguments": arguments}


def responses_calls(place: Any, *, output: list[dict[str, Any]] | None = None) -> list[Any]:
    """Two calls whose arguments interleave. `place` gives the fields that say where an event belongs."""
    whole_calls = [call_item(0, '{"a":0}'), call_item(1, '{"a":1}')]
    pieces = [
        {"type": "response.function_call_arguments.delta", "delta": delta, **place(n)}
        for n, delta in ((1, '{"a"'), (0, '{"a"'), (0, ":0}"), (1, ":1}"))
    ]
    index = {key: value for key, value in place(0).items() if key == "output_index"}
    return [
        {"type": "response.created", "response": {"id": "r"}},
        *({"type": "response.output_item.added", "item": call_item(n)} | (place(n) if index else {}) for n in (0, 1)),
        *pieces,
        {"type": "response.completed", "response": response_object("completed", None, *(output or whole_calls))},
    ]


BOTH = [("call_0", "f0", '{"a":0}'), ("call_1", "f1", '{"a":1}')]


@pytest.mark.parametrize(
    "place",
    [
        lambda n: {"output_index": n, "item_id": f"fc_{n}"},
        lambda n: {"item_id": f"fc_{n}"},
        lambda n: {"output_index": 0, "item_id": f"fc_{n}"},
        lambda n: {"output_index": n},
        lambda n: {"output_index": n, "item_id": f"another in every event {n}"},
        lambda n: {"output_index": "zero", "item_id": f"fc_{n}"},
    ],
    ids=["both", "ids alone", "all at 0", "positions alone", "ids that change", "an odd position"],
)
def test_parallel_calls_of_responses_are_told_apart(place: Any) -> None:
    assert calls(streamed("responses", *responses_calls(place))) == BOTH


def test_pieces_that_could_belong_to_several_calls_are_an_error() -> None:
    assert failed("responses", *responses_calls(lambda n: {})) is FailureKind.BAD_RESPONSE


def test_other_calls_in_the_whole_response_are_an_error() -> None:
    strange = [{**call_item(n), "id": f"x{n}", "call_id": f"y{n}", "name": "g"} for n in (5, 6)]
    place = responses_calls(lambda n: {"item_id": f"fc_{n}"}, output=strange)
    assert failed("responses", *place) is FailureKind.BAD_RESPONSE


def test_arguments_that_differ_from_their_pieces_are_an_error() -> None:
    output = [call_item(0, '{"b":7}'), call_item(1, '{"a":1}')]
    assert failed("responses", *responses_calls(lambda n: {"item_id": f"fc_{n}"}, output=output)) is (
        FailureKind.BAD_RESPONSE
    )


def test_a_message_without_position_comes_once() -> None:
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    response = streamed(
        "responses",
        {"type": "response.output_item.added", "item": item},
        {"type": "response.output_text.delta", "item_id": "msg_1", "delta": TEXT},
        {"type": "response.completed", "response": response_object("completed")},
    )
    assert response.text == TEXT


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("completed", "incomplete", FinishReason.UNKNOWN),
        ("completed", "failed", FailureKind.SERVER_ERROR),
        ("completed", "cancelled", FailureKind.SERVER_ERROR),
        ("failed", "completed", FailureKind.SERVER_ERROR),
        ("incomplete", "completed", FinishReason.STOP),
        ("completed", "in_progress", FinishReason.STOP),
        ("completed", [], FinishReason.STOP),
        ("completed", None, FinishReason.STOP),
        ("completed", "brand_new", FinishReason.UNKNOWN),
        ("incomplete", "brand_new", FinishReason.UNKNOWN),
    ],
)
def test_the_status_of_a_response_counts_before_the_name_of_its_event(name: str, status: Any, expected: Any) -> None:
    last = {"type": f"response.{name}", "response": response_object(status)}
    outcome = read("responses", framed("responses", [*events("responses", None)[:-1], last]), streaming=True)
    found = outcome.failure.kind if outcome.failure else fold(outcome.steps).finish_reason
    assert found is expected


def test_a_response_that_ended_at_its_limit_says_so() -> None:
    last = response_object("incomplete", incomplete_details={"reason": "max_output_tokens"})
    response = streamed("responses", *events("responses", None)[:-1], {"type": "response.completed", "response": last})
    assert response.finish_reason is FinishReason.LENGTH


def openai_calls(*pieces: dict[str, Any]) -> list[Any]:
    return [*(chunk({"tool_calls": [piece]}) for piece in pieces), chunk({}, finish="tool_calls"), DONE]


def piece(n: int, arguments: str, *, begin: bool = False, **fields: Any) -> dict[str, Any]:
    named = {"name": f"f{n}"} if begin else {}
    return {**fields, "type": "function", "function": {**named, "arguments": arguments}}


@pytest.mark.parametrize(
    "where",
    [lambda n: {"index": n}, lambda n: {"id": f"call_{n}"}, lambda n: {"index": 0, "id": f"call_{n}"},
     lambda n: {"index": str(n)}, lambda n: {"index": 10 * n}],
    ids=["indexes", "ids", "ids, all at 0", "indexes as text", "jumps"],
)  # fmt: skip
def test_parallel_calls_of_chat_completions_are_told_apart(where: Any) -> None:
    begun = [piece(n, "", begin=True, **{"id": f"call_{n}", **where(n)}) for n in (0, 1)]
    rest = [piece(n, text, **where(n)) for n, text in ((1, '{"a"'), (0, '{"a"'), (0, ":0}"), (1, ":1}"))]
    assert calls(streamed("openai", *openai_calls(*begun, *rest))) == BOTH


def test_arguments_of_a_call_that_never_began_are_an_error() -> None:
    lost = openai_calls(piece(0, "", begin=True, index=0, id="call_0"), piece(0, '{"a":0}', index=1))
    assert failed("openai", *lost) is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
def test_an_empty_legacy_call_is_none(streaming: bool) -> None:
    empty = {"name": "", "arguments": ""}
    real = {"id": "call_0", "type": "function", "function": {"name": "f0", "arguments": '{"a":0}'}, "custom": empty}
    for message in ({"content": TEXT, "function_call": empty}, {"tool_calls": [real], "function_call": empty}):
        if streaming:
            response = streamed("openai", chunk(message), chunk({}, finish="stop"), DONE)
        else:
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            response = whole("openai", {"id": "c", "choices": [choice]})
        assert calls(response) == (BOTH[:1] if "tool_calls" in message else [])


def test_a_call_that_is_also_the_legacy_one_comes_once() -> None:
    function = {"name": "f0", "arguments": '{"a":0}'}
    message = {"tool_calls": [{"id": "call_0", "type": "function", "function": function}], "function_call": function}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    assert calls(whole("openai", {"id": "c", "choices": [choice]})) == BOTH[:1]


def test_a_message_counts_where_the_piece_beside_it_is_empty() -> None:
    choice = {"index": 0, "message": {"content": TEXT}, "delta": {"content": ""}, "finish_reason": "stop"}
    assert whole("openai", {"id": "c", "choices": [choice]}).text == TEXT
    so_far = [
        chunk({"content": "Hello "}, choice={"message": {"content": "Hello "}}),
        chunk({"content": "there"}, choice={"message": {"content": TEXT}}),
        chunk({"content": ""}, finish="stop", choice={"message": {"content": TEXT}}),
    ]
    assert streamed("openai", *so_far).text == TEXT


def test_a_choice_that_was_filtered_away_is_a_filtered_answer() -> None:
    filtered = {"id": "c", "choices": [{"index": 0, "finish_reason": "content_filter"}]}
    assert whole("openai", filtered).finish_reason is FinishReason.CONTENT_FILTER


def test_an_end_mark_after_content_ends_an_answer_without_a_reason() -> None:
    counts = {"id": "c1", "choices": [], "usage": usage_of("openai")}
    response = streamed("openai", chunk({"content": TEXT}), counts, DONE)
    assert (response.text, response.finish_reason, response.finish_reason_raw) == (TEXT, FinishReason.UNKNOWN, None)
    assert (whats(response), response.usage.total) == (["finish_reason"], 15)
    assert failed("openai", chunk({}), DONE) is FailureKind.TRUNCATED
    assert failed("openai", chunk({"content": TEXT}), counts) is FailureKind.TRUNCATED


def test_content_after_a_reason_reopens_the_answer() -> None:
    reopened = [chunk({"content": "Hello "}, finish="stop"), chunk({"content": "there"})]
    assert failed("openai", *reopened) is FailureKind.TRUNCATED
    assert streamed("openai", *reopened, chunk({}, finish="stop")).text == TEXT
    assert whats(streamed("openai", *reopened, DONE)) == ["finish_reason"]


def anthropic_start(**fields: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "m", "model": "m", "content": [], **fields}}


def test_a_message_of_anthropic_may_begin_with_content_and_a_reason() -> None:
    block = {"type": "tool_use", "id": "call_0", "name": "f0", "input": {"a": 0}}
    start = anthropic_start(content=[block], stop_reason="tool_use", usage=usage_of("anthropic"))
    response = streamed("anthropic", start, {"type": "message_stop"})
    assert [(name, json.loads(text)) for _, name, text in calls(response)] == [("f0", {"a": 0})]
    assert (response.finish_reason, response.usage.total) == (FinishReason.TOOL_CALLS, 15)


def tool_block(n: int) -> dict[str, Any]:
    return {"type": "content_block_start", "content_block": {"type": "tool_use", "id": f"call_{n}", "name": f"f{n}"}}


def json_piece(text: str, **where: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": text}, **where}


def test_blocks_of_anthropic_without_an_index_follow_each_other() -> None:
    stop: dict[str, Any] = {"type": "content_block_stop"}
    one, two = ([tool_block(n), json_piece(f'{{"a":{n}}}'), stop] for n in (0, 1))
    end = [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
    assert calls(streamed("anthropic", anthropic_start(), *one, *two, *end)) == BOTH


@pytest.mark.parametrize(
    "spoiled",
    [
        [tool_block(0) | {"index": 0}, tool_block(1) | {"index": 1}, json_piece("{}")],
        [tool_block(0) | {"index": 0}, {"type": "content_block_stop", "index": 0}, tool_block(0) | {"index": 1}],
        [{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
         json_piece("{}", index=0)],
    ],
    ids=["a piece of several", "a call twice", "a piece of another kind"],
)  # fmt: skip
def test_blocks_that_cannot_be_told_apart_are_an_error(spoiled: list[Any]) -> None:
    assert failed("anthropic", anthropic_start(), *spoiled, {"type": "message_stop"}) is FailureKind.BAD_RESPONSE


def cohere_call(n: int, **where: Any) -> dict[str, Any]:
    call = {"id": f"call_{n}", "type": "function", "function": {"name": f"f{n}", "arguments": ""}}
    return {"type": "tool-call-start", "delta": {"message": {"tool_calls": call}}, **where}


def cohere_piece(text: str, **where: Any) -> dict[str, Any]:
    return {"type": "tool-call-delta", "delta": {"message": {"tool_calls": {"function": {"arguments": text}}}}, **where}


def test_calls_of_cohere_without_an_index_follow_each_other() -> None:
    end = {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}}
    several = [event for n in (0, 1) for event in (cohere_call(n), cohere_piece('{"a":'), cohere_piece(f"{n}}}"))]
    assert calls(streamed("cohere", *several, end)) == BOTH
    assert failed("cohere", cohere_call(0, index=0), cohere_call(0, index=1), end) is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize("dialect", SSE)
@pytest.mark.parametrize("blank", [b"data:\n\n", b"data: \n\n", b"data: \ndata:\n\n"])
def test_events_without_data_are_skipped(dialect: str, blank: bytes) -> None:
    spread = [blank, *(each for event in events(dialect, usage_of(dialect)) for each in (event, blank))]
    if dialect == "gemini":
        spread = spread[1:]
    assert streamed(dialect, *spread) == streamed(dialect, *events(dialect, usage_of(dialect)))


@pytest.mark.parametrize("dialect", SIX)
def test_a_lone_surrogate_is_replaced(dialect: str) -> None:
    body = framed(dialect, events(dialect, usage_of(dialect)))
    for half in (b"\\ud83d", b"\\ude00"):
        outcome = read(dialect, body.replace(b"Hello ", b"Hello" + half), streaming=True)
        assert outcome.failure is None
        assert fold(outcome.steps).text.startswith("Hello\ufffd")
        assert "text" in whats(fold(outcome.steps))
    assert whole(dialect, json.dumps(plain(dialect, None)).replace("Hello", "\\ud83d").encode()).text == "\ufffd there"
