"""Anthropic's errors: `{"type": "error", "error": {"type", "message", "details": {"error_code"}?}, "request_id"}`.

The same object stands in error responses and in the `error` event of a stream, whose status is 200; so the rules go by
code and type, and by words only where the service has no better sign.
Source: Anthropic API reference, "Errors"; official Python SDK 2.12.0, `types/shared/*_error.py` (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping

from understudy.dialects.base import WireError
from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, texts
from understudy.dialects.error_bodies import read_any_value
from understudy.dialects.errors import classifier
from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.failures import FailureKind as K
from understudy.wire.json import BadJson, as_string, decode_object

WORDS: Mapping[K, str] = {
    K.CONTEXT_LENGTH: "prompt is too long",
    K.CONTENT_FILTER: "blocked by content filtering policy",
}
"""Failures that only the words of the message identify."""

RULES: tuple[Row, ...] = (
    *texts(K.CONTEXT_LENGTH, s.ANTHROPIC, WORDS[K.CONTEXT_LENGTH], "exceed context limit"),
    *texts(K.CONTENT_FILTER, s.ANTHROPIC_USERS, WORDS[K.CONTENT_FILTER]),
)
"""Rules that apply before the codes and words that all dialects share."""


def decode_error(body: bytes) -> WireError | None:
    """Decode an error body or event; `None` if it is not in Anthropic's form."""
    try:
        value = decode_object(body)
    except BadJson:
        return None
    error = value.get("error")
    if not isinstance(error, dict) or not isinstance(error.get("type"), str) or "metadata" in error:
        return read_any_value(value) if isinstance(error, str | dict) else None
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    return WireError(
        message=as_string(error.get("message")) or "",
        code=as_string(code),
        type=as_string(error.get("type")),
        request_id=as_string(value.get("request_id")),
        body=error,
    )


classify = classifier(RULES, decode_error)


def bad_request(message: str) -> BadRequest:
    """Return the refusal of a request that cannot be read."""
    return BadRequest(
        Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=400, type="invalid_request_error", sent=False)
    )
