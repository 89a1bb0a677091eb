"""Compressed bodies: whatever the coding and the split, the same bytes; and never more of them than may be."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.wire.bounds import BOUNDS, Bounds, TooLarge
from understudy.wire.inflate import PIECE, BadCoding, Inflater, coding_of


def raw(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "two members of gzip": ("gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:])),
    "deflate in zlib's format": ("deflate", zlib.compress),
    "deflate alone": ("deflate", raw),
}


def inflated(coding: str, pieces: list[bytes], bounds: Bounds = BOUNDS) -> tuple[bytes, bool]:
    inflater = Inflater(coding, bounds)
    found = [out for piece in pieces for out in inflater.feed(piece)]
    assert all(0 < len(piece) <= PIECE for piece in found)
    return b"".join(found), inflater.close()


@pytest.mark.parametrize("name", CODINGS)
@given(st.binary(max_size=200) | st.binary(min_size=1, max_size=9).map(lambda piece: piece * 20_000), st.data())
def test_no_split_changes_what_comes_out(name: str, data: bytes, draw: st.DataObject) -> None:
    coding, compress = CODINGS[name]
    packed = compress(data)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(packed)), max_size=6)))
    pieces = [packed[a:b] for a, b in zip([0, *cuts], [*cuts, len(packed)], strict=True)]
    wide = Bounds(ratio=10**9)
    assert inflated(coding, pieces, wide) == (data, True)
    assert inflated(coding, [packed[at : at + 1] for at in range(len(packed))], wide) == (data, True)


@pytest.mark.parametrize("name", CODINGS)
def test_what_is_cut_is_not_complete(name: str) -> None:
    coding, compress = CODINGS[name]
    packed = compress(random.Random(1).randbytes(500))
    whole = [end for end in range(1, len(packed)) if inflated(coding, [packed[:end]])[1]]
    first = len(gzip.compress(random.Random(1).randbytes(500)[:7])) if "members" in name else None
    assert whole == ([first] if first else [])


def test_nothing_at_all_is_complete() -> None:
    assert inflated("gzip", []) == inflated("deflate", []) == (b"", True)


@pytest.mark.parametrize("name", CODINGS)
def test_what_grows_a_hundredfold_is_refused_before_it_is_there(name: str) -> None:
    coding, compress = CODINGS[name]
    packed = compress(b"a" * 50_000_000)
    inflater, size = Inflater(coding, Bounds()), 0
    with pytest.raises(TooLarge, match="100 times"):
        for piece in inflater.feed(packed):
            size += len(piece)
    assert size <= max(1 << 20, 100 * len(packed))


def test_a_short_text_that_repeats_itself_is_no_bomb() -> None:
    text = b"ha" * 400_000
    assert inflated("gzip", [gzip.compress(text)]) == (text, True)


def test_what_is_not_of_its_coding_is_refused() -> None:
    packed = gzip.compress(b"x" * 99)
    for flaw in (b"plain text", packed[:-8] + b"\0" * 8, packed + b"tail"):
        with pytest.raises(BadCoding):
            inflated("gzip", [flaw])
    with pytest.raises(BadCoding):
        inflated("deflate", [zlib.compress(b"x" * 99)[:-4] + b"\0\0\0\0"])


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None),
        ("identity", None),
        ("GZIP", "gzip"),
        (" x-gzip ", "gzip"),
        ("deflate", "deflate"),
        ("identity, gzip", "gzip"),
    ],
)
def test_codings_that_are_read(header: str, coding: str | None) -> None:
    assert coding_of(header) == coding


@pytest.mark.parametrize("header", ["br", "zstd", "compress", "gzip, gzip", "deflate, gzip", "x" * 5000])
def test_codings_that_are_not_name_themselves(header: str) -> None:
    with pytest.raises(BadCoding) as caught:
        coding_of(header)
    assert header[:50] in str(caught.value)
    assert len(str(caught.value)) < 200
