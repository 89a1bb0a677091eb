"""What follows from each kind of failure: one table, from which that of docs/fallback.md is generated."""

from __future__ import annotations

import enum

import msgspec
from msgspec.structs import replace as _replace

from understudy.domain.attempts import CostBasis
from understudy.domain.failures import Failure, FailureKind

SLOW = 5.0
"""Seconds. A target that took longer to fail is retried only after all untried targets."""


class Retry(enum.StrEnum):
    """When the same target may be retried."""

    NEVER = "never"
    AT_ONCE = "at_once"
    """At once, once per request, on a fresh connection and outside the retry budget; after that as `FIRST`."""
    FIRST = "first"
    """Before any other target."""
    LAST = "last"
    """Only if no other target is left."""


class Fallback(enum.StrEnum):
    """When the next target may be tried."""

    ALWAYS = "always"
    NEVER = "never"
    ON_FILTER = "on_filter"
    """Only if the configuration allows it after a content filter's refusal."""
    LARGER_WINDOW = "larger_window"
    """Only to targets whose context window is not known to be too small."""
    IF_TRANSLATED = "if_translated"
    """Only if the request had to be altered for this target, so that another may accept it."""


class Cooldown(enum.StrEnum):
    """What is put in cooldown, so that other requests do not fail in the same way."""

    NOTHING = "nothing"
    TARGET = "target"
    """This target, until the provider's hint or for a growing pause."""
    MODEL = "model"
    """This target, disabled: 5 minutes, doubling to an hour."""
    CREDENTIAL = "credential"
    """Everything that uses the same key, disabled likewise."""
    ENDPOINT = "endpoint"
    """Everything at the same host, disabled likewise."""


class Trips(enum.StrEnum):
    """Which circuit breaker counts the failure."""

    NOTHING = "nothing"
    TARGET = "target"
    """That of this model at this host: the server was reached, and did not do its work."""
    ENDPOINT = "endpoint"
    """That of the host: it was not reached at all."""


class Verdict(msgspec.Struct, frozen=True):
    """What to do after a failure of one kind."""

    retry: Retry
    retries: int | None
    """The most retries, if any are allowed; `None` means as many as `max_retries` allows."""
    fallback: Fallback
    cooldown: Cooldown
    basis: CostBasis
    """What is known of the cost of the failed attempt."""
    why: str = ""
    """Why it differs from the table; empty if it does not."""
    trips: Trips = Trips.NOTHING


_K, _R, _F, _A, _B, _T = FailureKind, Retry, Fallback, Cooldown, CostBasis, Trips

VERDICTS: dict[FailureKind, Verdict] = {
    _K.DNS: Verdict(_R.FIRST, 1, _F.ALWAYS, _A.NOTHING, _B.NOT_SENT, trips=_T.ENDPOINT),
    _K.CONNECT: Verdict(_R.LAST, None, _F.ALWAYS, _A.NOTHING, _B.NOT_SENT, trips=_T.ENDPOINT),
    _K.CONNECT_TIMEOUT: Verdict(_R.LAST, 1, _F.ALWAYS, _A.NOTHING, _B.NOT_SENT, trips=_T.ENDPOINT),
    _K.TLS: Verdict(_R.NEVER, None, _F.ALWAYS, _A.ENDPOINT, _B.NOT_SENT),
    _K.PROXY: Verdict(_R.NEVER, None, _F.ALWAYS, _A.NOTHING, _B.NOT_SENT, trips=_T.ENDPOINT),
    _K.POOL: Verdict(_R.LAST, 1, _F.ALWAYS, _A.NOTHING, _B.NOT_SENT),
    _K.NOT_SIGNED: Verdict(_R.LAST, 1, _F.ALWAYS, _A.NOTHING, _B.NOT_SENT),
    _K.WRITE_FAILED: Verdict(_R.FIRST, None, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.STALE_CONNECTION: Verdict(_R.AT_ONCE, None, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN),
    _K.DISCONNECTED: Verdict(_R.FIRST, None, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.PROTOCOL: Verdict(_R.NEVER, None, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.REDIRECT: Verdict(_R.NEVER, None, _F.ALWAYS, _A.NOTHING, _B.REFUSED, trips=_T.TARGET),
    _K.TIMEOUT_HEADERS: Verdict(_R.LAST, 1, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.TIMEOUT_BODY: Verdict(_R.LAST, 1, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.TIMEOUT_FIRST_EVENT: Verdict(_R.LAST, 1, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.STALLED: Verdict(_R.LAST, 1, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.TRUNCATED: Verdict(_R.FIRST, None, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.BAD_RESPONSE: Verdict(_R.FIRST, None, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.TOO_LARGE: Verdict(_R.NEVER, None, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN),
    _K.EMPTY: Verdict(_R.FIRST, 1, _F.ALWAYS, _A.NOTHING, _B.EXACT),
    _K.SCHEMA_MISMATCH: Verdict(_R.NEVER, None, _F.ALWAYS, _A.NOTHING, _B.EXACT),
    _K.RATE_LIMITED: Verdict(_R.LAST, None, _F.ALWAYS, _A.TARGET, _B.REFUSED),
    _K.BILLING: Verdict(_R.NEVER, None, _F.ALWAYS, _A.CREDENTIAL, _B.REFUSED),
    _K.DAILY_QUOTA: Verdict(_R.NEVER, None, _F.ALWAYS, _A.TARGET, _B.REFUSED),
    _K.OVERLOADED: Verdict(_R.FIRST, 2, _F.ALWAYS, _A.NOTHING, _B.REFUSED, trips=_T.TARGET),
    _K.SERVER_ERROR: Verdict(_R.FIRST, 2, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.CONFLICT: Verdict(_R.FIRST, 1, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN, trips=_T.TARGET),
    _K.RESAMPLE: Verdict(_R.FIRST, 1, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN),
    _K.INVALID_REQUEST: Verdict(_R.NEVER, None, _F.IF_TRANSLATED, _A.NOTHING, _B.REFUSED),
    _K.AUTHENTICATION: Verdict(_R.NEVER, None, _F.ALWAYS, _A.CREDENTIAL, _B.REFUSED),
    _K.PERMISSION: Verdict(_R.NEVER, None, _F.ALWAYS, _A.MODEL, _B.REFUSED),
    _K.NOT_FOUND: Verdict(_R.NEVER, None, _F.ALWAYS, _A.MODEL, _B.REFUSED),
    _K.CONTEXT_LENGTH: Verdict(_R.NEVER, None, _F.LARGER_WINDOW, _A.NOTHING, _B.REFUSED),
    _K.REQUEST_TOO_LARGE: Verdict(_R.NEVER, None, _F.LARGER_WINDOW, _A.NOTHING, _B.REFUSED),
    _K.CONTENT_FILTER: Verdict(_R.NEVER, None, _F.ON_FILTER, _A.NOTHING, _B.REFUSED),
    _K.UNSUPPORTED: Verdict(_R.NEVER, None, _F.ALWAYS, _A.NOTHING, _B.REFUSED),
    _K.UNKNOWN_STATUS: Verdict(_R.NEVER, None, _F.NEVER, _A.NOTHING, _B.REFUSED),
    _K.CANCELLED: Verdict(_R.NEVER, None, _F.NEVER, _A.NOTHING, _B.UNKNOWN),
    _K.DEADLINE: Verdict(_R.NEVER, None, _F.NEVER, _A.NOTHING, _B.UNKNOWN),
    _K.LOCAL: Verdict(_R.NEVER, None, _F.ALWAYS, _A.NOTHING, _B.UNKNOWN),
}
"""Total over `FailureKind`, tested."""

OF_THE_KEY = frozenset({_K.RATE_LIMITED, _K.DAILY_QUOTA, _K.BILLING, _K.AUTHENTICATION, _K.PERMISSION})
"""Failures that concern the key that was sent: another key of the same pool may be accepted."""
NOT_OF_THE_TARGET = frozenset(
    {_K.POOL, _K.NOT_SIGNED, _K.LOCAL, _K.CANCELLED, _K.DEADLINE}
    | {_K.INVALID_REQUEST, _K.CONTEXT_LENGTH, _K.REQUEST_TOO_LARGE, _K.CONTENT_FILTER, _K.UNSUPPORTED}
)
"""Failures of this side or of the request: a probe that ends with one has not shown whether the target is back."""


_REFUSALS = frozenset({400, 401, 402, 403, 404, 422})
"""Statuses of requests that fail the same way again, whatever `x-should-retry` claims."""


def verdict_of(failure: Failure, *, max_wait: float, took: float) -> Verdict:
    """Return the verdict on a failure: that of the table, corrected by the provider's hints and by how long it took.

    - A rate limit with a hint of at most `max_wait` seconds is retried at the same target, after that wait.
    - A longer hint, on any failure that the table retries, ends the attempts at this target and puts it in cooldown:
      a provider that asks for an hour would refuse again in a second.
    - `x-should-retry: false` forbids retries; `true` grants one where the table grants none, except with what the
      failure disables or puts in cooldown.
    - A failure that took longer than `SLOW` seconds is retried only if no other target is left.
    """
    verdict = VERDICTS[failure.kind]
    hint, retries = failure.retry_after, verdict.retry is not _R.NEVER
    too_long = hint is not None and hint > max_wait
    if retries and too_long:
        cooldown = _A.TARGET if verdict.cooldown is _A.NOTHING else verdict.cooldown
        why = f"no retry: the provider asks for a wait of {hint:.0f} s, and max_wait is {max_wait:g} s"
        return _replace(verdict, retry=_R.NEVER, retries=None, cooldown=cooldown, why=why)
    if failure.should_retry is False:
        why = "no retry: the provider forbids it"
        return _replace(verdict, retry=_R.NEVER, retries=None, why=why) if retries else verdict
    if failure.kind is _K.RATE_LIMITED and hint is not None:
        verdict = _replace(verdict, retry=_R.FIRST)
    elif failure.should_retry and _may_be_granted(verdict) and not too_long and failure.status not in _REFUSALS:
        verdict = _replace(verdict, retry=_R.FIRST, retries=1)
    if took > SLOW and verdict.retry in (_R.FIRST, _R.AT_ONCE):
        return _replace(verdict, retry=_R.LAST, why=f"other targets first, as it took {took:.1f} s to fail")
    return verdict


def _may_be_granted(verdict: Verdict) -> bool:
    """Return whether a retry that the table does not grant may help: not with a key that has just been disabled."""
    return verdict.retry is _R.NEVER and verdict.cooldown is _A.NOTHING
