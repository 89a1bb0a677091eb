"""Azure OpenAI. From "Quota", "Content filtering" and "Role-based access control" (learn.microsoft.com), and bodies in
users' reports."""

from __future__ import annotations

from typing import Any

from tests.classification.cases.base import PAGE, Kind, Provider, openai

_P = Provider("azure-openai")


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


_TIER = "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. "
_RAI = {"hate": {"filtered": False, "severity": "safe"}, "jailbreak": {"filtered": True, "detected": True}}

CASES = [
    # Wait and retry
    _P.plain(429, Kind.RATE_LIMITED, _error("429", _TIER + "Please retry after 9 seconds. Please go here: https://aka.ms/oai/quotaincrease"), wait=9.0),
    _P.plain(429, Kind.RATE_LIMITED, _error("429", _TIER + "Please retry after 86400 seconds. Please contact Azure support service."), wait=86400.0),
    _P.plain(429, Kind.RATE_LIMITED, _error("429", "Rate limit is exceeded. Try again in 2 seconds."), headers={"x-ratelimit-remaining-requests": "7", "x-ratelimit-remaining-tokens": "1014"}, wait=2.0),
    _P.plain(429, Kind.RATE_LIMITED, _error("RateLimitReached", "Your requests to x for gpt-4o in East US have exceeded rate limit."), headers={"retry-after-ms": "500", "retry-after": "1"}, wait=0.5),
    _P.plain(429, Kind.RATE_LIMITED, _error("RateLimitReached", "Limited."), headers={"x-ms-retry-after-ms": "2500"}, wait=2.5),
    _P.plain(400, Kind.RATE_LIMITED, _error("RateLimitReached", "Limited.")),
    _P.plain(429, Kind.RATE_LIMITED, openai("Too many requests", None, "too_many_requests"), unknown="too_many_requests"),
    # Never
    _P.plain(429, Kind.BILLING, openai("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota", "insufficient_quota")),
    _P.plain(403, Kind.AUTHENTICATION, _error("403", "The subscription has been disabled.")),
    # Server
    _P.plain(429, Kind.OVERLOADED, _error("NoCapacity", "The system is currently experiencing high demand and cannot process your request. Your request exceeds the maximum usage size allowed during peak load. Please retry after 20 seconds."), wait=20.0, unknown="NoCapacity"),
    _P.plain(429, Kind.OVERLOADED, _error("429", "The service is temporarily unable to process your request. Please try again later.")),
    _P.plain(500, Kind.SERVER_ERROR, _error("InternalServerError", "The server had an error processing your request.")),
    _P.plain(503, Kind.OVERLOADED, _error("ServiceUnavailable", "Service Unavailable")),
    _P.plain(502, Kind.SERVER_ERROR, PAGE),
    _P.plain(408, Kind.CONFLICT, _error("Timeout", "The operation was timeout.")),
    _P.plain(424, Kind.SERVER_ERROR, openai("Failed dependency")),
    # Filter
    _P.plain(400, Kind.CONTENT_FILTER, {"error": {"message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.", "type": None, "param": "prompt", "code": "content_filter", "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": _RAI}}}),
    _P.plain(400, Kind.CONTENT_FILTER, {"error": {"message": "Blocked.", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
    _P.plain(400, Kind.CONTENT_FILTER, openai("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.")),
    # Key, access
    _P.plain(401, Kind.AUTHENTICATION, _error("401", "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription.")),
    _P.plain(401, Kind.PERMISSION, _error("PermissionDenied", "The principal `x` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action`")),
    _P.plain(403, Kind.PERMISSION, _error("AuthenticationTypeDisabled", "Key based authentication is disabled for this resource."), unknown="AuthenticationTypeDisabled"),
    _P.plain(403, Kind.PERMISSION, _error("AccessDenied", "Access denied due to Virtual Network/Firewall rules."), unknown="AccessDenied"),
    _P.plain(403, Kind.AUTHENTICATION, _error("Forbidden", "Your resource has been temporarily blocked because we detected behavior that may violate our content policy. For more details on Azure OpenAI service content policy, please visit https://aka.ms/aoaicodeofconduct")),
    _P.plain(403, Kind.PERMISSION, _error("Forbidden", "Traffic is not from an approved private endpoint.")),
    _P.plain(403, Kind.PERMISSION, _error("403", "Public access is disabled. Please configure private endpoint.")),
    # Deployment
    _P.plain(404, Kind.NOT_FOUND, _error("DeploymentNotFound", "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.")),
    _P.plain(404, Kind.NOT_FOUND, _error("404", "Resource not found")),
    # Size, request
    _P.plain(400, Kind.CONTEXT_LENGTH, openai("This model's maximum context length is 8192 tokens.", "invalid_request_error", "context_length_exceeded")),
    _P.plain(400, Kind.INVALID_REQUEST, openai("Unrecognized request argument supplied: stream_options", "invalid_request_error")),
    # In the middle of a stream: as OpenAI
    _P.broken(Kind.SERVER_ERROR, _error("InternalServerError", "The server had an error.")),
    _P.broken(Kind.SERVER_ERROR, _error("Timeout", "The operation was timeout.")),
    _P.broken(Kind.OVERLOADED, _error("ServiceUnavailable", "x")),
    _P.broken(Kind.RATE_LIMITED, _error("RateLimitReached", "Limited. Please retry after 3 seconds."), wait=3.0),
    _P.broken(Kind.OVERLOADED, _error("429", "The system is currently experiencing high demand.")),
    _P.broken(Kind.CONTENT_FILTER, _error("content_filter", "The response was filtered.")),
    # A success whose body is an error
    _P.plain(200, Kind.OVERLOADED, _error("NoCapacity", "The system is currently experiencing high demand."), unknown="NoCapacity"),
    _P.plain(200, Kind.BAD_RESPONSE, PAGE),
]  # fmt: skip
