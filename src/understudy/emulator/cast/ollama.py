"""Ollama, as the emulator plays it. Source: the server's own source code of August 2026."""

from __future__ import annotations

from hashlib import sha256

from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind as K
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

WORDS = {
    K.AUTHENTICATION: Words(401, "unauthorized"),
    K.PERMISSION: Words(403, "this model is not available to you"),
    K.NOT_FOUND: Words(404, "model '{model}' not found"),
    K.RATE_LIMITED: Words(429, "too many requests"),
    K.SERVER_ERROR: Words(500, "llama runner process has terminated: exit status 2"),
    K.OVERLOADED: Words(503, "server busy, please try again.  maximum pending requests exceeded"),
    K.INVALID_REQUEST: Words(400, "invalid options"),
    K.CONTEXT_LENGTH: Words(400, "the input length exceeds the context length"),
}


def _dress(body: JsonObject, usage: Usage) -> JsonObject:
    """Add the durations of an embedding, in nanoseconds."""
    if "embeddings" not in body:
        return body
    return {**body, "total_duration": 20_000_000 + (usage.input_total or 0) * 500_000, "load_duration": 20_000_000}


def _model(
    name: str, capabilities: frozenset[str], window: int, family: str, size: float, dimensions: int = 256
) -> EmulatedModel:
    """Return a model of a size in billions of parameters; a quantized parameter has about half a byte."""
    details: JsonObject = {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": f"{size:g}B",
        "quantization_level": "Q4_K_M",
    }
    raw: JsonObject = {
        "size": int(size * 600_000_000),
        "digest": sha256(name.encode()).hexdigest(),
        "details": details,
    }
    return EmulatedModel(id=name, capabilities=capabilities, context_window=window, dimensions=dimensions, raw=raw)


PROVIDER = EmulatedProvider(
    type="ollama",
    personas={
        "ollama": Persona(
            title="Ollama",
            answer_prefix="",
            call_prefix="call_",
            thinking="shown",
            counts_reasoning=False,
            durations=True,
        ),
        # Under /v1 Ollama speaks OpenAI's dialect too.
        "openai": Persona(title="Ollama", answer_prefix="chatcmpl-", thinking="shown", counts_reasoning=False),
    },
    models=(
        _model("llama3.2:latest", CHAT - {"vision"}, 131_072, "llama", 3.2),
        _model("qwen3:latest", THINKING_CHAT - {"vision"}, 40_960, "qwen3", 8.2),
        _model("gpt-oss:20b", THINKING_CHAT - {"vision"}, 131_072, "gptoss", 20.9),
        _model("gemma3:latest", CHAT - {"tools"}, 131_072, "gemma3", 4.3),
        _model("qwen3-vl:latest", THINKING_CHAT, 262_144, "qwen3vl", 8.8),
        _model("nomic-embed-text:latest", EMBEDDING, 2_048, "nomic-bert", 0.137, 768),
    ),
    words=WORDS,
    dress=_dress,
    examined=True,
    pages={
        "/": ("text/plain; charset=utf-8", b"Ollama is running"),
        "/api/version": ("application/json; charset=utf-8", b'{"version":"0.12.0"}'),
    },
    keyless=True,
)
