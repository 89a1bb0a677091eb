"""Google's Gemini API, as the emulator plays it. Sources: developer documentation and error guide, November 2026."""

from __future__ import annotations

import re
from typing import Any

from understudy.dialects.gemini.names import camel_keys
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
from understudy.emulator.cast.calls import gemini_calls
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

_BUDGET = re.compile(r"gemini-2\.5")
_ALWAYS_THINKS = re.compile(r"gemini-2\.5-pro")
_SIGNED = re.compile(r"gemini-[34]")
_NO_MINIMAL = re.compile(r"gemini-(3\.[78]|4)")
MAX_BATCH = 100


def _bad(message: str) -> Words:
    return Words(400, message, _INVALID)


def _config(request: CheckedRequest, *names: str) -> dict[str, Any]:
    """Return the object nested under these names, or an empty one. Clients write names in camel or snake case."""
    found: Any = camel_keys(request.body)
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _right_method(request: CheckedRequest) -> Words | None:
    """Refuse a request for what the model does not support."""
    wanted = {Operation.CHAT: "chat", Operation.EMBED: "embed"}.get(request.operation)
    if request.model is None or wanted is None or wanted in request.model.capabilities:
        return None
    method = "generateContent" if wanted == "chat" else "embedContent"
    words = f"models/{request.model.id} is not found for API version v1beta, or is not supported for {method}."
    return Words(404, words, "NOT_FOUND")


def _thinking(request: CheckedRequest) -> Words | None:
    config = _config(request, "generationConfig", "thinkingConfig")
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    if request.model is None:
        return None
    if level is not None and budget is not None:
        return _bad("You can only set only one of thinking budget and thinking level.")
    takes_budget = _BUDGET.match(request.model.id)
    if takes_budget and level is not None:
        return _bad("Thinking level is not supported for this model.")
    if budget == 0 and (not takes_budget or _ALWAYS_THINKS.match(request.model.id)):
        return _bad("Budget 0 is invalid. This model only works in thinking mode.")
    if budget == 0 and config.get("includeThoughts"):
        return _bad("Thinking_config.include_thoughts is only enabled when thinking is enabled.")
    if isinstance(level, str) and level.upper() == "MINIMAL" and _NO_MINIMAL.match(request.model.id):
        return _bad(f"Thinking level MINIMAL is not supported for {request.model.id}.")
    return None


def _sampling(request: CheckedRequest) -> Words | None:
    config = _config(request, "generationConfig")
    for name, most in (("temperature", 2), ("topP", 1)):
        value = config.get(name)
        if isinstance(value, int | float) and not 0 <= value <= most:
            return _bad(f"* GenerateContentRequest.generation_config.{name}: {name} must be in the range [0, {most}].")
    if len(config.get("stopSequences") or ()) > 5:
        return _bad("* GenerateContentRequest.generation_config.stop_sequences: the max number of stop sequences is 5")
    return None


def _form_with_tools(request: CheckedRequest) -> Words | None:
    if request.model is None or not _BUDGET.match(request.model.id):
        return None
    functions = any(
        isinstance(tool, dict) and "functionDeclarations" in tool for tool in request.body.get("tools") or ()
    )
    if functions and _config(request, "generationConfig").get("responseMimeType") == "application/json":
        return _bad("Function calling with a response mime type: 'application/json' is unsupported")
    return None


def _signatures(request: CheckedRequest) -> Words | None:
    """Refuse calls of the current turn without their signatures."""
    if request.model is None or not _SIGNED.match(request.model.id) or request.operation is not Operation.CHAT:
        return None
    for content in reversed(_contents(request)):
        parts = [part for part in content.get("parts") or () if isinstance(part, dict)]
        if content.get("role") != "model":
            if any("functionResponse" not in part for part in parts):
                return None
            continue
        call = next((part for part in parts if "functionCall" in part), None)
        if call is not None and not call.get("thoughtSignature"):
            name = call["functionCall"].get("name")
            return _bad(f"Function call is missing a thought_signature in functionCall parts. Function call `{name}`.")
    return None


def _contents(request: CheckedRequest) -> list[JsonObject]:
    contents = request.body.get("contents")
    return [one for one in contents if isinstance(one, dict)] if isinstance(contents, list) else []


def _batch(request: CheckedRequest) -> Words | None:
    requests = request.body.get("requests")
    if isinstance(requests, list) and len(requests) > MAX_BATCH:
        return _bad("* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch")
    return None


def _dress(body: JsonObject, usage: Usage) -> JsonObject:
    """Sign the calls of newer models, and add the service tier to the counts."""
    signed = _SIGNED.match(str(body.get("modelVersion")))
    for candidate in body.get("candidates", ()):
        calls = [part for part in candidate["content"]["parts"] if "functionCall" in part]
        for call in calls[:1] if signed else ():
            call.setdefault("thoughtSignature", "ZW11bGF0ZWQgc2lnbmF0dXJl")
    if "usageMetadata" in body:
        body["usageMetadata"]["serviceTier"] = "standard"
    return body


def _model(name: str, title: str) -> EmulatedModel:
    return EmulatedModel(
        id=name, display_name=title, capabilities=THINKING_CHAT, context_window=1_048_576, max_output_tokens=65_536
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
        EmulatedModel(
            id="gemini-embedding-2", display_name="Gemini Embedding 2", capabilities=EMBEDDING, dimensions=3072
        ),
        EmulatedModel(
            id="gemini-embedding-001", display_name="Gemini Embedding 001", capabilities=EMBEDDING, dimensions=3072
        ),
    ),
    words=WORDS,
    checks=(_right_method, _sampling, _thinking, _form_with_tools, gemini_calls, _signatures, _batch),
    dress=_dress,
    path_model=r"/models/([^/:]+)",
    headers=(("server-timing", "gfet4t7; dur=8"), ("x-content-type-options", "nosniff")),
)
