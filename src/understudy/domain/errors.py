"""The errors that users catch.

    LLMError
    ├── Misuse                  the caller's bug: nothing was sent, nothing to retry
    │   ├── ConfigError         the configuration is wrong; gives file, line, text and a suggestion
    │   └── Unsupported         the provider lacks this operation; names it and what to use instead
    ├── Refused                 a provider refused, and no retry helps
    │   ├── InvalidRequest  ├── AuthenticationFailed  ├── PermissionDenied  ├── ModelNotFound
    │   ├── ContextLengthExceeded  ├── RequestTooLarge  ├── ContentFiltered  └── QuotaExhausted
    └── Unavailable             no target could answer; a later call may succeed
        ├── ConnectionFailed  ├── TimedOut  ├── DeadlineExceeded  ├── RateLimited  ├── Overloaded
        ├── ServerFailed  ├── StreamInterrupted  ├── InvalidResponse  ├── RunLimitExceeded
        └── GenerationFailed  └── EmbeddingFailed

Every error has `attempts` (all of them) and `failure` (the last one). If all attempts failed for the same reason, the
leaf names that reason; if the reasons differ, it is `GenerationFailed` or `EmbeddingFailed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.domain.misuse import ConfigError, LLMError, Misuse, Unsupported

if TYPE_CHECKING:
    from understudy.domain.attempts import AttemptRecord
    from understudy.domain.responses import GenerationResponse
    from understudy.domain.runs import RunResult

__all__ = [
    "ERRORS",
    "AuthenticationFailed",
    "ConfigError",
    "ConnectionFailed",
    "ContentFiltered",
    "ContextLengthExceeded",
    "DeadlineExceeded",
    "EmbeddingFailed",
    "GenerationFailed",
    "InvalidRequest",
    "InvalidResponse",
    "LLMError",
    "Misuse",
    "ModelNotFound",
    "Overloaded",
    "PermissionDenied",
    "QuotaExhausted",
    "RateLimited",
    "Refused",
    "RequestTooLarge",
    "ServerFailed",
    "StreamInterrupted",
    "TimedOut",
    "Unavailable",
    "Unsupported",
    "error_of",
    "failure_of",
]


class Refused(LLMError):
    """A provider refused, and a retry will not help."""

    partial: GenerationResponse | None
    run: RunResult | None


class InvalidRequest(Refused):
    """The provider reports the request as invalid."""


class AuthenticationFailed(Refused):
    """The key is wrong, revoked or missing."""


class PermissionDenied(Refused):
    """The key is not allowed to do this: model access, region or permission."""


class ModelNotFound(Refused):
    """The model is unknown to the provider, or not available to this key."""


class ContextLengthExceeded(Refused):
    """The prompt does not fit the model's context window."""


class RequestTooLarge(Refused):
    """The request body is too large for the provider."""


class ContentFiltered(Refused):
    """A content filter refused the prompt."""


class QuotaExhausted(Refused):
    """The account is out of credit, or over a spend limit or daily quota."""


class Unavailable(LLMError):
    """No target could answer now. `attempts` lists what was tried."""

    partial: GenerationResponse | None
    run: RunResult | None


class ConnectionFailed(Unavailable):
    """No connection: name resolution, route, port, TLS or proxy."""


class TimedOut(Unavailable):
    """The provider was silent for too long."""


class DeadlineExceeded(Unavailable):
    """The request's own deadline passed."""


class RateLimited(Unavailable):
    """Too many requests or tokens for now; see `retry_after`."""


class Overloaded(Unavailable):
    """The provider is over capacity."""


class ServerFailed(Unavailable):
    """The provider failed internally."""


class StreamInterrupted(Unavailable):
    """The answer was interrupted before its end; `partial` holds what was received."""


class InvalidResponse(Unavailable):
    """The response is not a valid answer: wrong format, empty, or in conflict with the schema."""


class RunLimitExceeded(Unavailable):
    """A tool loop reached `max_steps` or `max_tool_calls` without a final answer; `run` holds its steps."""


class GenerationFailed(Unavailable):
    """All targets failed, for different reasons."""


class EmbeddingFailed(Unavailable):
    """All targets failed to embed, for different reasons."""


_K = FailureKind
ERRORS: dict[FailureKind, type[LLMError]] = {
    _K.DNS: ConnectionFailed,
    _K.CONNECT: ConnectionFailed,
    _K.CONNECT_TIMEOUT: ConnectionFailed,
    _K.TLS: ConnectionFailed,
    _K.PROXY: ConnectionFailed,
    _K.POOL: ConnectionFailed,
    _K.NOT_SIGNED: Unavailable,
    _K.WRITE_FAILED: ConnectionFailed,
    _K.STALE_CONNECTION: ConnectionFailed,
    _K.DISCONNECTED: StreamInterrupted,
    _K.PROTOCOL: InvalidResponse,
    _K.REDIRECT: InvalidResponse,
    _K.TIMEOUT_HEADERS: TimedOut,
    _K.TIMEOUT_BODY: TimedOut,
    _K.TIMEOUT_FIRST_EVENT: TimedOut,
    _K.STALLED: TimedOut,
    _K.TRUNCATED: StreamInterrupted,
    _K.BAD_RESPONSE: InvalidResponse,
    _K.TOO_LARGE: InvalidResponse,
    _K.EMPTY: InvalidResponse,
    _K.SCHEMA_MISMATCH: InvalidResponse,
    _K.RATE_LIMITED: RateLimited,
    _K.BILLING: QuotaExhausted,
    _K.DAILY_QUOTA: QuotaExhausted,
    _K.OVERLOADED: Overloaded,
    _K.SERVER_ERROR: ServerFailed,
    _K.CONFLICT: ServerFailed,
    _K.RESAMPLE: InvalidResponse,
    _K.INVALID_REQUEST: InvalidRequest,
    _K.AUTHENTICATION: AuthenticationFailed,
    _K.PERMISSION: PermissionDenied,
    _K.NOT_FOUND: ModelNotFound,
    _K.CONTEXT_LENGTH: ContextLengthExceeded,
    _K.REQUEST_TOO_LARGE: RequestTooLarge,
    _K.CONTENT_FILTER: ContentFiltered,
    _K.UNSUPPORTED: Unsupported,
    _K.UNKNOWN_STATUS: InvalidResponse,
    _K.CANCELLED: Unavailable,
    _K.DEADLINE: DeadlineExceeded,
    _K.LOCAL: Unavailable,
}
"""The error class of each kind of failure; total over `FailureKind`, tested."""


def error_of(failure: Failure, *, attempts: tuple[AttemptRecord, ...] = ()) -> LLMError:
    """Return the error for a failure."""
    return ERRORS[failure.kind](failure.message, failure=failure, attempts=attempts)


_KINDS: dict[type[LLMError], FailureKind] = {
    Unsupported: _K.UNSUPPORTED,
    Misuse: _K.INVALID_REQUEST,
    Refused: _K.INVALID_REQUEST,
    DeadlineExceeded: _K.DEADLINE,
    Unavailable: _K.OVERLOADED,
    LLMError: _K.LOCAL,
}
"""The kind that an error without an attempt is reported as."""


def failure_of(error: LLMError) -> Failure:
    """Return the failure that a server reports for an error: that of the last attempt, with the error's own message."""
    failure = error.failure
    if failure is None:
        kind = next(_KINDS[each] for each in type(error).__mro__ if each in _KINDS)
        return Failure(kind=kind, message=error.message, retry_after=error.retry_after)
    return msgspec.structs.replace(failure, message=error.message, retry_after=error.retry_after)
