"""Growing arrays and objects in a row: whole objects come out, whatever the pieces; flaws are found, and only they."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.wire.bounds import TooLarge
from understudy.wire.json import BadJson
from understudy.wire.json_values import JsonValuesDecoder

AWKWARD = [
    {"text": 'brackets in words: }{][ "quoted" \\ and \\" so on'},
    {"nested": [{"a": [[], {}]}], "empty": "", "escaped": "\\\\"},
    {"unicode": "é 🌍 \u2028", "number": 1e-3, "none": None},
]

json_objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\{}[], \n', max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


def decoded(*pieces: bytes) -> list[object]:
    decoder = JsonValuesDecoder()
    found = [json.loads(value) for piece in pieces for value in decoder.feed(piece)]
    assert decoder.close() == []
    return found


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("separator", [",", ",\r\n", " , \n", "\n"])
def test_the_elements_of_an_array_come_one_by_one(indent: int | None, separator: str) -> None:
    body = separator.join(json.dumps(value, indent=indent) for value in AWKWARD).encode()
    assert decoded(b"[" + body + b"\n]\n") == AWKWARD
    assert decoded(body) == AWKWARD


@pytest.mark.parametrize("value", AWKWARD)
def test_an_element_comes_as_soon_as_its_last_brace(value: object) -> None:
    decoder = JsonValuesDecoder()
    text = json.dumps(value).encode()
    assert decoder.feed(b"[" + text[:-1]) == []
    assert decoder.close() == [text[:-1]]
    assert decoder.feed(b"}") == [text]


@given(values=st.lists(json_objects, max_size=4), data=st.data())
def test_the_split_does_not_matter(values: list[object], data: st.DataObject) -> None:
    body = json.dumps(values).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    ends = [*cuts, len(body)]
    pieces = [body[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
    assert decoded(*pieces) == values
    assert decoded(*(bytes([byte]) for byte in body)) == values


@pytest.mark.parametrize("body", [b"<html>", b"null", b'"text"', b"[1]", b'[{"a":1} x', b"\xef\xbb\xbf{}"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadJson):
        decoded(body, b" ")


def test_objects_ahead_of_a_flaw_come_first() -> None:
    decoder = JsonValuesDecoder()
    assert decoder.feed(b'[{"a":1}, oops') == [b'{"a":1}']
    with pytest.raises(BadJson):
        decoder.feed(b"")


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_value_over_the_limit_is_refused_wherever_it_is_split(size: int) -> None:
    body = b'[{"a":1},{"b":"' + b"x" * 40 + b'"}]'
    found: list[bytes] = []
    decoder = JsonValuesDecoder(max_value=30)
    with pytest.raises(TooLarge):
        for start in range(0, len(body) + size, size):
            found += decoder.feed(body[start : start + size])
    assert found == [b'{"a":1}']


def test_a_value_at_the_limit_passes() -> None:
    value = b'{"b":"' + b"x" * 22 + b'"}'
    assert JsonValuesDecoder(max_value=len(value)).feed(b"[" + value) == [value]
