"""Ollama, as the emulator plays it. Source: the server's own source code of August 2026."""

from __future__ import annotations

from understudy.domain.failures import FailureKind as K
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
        EmulatedModel(id="llama3.2:latest", capabilities=CHAT - {"vision"}, context_window=131_072),
        EmulatedModel(id="qwen3:latest", capabilities=THINKING_CHAT - {"vision"}, context_window=40_960),
        EmulatedModel(id="gpt-oss:20b", capabilities=THINKING_CHAT - {"vision"}, context_window=131_072),
        EmulatedModel(id="gemma3:latest", capabilities=CHAT - {"tools"}, context_window=131_072),
        EmulatedModel(id="qwen3-vl:latest", capabilities=THINKING_CHAT, context_window=262_144),
        EmulatedModel(id="nomic-embed-text:latest", capabilities=EMBEDDING, context_window=2_048, dimensions=768),
    ),
    words=WORDS,
    examined=True,
    pages={
        "/": ("text/plain; charset=utf-8", b"Ollama is running"),
        "/api/version": ("application/json; charset=utf-8", b'{"version":"0.12.0"}'),
    },
    keyless=True,
)
