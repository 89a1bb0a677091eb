from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.batch.material import chat
from understudy.cli.batch.lines import BadLine, is_own, parse_line
from understudy.domain.operation import Operation

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def encoded(**fields: object) -> bytes:
    return msgspec.json.encode({**chat("a"), **fields})


@pytest.mark.parametrize(
    ("url", "dialect", "operation"),
    [
        ("/v1/chat/completions", "openai", Operation.CHAT),
        ("/chat/completions", "openai", Operation.CHAT),
        ("/v1/responses", "responses", Operation.CHAT),
        ("/v1/embeddings", "openai", Operation.EMBED),
    ],
)
def test_the_url_says_what_is_asked(url: str, dialect: str, operation: Operation) -> None:
    assert parse_line(encoded(url=url)).route == (dialect, operation)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{broken", "JSON is malformed|truncated"),
        (b"[1]", "must be a JSON object with custom_id"),
        (b'{"custom_id": 5, "url": "/v1/embeddings", "body": {}}', r"\$\.custom_id"),
        (encoded(custom_id=None), "custom_id is missing"),
        (encoded(custom_id=""), "custom_id is missing"),
        (encoded(method="GET"), "method must be POST, got 'GET'"),
        (encoded(url=None), "url is missing: write /v1/chat/completions, /v1/responses, /v1/embeddings"),
        (encoded(url="/v1/moderations"), "url '/v1/moderations' is not supported"),
        (encoded(url="/v1/responses/input_tokens"), "is not supported"),
        (encoded(body=None), "body must be the JSON object"),
        (encoded(body=[1]), "body must be the JSON object"),
        (b'{"custom_id": "a", "url": "/v1/embeddings"}', "body must be the JSON object"),
        (b'{"custom_id": "a", "url": "/v1/embeddings", "body": {"x": ' + b"[" * 99 + b"]" * 99 + b"}}", "nested"),
        (b"\xff", "each line must be a JSON object"),
    ],
)
def test_a_line_that_cannot_be_sent_says_why(data: bytes, words: str) -> None:
    with pytest.raises(BadLine, match=words):
        parse_line(data)


def test_the_method_may_be_left_out_and_a_byte_order_mark_stand_in_front() -> None:
    line = parse_line(b'\xef\xbb\xbf{"custom_id":"a","url":"/v1/embeddings","body":{ "input" : "x" }}\r\n')
    assert (line.custom_id, line.body) == ("a", b'{ "input" : "x" }')


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_the_id_depends_on_what_is_asked_and_not_on_how_it_is_written(body: dict[str, object]) -> None:
    line = parse_line(encoded(body=body))
    indented = msgspec.json.format(encoded(body=dict(reversed(body.items()))), indent=2)
    assert parse_line(indented).id == line.id
    assert is_own(line.id)
    assert 0 <= line.mark < 2**64
    assert parse_line(encoded(body={**body, "another": 1})).id != line.id
    assert parse_line(encoded(body=body, custom_id="b")).id != line.id
    assert parse_line(encoded(body=body, url="/v1/embeddings")).id != line.id
    assert parse_line(encoded(body=body, url="/chat/completions")).id == line.id


@pytest.mark.parametrize("other", ["batch_req_403hYy7nMxrxXFWXiwvoLG1q", "batch_req_6734ab", "", "request-1"])
def test_ids_of_other_makers_tell_nothing(other: str) -> None:
    assert not is_own(other)
