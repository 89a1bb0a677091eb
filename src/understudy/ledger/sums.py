"""What many entries come to: requests, attempts, tokens and money, by day and by what they belong to. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from operator import add, neg
from typing import Any

import msgspec
from msgspec.structs import astuple

from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis, Outcome
from understudy.ledger.entries import AGENT, CLASS, KEY, NO_TAGS

DAY = 86_400
"""Seconds. Days are those of UTC, so that a sum is the same wherever it is read."""
DIMENSIONS = ("", "provider", "model", "key", "agent", "class", "session", "route", "task", "tag")
"""What sums are kept for; the first is that of all."""

_WON, _FAILED, _ABORTED = Outcome.WON, Outcome.FAILED, Outcome.ABORTED  # to look them up takes longer than to compare
_UNSPENT = (CostBasis.NOT_SENT, CostBasis.REFUSED)
"""Nothing was charged, whether that is said or not."""


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
    usage, cost, first_event = record.usage, record.cost, record.first_event
    won = record.outcome is _WON
    streamed = won and first_event is not None
    return UsageSums(
        requests=1 if opens else 0,
        attempts=1,
        succeeded=1 if won else 0,
        failed=1 if record.outcome is _FAILED else 0,
        aborted=1 if record.outcome is _ABORTED else 0,
        input=usage.input_total or 0,
        cached=usage.cached or 0,
        output=usage.output_total or 0,
        uncounted=1 if won and usage.is_unknown else 0,
        cost=0 if cost is None else cost.amount.nano_usd,
        unpriced=1 if cost is None and record.cost_basis not in _UNSPENT else 0,
        duration=round(record.duration * 1_000_000) if won else 0,
        first_event=round(first_event * 1_000_000) if streamed and first_event is not None else 0,
        streams=1 if streamed else 0,
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


class AddedSums:
    """What attempts add to the sums of days. Those with all but the session in common are added up first, and what they
    belong to is looked up once."""

    def __init__(self, with_nul: Callable[[str, str], str]) -> None:
        """`with_nul`: is given a dimension and a value with NUL characters, and returns the value as it is stored."""
        self._with_nul = with_nul
        self._alike: dict[tuple[Any, ...], tuple[AttemptStart, list[tuple[int, ...]]]] = {}
        self._of_sessions: defaultdict[tuple[int, str], list[tuple[int, ...]]] = defaultdict(list)

    def add(self, start: AttemptStart, sums: UsageSums) -> None:
        """Add what an attempt adds."""
        day, numbers = day_of(start.started), astuple(sums)
        in_common = (day, start.provider, start.model, start.route, start.task, *start.labels.items())
        found = self._alike.get(in_common)
        if found is None:
            self._alike[in_common] = start, [numbers]
        else:
            found[1].append(numbers)
        if start.session is not None:
            self._of_sessions[day, start.session].append(numbers)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return day, dimension, value and the sums that are added there, each of these once, sorted."""
        gathered: defaultdict[tuple[int, str, str], list[tuple[int, ...]]] = defaultdict(list)
        for start, numbers in self._alike.values():
            day, sums = day_of(start.started), _total(numbers)
            for dimension, value in belongings(start):
                if dimension != "session":
                    stored = self._with_nul(dimension, value) if "\0" in value else value
                    gathered[day, dimension, stored].append(sums)
        for (day, session), numbers in self._of_sessions.items():
            stored = self._with_nul("session", session) if "\0" in session else session
            gathered[day, "session", stored] += numbers
        return [(*key, *_total(numbers)) for key, numbers in sorted(gathered.items())]


def _total(numbers: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*numbers, strict=True)))


def day_of(started: float) -> int:
    """Return the day of a time, counted from 1970."""
    return int(started // DAY)
