"""Groq, as the emulator plays it. Sources: console documentation and official client, read in November 2026."""

from __future__ import annotations

from understudy.domain.chat_completion import usage_object
from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind as K
from understudy.domain.usage import Usage
from understudy.emulator.cast.base import CHAT, THINKING_CHAT, EmulatedModel, EmulatedProvider, Words
from understudy.emulator.persona import Persona

_INVALID = "invalid_request_error"

WORDS = {
    K.AUTHENTICATION: Words(401, "Invalid API Key", _INVALID, "invalid_api_key"),
    K.PERMISSION: Words(403, "Your organization may not use this model.", _INVALID, "permissions_error"),
    K.NOT_FOUND: Words(
        404, "The model `{model}` does not exist or you do not have access to it.", _INVALID, "model_not_found"
    ),
    K.RATE_LIMITED: Words(
        429, "Rate limit reached for model `{model}` on tokens per minute (TPM).", "tokens", "rate_limit_exceeded"
    ),
    K.OVERLOADED: Words(498, "Flex tier capacity exceeded, please try again later.", "flex", "capacity_exceeded"),
    K.SERVER_ERROR: Words(500, "Internal Server Error", "internal_server_error"),
    K.INVALID_REQUEST: Words(400, "the request is invalid", _INVALID),
    K.RESAMPLE: Words(400, "Failed to call a function. Please adjust your prompt.", _INVALID, "tool_use_failed"),
    K.CONTEXT_LENGTH: Words(
        400, "Please reduce the length of the messages or completion.", _INVALID, "context_length_exceeded", "messages"
    ),
    K.REQUEST_TOO_LARGE: Words(413, "Request Entity Too Large", _INVALID, "request_too_large"),
}


def _dress(body: JsonObject, usage: Usage) -> JsonObject:
    """Add Groq's own fields: tier, fingerprint, times, and `x_groq` with its request id, and the usage of a stream."""
    own: JsonObject = {"id": "req_emulated"}
    body = {**body, "system_fingerprint": "fp_emulated"}
    if body.get("usage") is not None:
        body["usage"] = _timed(body["usage"])
    if body.get("object") != "chat.completion.chunk":
        return {**body, "service_tier": "on_demand", "usage_breakdown": None, "x_groq": {**own, "seed": 1}}
    choice: JsonObject = next(iter(body.get("choices") or ()), {})
    if choice.get("finish_reason") and (counts := usage_object(usage)) is not None:
        own["usage"] = _timed(counts)
        body["service_tier"] = "on_demand"
    elif not choice.get("delta", {}).get("role"):
        return body
    return {**body, "x_groq": own}


def _timed(counts: JsonObject) -> JsonObject:
    """Add plausible times in seconds; they are computed, not measured, and so never change."""
    prompt, completion = counts["prompt_tokens"] / 10_000, counts["completion_tokens"] / 500
    times = {"queue_time": 0.01, "prompt_time": prompt, "completion_time": completion}
    return {**counts, **times, "total_time": prompt + completion}


def _model(name: str, owner: str, capabilities: frozenset[str]) -> EmulatedModel:
    raw: JsonObject = {
        "object": "model",
        "name": name.rpartition("/")[2],
        "hugging_face_id": name,
        "active": True,
        "public_apps": None,
        "context_length": 131_072,
        "max_output_length": 65_536,
        "input_modalities": ["text", "image"] if "vision" in capabilities else ["text"],
        "output_modalities": ["text"],
        "supported_features": ["tools", "json_mode", *(["reasoning"] if "thinking" in capabilities else [])],
        "supported_sampling_parameters": ["temperature", "top_p", "stop", "seed", "max_tokens"],
    }
    return EmulatedModel(
        id=name, capabilities=capabilities, owned_by=owner, context_window=131_072, max_output_tokens=65_536, raw=raw
    )


PROVIDER = EmulatedProvider(
    type="groq",
    personas={"openai": Persona(title="Groq", answer_prefix="chatcmpl-", thinking="shown")},
    models=(
        _model("openai/gpt-oss-120b", "OpenAI", THINKING_CHAT - {"vision"}),
        _model("openai/gpt-oss-20b", "OpenAI", THINKING_CHAT - {"vision"}),
        _model("qwen/qwen3.8-27b", "Alibaba Cloud", THINKING_CHAT),
        _model("llama-3.3-70b-versatile", "Meta", CHAT - {"vision"}),
    ),
    words=WORDS,
    examined=True,
    dress=_dress,
    request_id_header="x-request-id",
    headers=(
        ("x-ratelimit-limit-requests", "14400"),
        ("x-ratelimit-remaining-requests", "14399"),
        ("x-ratelimit-reset-requests", "6s"),
        ("x-ratelimit-limit-tokens", "250000"),
        ("x-ratelimit-remaining-tokens", "249000"),
        ("x-ratelimit-reset-tokens", "240ms"),
    ),
)
