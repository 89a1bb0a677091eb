"""Events of a stream that arrive twice, are missing or out of order: no text is doubled or lost and passes for right.

Where the wire numbers its events, those that arrive twice are dropped. Elsewhere the answer carries a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.contract.driving import Outcome
from tests.contract.framing import payload, with_payload
from tests.contract.streams import Stream
from tests.dialects.replicate.test_exchange import prediction, streaming
from tests.dialects.responses.sdk import (
    KEEPING,
    SSE,
    begun,
    completed,
    frames,
    message,
    read,
    response,
    say,
    text,
)
from understudy.dialects.base import Endpoint
from understudy.domain.failures import FailureKind
from understudy.domain.fold import fold

WHATS = ("stream", "finish_reason")


def warned(outcome: Outcome) -> list[str]:
    return [warning.why for warning in fold(outcome.steps).warnings if warning.what in WHATS]


def doubled(stream: Stream) -> Stream:
    return stream.with_body(b"".join(frame + frame for frame in stream.frames))


def times_of(stream: Stream) -> set[bytes]:
    """Return the times, to the microsecond, of all lines but the last."""
    return set(re.findall(rb'"created_at": ?"([^"]*\.\d{6}[^"]*)"', b"".join(stream.frames[:-1])))


def test_no_recorded_stream_is_suspected(stream: Stream) -> None:
    """Equal words that follow each other are among them."""
    assert not [why for why in warned(stream.decode()) if "continued after" not in why]


def test_a_stream_of_which_each_event_arrives_twice_is_never_taken_for_right(stream: Stream) -> None:
    whole, twice = stream.decode(), doubled(stream).decode()
    if whole.failure is not None:
        assert twice.failure is not None
    elif stream.dialect == "responses":
        assert fold(twice.steps) == fold(whole.steps)
        assert not warned(twice)
    elif stream.lines and len(times_of(stream)) < 2:
        assert not warned(twice), "equal times name no line"
    elif twice.failure is None:
        assert any("arrived twice" in why for why in warned(twice))


def test_the_warning_does_not_depend_on_how_the_bytes_were_split(stream: Stream) -> None:
    twice = doubled(stream)
    whole = twice.decode()
    for cuts in twice.random_cuts(3):
        split = twice.decode(*twice.pieces(*cuts))
        assert (split.steps, split.failure) == (whole.steps, whole.failure)


# ---- the Responses API, which numbers its events ----

WORDS = ("The", " sky", " is", " is", " blue", ".")
TEXT = "".join(WORDS)


def events() -> list[bytes]:
    final = response(message("msg_1", text(TEXT)))
    return frames(*begun(), *say(0, "msg_1", *WORDS), completed(final))


def deltas(found: list[bytes]) -> list[int]:
    return [at for at, frame in enumerate(found) if b"output_text.delta" in frame]


def text_of(outcome: Outcome) -> str:
    assert outcome.failure is None, outcome.failure
    return fold(outcome.steps).text


def renumbered(found: list[bytes], number: Callable[[int, Any], int | None]) -> list[bytes]:
    values = [payload(frame) for frame in found]
    for at, value in enumerate(values):
        value["sequence_number"] = number(at, value)
    return [with_payload(frame, value) for frame, value in zip(found, values, strict=True)]


def test_what_is_sent_again_after_a_reconnection_is_dropped() -> None:
    found = events()
    for seed in range(30):
        rng = Random(seed)
        at = rng.randrange(1, len(found))
        again = found[max(0, at - rng.randrange(1, 5)) : at]
        outcome = read(b"".join([*found[:at], *again, *found[at:]]))
        assert text_of(outcome) == TEXT
        assert not warned(outcome)


def test_what_is_dropped_is_not_forwarded_either() -> None:
    found = events()
    once = read(b"".join(found), endpoint=KEEPING)
    twice = read(b"".join(frame + frame for frame in found), endpoint=KEEPING)
    assert twice.steps == once.steps
    assert b"".join(step.wire or b"" for step in once.steps) == b"".join(found)


@pytest.mark.parametrize("which", range(len(WORDS)))
def test_an_answer_of_which_a_piece_is_missing_is_truncated(which: int) -> None:
    found = events()
    del found[deltas(found)[which]]
    failure = read(b"".join(found)).failure
    assert failure is not None
    assert failure.kind is FailureKind.TRUNCATED
    assert failure.message == "events of the stream are missing or out of order"


def test_pieces_in_another_order_are_truncated() -> None:
    found = events()
    one, two = deltas(found)[1:3]
    found[one], found[two] = found[two], found[one]
    failure = read(b"".join(found)).failure
    assert failure is not None
    assert failure.kind is FailureKind.TRUNCATED


def test_a_gap_that_cost_nothing_is_a_warning() -> None:
    """As behind a gateway that leaves events out: https://github.com/ENTERPILOT/GoModel/pull/953"""
    found = [frame for frame in events() if b"content_part" not in frame and b"in_progress" not in frame]
    outcome = read(b"".join(found))
    assert text_of(outcome) == TEXT
    assert len(warned(outcome)) == 1
    assert "gaps" in warned(outcome)[0]


@pytest.mark.parametrize(
    "number",
    [
        lambda at, value: 0,
        lambda at, value: None,
        lambda at, value: at + 1,
        lambda at, value: at + 700,
        lambda at, value: 0 if "delta" in value else at,
        lambda at, value: "7",
        lambda at, value: True,
    ],
    ids=["all 0", "none", "from 1", "from 700", "0 in some", "a string", "a flag"],
)
def test_no_text_is_lost_to_numbers_that_mean_nothing(number: Callable[[int, Any], int | None]) -> None:
    """LiteLLM writes 0 into some events: https://github.com/BerriAI/litellm/pull/28899"""
    outcome = read(b"".join(renumbered(events(), number)))
    assert text_of(outcome) == TEXT


# ---- what else shows it ----


def anthropic(*found: dict[str, Any]) -> Outcome:
    body = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in found)
    endpoint = Endpoint(provider="anthropic", base_url="https://api.anthropic.com", model="claude-opus-5-1")
    stream = Stream(name="written", dialect="anthropic", endpoint=endpoint, body=body.encode(), head=SSE)
    return stream.decode()


def block(index: int, words: str) -> list[dict[str, Any]]:
    begins = {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
    grows = {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": words}}
    return [begins, grows, {"type": "content_block_stop", "index": index}]


BEGINS = {"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "content": [], "model": "m"}}
ENDS: list[dict[str, Any]] = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]


def test_a_message_that_begins_twice_is_reported() -> None:
    outcome = anthropic(BEGINS, *block(0, "Hi"), BEGINS, *block(1, " there"), *ENDS)
    assert fold(outcome.steps).text == "Hi there"
    assert [why for why in warned(outcome) if "arrived twice" in why]


@pytest.mark.parametrize(("indexes", "is_reported"), [((0, 1), False), ((0, 2), True), ((1, 2), True), ((0, 0), False)])
def test_a_content_block_that_is_left_out_is_reported(indexes: tuple[int, int], is_reported: bool) -> None:
    """Servers of other makes give every block the index 0; that is not a gap."""
    one, two = indexes
    outcome = anthropic(BEGINS, *block(one, "Hi"), *block(two, " there"), *ENDS)
    assert fold(outcome.steps).text == "Hi there"
    assert any("left out a part" in why for why in warned(outcome)) is is_reported


def openai(*choices: dict[str, Any]) -> Outcome:
    chunks = ({"id": "1", "model": "m", "choices": [{"index": 0, "delta": {}, **choice}]} for choice in choices)
    body = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
    endpoint = Endpoint(provider="openai", base_url="https://api.openai.com/v1", model="m")
    return Stream(name="written", dialect="openai", endpoint=endpoint, body=body, head=SSE).decode()


HI = {"delta": {"content": "Hi"}}


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (["stop"], None),
        (["stop", "stop"], "arrived twice"),
        (["stop", "length"], "several finish reasons"),
    ],
)
def test_a_second_finish_is_reported(reasons: list[str], words: str | None) -> None:
    outcome = openai(HI, HI, *({"finish_reason": reason} for reason in reasons))
    found = fold(outcome.steps)
    assert (found.text, found.finish_reason_raw) == ("HiHi", reasons[-1])
    assert [words in why for why in warned(outcome) if words] == ([True] if words else [])


def test_what_follows_the_end_mark_is_dropped() -> None:
    outcome = anthropic(BEGINS, *block(0, "Hi"), *ENDS, *block(1, " there"), *ENDS)
    assert fold(outcome.steps).text == "Hi"


def test_events_of_a_prediction_that_are_sent_again_are_dropped() -> None:
    """Replicate numbers them by `id`: https://replicate.com/docs/topics/predictions/streaming"""
    words = enumerate([b"a", b"b", b"b"])
    found = [b"event: output\nid: 1700000000:%d\ndata: %b\n\n" % (number, word) for number, word in words]
    again = [found[0], found[1], found[0], found[1], found[2], found[2], b"event: done\nid: 1700000001:0\ndata: {}\n\n"]
    for endpoint in ({}, {"keep_wire": True}):
        talk = streaming(**endpoint).stream(b"".join(again))
        talk.answer(prediction("succeeded", output=["a", "b", "b"]))
        assert talk.text == "abb"
        frames_kept = b"".join(step.wire or b"" for step in talk.steps)
        assert frames_kept == (b"".join([*found, again[-1]]) if endpoint else b"")
