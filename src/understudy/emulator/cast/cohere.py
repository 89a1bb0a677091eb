"""Cohere, as the emulator plays it. Sources: OpenAPI description and API reference, read in November 2026."""

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
    K.AUTHENTICATION: Words(401, "no api key supplied"),
    K.BILLING: Words(402, "Please add or update your payment method to continue."),
    K.PERMISSION: Words(403, "You do not have access to model '{model}'."),
    K.NOT_FOUND: Words(404, "model '{model}' not found, make sure the correct model ID was used"),
    K.CONFLICT: Words(499, "request cancelled"),
    K.RATE_LIMITED: Words(
        429, "You are using a Trial key, which is limited to 20 API calls / minute. You can continue to use it later."
    ),
    K.CONTENT_FILTER: Words(498, "InvalidToken: the request holds a token that is not allowed"),
    K.SERVER_ERROR: Words(500, "internal server error"),
    K.OVERLOADED: Words(503, "the service is unavailable, please try again"),
    K.INVALID_REQUEST: Words(400, "invalid request"),
    K.CONTEXT_LENGTH: Words(
        400, "too many tokens: size limit exceeded by 1000 tokens. Try using shorter or fewer inputs."
    ),
}


def _model(name: str, window: int, *, thinks: bool = False, sees: bool = False) -> EmulatedModel:
    able = THINKING_CHAT if thinks else CHAT
    return EmulatedModel(id=name, capabilities=able if sees else able - {"vision"}, context_window=window)


PROVIDER = EmulatedProvider(
    type="cohere",
    personas={"cohere": Persona(title="Cohere", answer_prefix="answer-", call_prefix="tool_", thinking="shown")},
    models=(
        _model("command-a-plus-05-2026", 256_000, thinks=True, sees=True),
        _model("command-a-reasoning-08-2025", 288_768, thinks=True),
        _model("command-a-03-2025", 288_000),
        _model("command-r7b-12-2024", 132_096),
        _model("command-r-plus-08-2024", 132_096),
        _model("command-r-08-2024", 132_096),
        EmulatedModel(id="embed-v4.0", capabilities=EMBEDDING, context_window=128_000, dimensions=1536),
        EmulatedModel(id="embed-english-v3.0", capabilities=EMBEDDING, context_window=512, dimensions=1024),
    ),
    words=WORDS,
    examined=True,
    request_id_header="x-debug-trace-id",
    headers=(
        ("x-endpoint-monthly-call-limit", "1000"),
        ("x-trial-endpoint-call-limit", "20"),
        ("x-trial-endpoint-call-remaining", "19"),
    ),
)
