"""Groq. From "API error codes", "Flex processing", "Rate limits" and "Spend limits" (console.groq.com/docs)."""

from __future__ import annotations

from tests.classification.cases.base import PAGE, Kind, Provider, openai

_P = Provider("groq")
_BAD = "invalid_request_error"
_DAY = "Rate limit reached for model `llama-3.3-70b-versatile` in organization `org_x` service tier `on_demand` on tokens per day (TPD): Limit 100000, Used 99000, Requested 1500. Please try again in 7m12s."
_TPM = "Request too large for model `llama-3.1-8b-instant` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 9000"

CASES = [
    # Wait and retry
    _P.plain(429, Kind.RATE_LIMITED, openai(_DAY, "tokens", "rate_limit_exceeded"), wait=432.0),
    _P.plain(429, Kind.RATE_LIMITED, openai(_DAY, "tokens", "rate_limit_exceeded"), headers={"retry-after": "2"}, wait=2.0),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", "rate_limit_exceeded"), headers={"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2m59.56s", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s"}, wait=179.56),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", "rate_limit_exceeded"), headers={"x-should-retry": "false"}, retry=False),
    _P.plain(429, Kind.RATE_LIMITED, b""),
    # Never
    _P.plain(400, Kind.BILLING, openai("API access is blocked", _BAD, "blocked_api_access")),
    _P.plain(403, Kind.BILLING, openai("The spend limit was reached.", _BAD)),
    _P.plain(400, Kind.BILLING, openai("x", _BAD, "spend_alert_exceeded")),
    _P.plain(401, Kind.AUTHENTICATION, openai("Invalid API Key", _BAD, "invalid_api_key")),
    _P.plain(400, Kind.AUTHENTICATION, openai("Organization has been restricted. Please reach out to support if you believe this was in error.", _BAD, "organization_restricted")),
    _P.plain(403, Kind.AUTHENTICATION, openai("Organization has been restricted")),
    _P.plain(403, Kind.PERMISSION, openai("Access denied. Please check your network settings.")),
    _P.plain(403, Kind.PERMISSION, openai("The model `x` is blocked at the project level.", "permissions_error", "model_permission_blocked_project")),
    _P.plain(403, Kind.PERMISSION, openai("Not for you", "permissions_error")),
    _P.plain(400, Kind.PERMISSION, openai("The model `x` requires terms acceptance. Please have the org admin accept the terms.", _BAD, "model_terms_required")),
    _P.plain(400, Kind.PERMISSION, openai("The model `x` requires terms acceptance.", _BAD)),
    # Server
    _P.plain(498, Kind.OVERLOADED, openai("Flex tier capacity exceeded", None, "capacity_exceeded")),
    _P.plain(498, Kind.OVERLOADED, b""),
    _P.plain(498, Kind.OVERLOADED, openai("No place")),
    _P.plain(500, Kind.SERVER_ERROR, openai("Internal Server Error", "internal_server_error")),
    _P.plain(502, Kind.SERVER_ERROR, PAGE),
    _P.plain(503, Kind.OVERLOADED, openai("Service Unavailable", "internal_server_error")),
    _P.plain(424, Kind.SERVER_ERROR, openai("Failed Dependency: the MCP server refused the token")),
    _P.plain(499, Kind.CONFLICT, openai("Request cancelled")),
    # What the model wrote
    _P.plain(400, Kind.RESAMPLE, {"error": {"message": "Tool choice is required, but model did not call a tool", "type": _BAD, "code": "tool_use_failed", "failed_generation": "maybe"}}),
    _P.plain(400, Kind.RESAMPLE, {"error": {"message": "Failed to generate JSON. Please adjust your prompt.", "type": _BAD, "code": "json_validate_failed", "failed_generation": "{"}}),
    _P.plain(422, Kind.RESAMPLE, openai("Unprocessable Entity", _BAD)),
    # Model, size, request
    _P.plain(404, Kind.NOT_FOUND, openai("The model `x` does not exist or you do not have access to it.", _BAD, "model_not_found")),
    _P.plain(400, Kind.NOT_FOUND, openai("The model `x` has been decommissioned and is no longer supported.", _BAD, "model_decommissioned")),
    _P.plain(404, Kind.NOT_FOUND, openai("Unknown request URL: POST /openai/v1/x. Please check the URL for typos", _BAD, "unknown_url")),
    _P.plain(413, Kind.REQUEST_TOO_LARGE, openai(_TPM, "tokens", "rate_limit_exceeded")),
    _P.plain(413, Kind.REQUEST_TOO_LARGE, openai("Request Entity Too Large", _BAD, "request_too_large")),
    _P.plain(413, Kind.REQUEST_TOO_LARGE, openai("Too big for this tier", "tokens", "rate_limit_exceeded")),
    _P.plain(400, Kind.CONTEXT_LENGTH, openai("Please reduce the length of the messages or completion.", _BAD, "context_length_exceeded", "messages")),
    _P.plain(400, Kind.CONTEXT_LENGTH, openai("Please reduce the length of the messages or completion.", _BAD)),
    _P.plain(400, Kind.INVALID_REQUEST, openai("'messages' : maximum number of items is 2048", _BAD)),
    # In the middle of a stream: data: {"error"}, event: error, or x_groq.error of the last chunk
    _P.broken(Kind.SERVER_ERROR, openai("Internal Server Error", "internal_server_error")),
    _P.broken(Kind.RESAMPLE, openai("Failed to call a function.", _BAD, "tool_use_failed")),
    _P.broken(Kind.OVERLOADED, openai("Flex tier is full", None, "capacity_exceeded")),
    _P.broken(Kind.OVERLOADED, {"choices": [], "x_groq": {"id": "req_x", "error": "over capacity"}}),
    _P.broken(Kind.SERVER_ERROR, {"choices": [], "x_groq": {"id": "req_x", "error": "the generation failed"}}),
    _P.broken(Kind.RATE_LIMITED, openai("Rate limit reached. Please try again in 2s.", "tokens", "rate_limit_exceeded"), wait=2.0),
    # A success whose body is an error
    _P.plain(200, Kind.RESAMPLE, openai("Failed to call a function.", _BAD, "tool_use_failed")),
    _P.plain(200, Kind.BAD_RESPONSE, PAGE),
]  # fmt: skip
