"""The details of Google's errors (google.rpc `error_details.proto`): why, which quota, and how long to wait.

Used by errors of the Gemini API and of Google's OpenAI-compatible endpoints.
"""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.domain.content import JsonObject
from understudy.wire.hints import MAX_HINT, duration

PER_DAY = "PerDay"
"""Part of the id of a quota that is renewed once a day."""


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """The parsed details."""

    reason: str | None = None
    """The exhausted quota, else the reason of `ErrorInfo`."""
    request_id: str | None = None
    retry_after: float | None = None


NO_DETAILS = Details()


def read_details(details: Any) -> Details:
    """Parse the `details` of an error; any JSON value is accepted."""
    if not isinstance(details, list):
        return NO_DETAILS
    found = [item for item in details if isinstance(item, dict)]
    return Details(
        reason=_quota(found) or _first(found, "ErrorInfo", "reason"),
        request_id=_first(found, "RequestInfo", "requestId"),
        retry_after=_delay(_first(found, "RetryInfo", "retryDelay")),
    )


def _of_type(details: list[JsonObject], kind: str) -> list[JsonObject]:
    return [item for item in details if str(item.get("@type", "")).endswith(f"google.rpc.{kind}")]


def _first(details: list[JsonObject], kind: str, field: str) -> str | None:
    found = (item.get(field) for item in _of_type(details, kind))
    return next((text for text in found if isinstance(text, str) and text), None)


def _quota(details: list[JsonObject]) -> str | None:
    """Return the id of the exhausted quota; of several, one that is renewed daily, which has the longest wait."""
    ids: list[str] = []
    for failure in _of_type(details, "QuotaFailure"):
        violations = failure.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            name = violation.get("quotaId") if isinstance(violation, dict) else None
            if isinstance(name, str) and name:
                ids.append(name)
    return next((name for name in ids if PER_DAY in name), ids[0] if ids else None)


def _delay(text: str | None) -> float | None:
    """Return the seconds of a `google.protobuf.Duration`, such as `46s` or `3.5s`; one above a day is not a hint."""
    seconds = duration(text) if text else None
    return seconds if seconds is not None and 0 < seconds <= MAX_HINT else None
