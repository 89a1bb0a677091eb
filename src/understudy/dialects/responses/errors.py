"""Errors. A body has the form of all of OpenAI's APIs; a failed response and an error event have their own shapes.

Source: the values of `ResponseError.code` in OpenAI's OpenAPI document (2.3.0); OpenAI's "Error codes".
"""

from __future__ import annotations

from understudy.dialects.base import WireError
from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, codes
from understudy.dialects.errors import classifier
from understudy.dialects.openai.errors import decode_error, decode_error_value
from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.json import decode_object

__all__ = ["RULES", "bad_request", "classify", "decode_error", "decode_event_error", "decode_inner_error"]

_K = FailureKind


RULES: tuple[Row, ...] = (
    # Codes of failed responses, which come without a status. What is not named here is the server's failure.
    *codes(_K.CONTENT_FILTER, s.OPENAI_SDK, "image_content_policy_violation"),
    *codes(_K.INVALID_REQUEST, s.OPENAI_SDK, "data_residency_mismatch", "unsupported_image_media_type"),
    *codes(_K.INVALID_REQUEST, s.OPENAI_SDK, "failed_to_download_image", "empty_image_file"),
    *codes(_K.INVALID_REQUEST, s.OPENAI_SDK, "invalid_image*", "image_*", "invalid_base64_image"),
    *codes(_K.SERVER_ERROR, s.OPENAI_SDK, "vector_store_timeout", "cancelled"),
)
"""Rules that apply before the codes that all dialects share; the first that matches counts."""


def decode_inner_error(error: object) -> WireError | None:
    """Decode the error that a failed response or an event holds; `None` if it is empty."""
    return decode_error_value({"error": error}) if error else None


def decode_event_error(data: bytes) -> WireError | None:
    """Decode an `error` event: documented with its fields at the top level, also seen with an `error` object inside.

    `None` for an event without a type that holds no error. Raise `BadJson`.
    """
    event = decode_object(data)
    if event.get("error"):
        return decode_error_value(event)
    if event.get("type") != "error":
        return None
    return decode_inner_error({key: value for key, value in event.items() if key != "type"})


classify = classifier(RULES, decode_error)


def bad_request(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> BadRequest:
    """Return the error for a request that cannot be read."""
    return BadRequest(
        Failure(
            kind=FailureKind.NOT_FOUND if status == 404 else FailureKind.INVALID_REQUEST,
            message=message,
            status=status,
            type="invalid_request_error",
            code=code,
            param=param,
        )
    )
