"""Cohere, as the emulator plays it. Sources: OpenAPI description and API reference, read in November 2026."""

from __future__ import annotations

import re

from understudy.domain.failures import FailureKind as K
from understudy.domain.operation import Operation
from understudy.emulator.cast.base import (
    CHAT,
    EMBEDDING,
    THINKING_CHAT,
    CheckedRequest,
    EmulatedModel,
    EmulatedProvider,
    Words,
)
from understudy.emulator.cast.calls import cohere_calls
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

_RANGES = {
    "temperature": (0, 1),
    "p": (0.01, 0.99),
    "k": (0, 500),
    "presence_penalty": (0, 1),
    "frequency_penalty": (0, 1),
}
_TOOL_CHOICE_CAME_LATER = re.compile(r"command-r(-plus)?-08-2024")


def _invalid(message: str) -> Words:
    return Words(400, message)


def _ranges(request: CheckedRequest) -> Words | None:
    if request.operation is not Operation.CHAT:
        return None
    for name, (least, greatest) in _RANGES.items():
        value = request.body.get(name)
        if isinstance(value, int | float) and not least <= value <= greatest:
            return _invalid(f"invalid request: {name} must be between {least} and {greatest} inclusive")
    if len(request.body.get("stop_sequences") or ()) > 5:
        return _invalid("invalid request: at most 5 stop sequences are allowed")
    return None


def _format(request: CheckedRequest) -> Words | None:
    if (request.body.get("response_format") or {}).get("type") != "json_object":
        return None
    if request.body.get("documents"):
        return _invalid("response_format is not supported with RAG")
    if request.body.get("tools"):
        return _invalid("response_format is not supported with tools")
    return None


def _capable(request: CheckedRequest) -> Words | None:
    """Refuse a request for what the model does not support."""
    model = request.model
    if model is None:
        return None
    thinking = (request.body.get("thinking") or {}).get("type") == "enabled"
    wanted = {
        "chat": request.operation is Operation.CHAT,
        "embed": request.operation is Operation.EMBED,
        "tools": bool(request.body.get("tools")),
        "thinking": thinking,
    }
    if lacking := [name for name, asked_for in wanted.items() if asked_for and name not in model.capabilities]:
        return _invalid(f"{lacking[0]} is not supported by model '{model.id}'")
    if request.body.get("tool_choice") and _TOOL_CHOICE_CAME_LATER.match(model.id):
        return _invalid(f"tool_choice is not supported by model '{model.id}'")
    return None


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
    checks=(_ranges, _format, _capable, cohere_calls),
    request_id_header="x-debug-trace-id",
    headers=(
        ("x-endpoint-monthly-call-limit", "1000"),
        ("x-trial-endpoint-call-limit", "20"),
        ("x-trial-endpoint-call-remaining", "19"),
    ),
)
