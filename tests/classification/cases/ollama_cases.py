"""Ollama. From "Errors" (docs.ollama.com), the sources of its server, and its issues (cloud)."""

from __future__ import annotations

from typing import Any

from tests.classification.cases.base import PAGE, Kind, Provider

_P = Provider("ollama")


def _error(message: str) -> dict[str, Any]:
    return {"error": message}


_UPGRADE = "upgrade for higher limits: https://ollama.com/upgrade"

CASES = [
    # Wait and retry
    _P.plain(503, Kind.OVERLOADED, _error("server busy, please try again.  maximum pending requests exceeded")),
    _P.plain(429, Kind.RATE_LIMITED, _error("too many concurrent requests")),
    _P.plain(429, Kind.RATE_LIMITED, _error("too many concurrent requests"), headers={"retry-after": "4"}, wait=4.0),
    _P.plain(429, Kind.RATE_LIMITED, _error("slow down"), headers={"x-should-retry": "false"}, retry=False),
    # Hours
    _P.plain(429, Kind.DAILY_QUOTA, _error(f"you (x) have reached your session usage limit, {_UPGRADE}")),
    _P.plain(429, Kind.DAILY_QUOTA, _error(f"you (x) have reached your weekly usage limit, {_UPGRADE} or add extra usage: https://ollama.com/settings")),
    # Never
    _P.plain(402, Kind.BILLING, _error("subscription required")),
    _P.plain(401, Kind.AUTHENTICATION, _error("unauthorized")),
    _P.plain(401, Kind.AUTHENTICATION, {"error": {"message": "Unauthorized", "type": "api_error", "param": None, "code": None}}),
    _P.plain(403, Kind.PERMISSION, _error("this model requires a subscription, upgrade for access: https://ollama.com/upgrade (ref: x)")),
    _P.plain(400, Kind.PERMISSION, _error("this model requires a subscription, upgrade for access")),
    _P.plain(403, Kind.PERMISSION, _error("ollama cloud is disabled: remote model details are unavailable")),
    # Server
    _P.plain(500, Kind.SERVER_ERROR, _error("llama runner process has terminated: exit status 2")),
    _P.plain(500, Kind.SERVER_ERROR, _error("model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details")),
    _P.plain(500, Kind.SERVER_ERROR, _error("model requires more system memory (8.0 GiB) than is available (4.0 GiB)")),
    _P.plain(500, Kind.SERVER_ERROR, _error("llama runner process has terminated: CUDA error: out of memory")),
    _P.plain(502, Kind.SERVER_ERROR, _error("upstream error")),
    _P.plain(502, Kind.SERVER_ERROR, PAGE),
    _P.plain(503, Kind.OVERLOADED, b""),
    # Model
    _P.plain(404, Kind.NOT_FOUND, _error("model 'nonexistent-model:latest' not found")),
    _P.plain(404, Kind.NOT_FOUND, b"404 page not found"),
    # Size, ability, request
    _P.plain(400, Kind.CONTEXT_LENGTH, _error("the input length exceeds the context length")),
    _P.plain(400, Kind.CONTEXT_LENGTH, _error("input exceeds context length")),
    _P.plain(400, Kind.CONTEXT_LENGTH, _error("the prompt exceeds maximum context length")),
    _P.plain(400, Kind.CONTEXT_LENGTH, _error("prompt too long; exceeded max context length by 4 tokens")),
    _P.plain(500, Kind.CONTEXT_LENGTH, _error("the request exceeds the available context size, try increasing it")),
    _P.plain(400, Kind.UNSUPPORTED, _error("registry.ollama.ai/library/gemma:latest does not support tools")),
    _P.plain(400, Kind.UNSUPPORTED, _error('"embed" does not support chat')),
    _P.plain(400, Kind.UNSUPPORTED, _error('"x" does not support thinking')),
    _P.plain(400, Kind.UNSUPPORTED, _error("insert is not supported for this model")),
    _P.plain(400, Kind.INVALID_REQUEST, _error("invalid options: temprature")),
    _P.plain(400, Kind.INVALID_REQUEST, _error("missing request body")),
    # In the middle of a stream: a line without `done`
    _P.broken(Kind.SERVER_ERROR, _error("an error was encountered while running the model: unexpected EOF")),
    _P.broken(Kind.SERVER_ERROR, _error("the model failed to generate a response")),
    _P.broken(Kind.OVERLOADED, _error("server busy, please try again.")),
    _P.broken(Kind.DAILY_QUOTA, _error(f"you (x) have reached your session usage limit, {_UPGRADE}")),
    _P.broken(Kind.AUTHENTICATION, _error("ollama: unauthorized")),
    _P.broken(Kind.NOT_FOUND, _error("model 'x' not found")),
    _P.broken(Kind.NOT_FOUND, _error("tokenizer not found")),
    _P.broken(Kind.RATE_LIMITED, _error("too many concurrent requests")),
    _P.broken(Kind.CONTEXT_LENGTH, _error("the input length exceeds the context length")),
    # A success whose body is an error
    _P.plain(200, Kind.OVERLOADED, _error("server busy, please try again.")),
    _P.plain(200, Kind.BAD_RESPONSE, PAGE),
]  # fmt: skip
