"""Secrets in streamed bodies, addresses and JSON fields; and what only looks like a secret and must stay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.domain.secret import SecretHeader
from understudy.testing.cassette import Body, RecordedCall, body_of, pieces_of
from understudy.testing.comparing import differences, explained, nearest, same
from understudy.testing.scrubbing import REQUEST_HEADERS, RESPONSE_HEADERS, Scrubber
from understudy.testing.streamed_text import scrub_lines

SECRET = "sk-canary-9f8e7d6c5b4a32100123"


def frames(*pieces: str) -> list[str]:
    return [
        line
        for piece in pieces
        for line in (f"data: {json.dumps({'id': 'x', 'choices': [{'delta': {'content': piece}}]})}", "")
    ]


def content(lines: list[str]) -> str:
    objects = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    return "".join(each["choices"][0]["delta"]["content"] for each in objects)


@pytest.mark.parametrize("size", [1, 3, 4, 7, 30])
def test_a_secret_in_pieces_of_a_stream(size: int) -> None:
    text = f"Your key is {SECRET}, keep it."
    lines = frames(*(text[at : at + size] for at in range(0, len(text), size)))
    cleaned = scrub_lines(lines, Scrubber([SECRET]))
    assert content(cleaned) == "Your key is [key], keep it."
    assert len(cleaned) == len(lines)
    ndjson = [json.dumps({"message": {"content": text[at : at + size]}}) for at in range(0, len(text), size)]
    found = [json.loads(line) for line in scrub_lines(ndjson, Scrubber([SECRET]))]
    assert "".join(each["message"]["content"] for each in found) == "Your key is [key], keep it."


def test_a_stream_without_secrets_stays_byte_for_byte() -> None:
    lines = ["event: x", *frames("one", " two"), ": a comment", 'data:{"a" :  1.50}', "data: [DONE]", "", "no json {"]
    assert scrub_lines(lines, Scrubber([SECRET])) == lines


def test_secrets_are_learned_from_names() -> None:
    scrubber = Scrubber()
    scrubber.learn(
        (
            ("X-My-Auth", SecretHeader("Bearer custom-secret-1")),
            ("x-api-key", "named-secret-2"),
            ("accept", "text/plain"),
        )
    )
    scrubber.learn(
        {"set-cookie": "a=cookie-secret-3; Path=/"},
        "https://user-name-4:pass-word-5@x.test/?token=query-secret-6&q=plain-query",
    )
    scrubber.learn_body(
        {"tools": [{"headers": {"Authorization": "Basic body-secret-7"}}], "client_secret": "body-secret-8"}
    )
    found = "custom-secret-1 named-secret-2 cookie-secret-3 user-name-4"
    assert scrubber.text(found) == "[key] [key] [key] [key]"
    assert scrubber.text("pass-word-5 query-secret-6 body-secret-7 body-secret-8") == "[key] [key] [key] [key]"
    assert scrubber.text("text/plain plain-query Bearer Basic") == "text/plain plain-query Bearer Basic"
    assert scrubber.url("https://u:p@x.test/a%20b?token=t1&q=a%20b") == "https://x.test/a%20b?token=[key]&q=a%20b"


HARMLESS: list[Any] = [
    {"max_tokens": 5, "logprobs": [{"token": "authorization"}], "signature": "c2lnbmF0dXJlIG9mIHRoaW5raW5n"},
    {"thoughtSignature": "c2lnbmF0dXJlIG9mIHRoaW5raW5n", "encrypted_content": "gAAAAABl"},
    {"type": "object", "properties": {"api_key": {"type": "string"}, "password": {"type": "string"}}},
    {"id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "system_fingerprint": "fp_44709d6fcb", "user": "user-1"},
    {"content": "The organisation scikit-learn uses sk-learn; task-oriented, risk-averse."},
]


@pytest.mark.parametrize("value", HARMLESS, ids=lambda value: next(iter(value)))
def test_what_is_not_a_secret_stays(value: Any) -> None:
    scrubber = Scrubber([SECRET])
    scrubber.learn_body(value)
    assert scrubber.value(value) == value


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-" + "aB3" * 20,
        "sk-ant-api03-" + "aB3" * 20,
        "gsk_" + "aB3" * 12,
        "hf_" + "aB3" * 12,
        "r8_" + "aB3" * 12,
        "AIza" + "aB3-" * 9,
        "AKIA" + "ABCD1234" * 2,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        "org-" + "aB3" * 8,
    ],
)
def test_well_known_keys_are_recognised_by_their_form(key: str) -> None:
    assert Scrubber().value({"text": f"a {key}, b"}) == {"text": "a [key], b"}


def test_only_harmless_headers_are_kept() -> None:
    scrubber = Scrubber([SECRET])
    sent = (("Content-Type", "application/json"), ("authorization", f"Bearer {SECRET}"), ("openai-organization", "o"))
    assert scrubber.headers(sent, REQUEST_HEADERS) == {"content-type": "application/json"}
    got = {
        "retry-after": "7",
        "x-request-id": f"r-{SECRET}",
        "set-cookie": "a=b",
        "openai-organization": "o",
        "cf-ray": "1",
    }
    assert scrubber.headers(got, RESPONSE_HEADERS) == {"retry-after": "7", "x-request-id": "r-[key]"}


@pytest.mark.parametrize(
    ("data", "pieces"),
    [
        (b"data: 1\n\ndata: 2\n\n", [b"data: 1\n\n", b"data: 2\n\n"]),
        (b"event: a\r\ndata: 1\r\n\r\ndata: 2", [b"event: a\r\ndata: 1\r\n\r\n", b"data: 2"]),
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}\n', b'{"b":2}\n']),
        (b'{"a":1}', [b'{"a":1}']),
        (b"", []),
    ],
)
def test_bodies_are_replayed_event_by_event(data: bytes, pieces: list[bytes]) -> None:
    assert list(pieces_of(data)) == pieces


@pytest.mark.parametrize(
    "data", [b'{"a": [1, 2.5, null, "\xc3\xa4"]}', b'"\\ud800"', b"NaN", b"123456789012345678901234567890"]
)
def test_json_bodies_come_back_as_the_same_value(data: bytes) -> None:
    body = body_of(data)
    assert body is not None
    assert body.text is None
    assert repr(json.loads(body.data())) == repr(json.loads(data))


@pytest.mark.parametrize("data", [b"plain\r\ntext\n", b"\n", b"\xff\x00", b"<html>"])
def test_other_bodies_come_back_byte_for_byte(data: bytes) -> None:
    body = body_of(data)
    assert body is not None
    assert body.data() == data


def call(body: Any, method: str = "POST", url: str = "https://x.test/a") -> RecordedCall:
    return RecordedCall(method, url, {}, Body(json=body) if body is not None else None)


def test_differences_are_named_by_their_place() -> None:
    was, now = call({"a": [1, {"b": "x"}], "c": 1}), call({"a": [1, {"b": "y"}, 3], "d": 2})
    assert explained(differences(was, now)) == (
        'body.a[1].b: recorded "x", sent "y"; body.a[2]: recorded nothing, sent 3; body.c: recorded 1, sent nothing; '
        "body.d: recorded nothing, sent 2"
    )
    assert explained(differences(call(None), call({}, "GET"))) == (
        'method: recorded "POST", sent "GET"; body: recorded nothing, sent b\'{}\''
    )
    many = explained(differences(call(list(range(9))), call([])))
    assert many.endswith("body[3]: recorded 3, sent nothing; and 5 more")
    long = explained(differences(call("x" * 100), call("y")))
    assert long == f'body: recorded "{"x" * 59}…", sent "y"'


def test_the_nearest_request_has_the_same_address() -> None:
    recorded = [call({"a": 1}, url="https://x.test/b"), call({"a": 2, "b": 3, "c": 4}), call({"a": 2, "b": 3})]
    found = nearest(recorded, call({"a": 1}))
    assert found is not None
    assert found[0] == 2
    assert nearest([], call({})) is None
    assert same(call({"a": 1, "b": 2}), call({"b": 2, "a": 1}))
    assert not same(call({"a": 1}), call({"a": 1}, "PUT"))
