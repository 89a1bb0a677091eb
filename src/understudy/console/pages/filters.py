"""What pages of requests are narrowed by, as in the query of their address."""

from __future__ import annotations

import msgspec

from understudy.console.spending import SelectionQuery
from understudy.domain.failures import FailureKind
from understudy.ledger.entries import EntryState
from understudy.ledger.selection import OUTCOMES

SPANS = (("", "any"), ("15m", "last 15 minutes"), ("1h", "last hour"), ("24h", "last day"), ("7d", "last 7 days"))
"""Spans of time that a form offers; an address may hold any other, or an ISO time."""
OUTCOME_CHOICES = (
    ("", "any"),
    *((each, "answered after a failure" if each == "recovered" else each) for each in OUTCOMES),
)


STATE_CHOICES = (("", "any"), *((each.value, each.value) for each in EntryState))
FAILURE_CHOICES = (("", "any"), *((each.value, each.value.replace("_", " ")) for each in FailureKind))


class RequestQuery(SelectionQuery, frozen=True, kw_only=True, omit_defaults=True):
    """The query of the log of requests."""

    id: str | None = None
    """The id of a request, or how it begins; nothing else is selected then."""
    before: str | None = None
    """Where the page before ended."""

    @property
    def given(self) -> dict[str, str]:
        """What is set, besides the page."""
        values: dict[str, str] = msgspec.to_builtins(self)
        return {name: value for name, value in values.items() if name != "before"}

    @property
    def filled(self) -> dict[str, str]:
        """The fields of the form, also those that are empty."""
        return {each.encode_name: "" for each in msgspec.structs.fields(self)} | self.given
