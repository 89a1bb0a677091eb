"""Anthropic, as the emulator plays it. Sources: API reference and error guide, read in November 2026."""

from __future__ import annotations

from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind as K
from understudy.domain.usage import Usage
from understudy.emulator.cast.base import THINKING_CHAT, EmulatedModel, EmulatedProvider, Words
from understudy.emulator.persona import Persona

_INVALID = "invalid_request_error"

WORDS = {
    K.AUTHENTICATION: Words(401, "invalid x-api-key", "authentication_error"),
    K.BILLING: Words(402, "Your credit balance is too low to access the API.", "billing_error"),
    K.PERMISSION: Words(403, "Your API key does not have permission to use this resource.", "permission_error"),
    K.NOT_FOUND: Words(404, "model: {model}", "not_found_error"),
    K.CONFLICT: Words(409, "The request conflicts with another one.", "conflict_error"),
    K.REQUEST_TOO_LARGE: Words(413, "Request exceeds the maximum size", "request_too_large"),
    K.RATE_LIMITED: Words(
        429, "This request would exceed your organization's rate limit for {model}.", "rate_limit_error"
    ),
    K.SERVER_ERROR: Words(500, "Internal server error", "api_error"),
    K.OVERLOADED: Words(529, "Overloaded", "overloaded_error"),
    K.INVALID_REQUEST: Words(400, "the request is invalid", _INVALID),
    K.CONTEXT_LENGTH: Words(400, "prompt is too long: 250000 tokens > 200000 maximum", _INVALID),
}


def _dress(body: JsonObject, usage: Usage) -> JsonObject:
    """Complete the counts of a message as the service does: with the lifetimes of what it cached, and the tier.

    Omit them if they are meant to be unknown: the dialect writes 0 for an unknown count.
    """
    for holder in (body, body.get("message")):
        if not isinstance(holder, dict) or "usage" not in holder:
            continue
        if usage == Usage():
            del holder["usage"]
        elif holder.get("type") == "message":
            holder["usage"] = _complete(holder["usage"], usage)
    return body


def _complete(counts: JsonObject, usage: Usage) -> JsonObject:
    written = {
        "ephemeral_5m_input_tokens": usage.cache_write or 0,
        "ephemeral_1h_input_tokens": usage.cache_write_1h or 0,
    }
    # The service writes 0 where nothing was cached.
    cached = {name: counts.get(name) or 0 for name in ("cache_creation_input_tokens", "cache_read_input_tokens")}
    return {"cache_creation": written, "service_tier": "standard", "inference_geo": "global", **counts, **cached}


def _model(name: str, title: str) -> EmulatedModel:
    return EmulatedModel(
        id=name, display_name=title, capabilities=THINKING_CHAT, context_window=200_000, max_output_tokens=64_000
    )


PROVIDER = EmulatedProvider(
    type="anthropic",
    personas={
        "anthropic": Persona(
            title="Anthropic", answer_prefix="msg_", call_prefix="toolu_", thinking="signed", stop_word="stop_sequence"
        )
    },
    models=(
        _model("claude-opus-5-5", "Claude Opus 5.5"),
        _model("claude-sonnet-5-5", "Claude Sonnet 5.5"),
        _model("claude-haiku-5-5", "Claude Haiku 5.5"),
        _model("claude-opus-5", "Claude Opus 5"),
        _model("claude-sonnet-5", "Claude Sonnet 5"),
        _model("claude-opus-4-6", "Claude Opus 4.6"),
        _model("claude-sonnet-4-6", "Claude Sonnet 4.6"),
        _model("claude-haiku-4-5", "Claude Haiku 4.5"),
        _model("claude-sonnet-4-5", "Claude Sonnet 4.5"),
    ),
    words=WORDS,
    examined=True,
    dress=_dress,
    request_id_header="request-id",
    headers=(
        ("anthropic-ratelimit-requests-limit", "4000"),
        ("anthropic-ratelimit-requests-remaining", "3999"),
        ("anthropic-ratelimit-requests-reset", "2026-01-01T00:01:00Z"),
    ),
)
