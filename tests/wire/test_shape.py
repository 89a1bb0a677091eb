"""The shape of JSON text is judged as its decoded value would be, in time that grows with its length alone."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.wire.bounds import MIB, Bounds
from understudy.wire.json import BadJson, JsonTooLarge, decode, decode_as
from understudy.wire.shape import COUNTED, LARGE, BadShape, check_shape
from understudy.wire.slices import decode_slices


class Rows(msgspec.Struct):
    rows: list[list[float] | str]


ROWS = msgspec.json.Decoder(Rows)


def depth(value: Any) -> int:
    """How deep a value nests, by its definition."""
    match value:
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
        case list():
            return 1 + max(map(depth, value), default=0)
    return 0


TEXT = st.text(alphabet='\\"[]{},ab\n', max_size=12)
TREES = st.recursive(
    TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=30
)


@given(TREES, st.integers(0, 70), st.integers(0, 3))
def test_depth_is_that_of_the_value_however_its_strings_look(tree: Any, around: int, padding: int) -> None:
    inner = msgspec.json.encode(tree)
    data = b"[" * around + inner + b"]" * around
    data += b" " * (65536 * padding)  # more than one window
    try:
        check_shape(data)
    except BadShape:
        assert depth(tree) + around > 64
    else:
        assert depth(tree) + around <= 64


@given(TREES, st.integers(0, 70), st.sampled_from((0, COUNTED - 200, COUNTED, 4 * COUNTED, LARGE - 300, LARGE)))
def test_text_of_each_length_is_refused_for_its_depth_alone(tree: Any, around: int, filling: int) -> None:
    inner = msgspec.json.encode([tree, "x" * filling])
    data = b"[" * around + inner + b"]" * around
    if depth(tree) + around + 1 <= 64:
        assert decode(data) == msgspec.json.decode(data)
    else:
        with pytest.raises(JsonTooLarge, match="64 levels"):
            decode(data)


@pytest.mark.parametrize("offset", range(8))
def test_strings_and_escapes_are_followed_over_the_edges_of_windows(offset: int) -> None:
    quoted = msgspec.json.encode('\\"[[[{{{' * 20_000)
    data = b'[" %b",%b,%b]' % (b"x" * offset, quoted, b"[" * 62 + b"]" * 62)
    check_shape(data)
    with pytest.raises(BadShape, match="64 levels"):
        check_shape(data.replace(b"[" * 62 + b"]" * 62, b"[" * 64 + b"]" * 64))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 16 * MIB,
        b"[[]" * (5 * MIB),
        (b"[" * 60 + b"]" * 60) * 100_000,
        b"[" + b"[]," * (5 * MIB) + b"1]",
        b'["' + b'\\"' * (8 * MIB) + b'"]',
        b'["' + b"{}[]," * (3 * MIB) + b'"]',
    ],
    ids=["brackets", "pairs after brackets", "pairs of 60", "empty arrays", "escaped quotes", "brackets in a string"],
)
def test_hostile_text_costs_no_more_than_its_length(data: bytes) -> None:
    start = time.process_time()
    with contextlib.suppress(BadShape):
        check_shape(data)
    assert time.process_time() - start < 1.0  # 16 MB of brackets took ten seconds in 64 passes


def test_values_are_weighed_only_where_they_are_values() -> None:
    words = b'["' + b"{}[]," * MIB + b'"]'
    assert decode(words) == [("{}[]," * MIB)]
    with pytest.raises(JsonTooLarge, match="36 MiB of memory"):
        decode(b"[" + b"{}," * MIB + b"1]")


@pytest.mark.parametrize(
    "value",
    [
        {"rows": [[n / 7 for n in range(2000)] for _ in range(40)]},
        {"rows": ["x" * 200_000, "y", [], [1.5]] * 3},
        {"rows": [list(range(200_000))]},
    ],
)
def test_slices_give_what_one_call_of_the_decoder_gives(value: dict[str, Any]) -> None:
    data = b" " + msgspec.json.encode(value)
    assert len(data) > LARGE
    assert decode_slices(data) == msgspec.json.decode(data)
    assert decode_as(ROWS, data, sliced=True) == ROWS.decode(data)


@pytest.mark.parametrize("tail", [b"", b"]]", b",]", b",,1]", b" ] x", b"x]", b",1"])
def test_a_flaw_is_found_in_slices_too(tail: bytes) -> None:
    data = b"[" + b",".join([b"1.25"] * 300_000) + tail
    with pytest.raises(BadJson):
        decode(data)


def test_numbers_beyond_what_can_be_read_are_no_crash_and_no_stall() -> None:
    start = time.process_time()
    for number in (b"1" * 4_000_000, b"1" * 4301, b"-1e400", b"1e400", b"NaN", b"-Infinity", b"1e" + b"9" * 4_000_000):
        with pytest.raises(BadJson):
            decode(b'{"n":%b}' % number)
    assert decode(b'{"n":%b}' % (b"1" * 4300)) == {"n": int("1" * 4300)}
    assert str(decode(b"-0.0")) == "-0.0"
    assert time.process_time() - start < 1.0


def test_what_an_answer_may_have_follows_from_its_tokens_and_is_never_less_than_a_picture() -> None:
    bounds = Bounds()
    for streamed, most in itertools.product((False, True), (0, -5, 1, 100, 4096, 1_000_000, None)):
        assert 16 * MIB <= bounds.answer(most, streamed=streamed) <= (bounds.stream if streamed else bounds.body)
    assert bounds.answer(100, streamed=True) < 17 * MIB
    assert bounds.answer(8192, streamed=True) == 80 * MIB
    assert bounds.embeddings(1) < 2 * MIB
    assert bounds.embeddings(0) == bounds.embeddings(10_000) == bounds.vectors
    assert bounds.numbers(1024) >= 1024 * 3072 * 56, "the largest request of OpenAI's largest model"
