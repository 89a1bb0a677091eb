"""Google's errors: `{"error": {"code", "message", "status", "details": [{"@type", …}]}}`, sometimes in an array of one.

The same object occurs in error responses and in the middle of streams, where the HTTP status is 200: there its own
`code`, which is the status it would have had, counts. `status` is the canonical code of google.rpc and becomes the
failure's type; the reason of `ErrorInfo`, or the exhausted quota, becomes its code.
Source: google.rpc `error_details.proto`; Google AI developer documentation, "Troubleshooting", "Rate limits" (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, codes, texts
from understudy.dialects.error_bodies import read_any_value
from understudy.dialects.errors import classifier, failure_in_answer
from understudy.dialects.google_details import read_details
from understudy.dialects.server import BadRequest
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.failures import FailureKind as K
from understudy.wire.json import BadJson, as_string, decode

WORDS: Mapping[K, str] = {
    K.CONTEXT_LENGTH: "input token count exceeds the maximum number of tokens allowed",
    K.REQUEST_TOO_LARGE: "request payload size exceeds the limit",
    K.CONTENT_FILTER: "the prompt was blocked",
}
"""Failures that only the words of the message identify."""

RULES: tuple[Row, ...] = (
    # Finish reasons: the model wrote something that the service could not use, and the same request may succeed.
    *codes(K.RESAMPLE, s.GOOGLE_FINISH, "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", status=200),
    *codes(K.RESAMPLE, s.GOOGLE_FINISH, "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", status=200),
    *codes(K.RESAMPLE, s.GOOGLE_FINISH, "NO_IMAGE", "IMAGE_OTHER", status=200),
    *codes(K.INVALID_REQUEST, s.GOOGLE_FINISH, "MISSING_THOUGHT_SIGNATURE", status=200),
    *codes(K.SERVER_ERROR, s.GOOGLE_FINISH, "OTHER", status=200),
    *texts(K.CONTEXT_LENGTH, s.GOOGLE, "exceeds the maximum number of tokens", "input token count"),
    *texts(K.REQUEST_TOO_LARGE, s.GOOGLE, WORDS[K.REQUEST_TOO_LARGE]),
    *texts(K.CONTENT_FILTER, s.GOOGLE, WORDS[K.CONTENT_FILTER]),
)
"""Rules read before the codes and phrases that all dialects share."""


def decode_error(body: bytes) -> WireError | None:
    """Decode an error body; `None` if it is not in Google's form."""
    try:
        value = decode(body)
    except BadJson:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    error = value.get("error") if isinstance(value, dict) else None
    return decode_error_value(error) if _is_googles(error) else None


def _is_googles(error: Any) -> TypeGuard[JsonObject]:
    """Check whether an error has Google's canonical code; proxies answer in other forms."""
    return isinstance(error, dict) and isinstance(error.get("status"), str)


def decode_error_value(error: JsonObject) -> WireError:
    """Decode the value of `error`."""
    details = read_details(error.get("details"))
    code = error.get("code")
    return WireError(
        message=as_string(error.get("message")) or "",
        code=details.reason,
        type=as_string(error.get("status")),
        request_id=details.request_id,
        retry_after=details.retry_after,
        status=code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599 else None,
        body=error,
    )


def decode_failure(error: Any, endpoint: Endpoint) -> Failure:
    """Decode an error that came after the status 200."""
    read = decode_error_value(error) if _is_googles(error) else read_any_value({"error": error})
    return failure_in_answer(read or WireError(), endpoint=endpoint, rules=RULES)


def decode_finish_failure(message: str, reason: str, endpoint: Endpoint) -> Failure:
    """Return the failure that a finish reason means."""
    return failure_in_answer(WireError(message=message, code=reason), endpoint=endpoint, rules=RULES)


classify = classifier(RULES, decode_error)


def bad_request(message: str) -> BadRequest:
    """Return the error for an invalid request."""
    return BadRequest(
        Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=400, type="INVALID_ARGUMENT", sent=False)
    )
