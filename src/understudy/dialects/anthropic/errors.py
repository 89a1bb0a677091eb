"""Anthropic's errors: `{"type": "error", "error": {"type", "message", "details": {"error_code"}?}, "request_id"}`.

The same object stands in error responses and in the `error` event of a stream, whose status is 200; so the rules go by
code and type, and by words only where the service has no better mark.
Source: Anthropic API reference, "Errors"; official Python SDK 2.12.0, `types/shared/*_error.py` (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping

from understudy.dialects.base import WireError
from understudy.dialects.quirks import ErrorRule
from understudy.domain.failures import FailureKind as K
from understudy.wire.json import BadJson, decode_object

WORDS: Mapping[K, str] = {
    K.CONTEXT_LENGTH: "prompt is too long",
    K.CONTENT_FILTER: "blocked by content filtering policy",
}
"""Failures that the service tells only by words of the message, and its callers know only by them."""

RULES: tuple[ErrorRule, ...] = (
    # No retry helps against a spent budget, whatever the status; these 429s carry no retry-after.
    ErrorRule(kind=K.BILLING, code="*spend_limit_reached"),
    ErrorRule(kind=K.BILLING, code="linked_organization_billing_unavailable"),
    ErrorRule(kind=K.BILLING, code="billing_error"),
    ErrorRule(kind=K.BILLING, text="reached your specified api usage limits"),
    ErrorRule(kind=K.BILLING, text="credit balance is too low"),
    ErrorRule(kind=K.PERMISSION, code="organization_on_hold"),
    *(ErrorRule(kind=kind, text=words) for kind, words in WORDS.items()),
    ErrorRule(kind=K.CONTEXT_LENGTH, text="exceed context limit"),
    ErrorRule(kind=K.OVERLOADED, code="overloaded_error"),
    ErrorRule(kind=K.RATE_LIMITED, code="rate_limit_error"),
    ErrorRule(kind=K.AUTHENTICATION, code="authentication_error"),
    ErrorRule(kind=K.PERMISSION, code="permission_error"),
    ErrorRule(kind=K.NOT_FOUND, code="not_found_error"),
    ErrorRule(kind=K.REQUEST_TOO_LARGE, code="request_too_large"),
    ErrorRule(kind=K.REQUEST_TOO_LARGE, code="request_body_too_large_after_decoding"),
    ErrorRule(kind=K.CONFLICT, code="conflict_error"),
    # `api_error`, `timeout_error` and `invalid_request_error` say less than their status does, except in a stream.
    ErrorRule(kind=K.INVALID_REQUEST, code="invalid_request_error", status=200),
)


def read_error(body: bytes) -> WireError | None:
    """Read an error body or event; `None` when it is not in Anthropic's form."""
    try:
        value = decode_object(body)
    except BadJson:
        return None
    match value.get("error"):
        case dict() as error:
            pass
        case str() as message:
            error = {"message": message}
        case _:
            return None
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    return WireError(
        message=_text(error.get("message")) or "",
        code=_text(code),
        type=_text(error.get("type")),
        request_id=_text(value.get("request_id")),
        body=error,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
