"""Invalid requests; errors of the service have the form of the openai dialect."""

from __future__ import annotations

from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind


def bad_request(message: str) -> BadRequest:
    """Return the error for an invalid request."""
    return BadRequest(Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=400, sent=False))
