"""Which balance of a budget or a limit a request meets, for which period, and when that ends. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec

MINUTE = 60
"""Seconds of the window in which requests and tokens are counted."""
_DAY = 86_400
_TAG = "tag:"
_LABELS = {"key": "key", "class": "request_class"}
"""The labels that the gateway writes and that are no tags."""


class Subjects(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt belongs to."""

    provider: str
    session: str | None = None
    route: str | None = None
    labels: Mapping[str, str] = {}

    def of(self, per: str, only: Sequence[str] = ()) -> str | None:
        """Return whose balance is concerned, empty for that of all requests; `None` if the attempt is not concerned."""
        if per == "all":
            return ""
        if per == "provider":
            found: str | None = self.provider
        elif per == "session":
            found = self.session
        elif per == "route":
            found = self.route
        else:
            found = self.labels.get(per.removeprefix(_TAG) if per.startswith(_TAG) else _LABELS[per])
        return found if found is not None and (not only or found in only) else None


class Span(NamedTuple):
    """A period or a window: Unix seconds. One that has no end begins at 0."""

    start: int
    end: int | None


def period_at(period: Literal["day", "month", "total"], now: float) -> Span:
    """Return the period that a time falls in; days and months are those of UTC."""
    if period == "total":
        return Span(0, None)
    if period == "day":
        start = int(now // _DAY) * _DAY
        return Span(start, start + _DAY)
    day = datetime.fromtimestamp(now, UTC)
    first = datetime(day.year, day.month, 1, tzinfo=UTC)
    after = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return Span(int(first.timestamp()), int(after.timestamp()))


def minute_at(now: float) -> Span:
    """Return the minute that a time falls in."""
    start = int(now // MINUTE) * MINUTE
    return Span(start, start + MINUTE)


def carried_share(now: float) -> int:
    """Return how many thousandths of the minute before still count: a limit of any sixty seconds holds across the edge
    of two minutes if requests came evenly."""
    return 1_000 - int(now % MINUTE * 1_000) // MINUTE


def seconds_until(amount: int, spent_before: int, ceiling: int, now: float) -> float:
    """Return in how many seconds `amount` fits below `ceiling`, if nothing else comes: as what was counted in the
    minute before fades, at the latest when this minute is over."""
    left = MINUTE - now % MINUTE
    if not spent_before or amount > ceiling:
        return left
    return max(1.0, min(left, left * amount / spent_before))
