"""Cohere. From "Errors" and "Rate limits" (docs.cohere.com), whose example messages these are."""

from __future__ import annotations

from typing import Any

from tests.classification.cases.base import PAGE, Kind, Provider

_P = Provider("cohere")


def _error(message: str) -> dict[str, Any]:
    return {"id": "2d4609a6-d1f9-4cf4-8d09-af865409bdc2", "message": message}


def _ended(reason: str, error: str | None = None) -> dict[str, Any]:
    delta: dict[str, Any] = {"finish_reason": reason}
    if error:
        delta["error"] = error
    return {"type": "message-end", "delta": delta}


_TRIAL = "You are using a Trial key, which is limited to {}. You can continue to use the Trial key for free or upgrade to a Production key with higher rate limits at 'https://dashboard.cohere.com/api-keys'."

CASES = [
    # Wait and retry
    _P.plain(429, Kind.RATE_LIMITED, _error("You are past the per minute request limit, please wait and try again later.")),
    _P.plain(429, Kind.RATE_LIMITED, _error(_TRIAL.format("40 API calls / minute"))),
    _P.plain(429, Kind.RATE_LIMITED, _error("trial token rate limit exceeded, limit is 100000 tokens per minute")),
    _P.plain(429, Kind.RATE_LIMITED, _error("Please wait and try again later"), headers={"retry-after": "8"}, wait=8.0),
    _P.plain(429, Kind.RATE_LIMITED, _error("Please wait and try again later"), headers={"x-should-retry": "false"}, retry=False),
    # Never
    _P.plain(429, Kind.BILLING, _error(_TRIAL.format("1000 API calls / month"))),
    _P.plain(429, Kind.BILLING, _error("You are past the per-month request limit for this model.")),
    _P.plain(429, Kind.BILLING, _error("You are past the limit of requests per month.")),
    _P.plain(429, Kind.BILLING, _error("Your monthly limit is reached.")),
    _P.plain(402, Kind.BILLING, _error("Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue")),
    _P.plain(402, Kind.BILLING, _error("Maximum billing reached for this API key as set in your dashboard. Your billing capacity will reset at the beginning of next month.")),
    _P.plain(402, Kind.BILLING, b""),
    _P.plain(401, Kind.AUTHENTICATION, _error("no api key supplied")),
    _P.plain(401, Kind.AUTHENTICATION, _error("invalid api token")),
    _P.plain(401, Kind.AUTHENTICATION, _error("Your API key has expired. Please create a production key at dashboard.cohere.com")),
    _P.plain(403, Kind.PERMISSION, _error("forbidden")),
    # Server
    _P.plain(500, Kind.SERVER_ERROR, _error("internal server error, this has been reported to our developers")),
    _P.plain(503, Kind.OVERLOADED, {"data": "service unavailable"}),
    _P.plain(504, Kind.SERVER_ERROR, PAGE),
    _P.plain(501, Kind.UNSUPPORTED, {"data": "not implemented"}),
    _P.plain(499, Kind.CONFLICT, _error("request cancelled by user")),
    _P.plain(499, Kind.CONFLICT, _error("streaming error - scroll down for more streaming errors")),
    # Model
    _P.plain(404, Kind.NOT_FOUND, _error("model 'xyz' not found, make sure the correct model ID was used and that you have access to the model.")),
    _P.plain(404, Kind.NOT_FOUND, _error("model 'command-r-plus' was removed on September 15, 2025.")),
    # Size, filter, request
    _P.plain(400, Kind.CONTEXT_LENGTH, _error("too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292. Try using a shorter prompt, or enabling prompt truncating.")),
    _P.plain(400, Kind.CONTEXT_LENGTH, _error("too many tokens: minimal context could not be added to prompt (size limit exceeded by 280 tokens)")),
    _P.plain(498, Kind.CONTENT_FILTER, {"data": "InvalidToken: the request contains a deny-listed token"}),
    _P.plain(498, Kind.CONTENT_FILTER, b""),
    _P.plain(400, Kind.INVALID_REQUEST, _error("invalid request: response_format is not supported with RAG.")),
    _P.plain(422, Kind.INVALID_REQUEST, _error("invalid request: property title must have a type")),
    # In the middle of a stream: message-end
    _P.broken(Kind.SERVER_ERROR, _ended("ERROR")),
    _P.broken(Kind.SERVER_ERROR, _ended("ERROR", "the model failed")),
    _P.broken(Kind.SERVER_ERROR, _ended("TIMEOUT")),
    _P.broken(Kind.CONFLICT, _ended("USER_CANCEL")),
    _P.broken(Kind.CONTEXT_LENGTH, _ended("ERROR", "too many tokens: total number of tokens in the prompt cannot exceed 4081")),
    _P.broken(Kind.BILLING, _ended("ERROR", "Maximum billing reached for this API key as set in your dashboard")),
    _P.broken(Kind.BILLING, _ended("ERROR", "Please add or update your payment method")),
    _P.broken(Kind.BILLING, _ended("ERROR", _TRIAL.format("1000 API calls / month"))),
    _P.broken(Kind.RATE_LIMITED, _ended("ERROR", _TRIAL.format("20 API calls / minute"))),
    _P.broken(Kind.RATE_LIMITED, _ended("ERROR", "You are past the per minute request limit")),
    _P.broken(Kind.RATE_LIMITED, _ended("ERROR", "trial token rate limit exceeded, limit is 100000 tokens per minute")),
    _P.broken(Kind.AUTHENTICATION, _ended("ERROR", "invalid api token")),
    _P.broken(Kind.OVERLOADED, _ended("ERROR", "the model is overloaded")),
    # A success whose body is an error
    _P.plain(200, Kind.AUTHENTICATION, _error("invalid api token")),
    _P.plain(200, Kind.BAD_RESPONSE, PAGE),
]  # fmt: skip
