"""Error bodies of the openai dialect, and the meaning of its services' codes beyond those that all dialects share."""

from __future__ import annotations

from typing import Any

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row
from understudy.dialects.error_bodies import read_any, read_any_value
from understudy.dialects.errors import classifier, failure_in_answer
from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation

ENDED = "error"
"""A finish reason of gateways: the provider behind it failed in the middle of its answer."""

RULES: tuple[Row, ...] = (Row(kind=FailureKind.SERVER_ERROR, source=s.OPENROUTER, code=ENDED, status=200, last=True),)
"""This dialect's other codes are the ones that all others borrow: `understudy.dialects.classification.codes`."""


def decode_error(body: bytes) -> WireError | None:
    """Decode an error body: `{"error": {…}}`, and the looser forms of other servers (a string, `message`, `detail`, a
    list of one). `None` if the body is none of these."""
    return read_any(body)


def decode_error_value(value: dict[str, Any]) -> WireError | None:
    """Convert an object that may be an error or hold one under `error`."""
    return read_any_value(value)


def decode_failure(error: WireError, endpoint: Endpoint, operation: Operation = Operation.CHAT) -> Failure:
    """Decode an error that came with status 200, in a stream or as a whole body, keeping its class."""
    return failure_in_answer(error, endpoint=endpoint, rules=RULES, operation=operation)


classify = classifier(RULES, decode_error)


def bad_request(param: str, why: str, code: str | None = "invalid_type") -> BadRequest:
    """Return the error that a field is wrong, in this dialect's own terms."""
    return BadRequest(
        Failure(
            kind=FailureKind.INVALID_REQUEST,
            status=400,
            type="invalid_request_error",
            code=code,
            param=param,
            message=f"{param}: {why}",
            sent=False,
        )
    )
