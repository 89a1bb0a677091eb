"""Renders answers in the form of the Gemini API: whole answers, vectors, model pages, counts and errors."""

from __future__ import annotations

from understudy.dialects.errors import status_of, statuses, worded
from understudy.dialects.gemini.errors import WORDS
from understudy.dialects.gemini.logprobs import render_logprobs
from understudy.dialects.gemini.media import media_type_of
from understudy.dialects.gemini.names import bare, overlay, qualified
from understudy.dialects.gemini.usage import render_usage
from understudy.dialects.gemini.wire import CAPABILITIES, FACTS, FINISH_REASONS, NAME, SIGNATURE
from understudy.dialects.google_details import PER_DAY
from understudy.dialects.server import Inbound, json_reply, render_arguments
from understudy.domain.content import AnyPart, Audio, File, Image, JsonObject, Opaque, Refusal, Text, Thinking, ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import Facts
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo, TokenCount
from understudy.wire.http import HttpReply

_FINISH = {
    FinishReason.STOP: "STOP",
    FinishReason.TOOL_CALLS: "STOP",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.CONTENT_FILTER: "SAFETY",
}

_K = FailureKind
_STATUSES = statuses({_K.AUTHENTICATION: 400, _K.REQUEST_TOO_LARGE: 400}, unknown=(502,))
_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Canonical codes of statuses (google.rpc `code.proto`), for failures with a status alone."""

_REASONS = {_K.AUTHENTICATION: "API_KEY_INVALID"}
_TYPE = "type.googleapis.com/google.rpc."


def render_whole(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    """Render a whole answer."""
    parts = [body for part in response.message.parts if (body := render_part(part)) is not None]
    end = render_end(response.finish_reason, response.finish_reason_raw, response.extra, parts)
    return json_reply(render_chunk(end, response))


def render_chunk(candidate: JsonObject | None, known: GenerationResponse | Facts) -> JsonObject:
    """Return a whole answer or a piece of one: a candidate, with the facts that every piece repeats."""
    body: JsonObject = {} if candidate is None else {"candidates": [candidate]}
    for name in ("promptFeedback", "modelStatus"):
        if name in known.extra:
            body[name] = known.extra[name]
    if (counts := render_usage(known.usage)) is not None:
        tier = known.extra.get("service_tier")
        body["usageMetadata"] = counts if tier is None else {**counts, "serviceTier": tier}
    told = known.started if isinstance(known, Facts) else known
    body["modelVersion"] = told.model
    body["responseId"] = told.id
    return {name: value for name, value in body.items() if value is not None}


def render_content(parts: list[JsonObject]) -> JsonObject:
    """Return parts as the content of a candidate that is not finished."""
    return {"content": {"parts": parts, "role": "model"}, "index": 0}


def render_end(reason: FinishReason, raw: str | None, extra: JsonObject, parts: list[JsonObject]) -> JsonObject:
    """Return the candidate that ends an answer, with why and with the facts of the whole."""
    own = raw if FINISH_REASONS.get(raw or "") is reason or raw == "STOP" else None
    body = render_content(parts or [{"text": ""}])
    body["finishReason"] = own or _FINISH.get(reason) or raw or "OTHER"
    body |= {name: extra[name] for name in FACTS if name in extra}
    if (logprobs := render_logprobs(extra.get("logprobs"))) is not None:
        body["logprobsResult"] = logprobs
    return body


def render_part(part: AnyPart) -> JsonObject | None:
    """Return a part of an answer; `None` for one that this API lacks."""
    own = (part.extra or {}).get(NAME, {})
    match part:
        case Text(text) | Refusal(text):
            return overlay({"text": text}, own) if text or SIGNATURE in own else None
        case Thinking(redacted=str()):
            return None
        case Thinking(text, signature=signature):
            body: JsonObject = {"text": text, "thought": True}
            return overlay(body if signature is None else {**body, SIGNATURE: signature}, own)
        case ToolCall(id=call_id, name=name):
            return overlay(
                {"functionCall": {"id": call_id, "name": name, "args": render_arguments(part.arguments)}}, own
            )
        case Image() | Audio() | File() if part.data is not None:
            kind = media_type_of(part) or "application/octet-stream"
            return overlay({"inlineData": {"mimeType": kind, "data": part.data}}, own)
        case Opaque(dialect, json) if dialect == NAME and isinstance(json, dict):
            return json
        case Audio(transcript=str(text)):
            return {"text": text}
        case _:
            return None


def render_embeddings(response: EmbeddingResponse, inbound: Inbound) -> HttpReply:
    """Write vectors, in the form of the method that was called."""
    items = [{"values": vector} for vector in response.embeddings]
    single = inbound.options.get("method") == "embedContent"
    body: JsonObject = {"embedding": items[0] if items else {}} if single else {"embeddings": items}
    if response.usage.input_total is not None:
        body["usageMetadata"] = {"promptTokenCount": response.usage.input_total}
    return json_reply(body)


def render_models(models: list[ModelInfo], inbound: Inbound) -> HttpReply:
    """Render the requested page or model. The token of a page is the last name of the page before it."""
    wanted = inbound.request
    if not isinstance(wanted, ModelsRequest):
        raise TypeError("a model list answers a ModelsRequest")
    if wanted.model is not None:
        found = next((model for model in models if model.id == bare(wanted.model)), None)
        if found is None:
            words = f"models/{wanted.model} is not found for API version v1beta."
            return render_error(Failure(kind=_K.NOT_FOUND, message=words))
        return json_reply(render_model(found))
    ids = [model.id for model in models]
    start = ids.index(wanted.after) + 1 if wanted.after in ids else 0
    end = start + (wanted.limit or len(models))
    body: JsonObject = {"models": [render_model(model) for model in models[start:end]]}
    if end < len(models):
        body["nextPageToken"] = ids[end - 1]
    return json_reply(body)


def render_model(model: ModelInfo) -> JsonObject:
    """Return a model as the catalogue shows it; an entry of this dialect keeps all its fields."""
    raw = model.raw or {}
    if "supportedGenerationMethods" in raw:
        return {**raw, "name": qualified(model.id)}
    told = model.capabilities
    methods = None if told is None else [method for method, ours in CAPABILITIES.items() if ours in told]
    body: JsonObject = {
        "name": qualified(model.id),
        "displayName": model.display_name or model.id,
        "inputTokenLimit": model.context_window,
        "outputTokenLimit": model.max_output_tokens,
        "supportedGenerationMethods": methods if not methods or "embed" in (told or ()) else [*methods, "countTokens"],
        "thinking": True if told is not None and "thinking" in told else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def render_token_count(count: TokenCount, inbound: Inbound) -> HttpReply:
    """Write a token count."""
    return json_reply({"totalTokens": count.input_tokens})


def render_error(failure: Failure) -> HttpReply:
    """Render an error. Like the service, it states the wait only in the body."""
    body = render_error_body(failure)
    return json_reply(body, body["error"]["code"])


def render_error_body(failure: Failure) -> JsonObject:
    """Return an error as in responses and streams."""
    status = status_of(failure, _STATUSES)
    name = failure.type or _NAMES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    error: JsonObject = {"code": status, "message": worded(failure, WORDS), "status": name}
    if details := _details(failure):
        error["details"] = details
    return {"error": error}


def _details(failure: Failure) -> list[JsonObject]:
    details: list[JsonObject] = []
    code = failure.code or _REASONS.get(failure.kind)
    quota = "RequestsPerDay" if failure.kind is _K.DAILY_QUOTA else None
    if failure.kind in (_K.RATE_LIMITED, _K.DAILY_QUOTA) and code is not None and "Per" in code:
        quota, code = code, None
    if quota is not None and (failure.kind is _K.DAILY_QUOTA or PER_DAY not in quota):
        details.append({"@type": f"{_TYPE}QuotaFailure", "violations": [{"quotaId": quota}]})
    if code is not None:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": code, "domain": "googleapis.com"})
    if failure.request_id is not None:
        details.append({"@type": f"{_TYPE}RequestInfo", "requestId": failure.request_id})
    if failure.retry_after is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{failure.retry_after:g}s"})
    return details
