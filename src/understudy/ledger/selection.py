"""Which entries are meant: a span of time, and what they belong to. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

By = Literal["day", "provider", "model", "key", "agent", "class", "session", "route", "task", "tag"]
"""What sums are listed by."""

OUTCOMES = ("answered", "recovered", "failed", "aborted", "unknown", "started")
"""How requests end: `recovered` is answered after an attempt that failed, the others are as in `RequestResult`."""

_SPAN = re.compile(r"(\d+)\s*(m|h|d|w)", re.IGNORECASE)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = 36_500
"""Days: what is longer ago was before any entry."""


class LedgerSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of a span of time that agree with every value that is set."""

    since: float | None = None
    """Unix seconds; entries that began then or later."""
    until: float | None = None
    """Unix seconds; entries that began before."""
    provider: str | None = None
    model: str | None = None
    key: str | None = None
    agent: str | None = None
    request_class: str | None = None
    """What the requests were for: `main`, `subagent`, `workflow`, `compaction`, `auxiliary`."""
    session: str | None = None
    route: str | None = None
    task: str | None = None
    state: str | None = None
    outcome: str | None = None
    """How their request ended, by the attempt that decided: one of `OUTCOMES`; of `recovered`, the one that failed."""
    failure: str | None = None
    """Why they failed: a kind of failure."""
    tag: str | None = None
    """`name=value`."""

    @property
    def filters(self) -> dict[str, str]:
        """What is set, besides the span, by what sums are listed by."""
        names = (name for name in self.__struct_fields__ if name not in ("since", "until"))
        found = {name: value for name in names if (value := getattr(self, name)) is not None}
        if "request_class" in found:
            found["class"] = found.pop("request_class")
        return found


def parse_time(text: str, now: datetime) -> float:
    """Return the Unix time that `7d` (or `30m`, `24h`, `2w`) ago was, or the one of an ISO date or time; without an
    offset it is UTC. Raise `ValueError` for anything else."""
    if (span := parse_span(text)) is not None:
        return (now - span).timestamp()
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write 30m, 24h, 7d, 2w, 2026-11-01 or 2026-11-01T12:00") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def parse_span(text: str) -> timedelta | None:
    """Return the length of `30m`, `24h`, `7d` or `2w`, a hundred years at most; `None` for anything else."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return None
    longest = timedelta(days=_LONGEST)
    if len(found[1]) > len(str(_LONGEST)) + 3:
        return longest
    return min(timedelta(**{_UNITS[found[2].lower()]: int(found[1])}), longest)
