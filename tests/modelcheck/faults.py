"""What may go wrong: a failure of each class with a verdict of its own, and what the documentation says of it."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.domain.failures import Failure, FailureKind

HINT = 3.0
LONG_HINT = 60.0
_K = FailureKind


class Fault(msgspec.Struct, frozen=True):
    """A way in which an attempt fails."""

    name: str
    failure: Failure
    translated: bool = False
    final: bool = False
    """No other target may be asked after it: the failure is the answer to the request."""
    promised: float = 0.0
    """Seconds for which the target may not be asked, as the provider itself says."""
    dead: str = ""
    """What it disables for minutes: the key, the host or the target."""
    trips: str = ""
    """Whose breaker counts it: that of the host or of the target."""
    tries: int = 99
    """Attempts that a target gets at most at which it happens, whatever `max_retries` allows."""
    last: bool = False
    """The target is asked again only if no other one is left."""
    of_key: bool = False
    """It concerns the key that was sent, and another key of a pool may be accepted."""
    once_shown: bool = False
    """It is final too if the answer was to be continued: what was shown is wrong, or not plain text."""


def fault(kind: FailureKind, name: str = "", **more: Any) -> Fault:
    """Return a failure of a kind, with what a reader of the documentation expects of it."""
    hint = more.pop("hint", None)
    return Fault(name or kind.value, Failure(kind=kind, message=kind.value, retry_after=hint), **more)


HOST, TARGET, KEY = "host", "target", "key"
DNS, CONNECT = fault(_K.DNS, trips=HOST, tries=2), fault(_K.CONNECT, trips=HOST, last=True)
SERVER_ERROR, DISCONNECTED = fault(_K.SERVER_ERROR, trips=TARGET, tries=3), fault(_K.DISCONNECTED, trips=TARGET)
STALE, EMPTY = fault(_K.STALE_CONNECTION), fault(_K.EMPTY, tries=2, once_shown=True)
SILENT = fault(_K.TIMEOUT_FIRST_EVENT, trips=TARGET, tries=2, last=True)
LIMITED = fault(_K.RATE_LIMITED, "rate_limited for 3 s", hint=HINT, promised=HINT, of_key=True)
LIMITED_LONG = fault(_K.RATE_LIMITED, "rate_limited for 60 s", hint=LONG_HINT, promised=LONG_HINT, of_key=True, tries=1)
BAD_KEY = fault(_K.AUTHENTICATION, dead=KEY, of_key=True, tries=1)
PERMISSION = fault(_K.PERMISSION, dead=TARGET, of_key=True, tries=1)
INVALID = fault(_K.INVALID_REQUEST, final=True, tries=1)
CONTEXT = fault(_K.CONTEXT_LENGTH, tries=1)
NOT_PLAIN = fault(_K.TRUNCATED, "truncated, within a tool call", trips=TARGET, once_shown=True)
FAULTS = (
    DNS, CONNECT, SERVER_ERROR, DISCONNECTED, STALE, EMPTY, SILENT, LIMITED, LIMITED_LONG, BAD_KEY, PERMISSION, INVALID,
    fault(_K.INVALID_REQUEST, "invalid_request, translated", translated=True, tries=1),
    fault(_K.CONNECT_TIMEOUT, trips=HOST, tries=2, last=True), fault(_K.TLS, dead=HOST, tries=1),
    fault(_K.PROXY, trips=HOST, tries=1), fault(_K.POOL, tries=2, last=True), fault(_K.PROTOCOL, trips=TARGET, tries=1),
    fault(_K.TOO_LARGE, tries=1, once_shown=True), fault(_K.RATE_LIMITED, promised=1.0, of_key=True, last=True),
    fault(_K.DAILY_QUOTA, dead=TARGET, of_key=True, tries=1), fault(_K.CONFLICT, trips=TARGET, tries=2),
    CONTEXT, fault(_K.CONTENT_FILTER, final=True, tries=1),
    fault(_K.UNKNOWN_STATUS, final=True, tries=1),
    fault(_K.OVERLOADED, "overloaded for 60 s", hint=LONG_HINT, promised=LONG_HINT, trips=TARGET, tries=1),
)  # fmt: skip
"""One of each class of kinds that have the same verdict."""
