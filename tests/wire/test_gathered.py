"""A body is gathered from pieces of any size, and a large one is never held twice."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.wire.bounds import KIB, MIB
from understudy.wire.gathered import Gathered


@given(st.lists(st.integers(0, 300 * KIB), max_size=12), st.lists(st.integers(0, 300 * KIB), max_size=3))
def test_the_whole_is_its_pieces(sizes: list[int], later: list[int]) -> None:
    gathered = Gathered()
    for lengths in (sizes, later):
        pieces = [bytes([65 + place]) * size for place, size in enumerate(lengths)]
        for piece in pieces:
            gathered.add(piece)
        assert gathered.take() == b"".join(pieces)
    assert gathered.take() == b""


def test_one_piece_is_not_copied() -> None:
    gathered, piece = Gathered(), b"x" * (100 * KIB)
    gathered.add(piece)
    assert gathered.take() is piece


@pytest.mark.parametrize("pieces", [100, 1000])
def test_a_large_body_is_not_held_twice(pieces: int) -> None:
    gathered, size = Gathered(), 16 * KIB
    tracemalloc.start()
    try:
        for _ in range(pieces):
            gathered.add(bytes(size))
        whole = gathered.take()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(whole) == pieces * size
    assert peak < pieces * size * 1.25 + 2 * MIB
