"""Every kind of error in OpenAI's form: code and type first, words next, status last."""

from __future__ import annotations

import json

import pytest

from tests.dialects.openai.talking import HELLO, JSON, SSE, chunk, drive, failure, sse, stream, whole
from understudy.dialects.openai.client import DIALECT
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.providers.base import endpoint_of
from understudy.providers.groq import ROW as GROQ
from understudy.providers.openai import ROW as OPENAI
from understudy.wire.http import HttpHead

K = FailureKind


def error(message: str = "no", kind: str | None = None, code: str | None = None, **more: object) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code, **more}}).encode()


REQUEST = "invalid_request_error"
TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
OPENAI_CELLS = [
    (400, error(TOO_LONG, REQUEST, "context_length_exceeded"), K.CONTEXT_LENGTH),
    (400, error(TOO_LONG, REQUEST), K.CONTEXT_LENGTH),
    (400, error(kind=REQUEST, code="unsupported_parameter"), K.INVALID_REQUEST),
    (400, error(kind=REQUEST, code="unsupported_value"), K.INVALID_REQUEST),
    (400, error(kind=REQUEST, code="content_policy_violation"), K.CONTENT_FILTER),
    (400, error(kind=REQUEST, code="invalid_prompt"), K.CONTENT_FILTER),
    (400, error(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}), K.CONTENT_FILTER),
    (401, error(kind=REQUEST, code="invalid_api_key"), K.AUTHENTICATION),
    (401, error("Access denied due to invalid subscription key", code="401"), K.AUTHENTICATION),
    (401, error("You have insufficient permissions for this operation. Missing scopes", REQUEST), K.PERMISSION),
    (403, error(kind="request_forbidden", code="unsupported_country_region_territory"), K.PERMISSION),
    (403, error("Project does not have access to model", REQUEST, "model_not_found"), K.PERMISSION),
    (404, error(kind=REQUEST, code="model_not_found"), K.NOT_FOUND),
    (404, error(kind=REQUEST, code="DeploymentNotFound"), K.NOT_FOUND),
    (400, error(code="model_not_supported"), K.NOT_FOUND),
    (409, error(), K.CONFLICT),
    (413, error(), K.REQUEST_TOO_LARGE),
    (422, error(), K.INVALID_REQUEST),
    (429, error(kind="requests", code="rate_limit_exceeded"), K.RATE_LIMITED),
    (429, error(kind="tokens", code="rate_limit_exceeded"), K.RATE_LIMITED),
    (
        429,
        error("Request too large for gpt-4: Limit 10000, Requested 20000", "tokens", "rate_limit_exceeded"),
        K.REQUEST_TOO_LARGE,
    ),
    (429, error(code="slow_down"), K.RATE_LIMITED),
    (429, error(kind="insufficient_quota", code="insufficient_quota"), K.BILLING),
    (429, error(kind="insufficient_quota", code="credit_balance_exhausted"), K.BILLING),
    (429, error(kind="insufficient_quota", code="organization_usage_limit_exceeded"), K.BILLING),
    (429, error(code="organization_spend_limit_exceeded"), K.BILLING),
    (429, error(code="project_spend_limit_exceeded"), K.BILLING),
    (500, error(kind="server_error"), K.SERVER_ERROR),
    (500, error("The model is currently overloaded"), K.OVERLOADED),
    (503, error("Slow down", "server_error"), K.OVERLOADED),
    (418, error(), K.UNKNOWN_STATUS),
    (502, b"<html>Bad gateway</html>", K.SERVER_ERROR),
    (301, b"", K.REDIRECT),
    (402, b'{"error": "You have exceeded your monthly included credits"}', K.BILLING),
    (422, b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', K.INVALID_REQUEST),
    (429, b'{"message": "slow"}', K.RATE_LIMITED),
    (400, b'[{"error": {"message": "no", "code": 400, "status": "INVALID_ARGUMENT"}}]', K.INVALID_REQUEST),
    (200, error(kind="insufficient_quota", code="insufficient_quota"), K.BILLING),
]
GROQ_CELLS = [
    (400, error(kind=REQUEST, code="tool_use_failed", failed_generation="maybe"), K.RESAMPLE),
    (400, error(kind=REQUEST, code="json_validate_failed", failed_generation="{"), K.RESAMPLE),
    (422, error(kind=REQUEST), K.RESAMPLE),
    (400, error(kind=REQUEST, code="context_length_exceeded"), K.CONTEXT_LENGTH),
    (400, error(kind=REQUEST, code="model_decommissioned"), K.NOT_FOUND),
    (404, error(kind=REQUEST, code="model_not_found"), K.NOT_FOUND),
    (413, error("Request too large for model", "tokens", "rate_limit_exceeded"), K.REQUEST_TOO_LARGE),
    (424, error(), K.SERVER_ERROR),
    (429, error(kind="tokens", code="rate_limit_exceeded"), K.RATE_LIMITED),
    (498, error(code="capacity_exceeded"), K.OVERLOADED),
    (498, b"", K.OVERLOADED),
    (499, error(), K.CONFLICT),
    (503, error(), K.OVERLOADED),
]


@pytest.mark.parametrize("stream_asked", [False, True])
@pytest.mark.parametrize(("status", "body", "kind"), OPENAI_CELLS)
def test_openai(status: int, body: bytes, kind: FailureKind, stream_asked: bool) -> None:
    exchange = DIALECT.open(Operation.CHAT, HELLO, endpoint_of(OPENAI, "gpt-4o"), stream=stream_asked)
    assert failure(drive(exchange, HttpHead(status, JSON), body)).kind is kind


@pytest.mark.parametrize(("status", "body", "kind"), GROQ_CELLS)
def test_groq(status: int, body: bytes, kind: FailureKind) -> None:
    exchange = DIALECT.open(Operation.CHAT, HELLO, endpoint_of(GROQ, "openai/gpt-oss-20b"))
    assert failure(drive(exchange, HttpHead(status, JSON), body)).kind is kind


def test_what_is_told_of_an_error() -> None:
    body = json.dumps(
        {"error": {"message": "Bad\nvalue", "type": REQUEST, "param": "messages[0].role", "code": "unsupported_value"}}
    ).encode()
    found = failure(whole(body, 400, {"x-request-id": "req_1", "retry-after-ms": "1500", "x-should-retry": "false"}))
    assert (found.message, found.status, found.code) == ("Bad value", 400, "unsupported_value")
    assert (found.type, found.param, found.request_id) == (REQUEST, "messages[0].role", "req_1")
    assert (found.retry_after, found.should_retry) == (1.5, False)
    assert found.body == json.loads(body)["error"]


def test_what_the_model_wrote_instead_is_in_message_and_body() -> None:
    found = failure(whole(error("Failed to call a function", code="tool_use_failed", failed_generation="<f>{"), 400))
    assert "<f>{" in found.message
    assert found.body is not None
    assert found.body["failed_generation"] == "<f>{"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (error(kind="insufficient_quota", code="insufficient_quota"), K.BILLING),
        (error(kind="server_error"), K.SERVER_ERROR),
        (error(kind=REQUEST), K.INVALID_REQUEST),
        (error(kind=REQUEST, code="permission_denied"), K.PERMISSION),
        (error(kind=REQUEST, code="context_length_exceeded"), K.CONTEXT_LENGTH),
        (error(kind="requests", code="rate_limit_exceeded"), K.RATE_LIMITED),
        (error(code="tool_use_failed", status_code=400), K.INVALID_REQUEST),
        (b'{"error": {"message": "busy", "code": 503}}', K.OVERLOADED),
        (b'{"error": "it broke"}', K.SERVER_ERROR),
        (b'{"object": "error", "message": "it broke", "code": 429}', K.RATE_LIMITED),
        (b'{"error": true}', K.SERVER_ERROR),
    ],
)
def test_an_error_in_the_middle_of_a_stream_keeps_its_class(event: bytes, kind: FailureKind) -> None:
    before = sse(chunk({"content": "a"}), done=False)
    assert failure(stream(before, b"data: " + event + b"\n\n", sse(chunk(finish="stop")))).kind is kind


def test_a_named_error_event_and_groqs_own_place_for_errors() -> None:
    before = sse(chunk({"content": "a"}), done=False)
    named = b'event: error\ndata: {"message": "broke", "type": "server_error"}\n\n'
    assert failure(stream(before + named)).message == "broke"
    assert failure(stream(before + b"event: error\ndata: {}\n\n")).kind is K.SERVER_ERROR
    over = sse(chunk(finish="stop", x_groq={"id": "r", "error": "over capacity"}))
    assert failure(stream(before + over)).message == "over capacity"


def test_groq_asks_again_when_the_model_broke_a_schema_in_a_stream() -> None:
    event = error(kind=REQUEST, code="tool_use_failed", status_code=400)
    exchange = DIALECT.open(Operation.CHAT, HELLO, endpoint_of(GROQ, "openai/gpt-oss-20b"), stream=True)
    steps = drive(
        exchange, HttpHead(200, SSE), sse(chunk({"content": "a"}), done=False), b"event: error\ndata: " + event
    )
    assert failure(steps).kind is K.RESAMPLE


def test_a_reason_called_error_is_no_success() -> None:
    assert failure(stream(sse(chunk({"content": "a"}), chunk(finish="error")))).kind is K.SERVER_ERROR


def test_a_page_instead_of_a_stream_is_a_bad_response() -> None:
    exchange = DIALECT.open(Operation.CHAT, HELLO, endpoint_of(OPENAI, "gpt-4o"), stream=True)
    steps = drive(exchange, HttpHead(200, {"content-type": "text/html"}), b"<html>sign in</html>")
    assert failure(steps).kind is K.BAD_RESPONSE


def test_a_failure_from_the_middle_of_a_stream_is_not_rendered_as_a_success() -> None:
    from understudy.dialects.openai.server import SERVER
    from understudy.domain.failures import Failure, FailureKind

    assert SERVER.render_error(Failure(kind=FailureKind.OVERLOADED, message="busy", status=200)).status == 503
