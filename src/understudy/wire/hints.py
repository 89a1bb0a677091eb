"""How long a provider asks to wait before a retry, in every form that such a hint takes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

from understudy.domain.regexes import regex

MAX_HINT = 24 * 3600.0
"""Seconds; a longer hint is ignored."""

_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms")
_HEADERS = (*_MILLISECONDS, "retry-after")

_ASKED = regex(
    r"\b(?:try again|retry|resets?|please wait)(?: (?:your|the) request)?(?: in| after| for)?(?: about)? ~?"
    r"(?:(?P<compact>(?:\d+(?:\.\d+)?(?:ms|h|m|s)(?![a-z]))+)"
    r"|(?P<number>\d+(?:\.\d+)?) ?(?:s|secs?|seconds?|(?P<minutes>mins?|minutes?))\b)",
    re.I,
)
"""Words that ask to wait. A number of seconds alone does not: "timed out after 600 seconds" is about the past."""

_RATE_LIMIT = regex(r'"[^"]*"\s*;\s*r\s*=\s*0\s*;\s*t\s*=\s*(?P<reset>\d{1,9})\b')
_ISO = regex(r"\d{4}-\d\d-\d\dT", re.ASCII)
_PIECE = regex(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def retry_after(headers: Mapping[str, str], text: str = "") -> float | None:
    """Return the seconds to wait, or `None` without a usable hint.

    Order: `retry-after-ms`, `x-ms-retry-after-ms`, `retry-after` (seconds, or an HTTP date measured against the
    response's own `date`), then words in the body such as "try again in 2m59.56s". Zero, negative, not-a-number and
    anything above 24 h are ignored; see `forbids_retry` for negative numbers.
    """
    for name in _MILLISECONDS:
        if (wait := _usable(_number(headers.get(name)), 0.001)) is not None:
            return wait
    header = headers.get("retry-after")
    if header is not None:
        seconds = _number(header)
        wait = _usable(seconds) if seconds is not None else _usable(_until(header, headers.get("date")))
        if wait is not None:
            return wait
    return _usable(_in_words(text)) if text else None


def forbids_retry(headers: Mapping[str, str]) -> bool:
    """Check whether the headers forbid any retry, with a hint that is a negative number.

    This is gRPC's convention (retry design, "pushback"). A usable hint in another header prevails, and a date in the
    past does not count as negative: the clocks differ.
    """
    if retry_after(headers) is not None:
        return False
    numbers = (_number(headers.get(name)) for name in _HEADERS)
    return any(number is not None and -math.inf < number < 0 for number in numbers)


def reset_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the exhausted limits of a 429 are renewed, `None` if the headers do not state it.

    `RateLimit: "api";r=0;t=55` (IETF draft, Hugging Face), and pairs of headers such as `x-ratelimit-remaining-tokens`
    and `x-ratelimit-reset-tokens` (OpenAI, Groq: a duration; others: seconds; Anthropic: RFC 3339). A limit that is not
    exhausted is not the one to wait for. Of several, the longest counts.
    """
    waits = [_usable(float(found["reset"])) for found in _RATE_LIMIT.finditer(headers.get("ratelimit", ""))]
    if not any(name.startswith("x-ratelimit-remaining") for name in headers):
        # Together states only how long to wait.
        waits.append(_usable(_reset(headers.get("x-ratelimit-reset"), headers.get("date"))))
    for name, left in headers.items():
        if "ratelimit" in name and "remaining" in name and left.strip() == "0":
            waits.append(_usable(_reset(headers.get(name.replace("remaining", "reset")), headers.get("date"))))
    return max((wait for wait in waits if wait is not None), default=None)


def time_until(value: str | None, now: str | None) -> float | None:
    """Return the seconds until a limit is whole again: a number, a duration, or a date measured against the response's
    own. 0 if that is past, `None` for any other text."""
    seconds = _reset(value.strip() if value is not None else None, now)
    return max(0.0, seconds) if seconds is not None and math.isfinite(seconds) else None


def duration(text: str) -> float | None:
    """Return the seconds of a duration such as `6m0s`, `7.66s` or `250ms`; `None` for any other text."""
    pieces = _PIECE.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text.strip():
        return None
    return sum(float(number) * _UNIT[unit] for number, unit in pieces)


def _number(text: str | None) -> float | None:
    # Python accepts spellings of numbers that HTTP does not: `1_0`, digits of other scripts.
    if text is None or not text.isascii() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _usable(seconds: float | None, scale: float = 1.0) -> float | None:
    if seconds is None or not math.isfinite(seconds):
        return None
    seconds *= scale
    return seconds if 0 < seconds <= MAX_HINT else None


def _until(date: str, now: str | None) -> float | None:
    """Return the seconds from the response's own date to `date`: both are by the server's clock."""
    from email.utils import parsedate_to_datetime

    if now is None:
        return None
    try:
        then = datetime.fromisoformat(date) if _ISO.match(date) else parsedate_to_datetime(date)
        return (then - parsedate_to_datetime(now)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None


def _reset(value: str | None, now: str | None) -> float | None:
    """Return the seconds of a time of reset: a number, a duration, or a date measured against the response's own."""
    if value is None:
        return None
    seconds = _number(value)
    if seconds is None:
        seconds = duration(value)
    return _until(value, now) if seconds is None else seconds


def _in_words(text: str) -> float | None:
    match = _ASKED.search(text)
    if match is None:
        return None
    if match["compact"]:
        return duration(match["compact"].lower())
    return float(match["number"]) * (60.0 if match["minutes"] else 1.0)
