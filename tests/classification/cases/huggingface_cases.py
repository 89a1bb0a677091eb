"""Hugging Face. From its documentation and its official client 1.33.0, and bodies in users' reports."""

from __future__ import annotations

from tests.classification.cases.base import PAGE, Kind, Provider, openai

_P = Provider("huggingface")
_BAD = "invalid_request_error"

CASES = [
    # Wait and retry
    _P.plain(429, Kind.RATE_LIMITED, {"error": "Too Many Requests"}),
    _P.plain(429, Kind.RATE_LIMITED, {"error": "Too Many Requests"}, headers={"ratelimit": '"api";r=0;t=55', "ratelimit-policy": '"fixed window";"api";q=500;w=300'}, wait=55.0),
    _P.plain(429, Kind.RATE_LIMITED, {"error": "Too Many Requests"}, headers={"ratelimit": '"api";r=3;t=55'}),
    _P.plain(429, Kind.RATE_LIMITED, {"error": "Too Many Requests"}, headers={"ratelimit": '"api";r=0;t=55', "retry-after": "9"}, wait=9.0),
    _P.plain(400, Kind.RATE_LIMITED, {"error": "too many requests"}),
    _P.plain(503, Kind.OVERLOADED, {"error": "Model HuggingFaceH4/zephyr-7b-beta is currently loading", "estimated_time": 20.0}, wait=20.0),
    _P.plain(503, Kind.OVERLOADED, {"error": "Model x is currently loading", "estimated_time": 4000.0}),
    _P.plain(500, Kind.OVERLOADED, {"error": "The model is still loading"}),
    _P.plain(429, Kind.OVERLOADED, {"error": "Model is overloaded", "error_type": "overloaded"}),
    _P.plain(429, Kind.OVERLOADED, {"error": "Wait.", "error_type": "overloaded"}),
    # Never
    _P.plain(402, Kind.BILLING, {"error": "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x more monthly included credits."}),
    _P.plain(403, Kind.BILLING, {"error": "You have exceeded your monthly included credits."}),
    _P.plain(403, Kind.BILLING, {"error": "You have depleted your monthly credits."}),
    _P.plain(403, Kind.BILLING, {"code": 403, "reason": "NOT_ENOUGH_BALANCE", "message": "not enough balance", "error": {"message": "not enough balance", "code": "NOT_ENOUGH_BALANCE"}}),
    _P.plain(401, Kind.AUTHENTICATION, {"error": "Invalid credentials in Authorization header"}),
    _P.plain(401, Kind.AUTHENTICATION, {"error": "Invalid username or password."}),
    _P.plain(403, Kind.PERMISSION, {"error": "This authentication method does not have sufficient permissions to call Inference Providers on behalf of user x"}),
    _P.plain(403, Kind.PERMISSION, b"Access to model meta-llama/Llama-3.1-8B is restricted.", headers={"x-error-code": "GatedRepo"}),
    _P.plain(401, Kind.PERMISSION, {"error": "Access to model x is restricted. You must be authenticated to access it."}, headers={"x-error-code": "GatedRepo"}),
    _P.plain(401, Kind.NOT_FOUND, {"error": "Repository not found"}, headers={"x-error-code": "RepoNotFound"}),
    _P.plain(401, Kind.NOT_FOUND, {"error": "Invalid rev id: x"}, headers={"x-error-code": "RevisionNotFound"}),
    # Model
    _P.plain(400, Kind.NOT_FOUND, openai("The requested model 'x' is not supported by any provider you have enabled.", _BAD, "model_not_supported", "model")),
    _P.plain(400, Kind.NOT_FOUND, openai("Not here.", _BAD, "model_not_supported")),
    _P.plain(400, Kind.NOT_FOUND, {"error": "Model not supported by provider novita"}),
    _P.plain(400, Kind.NOT_FOUND, openai("The requested model 'x' does not exist", _BAD, "model_not_found")),
    _P.plain(404, Kind.NOT_FOUND, b"Not Found"),
    # Request, size
    _P.plain(422, Kind.INVALID_REQUEST, {"error": ["Error in `parameters.temperature`: ensure this value is greater than 0"]}),
    _P.plain(422, Kind.INVALID_REQUEST, {"error": "Input validation error: `temperature` must be strictly positive", "error_type": "validation"}),
    _P.plain(422, Kind.CONTEXT_LENGTH, {"error": "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000", "error_type": "validation"}),
    _P.plain(422, Kind.CONTEXT_LENGTH, {"message": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048", "http_status_code": 422}),
    # Server
    _P.plain(424, Kind.SERVER_ERROR, {"error": "Request failed during generation: CUDA out of memory", "error_type": "generation"}),
    _P.plain(500, Kind.SERVER_ERROR, b"<html>Internal Server Error</html>"),
    _P.plain(502, Kind.SERVER_ERROR, PAGE),
    _P.plain(504, Kind.SERVER_ERROR, {"detail": "Upstream timed out"}),
    _P.plain(500, Kind.SERVER_ERROR, {"detail": "x"}, headers={"x-should-retry": "false"}, retry=False),
    # In the middle of a stream: an error of any of these forms
    _P.broken(Kind.SERVER_ERROR, {"error": "Request failed during generation", "error_type": "generation"}),
    _P.broken(Kind.INVALID_REQUEST, {"error": "Input validation error: x", "error_type": "validation"}),
    _P.broken(Kind.OVERLOADED, {"error": "Model is overloaded", "error_type": "overloaded"}),
    _P.broken(Kind.BILLING, {"error": "You have exceeded your monthly included credits."}),
    _P.broken(Kind.SERVER_ERROR, openai("Internal error")),
    _P.broken(Kind.RATE_LIMITED, {"error": "too many requests"}),
    # A success whose body is an error
    _P.plain(200, Kind.OVERLOADED, {"error": "Model x is currently loading", "estimated_time": 20.0}, wait=20.0),
    _P.plain(200, Kind.BAD_RESPONSE, PAGE),
]  # fmt: skip
