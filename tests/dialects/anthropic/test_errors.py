"""Which failure an error response is."""

from __future__ import annotations

import json

import pytest

from understudy.dialects.anthropic.errors import RULES, decode_error
from understudy.dialects.base import Endpoint
from understudy.dialects.errors import classify
from understudy.domain.failures import Failure
from understudy.domain.failures import FailureKind as K
from understudy.wire.http import HttpHead

ENDPOINT = Endpoint(provider="anthropic", base_url="https://host")


def failure(status: int, kind: str | None, message: str = "m", code: str | None = None, **headers: str) -> Failure:
    error = {"type": kind, "message": message, **({"details": {"error_code": code}} if code else {})}
    body = json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode()
    return classify(HttpHead(status, headers), body, endpoint=ENDPOINT, rules=RULES, read=decode_error)


@pytest.mark.parametrize(
    ("status", "type_", "message", "kind"),
    [
        (400, "invalid_request_error", "max_tokens: Field required", K.INVALID_REQUEST),
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", K.CONTEXT_LENGTH),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            K.CONTEXT_LENGTH,
        ),
        (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", K.BILLING),
        (
            400,
            "invalid_request_error",
            "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
            K.BILLING,
        ),
        (400, "invalid_request_error", "Output blocked by content filtering policy", K.CONTENT_FILTER),
        (401, "authentication_error", "invalid x-api-key", K.AUTHENTICATION),
        (402, "billing_error", "m", K.BILLING),
        (403, "permission_error", "m", K.PERMISSION),
        (404, "not_found_error", "model: claude-x", K.NOT_FOUND),
        (408, "timeout_error", "m", K.CONFLICT),
        (409, "conflict_error", "m", K.CONFLICT),
        (413, "request_too_large", "m", K.REQUEST_TOO_LARGE),
        (429, "rate_limit_error", "m", K.RATE_LIMITED),
        (500, "api_error", "m", K.SERVER_ERROR),
        (503, "api_error", "m", K.OVERLOADED),
        (504, "timeout_error", "m", K.SERVER_ERROR),
        (529, "overloaded_error", "m", K.OVERLOADED),
        (529, None, "m", K.OVERLOADED),
    ],
)
def test_kinds(status: int, type_: str | None, message: str, kind: K) -> None:
    found = failure(status, type_, message)
    assert found.kind is kind
    assert (found.status, found.type, found.request_id) == (status, type_, "req_1")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("enforced_spend_limit_reached", K.BILLING),
        ("contract_spend_limit_reached", K.BILLING),
        ("linked_organization_spend_limit_reached", K.BILLING),
        ("linked_organization_billing_unavailable", K.BILLING),
        ("ramp_limit_exceeded", K.RATE_LIMITED),
        ("some_future_code", K.RATE_LIMITED),
    ],
)
def test_the_code_counts_before_the_type(code: str, kind: K) -> None:
    found = failure(429, "rate_limit_error", code=code)
    assert (found.kind, found.code) == (kind, code)


def test_hints_and_the_providers_own_word() -> None:
    found = failure(429, "rate_limit_error", **{"retry-after": "12", "x-should-retry": "false"})
    assert (found.retry_after, found.should_retry) == (12.0, False)


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[]", b'{"detail": "x"}', b'{"error": 5}'])
def test_another_body_is_no_error_of_this_form(body: bytes) -> None:
    assert decode_error(body) is None


def test_a_proxy_may_write_the_error_as_text() -> None:
    error = decode_error(b'{"error": "upstream is gone"}')
    assert error is not None
    assert error.message == "upstream is gone"
