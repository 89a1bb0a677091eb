"""What must follow from each kind of failure, written by hand: who is asked next, how often, what it costs, what is
remembered against whom.

The sources are the vendors' documents on errors, RFC 9110 on what a status promises about a request, and gRPC's retry
design; nothing here is taken from the library's own table of verdicts, which these laws judge.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

import understudy as u
from understudy.domain.failures import FailureKind as K

B = u.CostBasis


class Harm(enum.Enum):
    """What is remembered after a failure."""

    NOTHING = enum.auto()
    """Nothing, however often it happens: it was the request, or this side."""
    ENTRY_BREAKER = enum.auto()
    """Nothing yet; the fifth in a row opens the breaker of this entry's model, and of nothing else."""
    HOST_BREAKER = enum.auto()
    """Nothing yet; the fifth in a row opens the breaker of all that is at this host."""
    COOLED = enum.auto()
    """The target waits: as long as it was told, else from one second on."""
    MODEL = enum.auto()
    """The entry's model is disabled for five minutes; its other models are not."""
    KEY = enum.auto()
    """The entry's key is disabled for five minutes, whatever the model."""
    HOST = enum.auto()
    """Everything at the host is disabled for five minutes."""


class Law(msgspec.Struct, frozen=True, kw_only=True):
    """What must follow.

    At most three retries are granted in an instant, whatever is allowed: the budget of retries holds three.
    """

    kinds: tuple[K, ...]
    """How the attempts may fail: one kind, unless the wire decides."""
    error: type[u.LLMError]
    """What the caller catches if nobody else answers."""
    alone: int
    """Attempts where no other target is there and the fault lasts."""
    before: int | None
    """Attempts ahead of the next target; `None`: no other target is asked."""
    basis: u.CostBasis
    """What is known of the cost of a failed attempt."""
    harm: Harm
    hint: float | None = None
    """The seconds that the provider asks to wait."""
    paused: float | None = None
    """Seconds of cooldown, for `COOLED`."""
    waits: tuple[float, ...] = ()
    """Seconds that each further attempt waits, where nobody asked for that."""
    patient: int = 3
    """Attempts where no other target is there and five are allowed, if it gets three otherwise."""


def _law(
    kinds: K | tuple[K, ...],
    error: type[u.LLMError],
    alone: int,
    before: int | None,
    basis: u.CostBasis,
    harm: Harm,
    **more: Any,
) -> Law:
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    return Law(kinds=kinds, error=error, alone=alone, before=before, basis=basis, harm=harm, **more)


def but(law: Law, **changes: Any) -> Law:
    """Return a law with a few changes."""
    return msgspec.structs.replace(law, **changes)


_NONE, _ENTRY, _HOST = Harm.NOTHING, Harm.ENTRY_BREAKER, Harm.HOST_BREAKER

# Nothing was sent, so nothing can be billed.
DNS = _law(K.DNS, u.ConnectionFailed, 2, 2, B.NOT_SENT, _HOST)
CONNECT = _law(K.CONNECT, u.ConnectionFailed, 3, 1, B.NOT_SENT, _HOST, patient=4)
CONNECT_TIMEOUT = _law(K.CONNECT_TIMEOUT, u.ConnectionFailed, 2, 1, B.NOT_SENT, _HOST)
TLS = _law(K.TLS, u.ConnectionFailed, 1, 1, B.NOT_SENT, Harm.HOST)
PROXY = _law(K.PROXY, u.ConnectionFailed, 1, 1, B.NOT_SENT, _HOST)
POOL = _law(K.POOL, u.ConnectionFailed, 2, 1, B.NOT_SENT, _NONE)
NOT_SIGNED = _law(K.NOT_SIGNED, u.Unavailable, 2, 1, B.NOT_SENT, _NONE)

# Sent, and what became of it is unknown.
WRITE_FAILED = _law(K.WRITE_FAILED, u.ConnectionFailed, 3, 3, B.UNKNOWN, _ENTRY, patient=4)
STALE = _law(K.STALE_CONNECTION, u.ConnectionFailed, 4, 3, B.UNKNOWN, _NONE, patient=5)
"""The repetition at once does not count; of five attempts, two are kept for the two targets behind."""
DISCONNECTED = _law(K.DISCONNECTED, u.StreamInterrupted, 3, 3, B.UNKNOWN, _ENTRY, patient=4)
TRUNCATED = _law(K.TRUNCATED, u.StreamInterrupted, 3, 3, B.UNKNOWN, _ENTRY, patient=4)
PROTOCOL = _law(K.PROTOCOL, u.InvalidResponse, 1, 1, B.UNKNOWN, _ENTRY)
SILENT = _law(K.TIMEOUT_HEADERS, u.TimedOut, 2, 1, B.UNKNOWN, _ENTRY)
UNFINISHED = _law(K.TIMEOUT_BODY, u.TimedOut, 2, 1, B.UNKNOWN, _ENTRY)
WITHOUT_CONTENT = _law(K.TIMEOUT_FIRST_EVENT, u.TimedOut, 2, 1, B.UNKNOWN, _ENTRY)
STALLED = _law(K.STALLED, u.TimedOut, 2, 1, B.UNKNOWN, _ENTRY)
BAD = _law(K.BAD_RESPONSE, u.InvalidResponse, 3, 3, B.UNKNOWN, _ENTRY, patient=4)
TOO_LARGE = _law(K.TOO_LARGE, u.InvalidResponse, 1, 1, B.UNKNOWN, _NONE)
SERVER = _law(K.SERVER_ERROR, u.ServerFailed, 3, 3, B.UNKNOWN, _ENTRY)
CONFLICT = _law(K.CONFLICT, u.ServerFailed, 2, 2, B.UNKNOWN, _ENTRY)
RESAMPLE = _law(K.RESAMPLE, u.InvalidResponse, 2, 2, B.UNKNOWN, _NONE)
LOCAL = _law(K.LOCAL, u.Unavailable, 1, 1, B.UNKNOWN, _NONE)

# Generated, and so billed.
EMPTY = _law(K.EMPTY, u.InvalidResponse, 2, 2, B.EXACT, _NONE)
MISFIT = _law(K.SCHEMA_MISMATCH, u.InvalidResponse, 1, 1, B.EXACT, _NONE)

# Refused before anything was generated.
REDIRECT = _law(K.REDIRECT, u.InvalidResponse, 1, 1, B.REFUSED, _ENTRY)
OVERLOADED = _law(K.OVERLOADED, u.Overloaded, 3, 3, B.REFUSED, _ENTRY)
LIMITED = _law(
    K.RATE_LIMITED, u.RateLimited, 3, 1, B.REFUSED, Harm.COOLED, paused=1.0, waits=(0.0, 2.0, 0.0, 8.0), patient=5
)
"""Its second attempt is a probe of the cooldown; when that fails, the rest is waited for: two seconds after two limits
in a row, eight after four."""
DAILY = _law(K.DAILY_QUOTA, u.QuotaExhausted, 1, 1, B.REFUSED, Harm.COOLED, paused=3600.0)
BILLING = _law(K.BILLING, u.QuotaExhausted, 1, 1, B.REFUSED, Harm.KEY)
AUTHENTICATION = _law(K.AUTHENTICATION, u.AuthenticationFailed, 1, 1, B.REFUSED, Harm.KEY)
PERMISSION = _law(K.PERMISSION, u.PermissionDenied, 1, 1, B.REFUSED, Harm.MODEL)
NOT_FOUND = _law(K.NOT_FOUND, u.ModelNotFound, 1, 1, B.REFUSED, Harm.MODEL)
CONTEXT = _law(K.CONTEXT_LENGTH, u.ContextLengthExceeded, 1, 1, B.REFUSED, _NONE)
OVERSIZED = _law(K.REQUEST_TOO_LARGE, u.RequestTooLarge, 1, 1, B.REFUSED, _NONE)
FILTERED = _law(K.CONTENT_FILTER, u.ContentFiltered, 1, None, B.REFUSED, _NONE)
INVALID = _law(K.INVALID_REQUEST, u.InvalidRequest, 1, None, B.REFUSED, _NONE)
UNSUPPORTED = _law(K.UNSUPPORTED, u.Unsupported, 1, 1, B.REFUSED, _NONE)
ODD_STATUS = _law(K.UNKNOWN_STATUS, u.InvalidResponse, 1, None, B.REFUSED, _NONE)
CANCELLED = _law(K.CANCELLED, u.Unavailable, 1, None, B.UNKNOWN, _NONE)
OVERDUE = _law(K.DEADLINE, u.DeadlineExceeded, 1, None, B.UNKNOWN, _NONE)

BY_WORDS = {
    law.kinds[0]: law
    for law in (
        BAD, BILLING, AUTHENTICATION, CONFLICT, CONTEXT, DAILY, EMPTY, FILTERED, INVALID, LIMITED, NOT_FOUND,
        ODD_STATUS, OVERLOADED, OVERSIZED, PERMISSION, PROTOCOL, RESAMPLE, SERVER, TOO_LARGE, TRUNCATED, UNSUPPORTED,
    )
}  # fmt: skip
"""What follows from a vendor's own words, by their meaning."""

LONGEST_WAIT = 20.0
"""Seconds that a provider may ask for and be waited for."""


def asking_to_wait(law: Law, seconds: float) -> Law:
    """Return the law of a failure that says how long to wait: a moment is waited for, more sends the request away.

    Disabled keys, models and hosts stay so whatever is asked.
    """
    retried = law.alone > 1
    if not retried:
        # A wait of seconds is not believed of a quota that is renewed once a day.
        return but(law, hint=seconds, paused=max(seconds, 300.0) if law.harm is Harm.COOLED else None)
    if seconds <= LONGEST_WAIT:
        before = law.alone if law is LIMITED else law.before
        return but(law, hint=seconds, before=before, paused=seconds if law.harm is Harm.COOLED else None, waits=())
    return but(law, hint=seconds, alone=1, before=1, harm=Harm.COOLED, paused=seconds)


def never_again(law: Law) -> Law:
    """Return the law of a failure after which the provider forbids to ask again."""
    return but(law, alone=1, before=law.before and 1)
