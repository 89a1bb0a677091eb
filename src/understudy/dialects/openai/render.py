"""Answers in OpenAI's form: whole, vectors, models and errors."""

from __future__ import annotations

import math
from typing import Any

from understudy.dialects.embeddings import pack_vector
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.openai_form import completion_object, embeddings_object
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply
from understudy.wire.json import encode

_K = FailureKind

_ERRORS: dict[FailureKind, tuple[int, str, str | None]] = {
    _K.DNS: (502, "server_error", "upstream_dns"),
    _K.POOL: (503, "server_error", "upstream_pool"),
    _K.STALE_CONNECTION: (502, "server_error", "upstream_disconnected"),
    _K.CONNECT: (502, "server_error", "upstream_connect"),
    _K.CONNECT_TIMEOUT: (504, "server_error", "upstream_connect_timeout"),
    _K.TLS: (502, "server_error", "upstream_tls"),
    _K.PROXY: (502, "server_error", "upstream_proxy"),
    _K.POOL: (503, "server_error", "pool_exhausted"),
    _K.NOT_SIGNED: (502, "server_error", "upstream_not_signed"),
    _K.WRITE_FAILED: (502, "server_error", "upstream_disconnected"),
    _K.STALE_CONNECTION: (502, "server_error", "upstream_disconnected"),
    _K.DISCONNECTED: (502, "server_error", "upstream_disconnected"),
    _K.PROTOCOL: (502, "server_error", "upstream_protocol"),
    _K.REDIRECT: (502, "server_error", "upstream_redirect"),
    _K.TIMEOUT_HEADERS: (504, "server_error", "timeout_headers"),
    _K.TIMEOUT_BODY: (504, "server_error", "timeout_body"),
    _K.TIMEOUT_FIRST_EVENT: (504, "server_error", "timeout_first_event"),
    _K.STALLED: (504, "server_error", "upstream_stalled"),
    _K.TRUNCATED: (502, "server_error", "upstream_truncated"),
    _K.BAD_RESPONSE: (502, "server_error", "upstream_bad_response"),
    _K.TOO_LARGE: (502, "server_error", "upstream_too_large"),
    _K.EMPTY: (502, "server_error", "empty_completion"),
    _K.SCHEMA_MISMATCH: (422, "invalid_request_error", "schema_mismatch"),
    _K.RATE_LIMITED: (429, "requests", "rate_limit_exceeded"),
    _K.BILLING: (429, "insufficient_quota", "insufficient_quota"),
    _K.DAILY_QUOTA: (429, "requests", "rate_limit_exceeded"),
    _K.OVERLOADED: (503, "server_error", "overloaded"),
    _K.SERVER_ERROR: (500, "server_error", None),
    _K.CONFLICT: (409, "server_error", "conflict"),
    _K.RESAMPLE: (502, "server_error", "upstream_bad_generation"),
    _K.INVALID_REQUEST: (400, "invalid_request_error", None),
    _K.AUTHENTICATION: (401, "invalid_request_error", "invalid_api_key"),
    _K.PERMISSION: (403, "invalid_request_error", "permission_denied"),
    _K.NOT_FOUND: (404, "invalid_request_error", "model_not_found"),
    _K.CONTEXT_LENGTH: (400, "invalid_request_error", "context_length_exceeded"),
    _K.REQUEST_TOO_LARGE: (413, "invalid_request_error", "request_too_large"),
    _K.CONTENT_FILTER: (400, "invalid_request_error", "content_filter"),
    _K.UNSUPPORTED: (400, "invalid_request_error", "unsupported"),
    _K.UNKNOWN_STATUS: (502, "server_error", "upstream_bad_response"),
    _K.CANCELLED: (499, "server_error", "cancelled"),
    _K.DEADLINE: (504, "server_error", "deadline_exceeded"),
    _K.LOCAL: (502, "server_error", "upstream_failed"),
}
"""Status, type and code of a failure that brings none of its own; total over `FailureKind`, tested."""


def reply(body: JsonObject, status: int = 200, headers: Headers = ()) -> HttpReply:
    """Return a body as a reply."""
    return HttpReply(status, JSON_HEADERS + headers, encode(body))


def render_completion(response: GenerationResponse, *, legacy: bool) -> JsonObject:
    """Write a whole answer; with `legacy`, its tool call in the deprecated form that the caller's request had."""
    body = completion_object(response)
    if legacy:
        choice = body["choices"][0]
        calls = choice["message"].pop("tool_calls", None)
        if calls and "function" in calls[0]:
            choice["message"]["function_call"] = calls[0]["function"]
            choice["finish_reason"] = "function_call"
    return body


def render_embeddings(response: EmbeddingResponse, *, as_base64: bool) -> JsonObject:
    """Write vectors, as numbers or as base64 of little-endian 32-bit floats."""
    body = embeddings_object(response)
    if as_base64:
        for item, vector in zip(body["data"], response.embeddings, strict=True):
            item["embedding"] = pack_vector(vector)
    return body


def model_object(model: ModelInfo) -> JsonObject:
    """Write a model. Limits go by the names that Groq gives them; OpenAI itself tells none. An entry of this dialect's
    own keeps all that it says."""
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


def error_object(failure: Failure) -> JsonObject:
    """Write an error: the failure's own code and type where it has them, else those of its kind."""
    _, kind_type, kind_code = _ERRORS[failure.kind]
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
    """Write an error reply, with the hints on retrying that official clients obey."""
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
    # A failure from the middle of a stream carries the status of the stream, which was 200.
    told = failure.status if failure.status is not None and failure.status >= 400 else None
    return reply(error_object(failure), told or _ERRORS[failure.kind][0], tuple(headers))
