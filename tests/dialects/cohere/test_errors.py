"""Errors: status and words to kinds, and failures to status and words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects.base import Endpoint
from understudy.dialects.cohere.client import DIALECT
from understudy.dialects.cohere.server import SERVER
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpHead

K = FailureKind
ENDPOINT = Endpoint(provider="cohere", base_url="https://host", model="m")


def failed(status: int, body: Any, **headers: str) -> Failure:
    exchange = DIALECT.open(Operation.CHAT, GenerationRequest(messages=(Message.user("hello"),)), ENDPOINT)
    exchange.start()
    exchange.head(HttpHead(status, {"content-type": "application/json", **headers}))
    (failure,) = [*exchange.feed(json.dumps(body).encode()), *exchange.close()]
    assert isinstance(failure, Failure)
    return failure


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (400, "invalid request: message must be at least 1 token long", K.INVALID_REQUEST),
        (400, "too many tokens: size limit exceeded by 11326 tokens.", K.CONTEXT_LENGTH),
        (400, "valid input_type must be provided with the provided model", K.INVALID_REQUEST),
        (401, "invalid api token", K.AUTHENTICATION),
        (402, "Please add a payment method", K.BILLING),
        (403, "not allowed", K.PERMISSION),
        (404, "model 'x' not found", K.NOT_FOUND),
        (422, "schema: unknown type", K.INVALID_REQUEST),
        (429, "You are using a Trial key, which is limited to 20 API calls / minute.", K.RATE_LIMITED),
        (429, "You are using a Trial key, which is limited to 1000 API calls / month.", K.BILLING),
        (429, "rate limit exceeded", K.RATE_LIMITED),
        (498, "InvalidToken", K.CONTENT_FILTER),
        (499, "cancelled", K.CONFLICT),
        (500, "internal server error", K.SERVER_ERROR),
        (503, "unavailable", K.OVERLOADED),
        (504, "timed out", K.SERVER_ERROR),
    ],
)
@pytest.mark.parametrize("field", ["message", "data"])
def test_kinds(status: int, words: str, kind: FailureKind, field: str) -> None:
    failure = failed(status, {"id": "abc", field: words})
    assert (failure.kind, failure.message, failure.status) == (kind, words, status)
    assert (failure.request_id, failure.body) == ("abc", {"id": "abc", field: words})


def test_a_wait_is_read_and_written() -> None:
    assert failed(429, {"message": "slow down"}, **{"retry-after": "4"}).retry_after == 4
    reply = SERVER.render_error(Failure(kind=K.RATE_LIMITED, message="x", retry_after=2.5, should_retry=False))
    assert dict(reply.headers)["retry-after"] == "2.5"
    assert dict(reply.headers)["x-should-retry"] == "false"


@pytest.mark.parametrize("body", [{}, {"message": None}, {"error": "x"}, [], "x"])
def test_another_form_counts_by_its_status(body: Any) -> None:
    assert failed(502, body).kind is K.SERVER_ERROR


def test_what_is_written() -> None:
    reply = SERVER.render_error(Failure(kind=K.CONTEXT_LENGTH, message="10 > 5", request_id="abc"))
    assert reply.status == 400
    assert json.loads(reply.body) == {"message": "too many tokens: 10 > 5", "id": "abc"}
    own = Failure(kind=K.CONTEXT_LENGTH, message="Too many tokens here", status=413)
    reply = SERVER.render_error(own)
    assert (reply.status, json.loads(reply.body)) == (413, {"message": "Too many tokens here"})
    assert SERVER.render_error(Failure(kind=K.SERVER_ERROR, message="x", status=200)).status == 500
