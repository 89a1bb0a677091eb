"""Google's Gemini API. From "Troubleshooting", "Rate limits" and "Billing" (ai.google.dev), google.rpc, and the bodies in
developers' reports (discuss.ai.google.dev, github.com/google-gemini/gemini-cli/issues)."""

from __future__ import annotations

from typing import Any

from tests.classification.cases.base import PAGE, Kind, Provider

_P = Provider("google")
_RPC = "type.googleapis.com/google.rpc."
_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head to: "
    "https://ai.dev/rate-limit. \n* Quota exceeded for metric: generativelanguage.googleapis.com/"
    "generate_content_free_tier_requests, limit: {}, model: gemini-2.5-flash"
)
_MINUTE, _DAY = (
    "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
)


def _error(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = list(details)
    return {"error": error}


def _quotas(*ids: str) -> dict[str, Any]:
    return {"@type": f"{_RPC}QuotaFailure", "violations": [{"quotaMetric": "m", "quotaId": name} for name in ids]}


def _delay(text: str) -> dict[str, Any]:
    return {"@type": f"{_RPC}RetryInfo", "retryDelay": text}


def _reason(name: str) -> dict[str, Any]:
    return {"@type": f"{_RPC}ErrorInfo", "reason": name, "domain": "googleapis.com"}


def _ended(reason: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": []}, "finishReason": reason, "index": 0}]}


_SPENT = "RESOURCE_EXHAUSTED"
_CAP = "Your billing account has exceeded its monthly spending cap. Please go to AI Studio at https://ai.studio/billing to manage your billing."

CASES = [
    # Wait and retry. The message names the plan and billing also for a limit per minute.
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, _QUOTA.format(5) + "\nPlease retry in 46.5s.", _quotas(_MINUTE), _delay("46s")), wait=46.0),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, _QUOTA.format(5) + "\nPlease retry in 46.5s."), wait=46.5),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, _QUOTA.format(10))),
    _P.plain(429, Kind.RATE_LIMITED, [_error(429, _SPENT, _QUOTA.format(10), _delay("3.5s"))], wait=3.5),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, "Resource has been exhausted (e.g. check quota).")),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.")),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, "Quota exceeded", _quotas("GenerateContentInputTokensPerModelPerMinute-FreeTier")), headers={"retry-after": "7"}, wait=7.0),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, "OTHER_STATUS", "Quota exceeded", _quotas(_MINUTE))),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, "Quota exceeded", _delay("0s"))),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, "You have exhausted your capacity on this model. Your quota will reset after 4s.", _reason("RATE_LIMIT_EXCEEDED"), _delay("4s")), wait=4.0),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, "You have exhausted your capacity on this model. Your quota will reset after 19h27m14s."), wait=70034.0),
    _P.broken(Kind.RATE_LIMITED, {"error": {"message": "No.", "status": "X", "details": [_reason("RATE_LIMIT_EXCEEDED")]}}),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, "Quota exceeded", _delay("36000s")), wait=36000.0),
    _P.plain(429, Kind.RATE_LIMITED, _error(429, _SPENT, "Quota exceeded", _delay("100000s"))),
    # Tomorrow, or not for this model
    _P.plain(429, Kind.DAILY_QUOTA, _error(429, _SPENT, _QUOTA.format(250) + "\nPlease retry in 12s.", _quotas(_DAY), _delay("12s")), wait=12.0),
    _P.plain(429, Kind.DAILY_QUOTA, _error(429, _SPENT, _QUOTA.format(250), _quotas(_MINUTE, _DAY))),
    _P.plain(429, Kind.DAILY_QUOTA, _error(429, _SPENT, "Quota exceeded", _quotas("GenerateContentInputTokensPerModelPerDay-FreeTier"))),
    _P.plain(429, Kind.DAILY_QUOTA, _error(429, _SPENT, _QUOTA.format(0) + "\nPlease retry in 57.3s.", _quotas(_MINUTE)), wait=57.3),
    _P.plain(429, Kind.DAILY_QUOTA, _error(429, _SPENT, "Quota exceeded for quota metric 'Generate Content API requests per day' and limit 'GenerateContent request limit per day for a region'")),
    _P.plain(429, Kind.DAILY_QUOTA, _error(429, "quota_exceeded", "You have exceeded your daily quota.")),
    # Never
    _P.plain(402, Kind.BILLING, _error(402, _SPENT, "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your project and billing.")),
    _P.plain(402, Kind.BILLING, _error(402, _SPENT, "Payment required")),
    _P.plain(429, Kind.BILLING, _error(429, _SPENT, "Your prepayment credits are depleted.")),
    _P.plain(429, Kind.BILLING, _error(429, _SPENT, _CAP)),
    _P.plain(429, Kind.BILLING, _error(429, "LIMIT", _CAP), unknown="LIMIT"),
    _P.plain(402, Kind.BILLING, _error(402, "payment_required", "Your Prepay credit balance is depleted.")),
    _P.plain(400, Kind.BILLING, _error(400, "FAILED_PRECONDITION", "Please enable billing on project x in Google AI Studio.")),
    _P.plain(403, Kind.BILLING, _error(403, "PERMISSION_DENIED", "This API method requires billing to be enabled.")),
    _P.plain(403, Kind.BILLING, _error(403, "PERMISSION_DENIED", "Billing is disabled.", _reason("BILLING_DISABLED"))),
    _P.plain(403, Kind.BILLING, _error(403, "PERMISSION_DENIED", "Billing is not enabled for the project.")),
    # Server
    _P.plain(500, Kind.SERVER_ERROR, _error(500, "INTERNAL", "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting")),
    _P.plain(503, Kind.OVERLOADED, _error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")),
    _P.plain(503, Kind.OVERLOADED, _error(503, "UNAVAILABLE", "This model is currently experiencing high demand. Spikes in demand are usually temporary.")),
    _P.plain(504, Kind.SERVER_ERROR, _error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")),
    _P.plain(499, Kind.CONFLICT, _error(499, "CANCELLED", "The operation was cancelled.")),
    _P.plain(409, Kind.CONFLICT, _error(409, "ABORTED", "Aborted.")),
    _P.plain(502, Kind.SERVER_ERROR, PAGE),
    _P.plain(501, Kind.UNSUPPORTED, _error(501, "UNIMPLEMENTED", "Operation is not implemented for this model.")),
    # Key, project, place
    _P.plain(400, Kind.AUTHENTICATION, _error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", _reason("API_KEY_INVALID"))),
    _P.plain(400, Kind.AUTHENTICATION, _error(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.")),
    _P.plain(400, Kind.AUTHENTICATION, _error(400, "INVALID_ARGUMENT", "API Key not found. Please pass a valid API key.")),
    _P.plain(401, Kind.AUTHENTICATION, _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token.")),
    _P.plain(403, Kind.AUTHENTICATION, _error(403, "PERMISSION_DENIED", "Permission denied: Consumer 'api_key:x' has been suspended.", _reason("CONSUMER_SUSPENDED"))),
    _P.plain(403, Kind.AUTHENTICATION, _error(403, "PERMISSION_DENIED", "Consumer is unknown.", _reason("CONSUMER_INVALID"))),
    _P.plain(401, Kind.AUTHENTICATION, _error(401, "UNAUTHENTICATED", "Request had invalid credentials.", _reason("ACCESS_TOKEN_EXPIRED"))),
    _P.plain(401, Kind.AUTHENTICATION, _error(401, "UNAUTHENTICATED", "Request is missing a credential.", _reason("CREDENTIALS_MISSING"))),
    _P.plain(403, Kind.PERMISSION, _error(403, "PERMISSION_DENIED", "Request had insufficient scopes.", _reason("ACCESS_TOKEN_SCOPE_INSUFFICIENT"))),
    _P.plain(403, Kind.PERMISSION, _error(403, "PERMISSION_DENIED", "The provided API key has an IP address restriction.", _reason("API_KEY_IP_ADDRESS_BLOCKED"))),
    _P.plain(403, Kind.PERMISSION, _error(403, "PERMISSION_DENIED", "Requests from referer <empty> are blocked.", _reason("API_KEY_HTTP_REFERRER_BLOCKED"))),
    _P.plain(403, Kind.AUTHENTICATION, _error(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key.")),
    _P.plain(403, Kind.AUTHENTICATION, _error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without established identity).")),
    _P.plain(401, Kind.AUTHENTICATION, _error(401, "authentication", "The API key is missing.")),
    _P.plain(400, Kind.PERMISSION, _error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")),
    _P.plain(400, Kind.PERMISSION, _error(400, "FAILED_PRECONDITION", "Precondition check failed.")),
    _P.plain(400, Kind.PERMISSION, _error(400, "failed_precondition", "A prerequisite is not met.")),
    _P.plain(403, Kind.PERMISSION, _error(403, "PERMISSION_DENIED", "The caller does not have permission")),
    _P.plain(403, Kind.PERMISSION, _error(403, "permission_denied", "Your API key may not do this.")),
    _P.plain(403, Kind.PERMISSION, _error(403, "PERMISSION_DENIED", "Generative Language API has not been used in project 123 before or it is disabled.", _reason("SERVICE_DISABLED"))),
    _P.plain(403, Kind.PERMISSION, _error(403, "PERMISSION_DENIED", "Requests to this API are blocked.", _reason("API_KEY_SERVICE_BLOCKED"))),
    # Model
    _P.plain(404, Kind.NOT_FOUND, _error(404, "NOT_FOUND", "models/gemini-x is not found for API version v1beta, or is not supported for generateContent.")),
    _P.plain(404, Kind.NOT_FOUND, _error(404, "not_found", "The model was not found.")),
    # Size, filter, request
    _P.plain(400, Kind.CONTEXT_LENGTH, _error(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).")),
    _P.plain(400, Kind.CONTEXT_LENGTH, _error(400, "INVALID_ARGUMENT", "The input token count is too high for this model.")),
    _P.plain(400, Kind.REQUEST_TOO_LARGE, _error(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes.")),
    _P.plain(400, Kind.CONTENT_FILTER, _error(400, "INVALID_ARGUMENT", "The prompt was blocked.")),
    _P.plain(200, Kind.CONTENT_FILTER, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 8}}),
    _P.plain(400, Kind.INVALID_REQUEST, _error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")),
    _P.plain(400, Kind.INVALID_REQUEST, _error(400, "INVALID_ARGUMENT", "Function call is missing a thought_signature in functionCall parts.")),
    _P.plain(400, Kind.INVALID_REQUEST, _error(400, "STATUS_OF_NEXT_YEAR", "New."), unknown="STATUS_OF_NEXT_YEAR"),
    # In the middle of a stream: an error object without `data:`, or a finish reason. Its own code counts as a status.
    _P.broken(Kind.OVERLOADED, _error(503, "UNAVAILABLE", "The model is overloaded.")),
    _P.broken(Kind.OVERLOADED, {"error": {"message": "No more.", "status": "UNAVAILABLE"}}),
    _P.broken(Kind.SERVER_ERROR, _error(500, "INTERNAL", "An internal error has occurred.")),
    _P.broken(Kind.SERVER_ERROR, {"error": {"message": "No more.", "status": "INTERNAL"}}),
    _P.broken(Kind.SERVER_ERROR, {"error": {"message": "No more.", "status": "UNKNOWN"}}),
    _P.broken(Kind.SERVER_ERROR, {"error": {"message": "No more.", "status": "DATA_LOSS"}}),
    _P.broken(Kind.SERVER_ERROR, {"error": {"message": "No more.", "status": "DEADLINE_EXCEEDED"}}),
    _P.broken(Kind.CONFLICT, {"error": {"message": "No more.", "status": "CANCELLED"}}),
    _P.broken(Kind.INVALID_REQUEST, {"error": {"message": "No.", "status": "INVALID_ARGUMENT"}}),
    _P.broken(Kind.INVALID_REQUEST, {"error": {"message": "No.", "status": "OUT_OF_RANGE"}}),
    _P.broken(Kind.INVALID_REQUEST, {"error": {"message": "No.", "status": "invalid_request"}}),
    _P.broken(Kind.INVALID_REQUEST, {"error": {"message": "No.", "status": "parameter_unknown"}}),
    _P.broken(Kind.RATE_LIMITED, _error(429, _SPENT, _QUOTA.format(5), _quotas(_MINUTE), _delay("46s")), wait=46.0),
    _P.broken(Kind.DAILY_QUOTA, _error(429, _SPENT, _QUOTA.format(5), _quotas(_DAY))),
    _P.broken(Kind.BILLING, _error(429, _SPENT, _CAP)),
    _P.broken(Kind.RESAMPLE, _ended("MALFORMED_FUNCTION_CALL")),
    _P.broken(Kind.RESAMPLE, _ended("MALFORMED_RESPONSE")),
    _P.broken(Kind.RESAMPLE, _ended("UNEXPECTED_TOOL_CALL")),
    _P.broken(Kind.RESAMPLE, _ended("TOO_MANY_TOOL_CALLS")),
    _P.broken(Kind.RESAMPLE, _ended("NO_IMAGE")),
    _P.broken(Kind.RESAMPLE, _ended("IMAGE_OTHER")),
    _P.broken(Kind.INVALID_REQUEST, _ended("MISSING_THOUGHT_SIGNATURE")),
    _P.plain(200, Kind.SERVER_ERROR, _ended("OTHER")),
    _P.plain(200, Kind.RESAMPLE, _ended("MALFORMED_FUNCTION_CALL")),
    # A success whose body is an error
    _P.plain(200, Kind.OVERLOADED, _error(503, "UNAVAILABLE", "The model is overloaded.")),
    _P.plain(200, Kind.DAILY_QUOTA, _error(429, _SPENT, _QUOTA.format(5), _quotas(_DAY))),
    _P.plain(200, Kind.BAD_RESPONSE, PAGE),
]  # fmt: skip
