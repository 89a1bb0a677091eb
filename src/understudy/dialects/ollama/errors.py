"""Ollama's errors: only `{"error": message}`. So the message decides first, then the status.

Source: Ollama's server (routes, scheduler, runner) and its cloud, state of November 2026.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, texts
from understudy.dialects.error_bodies import read_any_value
from understudy.dialects.errors import classify, failure_in_answer
from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.wire.http import HttpHead
from understudy.wire.json import BadJson, decode_object

_K = FailureKind

RULES: tuple[Row, ...] = (
    # The queue is full (OLLAMA_MAX_QUEUE); also as a line in the middle of a stream, where there is no status.
    *texts(_K.OVERLOADED, s.OLLAMA_SERVER, "server busy"),
    # The cloud's session, hourly and weekly limits are 429, too, and last for hours.
    *texts(_K.DAILY_QUOTA, s.OLLAMA_USERS, "usage limit"),
    # Only with `truncate: false`, from llama.cpp's own check, and from cloud models.
    *texts(_K.CONTEXT_LENGTH, s.OLLAMA_SERVER, "exceeds the context length", "exceeds context length"),
    *texts(_K.CONTEXT_LENGTH, s.OLLAMA_USERS, "exceeds maximum context length", "exceeded max context length"),
    *texts(_K.CONTEXT_LENGTH, s.LLAMA_CPP, "exceeds the available context size"),
    # The request is valid, but the model does not support it: another target may.
    *texts(_K.UNSUPPORTED, s.OLLAMA_SERVER, "does not support", "is not supported for this model"),
    # In the middle of a stream the status is 200.
    *texts(_K.PERMISSION, s.OLLAMA_USERS, "requires a subscription"),
    *texts(_K.AUTHENTICATION, s.OLLAMA_SERVER, "unauthorized", status=200),
    *texts(_K.NOT_FOUND, s.OLLAMA_SERVER, "not found", status=200),
    *texts(_K.RATE_LIMITED, s.OLLAMA, "too many", status=200),
)

_MISSING = re.compile(r"model ['\"]([^'\"]+)['\"] not found", re.I)


def decode_error(body: bytes) -> WireError | None:
    """Decode an error body; `None` if it is not in Ollama's form."""
    try:
        error = decode_object(body).get("error")
    except BadJson:
        return None
    return None if error is None else _wire_error(error)


def classify_error(head: HttpHead, body: bytes, endpoint: Endpoint, operation: Operation) -> Failure:
    """Return the failure for an error response."""
    return _with_advice(classify(head, body, endpoint=endpoint, rules=RULES, read=decode_error, operation=operation))


def decode_failure(error: Any, endpoint: Endpoint, operation: Operation = Operation.CHAT) -> Failure:
    """Return the failure for an error under status 200: a body, or a line in the middle of a stream."""
    return _with_advice(failure_in_answer(_wire_error(error), endpoint=endpoint, rules=RULES, operation=operation))


def _wire_error(error: Any) -> WireError:
    """Decode the value of `error`, which some requests to the cloud answer with an object instead of a string."""
    return read_any_value({"error": error}) or WireError(message="an error without a message", body={"error": error})


def _with_advice(failure: Failure) -> Failure:
    """Add the command that pulls a missing model: models are never pulled automatically."""
    missing = _MISSING.search(failure.message) if failure.kind is _K.NOT_FOUND else None
    if missing is None:
        return failure
    message = f"{failure.message}; run `ollama pull {missing.group(1)}`"
    return msgspec.structs.replace(failure, message=message)


def bad_request(message: str) -> BadRequest:
    """Return the error for an invalid request."""
    return BadRequest(Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=400))
