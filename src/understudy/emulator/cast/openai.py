"""OpenAI, as the emulator plays it. Sources: API reference and error guide, read in November 2026."""

from __future__ import annotations

from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind as K
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage
from understudy.emulator.cast.base import (
    CHAT,
    EMBEDDING,
    THINKING_CHAT,
    Check,
    CheckedRequest,
    EmulatedModel,
    EmulatedProvider,
    Words,
)
from understudy.emulator.persona import Persona

_INVALID = "invalid_request_error"

WORDS = {
    K.AUTHENTICATION: Words(401, "Incorrect API key provided.", _INVALID, "invalid_api_key"),
    K.PERMISSION: Words(
        403, "Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory"
    ),
    K.NOT_FOUND: Words(
        404, "The model `{model}` does not exist or you do not have access to it.", _INVALID, "model_not_found"
    ),
    K.RATE_LIMITED: Words(
        429, "Rate limit reached for {model} on requests per min.", "requests", "rate_limit_exceeded"
    ),
    K.BILLING: Words(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    K.OVERLOADED: Words(503, "The engine is currently overloaded, please try again later.", "server_error"),
    K.SERVER_ERROR: Words(
        500, "The server had an error while processing your request. Sorry about that!", "server_error"
    ),
    K.CONFLICT: Words(409, "The request conflicts with another one.", _INVALID),
    K.INVALID_REQUEST: Words(400, "Invalid value in the request.", _INVALID, "invalid_value"),
    K.CONTEXT_LENGTH: Words(
        400,
        "Input tokens exceed the configured limit of 272000 tokens. Please reduce the length of the messages.",
        _INVALID,
        "context_length_exceeded",
        "messages",
    ),
    K.CONTENT_FILTER: Words(
        400, "Your request was rejected by our safety system.", _INVALID, "content_policy_violation"
    ),
    K.REQUEST_TOO_LARGE: Words(413, "The request body is too large.", _INVALID),
    K.UNSUPPORTED: Words(400, "Unsupported parameter in the request.", _INVALID, "unsupported_parameter"),
}


def required(*fields: str) -> Check:
    """Return a check that reports the first missing field, as OpenAI does."""

    def check(request: CheckedRequest) -> Words | None:
        missing = next((field for field in fields if request.body.get(field) in (None, [], "")), None)
        if missing is None:
            return None
        return Words(400, f"Missing required parameter: '{missing}'.", _INVALID, "missing_required_parameter", missing)

    return check


def only(operation: Operation, dialect: str, *checks: Check) -> Check:
    """Restrict checks to one operation in one dialect; the first complaint counts."""

    def check(request: CheckedRequest) -> Words | None:
        if (request.operation, request.dialect) != (operation, dialect):
            return None
        return next((words for each in checks if (words := each(request))), None)

    return check


def wrong_kind_of_model(request: CheckedRequest) -> Words | None:
    """Refuse a chat with an embedding model, and the reverse."""
    wanted = {Operation.CHAT: "chat", Operation.EMBED: "embed"}.get(request.operation)
    if request.model is None or wanted is None or wanted in request.model.capabilities:
        return None
    route = "the chat endpoint" if wanted == "chat" else "embeddings"
    return Words(403, f"You are not allowed to use the model {request.model.id} with {route}.", _INVALID, None, "model")


def dress(body: JsonObject, usage: Usage) -> JsonObject:
    """Add the tier and the fingerprint, and the counts and annotations that are there even if there are none."""
    if not str(body.get("object")).startswith("chat.completion"):
        return body
    for choice in body["choices"]:
        if "message" in choice:
            choice["message"].setdefault("annotations", [])
    if body.get("usage") is not None:
        body["usage"] = _detailed(body["usage"])
    return {"service_tier": "default", "system_fingerprint": "fp_emulated", **body}


def _detailed(counts: JsonObject) -> JsonObject:
    prompt = dict.fromkeys(("cached_tokens", "audio_tokens"), 0)
    completion = dict.fromkeys(
        ("reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"), 0
    )
    return {
        **counts,
        "prompt_tokens_details": prompt | counts.get("prompt_tokens_details", {}),
        "completion_tokens_details": completion | counts.get("completion_tokens_details", {}),
    }


PROVIDER = EmulatedProvider(
    type="openai",
    personas={
        "openai": Persona(title="OpenAI", answer_prefix="chatcmpl-", thinking="hidden"),
        "responses": Persona(title="OpenAI", answer_prefix="resp_", thinking="encrypted"),
    },
    models=(
        EmulatedModel(id="gpt-6.1-sol", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-6-sol", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-6-luna", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-6-astra", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-5.6-sol", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-5.6-luna", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-5.4", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-5.2", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-5", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-5-mini", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="o4-mini", capabilities=THINKING_CHAT, owned_by="system"),
        EmulatedModel(id="gpt-4.1", capabilities=CHAT, owned_by="system"),
        EmulatedModel(id="gpt-4.1-mini", capabilities=CHAT, owned_by="system"),
        EmulatedModel(id="gpt-4o", capabilities=CHAT, owned_by="system"),
        EmulatedModel(id="gpt-4o-mini", capabilities=CHAT, owned_by="system"),
        EmulatedModel(id="text-embedding-3-small", capabilities=EMBEDDING, owned_by="system", dimensions=1536),
        EmulatedModel(id="text-embedding-3-large", capabilities=EMBEDDING, owned_by="system", dimensions=3072),
    ),
    words=WORDS,
    checks=(wrong_kind_of_model,),
    examined=True,
    dress=dress,
    request_id_header="x-request-id",
    headers=(
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("openai-version", "2020-10-01"),
    ),
)
