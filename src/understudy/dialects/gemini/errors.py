"""Google's errors: `{"error": {"code", "message", "status", "details": [{"@type", …}]}}`, sometimes in an array of one.

The same object stands in error responses and in the middle of streams, where the HTTP status is 200: there its own
`code`, which is the status it would have had, counts. `status` is the canonical code of google.rpc and becomes the
failure's type; the reason of `ErrorInfo`, or the quota that is used up, becomes its code.
Source: google.rpc `error_details.proto`; Google AI developer documentation, "Troubleshooting", "Rate limits" (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.errors import failure_of
from understudy.dialects.quirks import ErrorRule
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.failures import FailureKind as K
from understudy.wire.hints import MAX_HINT, duration
from understudy.wire.http import HttpHead
from understudy.wire.json import BadJson, decode

WORDS: Mapping[K, str] = {
    K.CONTEXT_LENGTH: "input token count exceeds the maximum number of tokens allowed",
    K.REQUEST_TOO_LARGE: "request payload size exceeds the limit",
    K.CONTENT_FILTER: "the prompt was blocked",
}
"""Failures that are told only by words of the message, and callers know them only by these."""

PER_DAY = "PerDay"
"""In the id of a quota that is renewed once a day."""

RULES: tuple[ErrorRule, ...] = (
    # The key is wrong, missing, expired or known to be leaked; the status is 400 or 403.
    ErrorRule(kind=K.AUTHENTICATION, code="API_KEY_INVALID"),
    ErrorRule(kind=K.AUTHENTICATION, text="api key not valid"),
    ErrorRule(kind=K.AUTHENTICATION, text="api key expired"),
    ErrorRule(kind=K.AUTHENTICATION, text="reported as leaked"),
    ErrorRule(kind=K.AUTHENTICATION, text="unregistered callers"),
    ErrorRule(kind=K.AUTHENTICATION, code="UNAUTHENTICATED"),
    # Prepaid credit is used up, or the free tier has no quota for this model: no wait helps.
    ErrorRule(kind=K.BILLING, status=402),
    ErrorRule(kind=K.BILLING, code="RESOURCE_EXHAUSTED", text="limit: 0"),
    ErrorRule(kind=K.BILLING, code="RESOURCE_EXHAUSTED", text="credits are depleted"),
    ErrorRule(kind=K.BILLING, code="FAILED_PRECONDITION", text="billing"),
    ErrorRule(kind=K.DAILY_QUOTA, code=f"*{PER_DAY}*"),
    ErrorRule(kind=K.RATE_LIMITED, code="RESOURCE_EXHAUSTED"),
    ErrorRule(kind=K.CONTEXT_LENGTH, text="exceeds the maximum number of tokens"),
    ErrorRule(kind=K.CONTEXT_LENGTH, text="input token count"),
    ErrorRule(kind=K.REQUEST_TOO_LARGE, text=WORDS[K.REQUEST_TOO_LARGE]),
    ErrorRule(kind=K.CONTENT_FILTER, text=WORDS[K.CONTENT_FILTER]),
    # The region, or a feature that this project may not use.
    ErrorRule(kind=K.PERMISSION, code="FAILED_PRECONDITION"),
    ErrorRule(kind=K.PERMISSION, code="PERMISSION_DENIED"),
    ErrorRule(kind=K.NOT_FOUND, code="NOT_FOUND"),
    ErrorRule(kind=K.CONFLICT, code="ABORTED"),
    ErrorRule(kind=K.OVERLOADED, code="UNAVAILABLE"),
    ErrorRule(kind=K.INVALID_REQUEST, code="INVALID_ARGUMENT", status=400),
    ErrorRule(kind=K.UNSUPPORTED, code="UNIMPLEMENTED"),
)


def read_error(body: bytes) -> WireError | None:
    """Read an error body; `None` when it is not in Google's form."""
    try:
        value = decode(body)
    except BadJson:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    error = value.get("error") if isinstance(value, dict) else None
    return read_error_object(error) if isinstance(error, dict) else None


def read_error_object(error: JsonObject) -> WireError:
    """Read what stands under `error`."""
    details = error.get("details")
    found = [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []
    return WireError(
        message=_text(error.get("message")) or "",
        code=_quota(found) or _first(found, "ErrorInfo", "reason"),
        type=_text(error.get("status")),
        request_id=_first(found, "RequestInfo", "requestId"),
        retry_after=_delay(_first(found, "RetryInfo", "retryDelay")),
        body=error,
    )


def error_in_answer(error: Any, endpoint: Endpoint) -> Failure:
    """Read an error that came after the status 200 was sent."""
    if not isinstance(error, dict):
        error = {"message": error if isinstance(error, str) else "the provider reported an error of an unknown form"}
    code = error.get("code")
    status = code if isinstance(code, int) and not isinstance(code, bool) and 100 <= code <= 599 else 200
    return failure_of(read_error_object(error), HttpHead(status, {}), endpoint=endpoint, rules=RULES)


def _details(details: list[JsonObject], kind: str) -> list[JsonObject]:
    return [item for item in details if str(item.get("@type", "")).endswith(f"google.rpc.{kind}")]


def _first(details: list[JsonObject], kind: str, field: str) -> str | None:
    return next((text for item in _details(details, kind) if (text := _text(item.get(field)))), None)


def _quota(details: list[JsonObject]) -> str | None:
    """The id of the quota that is used up; of several, one that is renewed only daily, which is the longest wait."""
    ids: list[str] = []
    for failure in _details(details, "QuotaFailure"):
        violations = failure.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            name = _text(violation.get("quotaId")) if isinstance(violation, dict) else None
            if name:
                ids.append(name)
    return next((name for name in ids if PER_DAY in name), ids[0] if ids else None)


def _delay(text: str | None) -> float | None:
    """Seconds of a `google.protobuf.Duration`, such as `46s` or `3.5s`; one beyond a day is no hint."""
    seconds = duration(text) if text else None
    return seconds if seconds is not None and 0 < seconds <= MAX_HINT else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
