"""Hugging Face's router, as the emulator plays it. Sources: hub documentation and huggingface_hub 1.33.0, 2026-11."""

from __future__ import annotations

from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind as K
from understudy.domain.usage import Usage
from understudy.emulator.cast.base import CHAT, EMBEDDING, THINKING_CHAT, EmulatedModel, EmulatedProvider, Words
from understudy.emulator.persona import Persona

_INVALID = "invalid_request_error"

WORDS = {
    K.AUTHENTICATION: Words(401, "Invalid username or password."),
    K.BILLING: Words(402, "You have exceeded your monthly included credits for Inference Providers."),
    K.PERMISSION: Words(403, "This authentication method does not have sufficient permissions."),
    K.NOT_FOUND: Words(
        400,
        "The requested model '{model}' is not supported by any provider you have enabled.",
        _INVALID,
        "model_not_supported",
        "model",
    ),
    K.RATE_LIMITED: Words(429, "Too many requests. Please retry later."),
    K.SERVER_ERROR: Words(500, "Internal Server Error"),
    K.OVERLOADED: Words(503, "Model is currently loading"),
    K.INVALID_REQUEST: Words(422, "Input validation error"),
}

PARTNERS = ("groq", "together", "hf-inference")


def bare_name(name: str) -> str:
    """Return a model's name without the partner that serves it."""
    return name.partition(":")[0]


def _model(name: str, capabilities: frozenset[str], window: int) -> EmulatedModel:
    """Return a model whose partners each have their own price and context window."""
    inputs = ["text", "image"] if "vision" in capabilities else ["text"]
    partners = [
        {
            "provider": partner,
            "status": "live",
            "context_length": window,
            "pricing": {"input": 0.1 * number, "output": 0.4 * number},
            "supports_tools": True,
            "supports_structured_output": True,
            "is_model_author": False,
        }
        for number, partner in enumerate(PARTNERS, 1)
    ]
    raw: JsonObject = {
        "object": "model",
        "architecture": {"input_modalities": inputs, "output_modalities": ["text"]},
        "providers": partners,
    }
    return EmulatedModel(id=name, capabilities=capabilities, owned_by=name.partition("/")[0], raw=raw)


def _dress(body: JsonObject, usage: Usage) -> JsonObject:
    """Add the fingerprint, and to each piece of an answer the role, as the partners do."""
    if not str(body.get("object")).startswith("chat.completion"):
        return body
    for choice in body["choices"]:
        if "delta" in choice and "tool_calls" not in choice["delta"]:
            choice["delta"].setdefault("role", "assistant")
    return {**body, "system_fingerprint": "fp_emulated"}


PROVIDER = EmulatedProvider(
    type="huggingface",
    personas={
        "openai": Persona(title="Hugging Face", answer_prefix="chatcmpl-", thinking="shown"),
        "hf-features": Persona(title="Hugging Face"),
    },
    models=(
        _model("openai/gpt-oss-120b", THINKING_CHAT - {"vision"}, 131_072),
        _model("Qwen/Qwen3-VL-235B-A22B-Instruct", THINKING_CHAT, 262_144),
        _model("meta-llama/Llama-3.3-70B-Instruct", CHAT - {"vision"}, 131_072),
        EmulatedModel(id="thenlper/gte-large", capabilities=EMBEDDING, owned_by="thenlper", dimensions=1024),
    ),
    words=WORDS,
    examined=True,
    dress=_dress,
    request_id_header="x-request-id",
    headers=(("x-inference-provider", "groq"),),
    bare_name=bare_name,
    beside_mount=("/hf-inference/",),
)
