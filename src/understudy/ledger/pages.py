"""What a ledger answers page by page, and what it adds up by day: for reports."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from understudy.ledger.entries import LedgerEntry
from understudy.ledger.sums import UsageSums

LOOKED_AT = 100_000
"""Entries that are looked at for one page of requests, at most: SQLite looks at a million or two a second."""
FETCHED = 50_000
"""Entries that are fetched for one page of sessions, at most."""


class RequestPage(NamedTuple):
    """Some requests, the newest first. A request is on the page of its newest selected attempt, and on no other."""

    requests: list[list[LedgerEntry]]
    """Each with all its attempts, in order."""
    next: str | None
    """The attempt before which the next page begins; `None` if there is nothing older. If few entries are selected, a
    page ends when so many were looked at (`LOOKED_AT`), however few it found."""


class SessionPage(NamedTuple):
    """Some sessions, those with the newest attempt first. A session is on the page of its newest selected attempt."""

    sessions: list[str]
    next: str | None
    """The attempt before which the next page begins; `None` if there is nothing older. A page ends after
    `FETCHED` entries, however few sessions these belong to."""


class Answer(NamedTuple):
    """One attempt of a session that succeeded, and what is needed to follow the session."""

    request: str
    """The id of the request."""
    provider: str
    model: str | None
    request_class: str | None
    started: float
    """Unix seconds."""
    duration: float
    """Seconds."""


class SessionSums(NamedTuple):
    """What the attempts of a session that have ended come to."""

    session: str
    agent: str | None
    """Of its newest attempt, like the key."""
    key: str | None
    first: float
    """Unix seconds of its oldest attempt that is kept."""
    last: float
    """Of its newest one."""
    sums: UsageSums


class Ending(NamedTuple):
    """How one attempt at a target ended, as far as it is known."""

    provider: str
    model: str | None
    state: str
    failure: str | None
    """The kind of failure."""
    started: float
    """Unix seconds."""
    duration: float | None
    """Seconds, as the next one."""
    first_event: float | None
    cost: int | None
    """Nano-USD."""
    cost_basis: str | None


class DailyUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of the days of a span, by what they belong to. Days are written as `2026-11-29`; those without any are not
    among them."""

    days: dict[str, UsageSums]
    """Of everything."""
    valued: dict[str, UsageSums]
    """Of everything that belongs to a value. An attempt with several tags is in it once for each."""
    values: dict[str, UsageSums]
    """Of the whole span: of the dearest values, the dearest first."""
    parts: dict[tuple[str, str], UsageSums]
    """By day and by value, of these values."""
