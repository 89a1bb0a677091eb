"""What many entries come to: requests, attempts, tokens and money, by day and by what they belong to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from operator import add, neg

import msgspec
from msgspec.structs import astuple

from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis, Outcome
from understudy.ledger.entries import AGENT, CLASS, KEY, NO_TAGS

DAY = 86_400
"""Seconds. Days are those of UTC, so that a sum is the same wherever it is read."""
DIMENSIONS = ("", "provider", "model", "key", "agent", "class", "session", "route", "task", "tag")
"""What sums are kept for; the first is that of all."""


class UsageSums(msgspec.Struct, frozen=True):
    """The sums of some entries that have ended."""

    requests: int = 0
    """Requests whose first attempt is among them."""
    attempts: int = 0
    succeeded: int = 0
    failed: int = 0
    aborted: int = 0
    unknown: int = 0
    input: int = 0
    """Prompt tokens, cached ones included."""
    cached: int = 0
    """Prompt tokens that were read from a cache."""
    output: int = 0
    """Tokens of answers, thinking included."""
    uncounted: int = 0
    """Successful attempts whose tokens are not known: they are not in the sums."""
    cost: int = 0
    """Nano-USD, as far as known."""
    unpriced: int = 0
    """Attempts that reached a provider, and whose cost is not known: it is not in the sum."""
    duration: int = 0
    """Microseconds that successful attempts took."""
    first_event: int = 0
    """Microseconds until the first content of successful streams."""
    streams: int = 0
    """Successful streams, which `first_event` is of."""

    def __add__(self, other: UsageSums) -> UsageSums:
        return UsageSums(*map(add, astuple(self), astuple(other)))

    def __neg__(self) -> UsageSums:
        return UsageSums(*map(neg, astuple(self)))


FIELDS = UsageSums.__struct_fields__


def sums_of(record: AttemptRecord, *, opens: bool) -> UsageSums:
    """Return what one attempt that has ended adds."""
    won, usage = record.outcome is Outcome.WON, record.usage
    streamed = won and record.first_event is not None
    return UsageSums(
        requests=int(opens),
        attempts=1,
        succeeded=int(won),
        failed=int(record.outcome is Outcome.FAILED),
        aborted=int(record.outcome is Outcome.ABORTED),
        input=usage.input_total or 0,
        cached=usage.cached or 0,
        output=usage.output_total or 0,
        uncounted=int(won and usage.is_unknown),
        cost=0 if record.cost is None else record.cost.amount.nano_usd,
        unpriced=int(record.cost is None and record.cost_basis not in (CostBasis.NOT_SENT, CostBasis.REFUSED)),
        duration=_microseconds(record.duration) if won else 0,
        first_event=_microseconds(record.first_event) if streamed and record.first_event is not None else 0,
        streams=int(streamed),
    )


def sums_of_unknown(*, opens: bool) -> UsageSums:
    """Return what an attempt adds of which only the beginning is known."""
    return UsageSums(requests=int(opens), attempts=1, unknown=1, unpriced=1)


def belongings(start: AttemptStart) -> Iterator[tuple[str, str]]:
    """Yield each dimension and value that an attempt counts for; every tag is a value of its own, `name=value`."""
    labels = start.labels
    yield "", ""
    yield "provider", start.provider
    for dimension, value in (
        ("model", start.model),
        ("key", labels.get(KEY)),
        ("agent", labels.get(AGENT)),
        ("class", labels.get(CLASS)),
        ("session", start.session),
        ("route", start.route),
        ("task", start.task),
    ):
        if value is not None:
            yield dimension, value
    for name, value in labels.items():
        if name not in NO_TAGS:
            yield "tag", f"{name}={value}"


def day_of(started: float) -> int:
    """Return the day of a time, counted from 1970."""
    return int(started // DAY)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
