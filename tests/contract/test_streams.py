"""What holds of every streamed answer, whatever its dialect."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from tests.contract.answers import USAGE_CLASSES, answer_of
from tests.contract.driving import Outcome
from tests.contract.framing import (
    Change,
    changed,
    frames,
    with_keys,
    with_unknown_fields,
    with_values,
    without_keys,
    without_unknown_fields,
)
from tests.contract.oracles import finish_words
from tests.contract.streams import Stream
from understudy.domain import events as e
from understudy.domain.failures import FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.responses import GenerationResponse

SMALL = 4_000
"""Bytes up to which a stream is cut at every position with `--deep`; others are cut at sampled positions."""

SAID_NOTHING = {
    "openai": b'data: {"id":"x","object":"chat.completion.chunk","model":"x","choices":[{"index":0,"delta":{}}]}\n\n',
    "responses": b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":""}\n\n',
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "cohere": b'event: debug\ndata: {"type":"debug","prompt":"x"}\n\n',
    "gemini": b'data: {"candidates":[{"content":{"role":"model"},"index":0}]}\n\n',
    "ollama": b'{"model":"x","message":{"role":"assistant","content":""},"done":false}\n',
}
"""A frame of each dialect that says nothing."""


def what(outcome: Outcome) -> tuple[list[Any], Any]:
    return outcome.steps, outcome.failure


def told(outcome: Outcome) -> Any:
    """The answer as plain values, without the unknown fields that some tests mix in."""
    return without_unknown_fields(msgspec.to_builtins(fold(outcome.steps))), outcome.failure and outcome.failure.kind


def before_the_end(steps: list[Any]) -> list[Any]:
    """The events without those that are gathered for the end, wherever that is."""
    return [step for step in steps if not isinstance(step, (e.Finished, e.FactReported))]


def cuts_of(stream: Stream, times: int, *, deep: bool) -> list[int]:
    """Every position of a small stream, some of a large one; without `deep` some of each."""
    everywhere = range(1, len(stream.body))
    if deep and len(stream.body) <= SMALL:
        return list(everywhere)
    return random.Random(stream.name).sample(everywhere, min(times, len(everywhere)))


def places_of(stream: Stream, *, deep: bool) -> set[int]:
    """Where to cut a stream off: also where frames end; without `deep` at some of those, and about its end."""
    ends, terminal = stream.ends, stream.terminal or len(stream.body)
    if not deep:
        ends = [*ends[:: 1 + len(ends) // 12], *ends[-2:]]
    about = {each for each in range(terminal - 3, terminal + 2) if 0 <= each <= len(stream.body)}
    return {0, *cuts_of(stream, 40 if deep else 12, deep=deep), *ends, *about}


def test_the_events_do_not_depend_on_how_the_bytes_were_split(stream: Stream, deep: bool) -> None:
    whole = what(stream.decode())
    for cut in cuts_of(stream, 12, deep=deep):
        assert what(stream.decode(*stream.pieces(cut))) == whole, cut
    for cuts in stream.random_cuts(6 if deep else 3):
        assert what(stream.decode(*stream.pieces(*cuts))) == whole, cuts
    if len(stream.body) <= 10 * SMALL:
        assert what(stream.decode(*(bytes([byte]) for byte in stream.body))) == whole


def test_a_stream_that_is_cut_is_truncated_and_never_a_success(stream: Stream, deep: bool) -> None:
    whole, terminal = stream.decode(), stream.terminal or len(stream.body) + 1
    ends, has_one_end = set(stream.ends), stream.has_one_end
    for cut in sorted(places_of(stream, deep=deep)):
        outcome = stream.decode(stream.body[:cut])
        said, content = before_the_end(outcome.steps), before_the_end(whole.steps)
        assert said == content[: len(said)], f"cut at {cut}: not what the whole stream begins with"
        if cut in ends and cut >= terminal and has_one_end:
            assert outcome.failure is None, f"cut at {cut}, after the terminal marker"
        elif cut < terminal - 2 and (outcome.failure is None or outcome.failure != whole.failure):
            # 2: nothing but the line ends of the terminal frame may be missing.
            assert outcome.failure is not None, f"cut at {cut}: taken for a success"
            assert outcome.failure.kind is FailureKind.TRUNCATED, f"cut at {cut}"
            assert not any(isinstance(step, e.Finished) for step in outcome.steps), f"cut at {cut}"


def test_a_stream_finishes_exactly_once(stream: Stream) -> None:
    outcome = stream.decode()
    finishes = [step for step in outcome.steps if isinstance(step, e.Finished)]
    assert len(finishes) == (1 if outcome.failure is None else 0)
    starts = [position for position, step in enumerate(outcome.steps) if isinstance(step, e.Started)]
    assert starts == [0], "the answer begins once, first of all"


def test_parts_are_numbered_in_order_of_their_beginning(stream: Stream) -> None:
    order: dict[int, None] = {}
    for step in stream.decode().steps:
        if isinstance(step, e.CONTENT_EVENTS):
            order.setdefault(step.index)
    assert list(order) == list(range(len(order)))


def test_nothing_comes_after_the_end(stream: Stream) -> None:
    whole = stream.decode()
    assert what(stream.decode(heed_finished=False)) == what(whole)
    if whole.finished_at is not None and whole.failure is None:
        again = stream.with_body(stream.body + stream.body)
        assert told(again.decode(heed_finished=False)) == told(whole)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_unknown_fields, id="unknown fields"),
        pytest.param(with_keys(("delta", "message"), "tool_calls", "refusal", "audio", "annotations"), id="nulls"),
        pytest.param(with_keys(("usage",), "prompt_tokens_details", "cache_creation"), id="null counts"),
    ],
)
def test_what_a_later_version_adds_changes_nothing(stream: Stream, change: Change) -> None:
    later = stream.with_body(changed(stream.body, change, lines=stream.lines))
    # Written anew without the change too, because white space within tool-call arguments is kept as it is.
    today = stream.with_body(changed(stream.body, lambda value: value, lines=stream.lines))
    assert without_raw(told(later.decode())) == without_raw(told(today.decode()))


def without_raw(value: Any) -> Any:
    """Without the counts as the provider wrote them, and without fields that are null or hold nothing."""
    if isinstance(value, (list, tuple)):
        return [without_raw(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_raw(item) for key, item in value.items() if key != "raw" and item not in (None, {})}


def test_events_of_no_meaning_change_nothing(stream: Stream) -> None:
    unknown = b'{"type":"brand_new","object":"brand.new"}'
    unnamed = unknown + b"\n" if stream.lines else b"data: " + unknown + b"\n\n"
    named = b"" if stream.lines else b"event: brand_new\n" + unnamed
    # At Azure the first chunk is not yet the beginning of the answer.
    begun = 2 if b'"choices":[]' in stream.frames[0] else 1
    first, rest = stream.frames[:begun], stream.frames[begun:]
    ahead = b"" if stream.lines else unnamed + named
    body = b"".join([ahead, *first, named, SAID_NOTHING[stream.dialect], unnamed, *rest])
    assert without_raw(told(stream.with_body(body).decode())) == without_raw(told(stream.decode()))


def test_line_ends_byte_order_mark_and_comments_change_nothing(stream: Stream) -> None:
    whole = what(stream.decode())
    assert what(stream.with_body(stream.body.replace(b"\n", b"\r\n")).decode()) == whole
    assert what(stream.with_body(b"\xef\xbb\xbf" + stream.body).decode()) == whole
    if stream.lines:
        assert what(stream.with_body(stream.body.replace(b"\n", b"\n\n")).decode()) == whole
        return
    assert what(stream.with_body(stream.body.replace(b"\n", b"\r")).decode()) == whole
    commented = b": ping\n\n" + b": keep-alive\n\n".join(stream.frames)
    assert what(stream.with_body(commented).decode()) == whole
    assert what(stream.with_body(stream.body.replace(b"data: ", b"data:")).decode()) == whole


def finished_with(stream: Stream, word: str) -> GenerationResponse | None:
    """The answer, had it ended with another word; `None` where the stream says none."""
    names = ["finish_reason", "stop_reason", "done_reason", "finishReason"]
    keys = names if stream.dialect != "responses" else ["reason"]
    body = changed(stream.body, with_values(dict.fromkeys(keys, word)), lines=stream.lines)
    outcome, was = stream.with_body(body).decode(), stream.decode().failure
    assert (outcome.failure and outcome.failure.kind) == (was and was.kind)
    return fold(outcome.steps) if f'"{word}"'.encode() in body and was is None else None


def test_an_unknown_finish_reason_is_kept_and_called_unknown(stream: Stream) -> None:
    response = finished_with(stream, "brand_new")
    if response is not None:
        assert (response.finish_reason, response.finish_reason_raw) == (FinishReason.UNKNOWN, "brand_new")


def test_every_finish_reason_is_read_as_documented(stream: Stream) -> None:
    for word, reason in finish_words(stream.dialect).items():
        response = finished_with(stream, word)
        if response is not None:
            # OpenAI (a call that was forced), Ollama and Gemini say `stop` of calls too.
            calls = response.tool_calls and reason == "stop" and stream.dialect in ("openai", "ollama", "gemini")
            assert response.finish_reason == ("tool_calls" if calls else reason), word
            assert response.finish_reason_raw == word


def test_missing_usage_is_unknown_and_not_zero(stream: Stream) -> None:
    keys = ("usage", "x_groq", "prompt_eval_count", "eval_count", "usageMetadata")
    outcome = stream.with_body(changed(stream.body, without_keys(*keys), lines=stream.lines)).decode()
    assert answer_of(fold(outcome.steps)).usage == dict.fromkeys(USAGE_CLASSES)
    assert (outcome.failure is None) == (stream.decode().failure is None)


def test_the_frames_that_are_kept_are_the_stream(stream: Stream) -> None:
    outcome = stream.with_wire().decode()
    wires = [step.wire for step in outcome.steps]
    kept = frames(b"".join(wire for wire in wires if wire), lines=stream.lines)
    if outcome.failure is None:
        last = [b"data: [DONE]\n\n"]
        assert [*kept, *last][: len(stream.frames)] == stream.frames
    else:
        assert kept == stream.frames[: len(kept)]
    assert None not in wires, "each event says which frame it is from, or that it is from the same as the one before"


def test_keeping_frames_changes_no_event(stream: Stream) -> None:
    kept = [step for step in stream.with_wire().decode().steps if not isinstance(step, e.Frame)]
    assert [msgspec.structs.replace(step, wire=None) for step in kept] == stream.decode().steps
