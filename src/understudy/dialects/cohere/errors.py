"""Cohere's errors: `{"message", "id"?}`, at some routes `{"data"}`. There is no code: only status and message.

An answer that fails under way says so in `message-end` (`finish_reason: ERROR` and words), whose status is 200.
Source: API reference, "Errors"; official Python SDK 7.3.1, `errors`.
"""

from __future__ import annotations

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, codes, texts
from understudy.dialects.errors import classifier, failure_in_answer
from understudy.dialects.server import BadRequest
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.failures import FailureKind as K
from understudy.domain.operation import Operation
from understudy.wire.json import BadJson, decode_object

TOO_LONG = "too many tokens"
"""The service's message for a prompt that is too long, by which clients recognize the error."""

RULES: tuple[Row, ...] = (
    # With 429, as a gateway may word a limit of tokens, it would not be about this request.
    Row(kind=K.CONTEXT_LENGTH, source=s.COHERE, statuses=frozenset({200, 400, 413, 422}), text=TOO_LONG),
    *texts(K.BILLING, s.COHERE, "maximum billing reached", "update your payment method"),
    # A key has limits per minute, which are worth waiting for, and per month, which are not.
    *texts(K.BILLING, s.COHERE_LIMITS, "calls / month"),
    *texts(K.BILLING, s.COHERE_LIMITS, "per month", "per-month", "monthly", status=429),
    *texts(K.RATE_LIMITED, s.COHERE, "calls / minute", "per minute request limit", "tokens per minute"),
    # What ends an answer that has begun. Toxic and overlong ones (ERROR_TOXIC, ERROR_LIMIT) are answers.
    *codes(K.CONFLICT, s.COHERE_CHAT, "USER_CANCEL"),
    Row(kind=K.SERVER_ERROR, source=s.COHERE_CHAT, code="ERROR", status=200, last=True),
    Row(kind=K.SERVER_ERROR, source=s.COHERE_CHAT, code="TIMEOUT", status=200, last=True),
    # The request or the answer contains a token of a deny list; credentials are not involved.
    Row(kind=K.CONTENT_FILTER, source=s.COHERE, status=498, last=True),
)


def decode_error(body: bytes) -> WireError | None:
    """Decode an error body; `None` if it is not in Cohere's form."""
    try:
        return decode_error_value(decode_object(body))
    except BadJson:
        return None


def decode_error_value(value: JsonObject) -> WireError | None:
    """Decode an error object; `None` for any other value."""
    message = value.get("message", value.get("data"))
    if not isinstance(message, str):
        return None
    id_ = value.get("id")
    return WireError(message=message, request_id=id_ if isinstance(id_, str) else None, body=value)


def decode_failure(error: WireError, endpoint: Endpoint, operation: Operation = Operation.CHAT) -> Failure:
    """Return the failure for an error after status 200, from its message alone."""
    return failure_in_answer(error, endpoint=endpoint, rules=RULES, operation=operation)


classify = classifier(RULES, decode_error)


def bad_request(message: str) -> BadRequest:
    """Return the error for an invalid request."""
    return BadRequest(Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=400, sent=False))
