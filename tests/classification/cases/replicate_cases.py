"""Replicate. From its HTTP API reference and "Error codes" (replicate.com/docs), and bodies in users' reports."""

from __future__ import annotations

from typing import Any

from tests.classification.cases.base import PAGE, Kind, Provider

_P = Provider("replicate")


def _failed(error: Any, status: str = "failed") -> dict[str, Any]:
    """Return a prediction that ended without an answer: a success of the API."""
    return {
        "id": "p1",
        "status": status,
        "error": error,
        "output": None,
        "model": "o/n",
        "created_at": "2026-11-29T12:00:00Z",
    }


_THROTTLED = "Request was throttled. Your rate limit for creating predictions is reduced to 6 requests per minute with a burst of 1 requests while you have less than $5.0 in credit. Your rate limit resets in ~30s."

CASES = [
    # Wait and retry
    _P.plain(429, Kind.RATE_LIMITED, {"detail": _THROTTLED, "status": 429}, wait=30.0),
    _P.plain(429, Kind.RATE_LIMITED, {"detail": _THROTTLED, "status": 429, "retry_after": 6}, wait=6.0),
    _P.plain(429, Kind.RATE_LIMITED, {"detail": _THROTTLED, "status": 429}, headers={"retry-after": "7"}, wait=7.0),
    _P.plain(429, Kind.RATE_LIMITED, {"title": "Too many requests", "status": 429, "detail": "x"}),
    _P.plain(429, Kind.RATE_LIMITED, b"", headers={"x-should-retry": "false"}, retry=False),
    _P.plain(403, Kind.RATE_LIMITED, {"detail": "Request was throttled."}),
    # Never
    _P.plain(402, Kind.BILLING, {"title": "Insufficient credit", "status": 402, "detail": "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to purchase credit."}),
    _P.plain(402, Kind.BILLING, {"title": "Billing required", "detail": "You need to set up billing to run this model.", "status": 402}),
    _P.plain(401, Kind.AUTHENTICATION, {"title": "Unauthenticated", "detail": "You did not pass an authentication token", "status": 401}),
    _P.plain(403, Kind.PERMISSION, {"detail": "You do not have permission to perform this action."}),
    _P.plain(404, Kind.NOT_FOUND, {"detail": "The requested resource could not be found.", "status": 404}),
    _P.plain(404, Kind.NOT_FOUND, PAGE),
    # Request
    _P.plain(422, Kind.INVALID_REQUEST, {"title": "Input validation failed", "status": 422, "detail": "- prompt is required", "invalid_fields": [{"type": "required", "field": "prompt"}]}),
    _P.plain(422, Kind.INVALID_REQUEST, {"title": "Invalid version or not permitted", "detail": "The specified version does not exist (or perhaps you don't have permission to use it?)", "status": 422}),
    # Server. The prediction may have been created, so the request is not repeated.
    _P.plain(500, Kind.SERVER_ERROR, {"detail": "Internal server error", "status": 500}, retry=False),
    _P.plain(502, Kind.SERVER_ERROR, PAGE, retry=False),
    _P.plain(503, Kind.OVERLOADED, PAGE, retry=False),
    _P.plain(504, Kind.SERVER_ERROR, b"", retry=False),
    # A prediction that failed
    _P.broken(Kind.SERVER_ERROR, _failed("Model unavailable: unknown error (E1000)")),
    _P.broken(Kind.SERVER_ERROR, _failed("The model was terminated. (E1001)")),
    _P.broken(Kind.SERVER_ERROR, _failed("The prediction did not start in time. (E6716)")),
    _P.broken(Kind.SERVER_ERROR, _failed("Director: unexpected error handling prediction (E9243)")),
    _P.broken(Kind.SERVER_ERROR, _failed("It stopped (code: PA)")),
    _P.broken(Kind.SERVER_ERROR, _failed("Prediction interrupted; please retry (code: PA)")),
    _P.broken(Kind.SERVER_ERROR, _failed("Prediction interrupted")),
    _P.broken(Kind.SERVER_ERROR, _failed("Something broke, please retry")),
    _P.broken(Kind.SERVER_ERROR, _failed("CUDA out of memory. Tried to allocate 2.00 GiB")),
    _P.broken(Kind.SERVER_ERROR, _failed("Traceback (most recent call last):\n  KeyError: 'x'"), retry=False),
    _P.broken(Kind.SERVER_ERROR, _failed({"message": "odd"}), retry=False),
    _P.broken(Kind.CONTENT_FILTER, _failed("The input or output was flagged as sensitive. Please try again with different inputs. (E005)")),
    _P.broken(Kind.CONTENT_FILTER, _failed("Refused (E005)")),
    _P.broken(Kind.CONTENT_FILTER, _failed("NSFW content detected. Try running it again, or try a different prompt.")),
    _P.broken(Kind.CONTENT_FILTER, _failed("The prompt is against the content policy")),
    _P.broken(Kind.CONTENT_FILTER, _failed("The answer was flagged as sensitive")),
    _P.broken(Kind.OVERLOADED, _failed("Service is currently unavailable due to high demand. Please try again later. (E003)")),
    _P.broken(Kind.OVERLOADED, _failed("Service is temporarily unavailable. Please try again later. (E004)")),
    _P.broken(Kind.OVERLOADED, _failed("No (E003)")),
    _P.broken(Kind.OVERLOADED, _failed("No (E004)")),
    _P.broken(Kind.BILLING, _failed("You have insufficient credit")),
    _P.broken(Kind.RATE_LIMITED, _failed("Request was throttled. Your rate limit resets in ~3s."), wait=3.0),
    _P.broken(Kind.CONTEXT_LENGTH, _failed("prompt is too long: 9000 tokens")),
    _P.broken(Kind.CONTEXT_LENGTH, _failed("ValueError: the input is too long for this model")),
    _P.broken(Kind.CONTEXT_LENGTH, _failed("This does not fit into the context window of the model")),
    _P.broken(Kind.CONTEXT_LENGTH, _failed("This model's maximum context length is 8192 tokens.")),
    _P.broken(Kind.SERVER_ERROR, _failed(None, "canceled"), retry=False),
    _P.broken(Kind.SERVER_ERROR, _failed(None, "aborted")),
]  # fmt: skip
