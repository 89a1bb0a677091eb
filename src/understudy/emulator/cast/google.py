"""Google's Gemini API, as the emulator plays it. Sources: developer documentation and error guide, November 2026."""

from __future__ import annotations

import re

from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind as K
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage
from understudy.emulator.cast.base import (
    EMBEDDING,
    THINKING_CHAT,
    CheckedRequest,
    EmulatedModel,
    EmulatedProvider,
    Words,
)
from understudy.emulator.persona import Persona

_INVALID = "INVALID_ARGUMENT"
_EXHAUSTED = "RESOURCE_EXHAUSTED"

WORDS = {
    K.AUTHENTICATION: Words(400, "API key not valid. Please pass a valid API key.", _INVALID, "API_KEY_INVALID"),
    K.BILLING: Words(402, "Your prepayment credits are depleted. Please go to AI Studio to add more.", _EXHAUSTED),
    K.PERMISSION: Words(403, "The caller does not have permission to use this model.", "PERMISSION_DENIED"),
    K.NOT_FOUND: Words(
        404,
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. "
        "Call ListModels to see the list of available models and their supported methods.",
        "NOT_FOUND",
    ),
    K.RATE_LIMITED: Words(
        429,
        "You exceeded your current quota. * Quota exceeded for metric: generate_content_requests, limit: 1000, "
        "model: {model}",
        _EXHAUSTED,
        "GenerateRequestsPerMinutePerProjectPerModel",
    ),
    K.DAILY_QUOTA: Words(
        429,
        "You exceeded your current quota. * Quota exceeded for metric: generate_content_free_tier_requests, "
        "limit: 250, model: {model}",
        _EXHAUSTED,
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    ),
    K.SERVER_ERROR: Words(
        500,
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
        "INTERNAL",
    ),
    K.OVERLOADED: Words(503, "The model is overloaded. Please try again later.", "UNAVAILABLE"),
    K.INVALID_REQUEST: Words(400, "Request contains an invalid argument.", _INVALID),
    K.CONTEXT_LENGTH: Words(
        400, "The input token count exceeds the maximum number of tokens allowed (1048576).", _INVALID
    ),
    K.REQUEST_TOO_LARGE: Words(400, "Request payload size exceeds the limit: 20971520 bytes.", _INVALID),
}

_SIGNED = re.compile(r"gemini-[34]")


def _right_method(request: CheckedRequest) -> Words | None:
    """Refuse a request for what the model does not support."""
    wanted = {Operation.CHAT: "chat", Operation.EMBED: "embed"}.get(request.operation)
    if request.model is None or wanted is None or wanted in request.model.capabilities:
        return None
    method = "generateContent" if wanted == "chat" else "embedContent"
    words = f"models/{request.model.id} is not found for API version v1beta, or is not supported for {method}."
    return Words(404, words, "NOT_FOUND")


def _dress(body: JsonObject, usage: Usage) -> JsonObject:
    """Sign the calls of newer models, and complete the counts: by modality, and with the service tier."""
    signed = _SIGNED.match(str(body.get("modelVersion")))
    for candidate in body.get("candidates", ()):
        calls = [part for part in candidate["content"]["parts"] if "functionCall" in part]
        for call in calls[:1] if signed else ():
            call.setdefault("thoughtSignature", "ZW11bGF0ZWQgc2lnbmF0dXJl")
    if "usageMetadata" in body:
        counts = body["usageMetadata"]
        # The one word is spelled differently in the counts of embeddings.
        name = "promptTokensDetails" if "candidates" in body else "promptTokenDetails"
        counts.setdefault(name, _text_only(counts["promptTokenCount"]))
        if "candidates" in body:
            counts["serviceTier"] = "standard"
    if "totalTokens" in body:
        body["promptTokensDetails"] = _text_only(body["totalTokens"])
    return body


def _text_only(count: int) -> list[JsonObject]:
    return [{"modality": "TEXT", "tokenCount": count}]


def _entry(title: str, window: int, most: int, methods: list[str], **sampling: float) -> JsonObject:
    """Return the fields of a model in the catalogue."""
    return {
        "version": "001",
        "displayName": title,
        "description": f"Stable version of {title}",
        "inputTokenLimit": window,
        "outputTokenLimit": most,
        "supportedGenerationMethods": methods,
        **sampling,
    }


def _model(name: str, title: str) -> EmulatedModel:
    methods = ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]
    raw = _entry(title, 1_048_576, 65_536, methods, temperature=1, topP=0.95, topK=64, maxTemperature=2, thinking=True)
    return EmulatedModel(
        id=name,
        display_name=title,
        capabilities=THINKING_CHAT,
        context_window=1_048_576,
        max_output_tokens=65_536,
        raw=raw,
    )


def _embedder(name: str, title: str, window: int) -> EmulatedModel:
    raw = _entry(title, window, 1, ["embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent"])
    return EmulatedModel(
        id=name, display_name=title, capabilities=EMBEDDING, context_window=window, dimensions=3072, raw=raw
    )


PROVIDER = EmulatedProvider(
    type="google",
    personas={"gemini": Persona(title="Google", answer_prefix="emu-", call_prefix="", thinking="summary")},
    models=(
        _model("gemini-4-argon", "Gemini 4 Argon"),
        _model("gemini-3.8-flash", "Gemini 3.8 Flash"),
        _model("gemini-3.6-flash", "Gemini 3.6 Flash"),
        _model("gemini-3-flash-preview", "Gemini 3 Flash Preview"),
        _model("gemini-2.5-pro", "Gemini 2.5 Pro"),
        _model("gemini-2.5-flash", "Gemini 2.5 Flash"),
        _model("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite"),
        _embedder("gemini-embedding-2", "Gemini Embedding 2", 8_192),
        _embedder("gemini-embedding-001", "Gemini Embedding 001", 2_048),
    ),
    words=WORDS,
    checks=(_right_method,),
    examined=True,
    dress=_dress,
    path_model=r"/models/([^/:]+)",
    headers=(("server-timing", "gfet4t7; dur=8"), ("x-content-type-options", "nosniff")),
)
