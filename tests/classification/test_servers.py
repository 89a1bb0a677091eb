"""Errors of the ten providers and of unusual servers, by their real bodies: one rule set reads them in every dialect.

`cells.jsonl` holds the ten providers' errors and `servers.jsonl` those of other servers, written by hand
from the vendors' documentation (`D`), recorded traffic (`R`) and bodies in users' reports (`U`), never from the rules.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.driving import drive
from tests.contract.native import CHATTING, endpoint
from tests.contract.streams import HELLO
from understudy import dialects, providers
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, ModelsRequest
from understudy.providers.base import endpoint_of
from understudy.wire.http import HttpHead

K = FailureKind
HERE = Path(__file__).parent


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def named(row: dict[str, Any]) -> str:
    said = json.dumps(row.get("body", row.get("text")))
    return f"{row.get('provider') or row['server']} {row['status']} {said[:70]}"


def body_of(row: dict[str, Any]) -> bytes:
    return str(row["text"]).encode() if "text" in row else json.dumps(row["body"]).encode()


def head_of(row: dict[str, Any]) -> HttpHead:
    page = str(row.get("text", "")).startswith("<")
    kind = "text/html" if page else "application/json" if "body" in row else "text/plain"
    return HttpHead(row["status"], {"content-type": kind, **row.get("headers", {})})


def failure(dialect: str, head: HttpHead, body: bytes, *, stream: bool = False) -> Failure:
    outcome = drive(dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect), stream=stream), head, [body])
    assert outcome.failure is not None
    assert outcome.steps == []
    return outcome.failure


def ask(row: dict[str, Any]) -> list[FailureKind]:
    """Return the kinds of an error at its provider, or in every dialect."""
    if "provider" not in row:
        return [failure(dialect, head_of(row), body_of(row)).kind for dialect in CHATTING]
    return [asked(row, stream=stream).kind for stream in (False, True)]


def asked(row: dict[str, Any], *, stream: bool) -> Failure:
    provider = providers.row(row["provider"])
    target = endpoint_of(provider, "some-model", base_url="https://api.example.com")
    dialect = dialects.load(provider.dialects[Operation.CHAT])
    outcome = drive(dialect.open(Operation.CHAT, HELLO, target, stream=stream), head_of(row), [body_of(row)])
    assert outcome.failure is not None
    return outcome.failure


CELLS = rows("cells.jsonl")
SERVERS = rows("servers.jsonl")


def test_there_are_errors_of_all_ten_and_of_every_kind_that_a_provider_says_of_itself() -> None:
    assert {row["provider"] for row in CELLS} == set(providers.types())
    said = {row["kind"] for row in (*CELLS, *SERVERS)}
    assert said >= {"rate_limited", "billing", "daily_quota", "overloaded", "authentication", "permission", "not_found"}
    assert len(CELLS) >= 200


@pytest.mark.parametrize("row", CELLS, ids=named)
def test_an_error_of_one_of_the_ten_is_of_its_kind(row: dict[str, Any]) -> None:
    for stream in (False, True):
        failure = asked(row, stream=stream)
        assert failure.kind == row["kind"]
        if "wait" in row:
            assert failure.retry_after == row["wait"]
        assert "<html" not in failure.message.lower()


@pytest.mark.parametrize("row", SERVERS, ids=named)
def test_a_wording_means_the_same_in_every_dialect(row: dict[str, Any]) -> None:
    found = {dialect: failure(dialect, head_of(row), body_of(row)).kind for dialect in CHATTING}
    assert found == dict.fromkeys(CHATTING, row["kind"])


IN_MID_STREAM = [row for row in SERVERS if row["kind"] in ("context_length", "billing", "authentication", "overloaded")]
STREAMS = {
    "openai": b"data: %s\n\n",
    "responses": b"event: error\ndata: %s\n\n",
    "anthropic": b"event: error\ndata: %s\n\n",
    "gemini": b"data: %s\n\n",
    "cohere": b"event: error\ndata: %s\n\n",
    "ollama": b"%s\n",
}
"""How an error stands in each stream."""


@pytest.mark.parametrize("row", IN_MID_STREAM, ids=named)
def test_a_wording_means_the_same_in_the_middle_of_a_stream(row: dict[str, Any]) -> None:
    body = row["body"] if isinstance(row["body"], dict) else row["body"][0]
    inner = body.get("error", body)
    event = {"error": inner}
    for dialect, frame in STREAMS.items():
        kind = "application/x-ndjson" if dialect == "ollama" else "text/event-stream"
        head = HttpHead(200, {"content-type": kind})
        found = failure(dialect, head, frame % json.dumps(event).encode(), stream=True)
        assert (dialect, found.kind) == (dialect, row["kind"])


ECHOES = [
    (400, {"error": {"message": "Invalid value for 'content': \"the prompt is too long and my API key expired\"."}}),
    (400, {"error": {"message": "Could not parse `I said that this model does not exist, you know`."}}),
    (422, {"detail": [{"loc": ["body", "messages", 0], "msg": "bad", "input": "maximum context length"}]}),
    (
        400,
        {"error": {"message": "Unknown role in {'role': 'x', 'content': 'your organization has been disabled now'}"}},
    ),
    (400, {"error": {"message": "Unsupported parameter: 'tools' is not supported with this model."}}),
    (400, {"error": {"message": "max_tokens is too large: 200000. This model supports at most 16384 tokens."}}),
    (400, {"error": {"message": "tools.0.name: String should match pattern"}}),
]
"""Requests that are invalid, whatever they quote of the prompt."""


@pytest.mark.parametrize(("status", "body"), ECHOES)
@pytest.mark.parametrize("dialect", CHATTING)
def test_a_prompt_that_is_echoed_changes_nothing(dialect: str, status: int, body: Any) -> None:
    head = HttpHead(status, {"content-type": "application/json"})
    assert failure(dialect, head, json.dumps(body).encode()).kind is K.INVALID_REQUEST


ODD = [
    b"", b"null", b"[]", b"{}", b'""', b'"text"', b"42", b"NaN", b'{"error": NaN}', b"\xff\xfe", b'{"error": ',
    b'{"error": []}', b'{"error": {}}', b'{"error": true}', b'{"error": 5}', b'{"error": [[]]}', b'{"error": ["x"]}',
    b'{"error": {"message": {"a": 1}}}', b'{"error": {"message": ["x"], "code": {}, "type": []}}',
    b'{"error": {"message": null, "code": 1.5, "param": {}}}', b'{"error": {"code": ' + b"9" * 400 + b"}}",
    b'{"error": {"status": "999", "code": true}}', b'{"detail": {}}', b'{"detail": [[1], {"loc": 5, "msg": {}}]}',
    b'{"errors": [{"message": "x"}]}', b'{"errors": "x"}', b'{"title": "x"}',
    b'{"error": {"error": {"error": {"error": {"error": {"message": "deep"}}}}}}', b'{"error": {"details": [5, {}]}}',
    b'{"error": {"message": "{\\"error\\": \\"{\\\\\\"error\\\\\\": 1}\\"}"}}', b'{"error": {"metadata": {"raw": 5}}}',
    b'{"error": {"details": [{"@type": "google.rpc.QuotaFailure", "violations": {"a": 1}}]}}',
    b'{"type": [], "error": {"type": {}}, "request_id": 5}', b'{"error": {"innererror": {"code": []}}}',
    b'{"error": "' + b"a\\u0000\\u202e\\n" * 1500 + b'"}', b"<html>", b"[" * 300, b'{"retry_after": "x", "error": "x"}',
]  # fmt: skip
"""Bodies of every odd form."""


@pytest.mark.parametrize("body", ODD, ids=lambda body: body[:40].decode("latin-1"))
@pytest.mark.parametrize("dialect", CHATTING)
def test_no_body_is_too_odd(dialect: str, body: bytes) -> None:
    for status in (200, 400, 404, 429, 500):
        for kind in ("application/json", "text/html", ""):
            for stream in (False, True):
                exchange = dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect), stream=stream)
                found = drive(exchange, HttpHead(status, {"content-type": kind}), [body]).failure
                assert found is not None
                assert len(found.message) <= 600
                assert found.message.isprintable()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(0, K.PROTOCOL), (100, K.PROTOCOL), (101, K.PROTOCOL), (199, K.PROTOCOL), (203, K.PROTOCOL), (204, K.PROTOCOL),
     (206, K.PROTOCOL), (299, K.PROTOCOL), (300, K.PROTOCOL), (304, K.PROTOCOL), (399, K.PROTOCOL), (600, K.PROTOCOL),
     (999, K.PROTOCOL), (301, K.REDIRECT), (302, K.REDIRECT), (303, K.REDIRECT), (307, K.REDIRECT), (308, K.REDIRECT),
     (418, K.UNKNOWN_STATUS), (431, K.UNKNOWN_STATUS), (404, K.NOT_FOUND), (405, K.NOT_FOUND), (410, K.NOT_FOUND),
     (424, K.SERVER_ERROR), (451, K.PERMISSION), (501, K.UNSUPPORTED), (502, K.SERVER_ERROR), (520, K.SERVER_ERROR),
     (530, K.SERVER_ERROR), (599, K.SERVER_ERROR)],
)  # fmt: skip
@pytest.mark.parametrize("dialect", CHATTING)
def test_a_status_by_itself(dialect: str, status: int, kind: FailureKind) -> None:
    for body in (b"", b"<html>a page</html>", b'{"id": "an answer of another kind", "text": "secret words"}'):
        found = failure(dialect, HttpHead(status, {"content-type": "text/html" if body[:1] == b"<" else ""}), body)
        assert found.kind is kind
        assert "page</html>" not in found.message
        if kind is K.PROTOCOL:
            assert "secret" not in found.message


LACKING = [
    (404, "application/json", b'{"detail":"Not Found"}'),
    (404, "text/html", b"<html>Cannot GET /v1/models/x</html>"),
    (404, "text/plain", b"404 page not found"),
    (404, "application/json", b'{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}'),
    (
        404,
        "application/json",
        b'{"error":{"message":"Invalid URL (POST /v1/models/x)","type":"invalid_request_error"}}',
    ),
    (405, "application/json", b'{"detail":"Method Not Allowed"}'),
    (405, "", b""),
    (501, "text/plain", b"Not Implemented"),
    (200, "application/json", b'{"error":"Unexpected endpoint or method. (POST /v1/x)"}'),
]
"""How servers say that they lack a route, none of which speaks of the model."""


@pytest.mark.parametrize(("status", "media", "body"), LACKING)
@pytest.mark.parametrize("name", ["openai", "responses", "anthropic", "gemini", "cohere", "ollama"])
def test_a_route_that_is_missing_is_no_missing_model(name: str, status: int, media: str, body: bytes) -> None:
    dialect, head = dialects.load(name), HttpHead(status, {"content-type": media})
    exchanges: list[Any] = []
    if Operation.EMBED in dialect.operations:
        exchanges.append(dialect.open(Operation.EMBED, EmbeddingRequest(texts=("x",)), endpoint(name)))
    if Operation.MODELS in dialect.operations:
        exchanges.append(dialect.open(Operation.MODELS, ModelsRequest(), endpoint(name)))
    if Operation.COUNT_TOKENS in dialect.operations:
        exchanges.append(dialect.open(Operation.COUNT_TOKENS, HELLO, endpoint(name)))
    for exchange in exchanges:
        found = drive(exchange, head, [body]).failure
        assert found is not None
        assert found.kind is K.UNSUPPORTED
        assert "no route for" in found.message
