"""What pages of requests are narrowed by, as in the query of their address."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from understudy.domain.failures import FailureKind
from understudy.ledger.selection import OUTCOMES, LedgerSelection
from understudy.reports.selecting import select

SPANS = (("", "any"), ("15m", "last 15 minutes"), ("1h", "last hour"), ("24h", "last day"), ("7d", "last 7 days"))
"""Spans of time that a form offers; an address may hold any other, or an ISO time."""
OUTCOME_CHOICES = (
    ("", "any"),
    *((each, "answered after a failure" if each == "recovered" else each) for each in OUTCOMES),
)


FAILURE_CHOICES = (("", "any"), *((each.value, each.value.replace("_", " ")) for each in FailureKind))


class RequestQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the log of requests."""

    id: str = ""
    """The id of a request, or how it begins."""
    since: str = ""
    """How long ago (`1h`, `7d`) or an ISO time."""
    until: str = ""
    outcome: str = ""
    target: str = ""
    """An entry, or `entry/model`."""
    model: str = ""
    route: str = ""
    key: str = ""
    session: str = ""
    tag: str = ""
    """`name=value`."""
    agent: str = ""
    failure: str = ""
    before: str = ""
    """Where the page before ended."""

    @property
    def given(self) -> dict[str, str]:
        """What is set, besides the page."""
        values = {name: getattr(self, name) for name in self.__struct_fields__ if name != "before"}
        return {name: value for name, value in values.items() if value}

    def selection(self, now: float) -> LedgerSelection:
        """Return the entries that are meant (`now`: Unix seconds). Raise `Misuse` for an invalid value."""
        return select(self.given, datetime.fromtimestamp(now, UTC))
