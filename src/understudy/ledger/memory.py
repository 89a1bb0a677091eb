"""The ledger in memory, which lasts as long as the process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from understudy.domain.attempts import AttemptRecord


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
