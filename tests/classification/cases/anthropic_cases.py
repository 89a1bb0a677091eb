"""Anthropic. From "Errors" (platform.claude.com) and the error types of its official Python client 2.12.0."""

from __future__ import annotations

from typing import Any

from tests.classification.cases.base import PAGE, Kind, Provider

_P = Provider("anthropic")
_RESET = {"date": "Sun, 29 Nov 2026 12:00:00 GMT"}


def _error(type_: str, message: str, code: str | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"type": type_, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}


_BAD = "invalid_request_error"
_RATE = "This request would exceed your organization's rate limit of 30,000 input tokens per minute (org: x, model: y)."

CASES = [
    # Wait and retry
    _P.plain(429, Kind.RATE_LIMITED, _error("rate_limit_error", _RATE), headers={"retry-after": "12"}, wait=12.0),
    _P.plain(429, Kind.RATE_LIMITED, _error("rate_limit_error", _RATE), headers={**_RESET, "anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": "2026-11-29T12:00:42Z"}, wait=42.0),
    _P.plain(429, Kind.RATE_LIMITED, _error("rate_limit_error", _RATE), headers={**_RESET, "anthropic-ratelimit-requests-remaining": "7", "anthropic-ratelimit-requests-reset": "2026-11-29T12:00:42Z"}),
    _P.plain(429, Kind.RATE_LIMITED, _error("rate_limit_error", _RATE), headers={"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "2026-11-29T12:00:42Z"}),
    _P.plain(429, Kind.RATE_LIMITED, _error("rate_limit_error", "Usage grows too fast.", "ramp_limit_exceeded"), headers={"retry-after": "5"}, wait=5.0),
    # Never
    _P.plain(429, Kind.BILLING, _error("rate_limit_error", "You have reached your API usage limits.", "enforced_spend_limit_reached")),
    _P.plain(429, Kind.BILLING, _error("rate_limit_error", "You have reached your contract's limit.", "contract_spend_limit_reached")),
    _P.plain(400, Kind.BILLING, _error(_BAD, "x", "linked_organization_spend_limit_reached")),
    _P.plain(400, Kind.BILLING, _error(_BAD, "x", "linked_organization_billing_unavailable")),
    _P.plain(400, Kind.BILLING, _error(_BAD, "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.")),
    _P.plain(400, Kind.BILLING, _error(_BAD, "You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.")),
    _P.plain(400, Kind.BILLING, _error(_BAD, "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.")),
    _P.plain(402, Kind.BILLING, _error("billing_error", "There's an issue with your billing or payment information.")),
    # Server
    _P.plain(500, Kind.SERVER_ERROR, _error("api_error", "Internal server error")),
    _P.plain(500, Kind.SERVER_ERROR, _error("api_error", "Internal server error"), headers={"x-should-retry": "true"}, retry=True),
    _P.plain(529, Kind.OVERLOADED, _error("overloaded_error", "Overloaded"), headers={"x-should-retry": "false"}, retry=False),
    _P.plain(529, Kind.OVERLOADED, _error("overloaded_error", "Overloaded")),
    _P.plain(529, Kind.OVERLOADED, b""),
    _P.plain(503, Kind.OVERLOADED, PAGE),
    _P.plain(504, Kind.SERVER_ERROR, _error("timeout_error", "The request timed out while processing.")),
    _P.plain(400, Kind.SERVER_ERROR, _error(_BAD, "The workspace's encryption settings could not be read.", "cmek_context_unavailable")),
    _P.plain(400, Kind.SERVER_ERROR, _error(_BAD, "The key could not be reached.", "cmek_key_unreachable")),
    _P.plain(408, Kind.CONFLICT, _error("timeout_error", "Request timeout")),
    _P.plain(409, Kind.CONFLICT, _error("conflict_error", "The request conflicts with the current state.")),
    _P.plain(499, Kind.CONFLICT, _error("api_error", "Client closed request")),
    # Key, organisation, access
    _P.plain(401, Kind.AUTHENTICATION, _error("authentication_error", "invalid x-api-key")),
    _P.plain(401, Kind.AUTHENTICATION, _error("authentication_error", "OAuth token has been rejected.")),
    _P.plain(400, Kind.AUTHENTICATION, _error(_BAD, "This organization has been disabled.")),
    _P.plain(403, Kind.AUTHENTICATION, _error("permission_error", "Your organization is on hold.", "organization_on_hold")),
    _P.plain(403, Kind.AUTHENTICATION, _error("permission_error", "x", "claude_code_key_creator_not_member")),
    _P.plain(400, Kind.AUTHENTICATION, _error(_BAD, "x", "cmek_key_disabled")),
    _P.plain(400, Kind.AUTHENTICATION, _error(_BAD, "x", "cmek_key_network_blocked")),
    _P.plain(403, Kind.PERMISSION, _error("permission_error", "Your API key does not have permission to use the specified resource.")),
    _P.plain(400, Kind.PERMISSION, _error(_BAD, "x", "organization_type_not_supported")),
    _P.plain(400, Kind.PERMISSION, _error(_BAD, "x", "parent_organization_required")),
    _P.plain(400, Kind.PERMISSION, _error(_BAD, "x", "sandbox_egress_restricted")),
    _P.plain(404, Kind.NOT_FOUND, _error("not_found_error", "model: claude-does-not-exist")),
    _P.plain(404, Kind.NOT_FOUND, _error("not_found_error", "The requested resource could not be found.")),
    # Size, filter, request
    _P.plain(400, Kind.CONTEXT_LENGTH, _error(_BAD, "prompt is too long: 213462 tokens > 200000 maximum")),
    _P.plain(400, Kind.CONTEXT_LENGTH, _error(_BAD, "input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000, decrease input length or `max_tokens` and try again")),
    _P.plain(413, Kind.REQUEST_TOO_LARGE, _error("request_too_large", "Request exceeds the maximum size")),
    _P.plain(413, Kind.REQUEST_TOO_LARGE, PAGE),
    _P.plain(400, Kind.REQUEST_TOO_LARGE, _error(_BAD, "x", "request_body_too_large_after_decoding")),
    _P.plain(400, Kind.CONTENT_FILTER, _error(_BAD, "Output blocked by content filtering policy")),
    _P.plain(400, Kind.INVALID_REQUEST, _error(_BAD, "temperature: Extra inputs are not permitted")),
    _P.plain(400, Kind.INVALID_REQUEST, _error(_BAD, "Two tools share a name.", "tool_name_conflict")),
    _P.plain(400, Kind.INVALID_REQUEST, _error(_BAD, "Compaction failed.", "compaction_of_next_year"), unknown="compaction_of_next_year"),
    # In the middle of a stream: event: error
    _P.broken(Kind.OVERLOADED, _error("overloaded_error", "Overloaded")),
    _P.broken(Kind.SERVER_ERROR, _error("api_error", "Internal server error")),
    _P.broken(Kind.SERVER_ERROR, _error("timeout_error", "The request timed out.")),
    _P.broken(Kind.SERVER_ERROR, _error("error_of_next_year", "New."), unknown="error_of_next_year"),
    _P.broken(Kind.RATE_LIMITED, _error("rate_limit_error", "Number of request tokens has exceeded your rate limit")),
    _P.broken(Kind.BILLING, _error("rate_limit_error", "x", "enforced_spend_limit_reached")),
    _P.broken(Kind.BILLING, _error("billing_error", "x")),
    _P.broken(Kind.AUTHENTICATION, _error("authentication_error", "x")),
    _P.broken(Kind.PERMISSION, _error("permission_error", "x")),
    _P.broken(Kind.NOT_FOUND, _error("not_found_error", "model: claude-x")),
    _P.broken(Kind.INVALID_REQUEST, _error(_BAD, "messages: at least one message is required")),
    _P.broken(Kind.INVALID_REQUEST, _error("x_error", "x", "tool_name_conflict")),
    _P.broken(Kind.INVALID_REQUEST, _error("x_error", "x", "image_dimensions_too_large")),
    _P.broken(Kind.INVALID_REQUEST, _error("x_error", "x", "request_body_encoding_invalid")),
    _P.broken(Kind.CONTEXT_LENGTH, _error(_BAD, "prompt is too long: 213462 tokens > 200000 maximum")),
    _P.broken(Kind.CONFLICT, _error("conflict_error", "x")),
    # A success whose body is an error
    _P.plain(200, Kind.OVERLOADED, _error("overloaded_error", "Overloaded")),
    _P.plain(200, Kind.SERVER_ERROR, _error("api_error", "Internal server error")),
    _P.plain(200, Kind.BAD_RESPONSE, PAGE),
]  # fmt: skip
