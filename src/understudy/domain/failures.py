"""What went wrong with one attempt, as data.

A dialect or the transport reports *what* happened (`Failure`); the table in `understudy.policy.verdicts` alone decides
what to do then.
"""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

from understudy.domain.json_types import JsonObject


class FailureKind(enum.StrEnum):
    """The kinds of failure that are treated differently: see docs/fallback.md."""

    # Before anything was sent
    DNS = "dns"
    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS = "tls"
    PROXY = "proxy"
    POOL = "pool"
    """No connection of the local pool became free in time."""
    NOT_SIGNED = "not_signed"
    """The entry's signer or token source failed, so the request could not be sent."""
    # On the wire
    WRITE_FAILED = "write_failed"
    STALE_CONNECTION = "stale_connection"
    """A kept-alive connection was closed before any byte of the answer, as servers may do at any time."""
    DISCONNECTED = "disconnected"
    PROTOCOL = "protocol"
    REDIRECT = "redirect"
    TIMEOUT_HEADERS = "timeout_headers"
    TIMEOUT_BODY = "timeout_body"
    TIMEOUT_FIRST_EVENT = "timeout_first_event"
    STALLED = "stalled"
    TRUNCATED = "truncated"
    # In the answer
    BAD_RESPONSE = "bad_response"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    SCHEMA_MISMATCH = "schema_mismatch"
    # What the provider reports of itself
    RATE_LIMITED = "rate_limited"
    BILLING = "billing"
    DAILY_QUOTA = "daily_quota"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    CONFLICT = "conflict"
    RESAMPLE = "resample"
    # What the provider reports of the request
    INVALID_REQUEST = "invalid_request"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    CONTEXT_LENGTH = "context_length"
    REQUEST_TOO_LARGE = "request_too_large"
    CONTENT_FILTER = "content_filter"
    UNSUPPORTED = "unsupported"
    UNKNOWN_STATUS = "unknown_status"
    # Decided or caused here
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    LOCAL = "local"
    """Local code raised an exception that is not an `LLMError`: a custom provider, or a bug."""


OnMidstreamError = Literal["surface", "hold", "restart", "continue"]
"""What becomes of a stream that breaks after its first words: see `FallbackConfig.on_midstream_error`."""


class LimitState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A limit of this side: one that was reached, or what is left of it after an attempt was admitted."""

    unit: Literal["requests", "tokens"]
    limit: int
    """How many there may be in a minute, or at once."""
    remaining: int
    resets_in: float | None = None
    """Seconds until all of it is there again; `None` for requests at once."""
    resets_at: float | None = None
    """The same in Unix seconds, of a state that is stated later."""


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One failure of one attempt."""

    kind: FailureKind
    message: str
    """The provider's words or ours, free of secrets and control characters."""
    status: int | None = None
    code: str | None = None
    """The provider's own error code, such as `model_not_found`."""
    type: str | None = None
    """The provider's own error type, such as `invalid_request_error`."""
    param: str | None = None
    retry_after: float | None = None
    """Seconds that the provider asks to wait."""
    should_retry: bool | None = None
    """The provider's own verdict (`x-should-retry`), which overrides the table."""
    sent: bool = True
    """False if it is certain that nothing reached the provider, so nothing can be billed."""
    request_id: str | None = None
    unknown_code: str | None = None
    """The code, or the type of an error without a code, if the classification has no row for it; the kind then follows
    from the words of the message or from the status."""
    limit: LimitState | None = None
    """The limit of this side that was reached, if it was not a provider's."""
    body: JsonObject | None = None
    """The error object as the provider wrote it, without secrets; `None` when it is missing or exceeds 16 KiB."""
