"""Error bodies of the openai dialect, and how their codes and words are read (fault model §3.1)."""

from __future__ import annotations

from typing import Any

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.errors import failure_of
from understudy.dialects.quirks import ErrorRule
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.http import HttpHead
from understudy.wire.json import BadJson, decode, encode

_K = FailureKind
_EXCERPT = 200
"""Characters of a failed generation that the message quotes; the whole stands in `failure.body`."""


def _rules(kind: FailureKind, *codes: str, status: int | None = None) -> tuple[ErrorRule, ...]:
    return tuple(ErrorRule(kind=kind, code=code, status=status) for code in codes)


RULES: tuple[ErrorRule, ...] = (
    # Money first: a 429 of this kind never passes by waiting.
    *_rules(
        _K.BILLING,
        "insufficient_quota",
        "credit_balance_exhausted",
        "*_spend_limit_exceeded",
        "*_usage_limit_exceeded",
        "billing_hard_limit_reached",
        "billing_not_active",
    ),
    *_rules(_K.CONTEXT_LENGTH, "context_length_exceeded"),
    ErrorRule(kind=_K.CONTEXT_LENGTH, status=400, text="maximum context length"),
    ErrorRule(kind=_K.CONTEXT_LENGTH, text="max_new_tokens must be <="),
    # A request larger than the whole limit per minute says rate_limit_exceeded, but no wait helps.
    ErrorRule(kind=_K.REQUEST_TOO_LARGE, text="request too large"),
    *_rules(_K.REQUEST_TOO_LARGE, "string_above_max_length", "request_too_large"),
    *_rules(
        _K.CONTENT_FILTER,
        "content_filter",
        "content_policy_violation",
        "moderation_blocked",
        "invalid_prompt",
        "ResponsibleAIPolicyViolation",
    ),
    *_rules(_K.AUTHENTICATION, "invalid_api_key", "invalid_organization", "account_deactivated", "token_expired"),
    *_rules(_K.PERMISSION, "unsupported_country_region_territory", "ip_not_authorized", "permission_denied"),
    *_rules(_K.PERMISSION, "model_not_found", status=403),
    ErrorRule(kind=_K.PERMISSION, text="insufficient permissions"),
    *_rules(_K.NOT_FOUND, "model_not_found", "DeploymentNotFound", "model_decommissioned", "model_not_supported"),
    *_rules(_K.RATE_LIMITED, "rate_limit_exceeded", "RateLimitReached", "slow_down", "rate_limit_error"),
    *_rules(_K.OVERLOADED, "*overloaded", "overloaded*", "engine_overloaded*", "capacity_exceeded"),
    ErrorRule(kind=_K.OVERLOADED, status=500, text="overloaded"),
    *_rules(_K.CONFLICT, "conflict"),
    # In the middle of a stream there is no status, only the type (fault model row 33).
    *_rules(_K.AUTHENTICATION, "authentication_error", status=200),
    *_rules(_K.PERMISSION, "permission_error", status=200),
    *_rules(_K.NOT_FOUND, "not_found_error", status=200),
    *_rules(_K.INVALID_REQUEST, "invalid_request_error", "unsupported_parameter", "unsupported_value", status=200),
    *_rules(_K.RATE_LIMITED, "requests", "tokens", status=200),
)
"""Code and type first, then words; what none of them reads goes by its status. Source: the wire cards' error tables."""


def read_error(body: bytes) -> WireError | None:
    """Read an error body: `{"error": {…}}`, and the looser forms of other servers (a string, `message`, `detail`, a
    list of one). `None` when the body is none of these."""
    try:
        value = decode(body)
    except BadJson:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return read_error_value(value) if isinstance(value, dict) else None


def read_error_value(value: dict[str, Any]) -> WireError | None:
    """Read a decoded object that may be an error or hold one under `error`."""
    error = value.get("error")
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, str) and error:
        return WireError(
            message=error,
            code=_name(value.get("code")),
            type=_name(value.get("type")),
            retry_after=_loading(value.get("estimated_time")),
            body=value,
        )
    if isinstance(error, dict):
        return _wire_error(error)
    if error:
        return WireError(message=_words(error), body=value)
    if value.get("choices") is None and (value.get("message") or value.get("detail")):
        return _wire_error(value)
    return None


def _wire_error(error: dict[str, Any]) -> WireError:
    message = _words(error.get("message") or error.get("detail") or error.get("msg") or "")
    if written := error.get("failed_generation"):
        # Groq: the model broke the schema. What it wrote is the only clue to why.
        message = f"{message} (the model wrote: {_words(written)[:_EXCERPT]})"
    inner = error.get("innererror")
    code = _name(error.get("code")) or (_name(inner.get("code")) if isinstance(inner, dict) else None)
    return WireError(
        message=message,
        code=code,
        type=_name(error.get("type")),
        param=_name(error.get("param")),
        request_id=_name(error.get("request_id")),
        body=error,
    )


def stream_failure(error: WireError, endpoint: Endpoint) -> Failure:
    """Read an error that came with status 200, in a stream or as a whole body, keeping its class.

    Some servers write the status into the error object; it is then as good as a status line.
    """
    status = _status_in(error.body or {})
    return failure_of(error, HttpHead(status or 200, {}), endpoint=endpoint, rules=RULES)


def _status_in(body: dict[str, Any]) -> int | None:
    for key in ("status_code", "status", "code"):
        value = body.get(key)
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if isinstance(number, int) and not isinstance(number, bool) and 400 <= number <= 599:
            return number
    return None


def _loading(value: Any) -> float | None:
    """Return the seconds until a model is loaded (Hugging Face, with 503); anything beyond an hour is no estimate."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 < value <= 3600 else None


def _name(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _words(value: Any) -> str:
    return value if isinstance(value, str) else encode(value).decode()
