"""Server-sent events: the same events however the bytes are split, the standard's line ends, and hard limits."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.wire.reading import Read, read
from understudy.wire.bounds import TooLarge
from understudy.wire.sse import Pending, SseDecoder, SseEvent, frame

BOM = b"\xef\xbb\xbf"
PIECES = st.sampled_from(
    [b"data:", b"data: ", b"data", b"event: ", b"event:", b"id: 1", b": ping", b"\n", b"\r", b"\r\n", b"\n\n", b" ",
     b"x", "ü🌍".encode(), b'{"a":1}', BOM, b"\xef", b"\xbb", b"retry: 1", b"\x00", b"\xff"]
)  # fmt: skip
STREAMS = st.lists(PIECES, max_size=30).map(b"".join)


def events(data: bytes, *pieces: bytes) -> list[SseEvent]:
    found = read(SseDecoder(), [data, *pieces])
    assert found.error is None
    return found.values


def standard(data: bytes) -> list[tuple[str, bytes]]:
    """Read as the standard says, all at once; an event that the end leaves open counts, which is our addition."""
    lines = re.split(rb"\r\n|\r|\n", data.removeprefix(BOM))
    found: list[tuple[str, bytes]] = []
    name, values = "", list[bytes]()
    for line in [*lines, b""]:
        if not line:
            if values:
                found.append((name, b"\n".join(values)))
            name, values = "", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            values.append(value)
        elif field == b"event" and b":" in line:
            name = value.decode("utf-8", "replace").strip()
    return found


@settings(deadline=None, max_examples=300)
@given(STREAMS)
@example(b"data: a\r\n\r\ndata: b\r\rdata: c\n\n")
@example(BOM + b"data: a\n\n")
@example(BOM + BOM + b"data: a\n\n")
@example(b"data: a\n\ndata: b\n\ndata: c\nevent: d")
def test_reads_what_the_standard_says(data: bytes) -> None:
    assert [(event.name, event.data) for event in events(data)] == standard(data)


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@settings(deadline=None, max_examples=300)
@given(STREAMS, st.lists(st.integers(0, 400), max_size=20), st.booleans())
@example(b"data: a\n\ndata: b\n\ndata: c\ndata: d\n\ndata: e\n\n", [23], False)
@example(b"data: a\n\ndata: b\n\ndata: c\ndata: d\n\ndata: e\n\n", [21, 29, 40], False)
@example(b"event: a\ndata: b\n\ndata: c\n\n", [4, 9, 15], False)
def test_the_split_does_not_matter(data: bytes, cuts: list[int], keep_frames: bool) -> None:
    whole = read(SseDecoder(keep_frames=keep_frames), [data])
    assert read(SseDecoder(keep_frames=keep_frames), _cut(data, cuts)) == whole
    singles = [data[i : i + 1] for i in range(len(data))]
    assert read(SseDecoder(keep_frames=keep_frames), singles) == whole


@settings(deadline=None, max_examples=300)
@given(STREAMS, st.lists(st.integers(0, 400), max_size=20), st.integers(3, 24), st.integers(1, 40))
@example(b"data: abcd\r\n\r\n", [11], 10, 100)
@example(b"data: a\n\ndata: abcdefgh\n\n", [9], 10, 100)
@example(b"data: \n\n", [], 8, 1)
def test_the_split_does_not_matter_at_the_limits(data: bytes, cuts: list[int], line: int, event: int) -> None:
    def outcome(pieces: list[bytes]) -> Read:
        return read(SseDecoder(max_line=line, max_event=event), pieces)

    whole = outcome([data])
    assert outcome(_cut(data, cuts)) == whole
    assert outcome([data[i : i + 1] for i in range(len(data))]) == whole


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_line_ends(end: bytes) -> None:
    data = end.join([b"event: one", b"data: a", b"data: b", b"", b": ping", b"", b"data:c", b"", b""])
    assert events(data) == [SseEvent("one", b"a\nb"), SseEvent("", b"c")]


def test_line_ends_may_be_mixed_and_cut_in_the_middle() -> None:
    assert events(b"data: a\r", b"\ndata: b\r", b"\r", b"data: c\n", b"\r\n") == [
        SseEvent("", b"a\nb"),
        SseEvent("", b"c"),
    ]


def test_a_byte_order_mark_counts_only_at_the_start() -> None:
    assert events(b"\xef", b"\xbb", b"\xbfdata: a\n\n", BOM + b"data: b\n\n") == [SseEvent("", b"a")]


def test_an_open_event_is_returned_at_the_end() -> None:
    assert events(b"data: a\n\ndata: b") == [SseEvent("", b"a"), SseEvent("", b"b")]
    assert events(b"data: a\r") == [SseEvent("", b"a")]
    assert events(b"event: lonely") == []


def test_a_name_without_data_belongs_to_no_event() -> None:
    assert events(b"event: a\n\ndata: b\n\n") == [SseEvent("", b"b")]


def test_frames_hold_every_byte_of_their_event_and_of_what_is_ahead_of_it() -> None:
    pieces = [b": ping\n\nevent: e\nid: 7\ndata: a\n\n", b"data: b\r\n\r\n", b"\n: end\n\n"]
    found = read(SseDecoder(keep_frames=True), [b"".join(pieces)]).values
    assert [event.frame for event in found] == pieces
    assert found[-1] == SseEvent("", b"", pieces[-1])


@settings(deadline=None, max_examples=300)
@given(STREAMS, st.lists(st.integers(0, 400), max_size=20))
@example(b"data: a\n\ndata: b\n\ndata: c\n\n", [9])
@example(BOM + b"\n\ndata: a\r\n\r\n\r", [])
def test_the_frames_together_are_the_stream(data: bytes, cuts: list[int]) -> None:
    found = read(SseDecoder(keep_frames=True), _cut(data, cuts)).values
    assert b"".join(event.frame for event in found) == data
    bare = [(event.name, event.data, event.id) for event in events(data)]
    assert [(event.name, event.data, event.id) for event in found][: len(bare)] == bare
    assert [event.data for event in found[len(bare) :]] in ([], [b""])


def test_endless_comments_are_too_large() -> None:
    blank = SseDecoder(keep_frames=True, max_event=100)
    with pytest.raises(TooLarge, match="100 bytes, with"):
        for _ in range(101):
            blank.feed(b"\n")
    decoder = SseDecoder(keep_frames=True, max_event=100)
    with pytest.raises(TooLarge, match="100 bytes, or"):
        for _ in range(30):
            decoder.feed(b": ping\n\n")


def test_what_is_written_is_read_back() -> None:
    assert events(frame(b'{"a":1}') + frame(b"{}", "done")) == [SseEvent("", b'{"a":1}'), SseEvent("done", b"{}")]


class TestLimits:
    @pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n", b"\n\n"])
    def test_a_line_may_be_as_long_as_the_limit_and_no_longer(self, end: bytes) -> None:
        assert read(SseDecoder(max_line=10), [b"data: abcd" + end]).error is None
        assert read(SseDecoder(max_line=10), [b"data: abcde" + end]).error is not None

    def test_a_line_without_end_is_cut_off_as_it_grows(self) -> None:
        decoder = SseDecoder(max_line=10)
        decoder.feed(b"data: abcd")
        with pytest.raises(TooLarge, match="10 bytes"):
            decoder.feed(b"e")

    def test_many_lines_make_a_large_event(self) -> None:
        decoder = SseDecoder(max_event=30)
        decoder.feed(b"data: 4567\n" * 3)
        with pytest.raises(TooLarge, match="30 bytes"):
            decoder.feed(b"data: x\n")

    def test_comments_count_so_that_no_flood_of_them_gathers(self) -> None:
        assert read(SseDecoder(max_event=30), [b": ping\n"] * 6).error is not None
        assert read(SseDecoder(max_event=30), [b": ping\n\n"] * 60).error is None

    def test_events_ahead_of_the_flaw_are_returned_first(self) -> None:
        decoder = SseDecoder(max_line=10)
        assert decoder.feed(b"data: a\n\ndata: abcde") == [SseEvent("", b"a")]
        for _ in range(2):
            with pytest.raises(TooLarge):
                decoder.feed(b"data: b\n\n")
        with pytest.raises(TooLarge):
            decoder.close()

    @pytest.mark.parametrize("line", [b"data: " + b"x" * 20_000 + b"\n\n", b"data: x\r\n\r\n" * 2_000])
    def test_single_bytes_cost_linear_work(self, line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a call copies is its own bytes and those it takes back from the begun line: count them."""
        copied = 0
        take = Pending.take

        def counting(pending: Pending) -> bytes:
            nonlocal copied
            data = take(pending)
            copied += len(data)
            return data

        monkeypatch.setattr(Pending, "take", counting)
        read(SseDecoder(), [line[i : i + 1] for i in range(len(line))])
        assert copied <= 2 * len(line)


def test_bare_data_is_an_event_of_its_own_when_asked_for() -> None:
    body = b'data: {"n": 1}\n\n{\n  "error": {\n    "code": 503\n  }\n}\n\n: ping\nid: 7\nretry: 3\n\n'
    events = SseDecoder(bare_data=True).feed(body)
    assert [event.data for event in events] == [b'{"n": 1}', b'{\n  "error": {\n    "code": 503\n  }\n}']
    assert [event.data for event in SseDecoder().feed(body)] == [b'{"n": 1}']
