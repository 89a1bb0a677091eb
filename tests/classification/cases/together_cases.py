"""Together. From "Error codes" and "Rate limits" (docs.together.ai), and bodies in users' reports."""

from __future__ import annotations

from tests.classification.cases.base import CLOUDFLARE, PAGE, Kind, Provider, openai

_P = Provider("together")
_BAD = "invalid_request_error"
_MODEL = "You have reached the rate limit specific to this model black-forest-labs/FLUX.1-kontext-pro. The maximum rate limit for this model is 9.0 queries per minute."

CASES = [
    # Wait and retry
    _P.plain(429, Kind.RATE_LIMITED, openai(_MODEL, "model_rate_limit")),
    _P.plain(429, Kind.RATE_LIMITED, {**openai("Too many requests for your dynamic rate."), "error_type": "dynamic_request_limited"}, headers={"x-ratelimit-reset": "3"}, wait=3.0),
    _P.plain(429, Kind.RATE_LIMITED, openai("Too many tokens for your dynamic rate.", "dynamic_token_limited"), headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3"}, wait=3.0),
    _P.plain(403, Kind.RATE_LIMITED, openai("Too fast.", "dynamic_request_limited")),
    _P.plain(429, Kind.RATE_LIMITED, openai("You have been rate limited. Your rate limit is 60 queries per minute. Please navigate to https://api.together.xyz/settings/billing to upgrade to a paid plan.", "credit_limit")),
    _P.plain(429, Kind.RATE_LIMITED, b"", headers={"x-should-retry": "false"}, retry=False),
    # Never
    _P.plain(402, Kind.BILLING, openai("Credit limit exceeded, please navigate to https://api.together.ai/settings/billing", "credit_limit")),
    _P.plain(402, Kind.BILLING, b""),
    _P.plain(429, Kind.BILLING, openai("Credit limit exceeded", "credit_limit")),
    _P.plain(401, Kind.AUTHENTICATION, openai("Invalid API key provided. You can find your API key at https://api.together.ai/settings/api-keys.", _BAD, "invalid_api_key")),
    _P.plain(403, Kind.AUTHENTICATION, openai("Your account has been suspended.")),
    # 403 is a context that is too long, unless a proxy says it
    _P.plain(403, Kind.CONTEXT_LENGTH, openai("inputs tokens + max_new_tokens must be <= 4097")),
    _P.plain(403, Kind.CONTEXT_LENGTH, openai("Bad Request")),
    _P.plain(403, Kind.CONTEXT_LENGTH, b""),
    _P.plain(403, Kind.PERMISSION, CLOUDFLARE),
    _P.plain(422, Kind.CONTEXT_LENGTH, openai("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 4000 `inputs` tokens and 200 `max_new_tokens`", _BAD)),
    _P.plain(422, Kind.CONTEXT_LENGTH, openai("max_new_tokens is above what is left", _BAD)),
    _P.plain(400, Kind.CONTEXT_LENGTH, openai("This model's maximum context length is 32768 tokens.", _BAD)),
    _P.plain(422, Kind.INVALID_REQUEST, openai("Input validation error: `temperature` must be strictly positive", _BAD)),
    _P.plain(400, Kind.INVALID_REQUEST, openai("Invalid request", _BAD)),
    # Model
    _P.plain(404, Kind.NOT_FOUND, openai("Unable to access model x. Please visit https://api.together.ai/models to view the list of supported models.", _BAD, "model_not_available")),
    _P.plain(400, Kind.NOT_FOUND, openai("Unable to access non-serverless model Qwen/Qwen3-VL-8B-Instruct.", _BAD)),
    _P.plain(400, Kind.NOT_FOUND, {"error": "model_not_available", "message": "It is gone"}),
    # Server
    _P.plain(500, Kind.SERVER_ERROR, openai("Internal server error", "server_error")),
    _P.plain(503, Kind.OVERLOADED, openai("The server is overloaded or not ready yet.", "service_unavailable")),
    _P.plain(504, Kind.SERVER_ERROR, PAGE),
    _P.plain(520, Kind.SERVER_ERROR, CLOUDFLARE),
    _P.plain(524, Kind.SERVER_ERROR, CLOUDFLARE),
    _P.plain(529, Kind.OVERLOADED, openai("Overloaded")),
    # In the middle of a stream: as OpenAI, often with the type alone
    _P.broken(Kind.RATE_LIMITED, openai("Too fast.", "model_rate_limit")),
    _P.broken(Kind.RATE_LIMITED, openai("Too fast.", "dynamic_token_limited")),
    _P.broken(Kind.OVERLOADED, openai("Try later.", "service_unavailable")),
    _P.broken(Kind.SERVER_ERROR, openai("Internal server error", "server_error")),
    _P.broken(Kind.BILLING, openai("Credit limit exceeded", "credit_limit")),
    _P.broken(Kind.CONTEXT_LENGTH, openai("`inputs` tokens + `max_new_tokens` must be <= 4097")),
    # A success whose body is an error
    _P.plain(200, Kind.RATE_LIMITED, openai("Too fast.", "dynamic_token_limited")),
    _P.plain(200, Kind.BAD_RESPONSE, PAGE),
]  # fmt: skip
