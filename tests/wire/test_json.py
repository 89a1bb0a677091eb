"""JSON from the network: everything that is not the JSON that was expected is `BadJson`."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.wire.json import BadJson, decode, decode_as, decode_object, encode, text_of


class Wire(msgspec.Struct):
    name: str = ""
    raw: msgspec.Raw = msgspec.Raw(b"null")


WIRE = msgspec.json.Decoder(Wire)

BROKEN = [
    b"",
    b"{",
    b"<html>",
    b'{"a": NaN}',
    b'{"a": 1} extra',
    b'"\xff"',
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbf\xef\xbb\xbf{}",
    b" \xef\xbb\xbf{}",
    b'{"a":' * 100_000,
    b"[" * 100_000,
    b"[" * 5_000 + b"]" * 5_000,
    b'"\\ud800"',
]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_broken_text(data: bytes) -> None:
    for read in (decode, decode_object, lambda text: decode_as(WIRE, text)):
        with pytest.raises(BadJson):
            read(data)


def test_a_byte_order_mark_ahead_of_a_value_is_passed_over() -> None:
    marked = b'\xef\xbb\xbf{"name": "a"}'
    assert decode(marked) == decode_object(marked) == decode(marked.decode()) == {"name": "a"}
    assert decode_as(WIRE, marked).name == "a"
    with pytest.raises(BadJson, match="name"):
        decode_as(WIRE, b'\xef\xbb\xbf{"name": 3}')


NESTED = [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")]


@pytest.mark.parametrize(("opening", "closing"), NESTED)
@pytest.mark.parametrize("kind", [bytes, str])
def test_nesting_is_bounded_alike_on_every_python(opening: str, closing: str, kind: type) -> None:
    levels = opening.count("[") + opening.count("{")

    def nested(times: int) -> bytes | str:
        text = opening * times + "1" + closing * times
        return text if kind is str else text.encode()

    decode(nested(64 // levels))
    with pytest.raises(BadJson, match="64 levels"):
        decode(nested(64 // levels + 1))


def test_many_brackets_that_are_not_nested_are_no_depth() -> None:
    wide = [{"text": '[[{"\\\\" ' * 5, "numbers": [1.5, 2.5], "\\": ['"]']}] * 300
    assert decode(encode(wide)) == wide
    assert decode(encode(wide).decode()) == wide


def test_a_number_of_too_many_digits_is_no_crash() -> None:
    try:
        value = decode(b"1" * 5_000)
    except BadJson:
        return
    assert isinstance(value, int | float)


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"x"', b"true"])
def test_an_object_is_an_object(data: bytes) -> None:
    assert decode(data) is not Ellipsis
    with pytest.raises(BadJson, match="expected a JSON object"):
        decode_object(data)


def test_a_value_of_the_wrong_type() -> None:
    with pytest.raises(BadJson, match="name"):
        decode_as(WIRE, b'{"name": 3}')


def test_unknown_fields_are_ignored_and_the_last_of_two_equal_keys_counts() -> None:
    assert decode_as(WIRE, b'{"name": "a", "other": [1], "name": "b"}').name == "b"


def test_what_is_kept_raw_is_checked_when_its_text_is_asked_for() -> None:
    assert text_of(decode_as(WIRE, '{"raw": {"a":  "ü"}}'.encode()).raw) == '{"a":  "ü"}'
    with pytest.raises(BadJson):
        text_of(decode_as(WIRE, b'{"raw": "\xff"}').raw)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_what_is_written_is_read_back_and_holds_no_line_end(value: object) -> None:
    written = encode(value)
    assert decode(written) == value
    assert b"\n" not in written
    assert b"\r" not in written


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for read in (decode, decode_object, lambda text: decode_as(WIRE, text)):
        with contextlib.suppress(BadJson):
            read(data)
