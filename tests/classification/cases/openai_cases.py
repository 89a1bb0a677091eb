"""OpenAI. From "Error codes" and "Rate limits" (developers.openai.com), its help pages, and issues of its client."""

from __future__ import annotations

from typing import Any

from tests.classification.cases.base import CLOUDFLARE, PAGE, Kind, Provider, openai

_P = Provider("openai")
_RATE = (
    "Rate limit reached for gpt-4.1 in organization org-x on tokens per min (TPM): Limit 30000, Used 22343, Requested "
)
_BAD = "invalid_request_error"
_MONEY = "insufficient_quota"


def failed(code: str | None, status: str = "failed") -> dict[str, Any]:
    """Return the last event of a response that failed."""
    error = {"code": code, "message": "The response failed."} if code else None
    response: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "status": status,
        "error": error,
        "output": [],
        "model": "m",
    }
    return {"type": f"response.{status}", "sequence_number": 3, "response": response}


CASES = [
    # Wait and retry
    _P.plain(429, Kind.RATE_LIMITED, openai(f"{_RATE}10955. Please try again in 6.596s.", "tokens", "rate_limit_exceeded"), wait=6.596),
    _P.plain(429, Kind.RATE_LIMITED, openai(f"{_RATE}11159. Please try again in 174ms.", "tokens", "rate_limit_exceeded"), wait=0.174),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached for requests", "requests", "rate_limit_exceeded"), headers={"retry-after": "20"}, wait=20.0),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", "rate_limit_exceeded"), headers={"retry-after-ms": "1500", "retry-after": "2"}, wait=1.5),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", "rate_limit_exceeded"), headers={"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-tokens": "12", "x-ratelimit-reset-tokens": "9m0s"}, wait=360.0),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "tokens", "rate_limit_exceeded"), headers={"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s"}, wait=62.5),
    _P.plain(429, Kind.RATE_LIMITED, openai("Requests are increasing too quickly. Slow down.", "rate_limit_error", "slow_down")),
    _P.plain(503, Kind.RATE_LIMITED, openai("Slow Down", "server_error", "slow_down")),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "rate_limit_error", "rate_limit_exceeded"), headers={"retry-after": "Sun, 29 Nov 2026 12:00:30 GMT", "date": "Sun, 29 Nov 2026 12:00:00 GMT"}, wait=30.0),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", "rate_limit_exceeded"), headers={"x-should-retry": "false", "retry-after": "1"}, wait=1.0, retry=False),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", None), headers={"retry-after": "NaN"}),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", None), headers={"retry-after": "inf"}),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", None), headers={"retry-after": "0"}),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", None), headers={"retry-after": "-1"}, retry=False),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", None), headers={"retry-after": "90000"}),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", None), headers={"retry-after": "soon"}),
    _P.plain(429, Kind.RATE_LIMITED, openai("Rate limit reached", "requests", None), headers={"retry-after": "0.75"}, wait=0.75),
    # Never
    _P.plain(429, Kind.BILLING, openai("You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs.", _MONEY, _MONEY)),
    _P.plain(429, Kind.BILLING, openai("Your organization has no prepaid credits remaining.", _MONEY, "credit_balance_exhausted")),
    _P.plain(429, Kind.BILLING, openai("Your organization reached its spend limit.", _MONEY, "organization_spend_limit_exceeded")),
    _P.plain(429, Kind.BILLING, openai("Your project reached its spend limit.", _MONEY, "project_spend_limit_exceeded")),
    _P.plain(429, Kind.BILLING, openai("Your organization reached its usage limit.", _MONEY, "organization_usage_limit_exceeded")),
    _P.plain(429, Kind.BILLING, openai("Quota used up.", _MONEY, "credit_balance_exhausted"), headers={"x-should-retry": "true"}, retry=True),
    _P.plain(429, Kind.BILLING, openai("No credit", None, "credit_balance_exhausted")),
    _P.plain(429, Kind.BILLING, openai("Limit", None, "project_spend_limit_exceeded")),
    _P.plain(429, Kind.BILLING, openai("Limit", None, "organization_usage_limit_exceeded")),
    _P.plain(429, Kind.BILLING, openai("You exceeded your current quota, please check your plan and billing details.")),
    _P.plain(429, Kind.BILLING, openai("Your account is not active, please check your billing details on our website.", "billing_not_active", "billing_not_active")),
    _P.plain(400, Kind.BILLING, openai("Billing hard limit has been reached", _BAD, "billing_hard_limit_reached")),
    _P.plain(403, Kind.BILLING, openai("Please check your billing details.", _BAD)),
    # Server
    _P.plain(500, Kind.SERVER_ERROR, openai("The server had an error while processing your request. Sorry about that!", "server_error")),
    _P.plain(500, Kind.SERVER_ERROR, openai("The server had an error", "server_error"), headers={"x-should-retry": "false"}, retry=False),
    _P.plain(502, Kind.SERVER_ERROR, PAGE),
    _P.plain(504, Kind.SERVER_ERROR, b"upstream request timeout"),
    _P.plain(520, Kind.SERVER_ERROR, CLOUDFLARE),
    _P.plain(521, Kind.SERVER_ERROR, CLOUDFLARE),
    _P.plain(524, Kind.SERVER_ERROR, b"error code: 524"),
    _P.plain(503, Kind.OVERLOADED, openai("The engine is currently overloaded, please try again later", "service_unavailable_error", "server_is_overloaded")),
    _P.plain(503, Kind.OVERLOADED, PAGE, headers={"retry-after": "3"}, wait=3.0),
    _P.plain(408, Kind.CONFLICT, openai("Request timed out", "timeout"), unknown="timeout"),
    _P.plain(409, Kind.CONFLICT, openai("Conflict")),
    # Key, organisation, place
    _P.plain(401, Kind.AUTHENTICATION, openai("Incorrect API key provided: sk-x. You can find your API key at https://platform.openai.com/account/api-keys.", _BAD, "invalid_api_key")),
    _P.plain(401, Kind.AUTHENTICATION, openai("You must be a member of an organization to use the API", _BAD, "invalid_organization")),
    _P.plain(401, Kind.AUTHENTICATION, openai("The OpenAI account associated with this API key has been deactivated.", _BAD, "account_deactivated")),
    _P.plain(403, Kind.AUTHENTICATION, openai("The project you are requesting has been archived and is no longer accessible", _BAD, "not_authorized_invalid_project")),
    _P.plain(401, Kind.AUTHENTICATION, openai("Your authentication token has expired.", None, "token_expired")),
    _P.plain(401, Kind.PERMISSION, openai("Your IP address is not authorized.", _BAD, "ip_not_authorized")),
    _P.plain(401, Kind.PERMISSION, openai("You have insufficient permissions for this operation. Missing scopes: model.request")),
    _P.plain(403, Kind.PERMISSION, openai("Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory")),
    _P.plain(403, Kind.PERMISSION, openai("Country, region, or territory not supported")),
    _P.plain(403, Kind.PERMISSION, openai("Forbidden", "request_forbidden")),
    _P.plain(403, Kind.PERMISSION, openai("Project `proj_x` does not have access to model `gpt-6-sol`", _BAD, "model_not_found")),
    _P.plain(403, Kind.UNSUPPORTED, openai("You are not allowed to generate embeddings from this model", _BAD)),
    _P.plain(403, Kind.UNSUPPORTED, openai("You are not allowed to sample from this model", _BAD)),
    # Model
    _P.plain(404, Kind.NOT_FOUND, openai("The model `gpt-9` does not exist or you do not have access to it.", _BAD, "model_not_found")),
    _P.plain(404, Kind.NOT_FOUND, openai("The model `gpt-3.5-turbo-0613` has been deprecated", _BAD, "model_not_found")),
    _P.plain(400, Kind.NOT_FOUND, openai("invalid model ID", _BAD)),
    _P.plain(404, Kind.NOT_FOUND, openai("Invalid URL (POST /v1/chat)", _BAD)),
    # Size, filter, request
    _P.plain(400, Kind.CONTEXT_LENGTH, openai("This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", _BAD, "context_length_exceeded", "messages")),
    _P.plain(400, Kind.CONTEXT_LENGTH, openai("Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.", _BAD, "context_length_exceeded")),
    _P.plain(400, Kind.CONTEXT_LENGTH, openai("Input tokens exceed the configured limit of 272000 tokens.", _BAD)),
    _P.plain(429, Kind.REQUEST_TOO_LARGE, openai("Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 30601. The input or output tokens must be reduced in order to run successfully.", "tokens", "rate_limit_exceeded")),
    _P.plain(413, Kind.REQUEST_TOO_LARGE, PAGE),
    _P.plain(400, Kind.REQUEST_TOO_LARGE, openai("Invalid 'input': string too long.", _BAD, "string_above_max_length")),
    _P.plain(400, Kind.CONTENT_FILTER, openai("Your request was rejected as a result of our safety system.", "image_generation_user_error", "moderation_blocked")),
    _P.plain(400, Kind.CONTENT_FILTER, openai("Your request was rejected as a result of our safety system.", _BAD, "content_policy_violation")),
    _P.plain(400, Kind.CONTENT_FILTER, openai("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", _BAD, "invalid_prompt")),
    _P.plain(403, Kind.CONTENT_FILTER, openai("This request was blocked by our safety systems. Reason: Potentially unintended activity.", _BAD, "misalignment_policy_violation")),
    _P.plain(400, Kind.CONTENT_FILTER, openai("This content was flagged for possible cybersecurity risk.", _BAD, "cyber_policy")),
    _P.plain(400, Kind.CONTENT_FILTER, openai("This request has been limited.", _BAD, "bio_policy")),
    _P.plain(429, Kind.OVERLOADED, openai("Resource Unavailable", None, "resource_unavailable")),
    _P.plain(429, Kind.OVERLOADED, openai("Resource Unavailable", None, "flex_unavailable")),
    _P.plain(400, Kind.UNSUPPORTED, openai("Your organization must be verified to stream this model.", _BAD, "unsupported_value", "stream")),
    _P.plain(400, Kind.UNSUPPORTED, openai("Streaming is not supported for this model", _BAD)),
    _P.plain(400, Kind.INVALID_REQUEST, openai("Unsupported parameter: 'max_tokens' is not supported with this model.", _BAD, "unsupported_parameter", "max_tokens")),
    _P.plain(400, Kind.INVALID_REQUEST, openai("Missing required parameter: 'messages[1].content[0].type'.", _BAD, "missing_required_parameter")),
    _P.plain(400, Kind.INVALID_REQUEST, openai("Invalid service_tier argument: The requested service tier is not allowed for this project.", _BAD, None, "service_tier")),
    _P.plain(400, Kind.INVALID_REQUEST, openai("A field is odd.", _BAD, "a_code_of_next_year"), unknown="a_code_of_next_year"),
    _P.plain(422, Kind.INVALID_REQUEST, openai("Unprocessable")),
    _P.plain(429, Kind.RATE_LIMITED, openai("Too fast for this week", "weekly_limit_error"), unknown="weekly_limit_error"),
    _P.plain(418, Kind.UNKNOWN_STATUS, openai("I'm a teapot")),
    _P.plain(451, Kind.PERMISSION, openai("Unavailable for legal reasons")),
    _P.plain(425, Kind.CONFLICT, openai("Too early")),
    _P.plain(308, Kind.REDIRECT, b"", headers={"location": "https://elsewhere.example/"}),
    _P.plain(301, Kind.REDIRECT, PAGE),
    _P.plain(302, Kind.REDIRECT, PAGE),
    _P.plain(303, Kind.REDIRECT, b""),
    _P.plain(307, Kind.REDIRECT, b""),
    _P.plain(407, Kind.PROXY, PAGE),
    _P.plain(405, Kind.NOT_FOUND, b"Method Not Allowed"),
    _P.plain(410, Kind.NOT_FOUND, openai("Gone")),
    _P.plain(410, Kind.NOT_FOUND, openai("The model was retired")),
    _P.plain(405, Kind.NOT_FOUND, openai("The model takes no such method")),
    _P.plain(501, Kind.UNSUPPORTED, openai("The model has no such operation")),
    # In the middle of a stream: data: {"error": …}
    _P.broken(Kind.SERVER_ERROR, openai("The server had an error while processing your request", "server_error", "server_error")),
    _P.broken(Kind.SERVER_ERROR, openai("The server had an error while processing your request", "server_error")),
    _P.broken(Kind.SERVER_ERROR, openai("Something else")),
    _P.broken(Kind.RATE_LIMITED, openai("Rate limit reached. Please try again in 20s.", "requests", "rate_limit_exceeded"), wait=20.0),
    _P.broken(Kind.RATE_LIMITED, openai("Slow down", "requests")),
    _P.broken(Kind.RATE_LIMITED, openai("Slow down", "tokens")),
    _P.broken(Kind.BILLING, openai("You exceeded your current quota, please check your plan and billing details.", _MONEY, _MONEY)),
    _P.broken(Kind.OVERLOADED, openai("Selected model is at capacity. Please try a different model.", None, "server_is_overloaded")),
    _P.broken(Kind.OVERLOADED, openai("That model is currently overloaded with other requests.", "server_error")),
    _P.broken(Kind.OVERLOADED, openai("Try later", "service_unavailable_error")),
    _P.broken(Kind.CONTEXT_LENGTH, openai("This model's maximum context length is 8192 tokens.", _BAD, "context_length_exceeded")),
    _P.broken(Kind.INVALID_REQUEST, openai("Bad request", _BAD)),
    _P.broken(Kind.INVALID_REQUEST, openai("Unsupported value", None, "unsupported_value")),
    _P.broken(Kind.INVALID_REQUEST, openai("Unsupported parameter", None, "unsupported_parameter")),
    _P.broken(Kind.INVALID_REQUEST, openai("Missing", None, "missing_required_parameter")),
    _P.broken(Kind.INVALID_REQUEST, openai("Unknown", None, "unknown_parameter")),
    _P.broken(Kind.INVALID_REQUEST, openai("Type", None, "invalid_type")),
    _P.broken(Kind.INVALID_REQUEST, openai("Value", None, "invalid_value")),
    _P.broken(Kind.INVALID_REQUEST, openai("Empty", None, "empty_array")),
    _P.broken(Kind.INVALID_REQUEST, openai("Too many", None, "integer_above_max_value")),
    _P.broken(Kind.INVALID_REQUEST, openai("No such address", None, "unknown_url")),
    _P.broken(Kind.SERVER_ERROR, {"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}),
    _P.broken(Kind.INVALID_REQUEST, openai("x", "BadRequestError")),
    # The Responses API: a response that failed, or an event `error` with its fields at the top
    _P.broken(Kind.SERVER_ERROR, failed("server_error"), wire="responses"),
    _P.broken(Kind.SERVER_ERROR, failed("vector_store_timeout"), wire="responses"),
    _P.broken(Kind.SERVER_ERROR, failed(None, "cancelled"), wire="responses"),
    _P.broken(Kind.RATE_LIMITED, failed("rate_limit_exceeded"), wire="responses"),
    _P.broken(Kind.CONTENT_FILTER, failed("invalid_prompt"), wire="responses"),
    _P.broken(Kind.CONTENT_FILTER, failed("bio_policy"), wire="responses"),
    _P.broken(Kind.CONTENT_FILTER, failed("misalignment_policy_violation"), wire="responses"),
    _P.broken(Kind.CONTENT_FILTER, failed("image_content_policy_violation"), wire="responses"),
    _P.broken(Kind.INVALID_REQUEST, failed("data_residency_mismatch"), wire="responses"),
    _P.broken(Kind.INVALID_REQUEST, failed("unsupported_image_media_type"), wire="responses"),
    _P.broken(Kind.INVALID_REQUEST, failed("failed_to_download_image"), wire="responses"),
    _P.broken(Kind.INVALID_REQUEST, failed("empty_image_file"), wire="responses"),
    _P.broken(Kind.INVALID_REQUEST, failed("invalid_image_url"), wire="responses"),
    _P.broken(Kind.INVALID_REQUEST, failed("invalid_base64_image"), wire="responses"),
    _P.broken(Kind.INVALID_REQUEST, failed("image_parse_error"), wire="responses"),
    _P.broken(Kind.OVERLOADED, {"type": "error", "code": "server_is_overloaded", "message": "Selected model is at capacity.", "param": None, "sequence_number": 3}, wire="responses"),
    _P.broken(Kind.BILLING, {"type": "error", "code": "credit_balance_exhausted", "message": "No credit", "param": None, "sequence_number": 3}, wire="responses"),
    # A success whose body is an error
    _P.plain(200, Kind.BILLING, openai("You exceeded your current quota, please check your plan and billing details.", _MONEY, _MONEY)),
    _P.plain(200, Kind.SERVER_ERROR, openai("The server had an error", "server_error")),
    _P.plain(200, Kind.BAD_RESPONSE, PAGE),
]  # fmt: skip
