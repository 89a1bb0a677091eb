"""Answers in OpenAI's form: whole, vectors, models and errors."""

from __future__ import annotations

import math
from typing import Any

from understudy.dialects.embeddings import pack_vector
from understudy.dialects.errors import status_of, statuses
from understudy.dialects.openai.wire import NAME
from understudy.dialects.server import Inbound, json_reply
from understudy.domain.chat_completion import completion_object, embeddings_object
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo
from understudy.wire.http import HttpReply

_K = FailureKind

_ERRORS: dict[FailureKind, tuple[str, str | None]] = {
    _K.DNS: ("server_error", "upstream_dns"),
    _K.CONNECT: ("server_error", "upstream_connect"),
    _K.CONNECT_TIMEOUT: ("server_error", "upstream_connect_timeout"),
    _K.TLS: ("server_error", "upstream_tls"),
    _K.PROXY: ("server_error", "upstream_proxy"),
    _K.POOL: ("server_error", "pool_exhausted"),
    _K.NOT_SIGNED: ("server_error", "upstream_not_signed"),
    _K.WRITE_FAILED: ("server_error", "upstream_disconnected"),
    _K.STALE_CONNECTION: ("server_error", "upstream_disconnected"),
    _K.DISCONNECTED: ("server_error", "upstream_disconnected"),
    _K.PROTOCOL: ("server_error", "upstream_protocol"),
    _K.REDIRECT: ("server_error", "upstream_redirect"),
    _K.TIMEOUT_HEADERS: ("server_error", "timeout_headers"),
    _K.TIMEOUT_BODY: ("server_error", "timeout_body"),
    _K.TIMEOUT_FIRST_EVENT: ("server_error", "timeout_first_event"),
    _K.STALLED: ("server_error", "upstream_stalled"),
    _K.TRUNCATED: ("server_error", "upstream_truncated"),
    _K.BAD_RESPONSE: ("server_error", "upstream_bad_response"),
    _K.TOO_LARGE: ("server_error", "upstream_too_large"),
    _K.EMPTY: ("server_error", "empty_completion"),
    _K.SCHEMA_MISMATCH: ("invalid_request_error", "schema_mismatch"),
    _K.RATE_LIMITED: ("requests", "rate_limit_exceeded"),
    _K.BILLING: ("insufficient_quota", "insufficient_quota"),
    _K.DAILY_QUOTA: ("requests", "rate_limit_exceeded"),
    _K.OVERLOADED: ("server_error", "overloaded"),
    _K.SERVER_ERROR: ("server_error", None),
    _K.CONFLICT: ("server_error", "conflict"),
    _K.RESAMPLE: ("server_error", "upstream_bad_generation"),
    _K.INVALID_REQUEST: ("invalid_request_error", None),
    _K.AUTHENTICATION: ("invalid_request_error", "invalid_api_key"),
    _K.PERMISSION: ("invalid_request_error", "permission_denied"),
    _K.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    _K.CONTEXT_LENGTH: ("invalid_request_error", "context_length_exceeded"),
    _K.REQUEST_TOO_LARGE: ("invalid_request_error", "request_too_large"),
    _K.CONTENT_FILTER: ("invalid_request_error", "content_filter"),
    _K.UNSUPPORTED: ("invalid_request_error", "unsupported"),
    _K.UNKNOWN_STATUS: ("server_error", "upstream_bad_response"),
    _K.CANCELLED: ("server_error", "cancelled"),
    _K.DEADLINE: ("server_error", "deadline_exceeded"),
    _K.LOCAL: ("server_error", "upstream_failed"),
}
"""Type and code of a failure that has neither; total over `FailureKind`, tested."""

_STATUSES = statuses({_K.BILLING: 429, _K.POOL: 503, _K.SCHEMA_MISMATCH: 422, _K.LOCAL: 502})


def render_whole(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    """Render a whole answer; with `legacy`, its tool call in the deprecated form that the caller's request had."""
    body = completion_object(response, NAME)
    if inbound.options.get("legacy"):
        choice = body["choices"][0]
        calls = choice["message"].pop("tool_calls", None)
        if calls and "function" in calls[0]:
            choice["message"]["function_call"] = calls[0]["function"]
            choice["finish_reason"] = "function_call"
    return json_reply(body)


def render_embeddings(response: EmbeddingResponse, inbound: Inbound) -> HttpReply:
    """Render vectors, as numbers or as base64 of little-endian 32-bit floats."""
    body = embeddings_object(response)
    if inbound.options.get("encoding_format") == "base64":
        for item, vector in zip(body["data"], response.embeddings, strict=True):
            item["embedding"] = pack_vector(vector)
    return json_reply(body)


def render_model(model: ModelInfo) -> JsonObject:
    """Render a model. Limits go by the names that Groq gives them; OpenAI itself reports none. An entry of this dialect
    keeps all its fields."""
    raw = model.raw or {}
    body: JsonObject = {
        **(raw if raw.get("object") == "model" else {}),
        "id": model.id,
        "object": "model",
        "created": int(model.created or 0),
        "owned_by": model.owned_by or model.provider or "",
    }
    if model.context_window is not None:
        body["context_window"] = model.context_window
    if model.max_output_tokens is not None:
        body["max_completion_tokens"] = model.max_output_tokens
    return body


def render_error_body(failure: Failure) -> JsonObject:
    """Render an error: the failure's own code and type where it has them, else those of its kind."""
    kind_type, kind_code = _ERRORS[failure.kind]
    if failure.limit is not None:
        kind_type = failure.limit.unit
    elif failure.kind is _K.DAILY_QUOTA and not failure.sent:
        kind_type = "insufficient_quota"  # money of this side: OpenAI's own daily quotas are of requests
    named = failure.type is not None or failure.code is not None
    error: JsonObject = {
        "message": failure.message,
        "type": failure.type or kind_type,
        "param": failure.param,
        "code": failure.code if named else kind_code,
    }
    written: Any = (failure.body or {}).get("failed_generation")
    if isinstance(written, str):
        error["failed_generation"] = written
    return {"error": error}


def render_error(failure: Failure) -> HttpReply:
    """Render an error reply, with the hints on retrying that official clients obey."""
    headers: list[tuple[str, str]] = []
    if failure.retry_after is not None:
        headers += [
            ("retry-after", str(max(1, math.ceil(failure.retry_after)))),
            ("retry-after-ms", str(max(1, math.ceil(failure.retry_after * 1000)))),
        ]
    if failure.should_retry is not None:
        headers.append(("x-should-retry", "true" if failure.should_retry else "false"))
    if failure.request_id is not None:
        headers.append(("x-request-id", failure.request_id))
    return json_reply(render_error_body(failure), status_of(failure, _STATUSES), tuple(headers))
