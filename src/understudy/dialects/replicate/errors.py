"""Replicate's errors: problem details (RFC 7807) of the API, and the messages of failed predictions.

`{"title"?, "detail", "status", "invalid_fields"?}`. A prediction that fails is a success of the API: it has a
free-text error, with a code such as `E1001` if the platform knows the reason.
Source: Replicate's HTTP API reference and its list of error codes, read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, codes, texts
from understudy.dialects.error_bodies import read_any, seconds_to_wait, status_in
from understudy.dialects.errors import failure_in_answer, recognised
from understudy.dialects.replicate.wire import PredictionWire
from understudy.dialects.server import BadRequest
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.failures import FailureKind as K
from understudy.wire.json import BadJson, as_string, decode, encode

WORDS: Mapping[K, str] = {
    K.CONTEXT_LENGTH: "prompt is too long",
    K.CONTENT_FILTER: "flagged as sensitive",
}
"""Failures that only the words of the message identify."""

RULES: tuple[Row, ...] = (
    *texts(K.CONTEXT_LENGTH, s.REPLICATE_USERS, WORDS[K.CONTEXT_LENGTH], "input is too long", "context window"),
    *texts(K.CONTEXT_LENGTH, s.REPLICATE_USERS, "maximum context length"),
    *texts(K.CONTENT_FILTER, s.REPLICATE_USERS, WORDS[K.CONTENT_FILTER], "nsfw content", "content policy"),
    *codes(K.CONTENT_FILTER, s.REPLICATE_USERS, "E005"),
    *texts(K.OVERLOADED, s.REPLICATE_USERS, "high demand", "temporarily unavailable"),
    *codes(K.OVERLOADED, s.REPLICATE_USERS, "E003", "E004"),
    *texts(K.BILLING, s.REPLICATE, "insufficient credit"),
    *texts(K.RATE_LIMITED, s.REPLICATE, "request was throttled"),
    # Its URLs contain the model's name, and its 404 does not repeat it.
    Row(kind=K.NOT_FOUND, source=s.REPLICATE, status=404, last=True),
)

PREDICTIONS: tuple[Row, ...] = (
    *RULES,
    # Reasons of the platform itself: another run may succeed.
    *codes(K.SERVER_ERROR, s.REPLICATE_CODES, "E1000", "E1001", "E6716"),
    *codes(K.SERVER_ERROR, s.REPLICATE_USERS, "E*", "PA"),
    *texts(K.SERVER_ERROR, s.REPLICATE_USERS, "please retry", "prediction interrupted", "out of memory"),
    # States in which a prediction ends without an answer.
    *codes(K.SERVER_ERROR, s.REPLICATE, "aborted", "canceled"),
)
"""Rules for failed predictions. What none of them recognises is the model's own failure."""

_CODE = re.compile(r"\b(E\d{3,4})\b|\(code: (\w+)\)")


def decode_error(body: bytes) -> WireError | None:
    """Decode an error body; `None` if it is not in Replicate's form."""
    try:
        value = decode(body)
    except BadJson:
        return None
    return _problem(value) if isinstance(value, dict) else None


def _problem(value: JsonObject) -> WireError | None:
    detail, title = value.get("detail"), value.get("title")
    if not isinstance(detail or title, str):
        return None
    message = detail or ""
    fields = value.get("invalid_fields")
    first = fields[0] if isinstance(fields, list) and fields and isinstance(fields[0], dict) else {}
    found = _CODE.search(message)
    return WireError(
        message=message or str(title),
        code=found and (found[1] or found[2]),
        type=as_string(value.get("type")),
        param=as_string(first.get("field")),
        retry_after=seconds_to_wait(value.get("retry_after")),
        status=status_in(value),
        body=value,
    )


def decode_failure(error: WireError, endpoint: Endpoint) -> Failure:
    """Decode an error that came after status 200: the problem's own status counts, if it has one."""
    return failure_in_answer(error, endpoint=endpoint, rules=RULES)


def decode_stream_failure(data: bytes, endpoint: Endpoint) -> Failure:
    """Decode the `error` event of a stream: a problem, or plain text."""
    words = data.decode("utf-8", "replace").strip()
    plain = WireError(message=words or "the stream reported an error")
    return decode_failure(decode_error(data) or read_any(data) or plain, endpoint)


def decode_prediction_failure(prediction: PredictionWire, endpoint: Endpoint) -> Failure:
    """Return the failure of a prediction. An unknown one is the model's own failure, which is not retried."""
    if prediction.status != "failed":
        # After a deadline before the start a retry makes sense; after a cancellation it does not.
        again = None if prediction.status == "aborted" else False
        ended = WireError(message=f"the prediction was {prediction.status}", code=prediction.status)
        failure = failure_in_answer(ended, endpoint=endpoint, rules=PREDICTIONS)
        return msgspec.structs.replace(failure, should_retry=again)
    words = prediction.error if isinstance(prediction.error, str) else encode(prediction.error).decode()
    code = _CODE.search(words)
    error = WireError(message=words, code=code and (code[1] or code[2]), body={"error": prediction.error})
    failure = failure_in_answer(error, endpoint=endpoint, rules=PREDICTIONS)
    known = recognised(error, 200, endpoint=endpoint, rules=PREDICTIONS)
    return failure if known else msgspec.structs.replace(failure, should_retry=False)


def bad_request(detail: str, *, status: int = 422, field: str | None = None) -> BadRequest:
    """Return the error for an invalid request in the service's own terms."""
    kind = FailureKind.NOT_FOUND if status == 404 else FailureKind.INVALID_REQUEST
    return BadRequest(Failure(kind=kind, message=detail, status=status, param=field, sent=False))
