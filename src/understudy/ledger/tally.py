"""Running totals of one provider's attempts."""

from __future__ import annotations

from typing import Any

from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.money import Money
from understudy.domain.operation import BILLED
from understudy.domain.quantiles import Sketch
from understudy.domain.stats import ProviderStats

_SKETCHED = ("latencies", "first_events")
_TOTALS = tuple(name for name in ProviderStats.__struct_fields__ if name not in _SKETCHED)


class StatsCounter:
    """Running totals of one provider; `stats` is their snapshot."""

    __slots__ = ("_first_events", "_latencies", "_totals")

    def __init__(self) -> None:
        self._totals: dict[str, int | float] = dict.fromkeys(_TOTALS, 0)
        self._latencies = Sketch()
        self._first_events = Sketch()

    def record(self, attempt: AttemptRecord) -> None:
        """Add an attempt, unless its operation is free, which statistics leave out: health checks would outnumber the
        rest."""
        if attempt.operation not in BILLED:
            return
        totals = self._totals
        totals["total_requests"] += 1
        usage = attempt.usage
        totals["total_tokens_input"] += usage.input_total or 0
        totals["total_tokens_output"] += usage.output_total or 0
        if cached := usage.cached:
            totals["cached_tokens"] += cached
        if attempt.cost is not None:
            totals["estimated_cost"] += attempt.cost.amount.nano_usd
        elif attempt.cost_basis not in (CostBasis.NOT_SENT, CostBasis.REFUSED):
            totals["calls_of_unknown_cost"] += 1
        if attempt.outcome is not Outcome.WON:
            totals["failed_requests" if attempt.outcome is Outcome.FAILED else "aborted_requests"] += 1
            return
        totals["successful_requests"] += 1
        totals["latency_total"] += attempt.duration
        self._latencies.add(attempt.duration)
        if attempt.first_event is not None:
            totals["streamed_requests"] += 1
            totals["first_event_total"] += attempt.first_event
            self._first_events.add(attempt.first_event)

    def stats(self) -> ProviderStats:
        """Return the totals so far."""
        totals: dict[str, Any] = {**self._totals, "estimated_cost": Money(int(self._totals["estimated_cost"]))}
        return ProviderStats(**totals, latencies=self._latencies.snapshot(), first_events=self._first_events.snapshot())
