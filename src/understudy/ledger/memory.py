"""The ledger that lasts as long as the process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.money import Money
from understudy.provider import ProviderStats


class MemoryLedger:
    """Keeps the latest `limit` records."""

    def __init__(self, limit: int = 10_000) -> None:
        self._records: deque[AttemptRecord] = deque(maxlen=limit)

    def record(self, attempt: AttemptRecord) -> None:
        """Keep a record."""
        self._records.append(attempt)

    def __iter__(self) -> Iterator[AttemptRecord]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def of_request(self, request_id: str) -> tuple[AttemptRecord, ...]:
        """Return the attempts of one request, in order."""
        return tuple(record for record in self._records if record.request_id == request_id)


class Tally:
    """Running totals of one provider; `stats` is their snapshot."""

    __slots__ = ("_stats",)

    def __init__(self) -> None:
        self._stats: dict[str, int | float] = dict.fromkeys(ProviderStats.__struct_fields__, 0)

    def record(self, attempt: AttemptRecord) -> None:
        """Add an attempt."""
        stats = self._stats
        stats["total_requests"] += 1
        usage = attempt.usage
        stats["total_tokens_input"] += usage.input_total or 0
        stats["total_tokens_output"] += usage.output_total or 0
        stats["cached_tokens"] += usage.cache_read or 0
        if attempt.cost is not None:
            stats["estimated_cost"] += attempt.cost.amount.nano_usd
        elif attempt.cost_basis not in (CostBasis.NOT_SENT, CostBasis.REFUSED):
            stats["calls_of_unknown_cost"] += 1
        match attempt.outcome:
            case Outcome.WON:
                stats["successful_requests"] += 1
                stats["latency_total"] += attempt.duration
                if attempt.first_event is not None:
                    stats["streamed_requests"] += 1
                    stats["first_event_total"] += attempt.first_event
            case Outcome.FAILED:
                stats["failed_requests"] += 1
            case Outcome.ABORTED:
                stats["aborted_requests"] += 1

    def stats(self) -> ProviderStats:
        """Return the totals so far."""
        values = {**self._stats, "estimated_cost": Money(int(self._stats["estimated_cost"]))}
        return ProviderStats(**values)  # type: ignore[arg-type]  # the keys are the struct's own fields
