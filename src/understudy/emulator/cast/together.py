"""Together AI, as the emulator plays it. Sources: OpenAPI description, official client and documentation (2026-11)."""

from __future__ import annotations

from understudy.domain.chat_completion import usage_object
from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind as K
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import Usage
from understudy.emulator.cast.base import (
    CHAT,
    EMBEDDING,
    THINKING_CHAT,
    EmulatedModel,
    EmulatedProvider,
    Words,
)
from understudy.emulator.persona import Persona
from understudy.wire.json import encode

_INVALID = "invalid_request_error"

WORDS = {
    K.AUTHENTICATION: Words(401, "Invalid API key provided.", _INVALID, "invalid_api_key"),
    K.BILLING: Words(402, "You have reached your monthly spending limit.", "credit_limit"),
    K.NOT_FOUND: Words(404, "Unable to access model {model}.", _INVALID, "model_not_available"),
    K.CONTEXT_LENGTH: Words(
        403, "Input token count + `max_tokens` parameter must be less than the context length of the model.", _INVALID
    ),
    K.REQUEST_TOO_LARGE: Words(413, "The request body is too large.", _INVALID),
    K.RATE_LIMITED: Words(429, "You have reached the dynamic rate limit of {model}.", "model_rate_limit"),
    K.SERVER_ERROR: Words(500, "Internal server error", "server_error"),
    K.OVERLOADED: Words(503, "The server is currently overloaded, please try again later.", "service_unavailable"),
    K.INVALID_REQUEST: Words(400, "the request is invalid", _INVALID),
}


def _dress(body: JsonObject, usage: Usage) -> JsonObject:
    """Add usage to the last chunk with content, as Together does unasked, and leave out the chunk of OpenAI's that has
    nothing else; some models end with `eos`."""
    choices = [{**choice, "seed": 1} for choice in body.get("choices") or ()]
    if body.get("object") != "chat.completion.chunk":
        for choice in choices:
            calls = choice["message"].get("tool_calls", [])
            choice["message"]["tool_calls"] = [{"index": number, **call} for number, call in enumerate(calls)]
        return {**body, "prompt": [], "choices": choices} if choices else body
    if not choices:
        return {}
    for choice in choices:
        if "tool_calls" not in choice["delta"]:
            choice["delta"] |= {"role": "assistant", "tool_calls": None}
    finished = [choice for choice in choices if choice.get("finish_reason") == "stop"]
    if str(body.get("model")).startswith("meta-llama/"):
        for choice in finished:
            choice["finish_reason"] = "eos"
    ends = any(choice.get("finish_reason") for choice in choices)
    return {**body, "choices": choices, "usage": usage_object(usage) if ends else None}


def _models(models: list[ModelInfo]) -> bytes:
    """Render the list of models as a bare array, with prices."""
    return encode([_model(model) for model in models])


def _model(model: ModelInfo) -> JsonObject:
    able = model.capabilities or frozenset()
    return {
        "id": model.id,
        "object": "model",
        "created": int(model.created or 0),
        "type": "embedding" if "embed" in able else "chat",
        "display_name": model.display_name or model.id,
        "organization": model.owned_by or "",
        "context_length": model.context_window,
        "pricing": {"hourly": 0, "input": 0.15, "output": 0.6, "base": 0, "finetune": 0},
    }


PROVIDER = EmulatedProvider(
    type="together",
    personas={"openai": Persona(title="Together AI", answer_prefix="", thinking="shown", counts_reasoning=False)},
    models=(
        EmulatedModel(
            id="openai/gpt-oss-120b", capabilities=THINKING_CHAT - {"vision"}, owned_by="OpenAI", context_window=131_072
        ),
        EmulatedModel(id="Qwen/Qwen3.5-397B-A17B", capabilities=THINKING_CHAT, owned_by="Qwen", context_window=262_144),
        EmulatedModel(
            id="meta-llama/Llama-3.3-70B-Instruct-Turbo",
            capabilities=CHAT - {"vision"},
            owned_by="Meta",
            context_window=131_072,
        ),
        EmulatedModel(
            id="intfloat/multilingual-e5-large-instruct",
            capabilities=EMBEDDING,
            owned_by="intfloat",
            context_window=514,
            dimensions=1024,
        ),
    ),
    words=WORDS,
    examined=True,
    dress=_dress,
    render_models_list=_models,
    reports_embedding_usage=False,
    request_id_header="x-request-id",
    headers=(("x-ratelimit-limit", "60"), ("x-ratelimit-remaining", "59"), ("x-ratelimit-reset", "1")),
)
