"""Answers in the form of the Messages API: whole messages, model pages, counts and errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from understudy.dialects.anthropic.citations import render_citation
from understudy.dialects.anthropic.errors import WORDS
from understudy.dialects.anthropic.usage import render_usage
from understudy.dialects.anthropic.wire import CAPABILITIES, NAME, STOP_REASONS
from understudy.dialects.errors import status_of, statuses, worded
from understudy.dialects.server import Inbound, json_reply, render_arguments
from understudy.domain.content import AnyPart, JsonObject, Opaque, Refusal, Text, Thinking, ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import GenerationResponse, ModelInfo, TokenCount
from understudy.wire.http import JSON_HEADERS, HttpReply
from understudy.wire.json import encode

_STOPS = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
    FinishReason.PAUSED: "pause_turn",
}

_K = FailureKind
_STATUSES = statuses({_K.OVERLOADED: 529}, unknown=(502,))
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The type of an error by the status of its kind; every other is an `api_error`."""


def render_whole(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    """Render an answer as a message."""
    body: JsonObject = {
        "id": response.id or "msg_understudy",
        "type": "message",
        "role": "assistant",
        "model": response.model or "",
        "content": [block for part in response.message.parts if (block := render_part(part)) is not None],
        **render_stop(response.finish_reason, response.finish_reason_raw, response.extra),
        "usage": render_usage(response.usage, response.extra),
    }
    for name in ("context_management", "diagnostics"):
        if name in response.extra:
            body[name] = response.extra[name]
    return json_reply(body)


def render_stop(reason: FinishReason, raw: str | None, extra: JsonObject) -> JsonObject:
    """Return why the answer stopped, in this wire's words where it has one; else in the provider's own."""
    own = raw if STOP_REASONS.get(raw or "") is reason else None
    fields: JsonObject = {
        "stop_reason": own or _STOPS.get(reason) or raw,
        "stop_sequence": extra.get("stop_sequence"),
        "stop_details": extra.get("stop_details"),
    }
    if "container" in extra:
        fields["container"] = extra["container"]
    return fields


def render_part(part: AnyPart) -> JsonObject | None:
    """Return a part of an answer as a content block; `None` for what this wire has no block for, such as empty text."""
    own = (part.extra or {}).get(NAME, {})
    match part:
        case Text(text, citations=citations):
            block: JsonObject = {"type": "text", "text": text}
            if written := [raw for citation in citations if (raw := render_citation(citation)) is not None]:
                block["citations"] = written
            return {**block, **own} if text or written or own else None
        case Refusal(""):
            return None
        case Refusal(text):
            return {"type": "text", "text": text}
        case Thinking(redacted=str(data)):
            return {"type": "redacted_thinking", "data": data}
        case Thinking(text, signature=signature):
            return {"type": "thinking", "thinking": text, "signature": signature or "", **own}
        case ToolCall(id=call_id, name=name):
            return {"type": "tool_use", "id": call_id, "name": name, "input": render_arguments(part.arguments), **own}
        case Opaque(dialect, json) if dialect == NAME and isinstance(json, dict):
            return json
        case _:
            return None


def render_models(models: list[ModelInfo], inbound: Inbound) -> HttpReply:
    """Render the page that was asked for, or the one model."""
    wanted = inbound.request
    if not isinstance(wanted, ModelsRequest):
        raise TypeError("a model list answers a ModelsRequest")
    if wanted.model is not None:
        found = next((model for model in models if model.id == wanted.model), None)
        if found is None:
            return render_error(Failure(kind=_K.NOT_FOUND, message=f"model: {wanted.model}"))
        return json_reply(render_model(found))
    ids = [model.id for model in models]
    limit, before = wanted.limit or len(models), inbound.options.get("before_id")
    if isinstance(before, str) and before in ids:
        end = ids.index(before)
        start = max(0, end - limit)
        more = start > 0
    else:
        start = ids.index(wanted.after) + 1 if wanted.after in ids else 0
        end = start + limit
        more = end < len(ids)
    page = [render_model(model) for model in models[start:end]]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return json_reply({"data": page, "has_more": more, "first_id": first, "last_id": last})


def render_model(model: ModelInfo) -> JsonObject:
    """Return a model as the catalogue shows it; an entry of this dialect keeps all its fields."""
    raw = model.raw or {}
    if raw.get("type") == "model" and "display_name" in raw:
        return {**raw, "id": model.id}
    created = datetime.fromtimestamp(model.created or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name or model.id,
        "created_at": created,
        "lifecycle": "active",
        "max_input_tokens": model.context_window,
        "max_tokens": model.max_output_tokens,
        "capabilities": None if model.capabilities is None else _render_capabilities(model.capabilities),
    }


def _render_capabilities(able: frozenset[str]) -> JsonObject:
    """Return all capabilities that a client's type demands. What this library has no name for is not supported."""

    def support(*, supported: bool) -> JsonObject:
        return {"supported": supported}

    found = {theirs: support(supported=ours in able) for theirs, ours in CAPABILITIES.items()}
    found |= {theirs: support(supported=False) for theirs in ("batch", "citations", "code_execution")}
    thinks = found["thinking"]["supported"]
    forms = {form: support(supported=thinks) for form in ("adaptive", "between_tools", "enabled")}
    efforts = {effort: support(supported=thinks) for effort in ("low", "medium", "high", "max")}
    hosted = {tool: support(supported=False) for tool in ("code_execution", "web_search")}
    return {
        **found,
        "context_management": support(supported=False),
        "effort": {**support(supported=thinks), **efforts},
        "server_tools": {**support(supported=False), **hosted},
        "thinking": {**found["thinking"], "types": {**forms, "disabled": support(supported=True)}},
    }


def render_token_count(count: TokenCount, inbound: Inbound) -> HttpReply:
    """Render a token count."""
    return json_reply({"input_tokens": count.input_tokens})


def render_error(failure: Failure) -> HttpReply:
    """Render an error with its status and the headers that official clients read."""
    headers = [*JSON_HEADERS]
    if failure.request_id is not None:
        headers.append(("request-id", failure.request_id))
    if failure.retry_after is not None:
        headers.append(("retry-after", f"{failure.retry_after:g}"))
    if failure.should_retry is not None:
        headers.append(("x-should-retry", str(failure.should_retry).lower()))
    return HttpReply(status_of(failure, _STATUSES), tuple(headers), encode(render_error_body(failure)))


def render_error_body(failure: Failure) -> JsonObject:
    """Return an error as responses and streams hold it."""
    kind = failure.type or _TYPES.get(_STATUSES[failure.kind], "api_error")
    error: JsonObject = {"type": kind, "message": worded(failure, WORDS)}
    details: Any = (failure.body or {}).get("details")
    if failure.code is not None:
        error["details"] = {**(details if isinstance(details, dict) else {}), "error_code": failure.code}
    return {"type": "error", "error": error, "request_id": failure.request_id}
