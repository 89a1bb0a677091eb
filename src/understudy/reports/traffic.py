"""What the requests and attempts of some minutes come to."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from understudy.domain.money import Money
from understudy.domain.quantiles import Quantiles
from understudy.fleet.store import MINUTE, History, merged_requests
from understudy.telemetry.snapshot import Tally, sum_tallies

FAULTS = frozenset({"failed", "interrupted", "shutdown"})
"""How a request ends that a gateway could not answer. One that was refused, or whose caller left, is neither a success
nor a fault."""
_NANO = Decimal("1E-9")


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """The requests and attempts that ended within the last minutes. Durations are seconds, within 2 %."""

    seconds: float
    """Length of the span: it begins with a whole minute, or with the gateway, and ends now."""
    requests: int
    """Of callers, to models."""
    per_minute: float
    success: float | None
    """The part of the requests that were answered, of those that were answered or failed, from 0 to 1."""
    outcomes: dict[str, int]
    """Requests by outcome, as in the access log, the most frequent first."""
    latency_p50: float | None
    """Of answered requests, until the end of the answer."""
    latency_p95: float | None
    first_p50: float | None
    """Of streamed answers, until their first event."""
    first_p95: float | None
    attempts: int
    failures: dict[str, int]
    """Failed attempts by kind, the most frequent first."""
    cost_usd: str
    """As far as it is known."""
    cost_per_hour_usd: str
    """What an hour like this span costs."""
    unknown_costs: int
    """Attempts that may have been billed, for an unknown amount."""
    tokens: int


def traffic_of(history: History, seconds: float) -> Traffic:
    """Return what happened in a history, whose span is so many `seconds` long."""
    outcomes: dict[str, int] = {}
    latency, first = Quantiles(), Quantiles()
    for each in merged_requests(history.requests):
        latency, first = latency + each.latency, first + each.first
        for name, count in each.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
    tally = sum_tallies(each.tally for each in history.minutes)
    requests = sum(outcomes.values())
    answered, faults = outcomes.get("answered", 0), sum(outcomes.get(name, 0) for name in FAULTS)
    cost = Money(tally.cost).usd
    return Traffic(
        seconds=round(seconds, 3),
        requests=requests,
        per_minute=requests * MINUTE / seconds if seconds else 0.0,
        success=answered / (answered + faults) if answered + faults else None,
        outcomes=sorted_counts(outcomes),
        latency_p50=latency.percentile(50),
        latency_p95=latency.percentile(95),
        first_p50=first.percentile(50),
        first_p95=first.percentile(95),
        attempts=_attempts(tally),
        failures=sorted_counts(tally.failed),
        cost_usd=f"{cost:f}",
        cost_per_hour_usd=f"{(cost * 3600 / Decimal(seconds)).quantize(_NANO) if seconds else cost:f}",
        unknown_costs=tally.unknown_costs,
        tokens=sum(getattr(tally.tokens, name) for name in tally.tokens.__struct_fields__),
    )


def _attempts(tally: Tally) -> int:
    return tally.succeeded + tally.aborted + sum(tally.failed.values())


def sorted_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts, the largest first."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
