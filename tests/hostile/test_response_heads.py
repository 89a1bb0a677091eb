"""Heads of responses are read all at once; each header means what it means by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.transport.http1.parsing import HeadTooLarge, ResponseParser

NAMES = st.sampled_from(["x-a", "X-A", "x-b", "X-Request-Id", "date"])
VALUES = st.binary(max_size=12).map(lambda value: bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F))
BLANKS = st.sampled_from([b"", b" ", b"\t", b" \t "])


def parsed(head: bytes) -> dict[str, str]:
    parser = ResponseParser(64 << 10)
    parser.expect("GET")
    parser.feed(head)
    assert parser.head is not None
    return dict(parser.head.headers)


@given(st.lists(st.tuples(NAMES, VALUES, BLANKS), max_size=8))
def test_headers_by_name_in_lower_case_the_last_of_each(fields: list[tuple[str, bytes, bytes]]) -> None:
    lines = [name.encode() + b":" + blank + value + blank + b"\r\n" for name, value, blank in fields]
    expected: dict[str, str] = {}
    for name, value, _ in fields:
        expected[name.lower()] = value.strip(b" \t").decode("utf-8", "surrogateescape")
    assert parsed(b"HTTP/1.1 200 OK\r\n" + b"".join(lines) + b"\r\n") == expected


def test_a_head_without_headers() -> None:
    assert parsed(b"HTTP/1.1 200 OK\r\n\r\n") == {}


def test_headers_of_interim_responses_are_not_those_of_the_final_one() -> None:
    assert parsed(b"HTTP/1.1 103 Early Hints\r\nx-a: 1\r\n\r\nHTTP/1.1 200 OK\r\nx-b: 2\r\n\r\n") == {"x-b": "2"}


@pytest.mark.parametrize(("name", "fits"), [("a" * 75, True), ("a" * 76, False)])
def test_the_limit_counts_names_values_and_what_separates_them(name: str, fits: bool) -> None:
    # 2 of "OK", and 4 between and behind each name and value: 2 + (1 + 4 + 4) + (75 + 4 + 10) = 100
    parser = ResponseParser(100)
    parser.expect("GET")
    head = f"HTTP/1.1 200 OK\r\nb: 1234\r\n{name}: 1234567890\r\n\r\n".encode()
    if fits:
        parser.feed(head)
        return
    with pytest.raises(HeadTooLarge):
        parser.feed(head)
