"""How Ollama's errors are read: words first, status next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.driving import drive
from understudy.dialects.base import Endpoint
from understudy.dialects.ollama.client import DIALECT
from understudy.dialects.quirks import ErrorRule
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpHead

K = FailureKind
ENDPOINT = Endpoint(provider="ollama", base_url="http://host", model="m")


def refused(status: int, body: Any, endpoint: Endpoint = ENDPOINT) -> Failure:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    exchange = DIALECT.open(Operation.CHAT, GenerationRequest(messages=()), endpoint, stream=True)
    failure = drive(exchange, HttpHead(status, {"content-type": "application/json"}), [data]).failure
    assert failure is not None
    return failure


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "missing request body", K.INVALID_REQUEST),
        (400, 'option "temperature" must be of type float32', K.INVALID_REQUEST),
        (400, '"llama3.2" does not support tools', K.UNSUPPORTED),
        (400, '"llama3.2" does not support thinking', K.UNSUPPORTED),
        (400, 'think value "low" is not supported for this model', K.UNSUPPORTED),
        (400, "the input length exceeds the context length", K.CONTEXT_LENGTH),
        (400, "input length exceeds maximum context length", K.CONTEXT_LENGTH),
        (400, "prompt too long; exceeded max context length by 12 tokens", K.CONTEXT_LENGTH),
        (500, "the request exceeds the available context size", K.CONTEXT_LENGTH),
        (401, "unauthorized", K.AUTHENTICATION),
        (402, "payment required", K.BILLING),
        (403, "this model requires a subscription", K.PERMISSION),
        (404, "model 'x' not found", K.NOT_FOUND),
        (429, "too many requests", K.RATE_LIMITED),
        (429, "you (ann) have reached your weekly usage limit, upgrade for higher limits", K.DAILY_QUOTA),
        (499, "request canceled", K.CONFLICT),
        (500, "model runner has unexpectedly stopped", K.SERVER_ERROR),
        (500, "model requires more system memory (8.0 GiB) than is available (2.0 GiB)", K.SERVER_ERROR),
        (502, "cloud model unreachable", K.SERVER_ERROR),
        (503, "server busy, please try again. maximum pending requests exceeded", K.OVERLOADED),
    ],
)
def test_kinds(status: int, message: str, kind: FailureKind) -> None:
    failure = refused(status, {"error": message})
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.message.startswith(message)
    assert failure.body == {"error": message}


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_missing_model_comes_with_the_command_that_pulls_it(quote: str) -> None:
    message = refused(404, {"error": f"model {quote}qwen3:4b{quote} not found, try pulling it first"}).message
    assert message.endswith("; run `ollama pull qwen3:4b`")


def test_a_missing_route_does_not() -> None:
    assert "pull" not in refused(404, b"404 page not found").message


def test_the_cloud_answers_in_the_form_of_openai() -> None:
    error = {"message": "Unauthorized", "type": "api_error", "param": "p", "code": "c"}
    failure = refused(401, {"error": error})
    assert (failure.kind, failure.message, failure.type, failure.code, failure.param) == (
        K.AUTHENTICATION, "Unauthorized", "api_error", "c", "p",
    )  # fmt: skip


@pytest.mark.parametrize("body", [b"<html>502 Bad Gateway</html>", b"", b"[]", b"{}", b'{"error": null}'])
def test_a_body_of_another_form_counts_by_its_status(body: bytes) -> None:
    assert refused(502, body).kind is K.SERVER_ERROR


@pytest.mark.parametrize("error", [7, [], {}, {"message": 3}])
def test_an_error_of_unknown_form_is_still_an_error(error: Any) -> None:
    failure = refused(500, {"error": error})
    assert failure.kind is K.SERVER_ERROR
    assert failure.message


def test_the_rules_of_the_row_come_first() -> None:
    rules = (ErrorRule(kind=K.BILLING, text="tools"),)
    endpoint = Endpoint(provider="x", base_url="http://host", model="m", error_rules=rules)
    assert refused(400, {"error": "does not support tools"}, endpoint).kind is K.BILLING


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("an error was encountered while running the model: unexpected EOF", K.SERVER_ERROR),
        ("server busy, please try again", K.OVERLOADED),
        ("unauthorized", K.AUTHENTICATION),
        ("model 'x' not found", K.NOT_FOUND),
        ("too many concurrent requests", K.RATE_LIMITED),
        ({"message": "exceeds the context length", "type": "api_error"}, K.CONTEXT_LENGTH),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_under_200_keeps_its_class(error: Any, kind: FailureKind, stream: bool) -> None:
    exchange = DIALECT.open(Operation.CHAT, GenerationRequest(messages=()), ENDPOINT, stream=stream)
    started = b'{"message":{"content":"a"},"done":false}\n' if stream else b""
    body = started + json.dumps({"error": error}).encode() + b"\n"
    outcome = drive(exchange, HttpHead(200, {"content-type": "application/json"}), [body])
    assert outcome.failure is not None
    assert outcome.failure.kind is kind
    assert len(outcome.steps) == (2 if stream else 0)
