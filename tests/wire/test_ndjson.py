"""Newline-delimited JSON: the same lines however the bytes are split, and hard limits."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.wire.reading import Read, read
from understudy.wire.bounds import TooLarge
from understudy.wire.ndjson import NdjsonDecoder
from understudy.wire.sse import Pending, SseEvent

BOM = b"\xef\xbb\xbf"
STREAMS = st.lists(
    st.sampled_from([BOM, b"\n", b"\r\n", b"\r", b" ", b"\t", b'{"a":1}', "ü🌍".encode(), b"x", b"\n\n", b"\xff"]),
    max_size=30,
).map(b"".join)


@settings(deadline=None, max_examples=300)
@given(STREAMS)
def test_reads_every_line_that_is_not_blank(data: bytes) -> None:
    lines = data.removeprefix(BOM).split(b"\n")
    assert [event.data for event in read(NdjsonDecoder(), [data]).values] == [
        line.strip() for line in lines if line.strip()
    ]


@settings(deadline=None, max_examples=300)
@given(STREAMS, st.lists(st.integers(0, 400), max_size=20), st.integers(1, 30))
@example(b"1234\r\n", [5], 4)
@example(BOM + b"1\n" + BOM, [1, 2], 4)
@example(BOM + b"\n\n", [3], 2)
@example(b"1\n12345\n", [2], 4)
def test_the_split_does_not_matter_even_at_the_limit(data: bytes, cuts: list[int], limit: int) -> None:
    def outcome(pieces: list[bytes]) -> Read:
        return read(NdjsonDecoder(max_line=limit), pieces)

    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    whole = outcome([data])
    assert outcome([data[a:b] for a, b in pairwise(edges)]) == whole
    assert outcome([data[i : i + 1] for i in range(len(data))]) == whole


def test_the_last_line_needs_no_end() -> None:
    decoder = NdjsonDecoder()
    assert decoder.feed(b'{"a":1}\n{"b"') == [SseEvent("", b'{"a":1}')]
    assert decoder.feed(b":2}") == []
    assert decoder.close() == [SseEvent("", b'{"b":2}')]
    assert decoder.close() == []


def test_frames_are_kept_on_request_as_they_came() -> None:
    decoder = NdjsonDecoder(keep_frames=True)
    assert decoder.feed(b"\xef\xbb\xbf\n 1 \r\n \n2") == [SseEvent("", b"1", b"\xef\xbb\xbf\n 1 \r\n")]
    assert decoder.close() == [SseEvent("", b"2", b" \n2")]
    decoder.feed(b"3\n\n")
    assert decoder.close() == [SseEvent("", b"", b"\n")]
    assert decoder.close() == []


class TestLimits:
    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
    def test_a_line_may_be_as_long_as_the_limit_and_no_longer(self, end: bytes) -> None:
        assert read(NdjsonDecoder(max_line=4), [b"1234" + end]).error is None
        assert read(NdjsonDecoder(max_line=4), [b"12345" + end]).error is not None

    def test_lines_ahead_of_the_flaw_are_returned_first(self) -> None:
        decoder = NdjsonDecoder(max_line=4)
        assert decoder.feed(b"1\n2\n12345") == [SseEvent("", b"1"), SseEvent("", b"2")]
        with pytest.raises(TooLarge, match="4 bytes"):
            decoder.feed(b"\n3\n")
        with pytest.raises(TooLarge):
            decoder.close()

    def test_single_bytes_cost_linear_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        copied = 0
        take = Pending.take

        def counting(pending: Pending) -> bytes:
            nonlocal copied
            data = take(pending)
            copied += len(data)
            return data

        monkeypatch.setattr(Pending, "take", counting)
        data = (b"x" * 5_000 + b"\r\n") * 5
        read(NdjsonDecoder(), [data[i : i + 1] for i in range(len(data))])
        assert copied <= 2 * len(data)
