"""What a ledger does at least."""

from __future__ import annotations

from typing import Protocol

from understudy.domain.attempts import AttemptRecord, AttemptStart


class LedgerSink(Protocol):
    """Receives the record of every attempt: won, failed or aborted."""

    def record(self, attempt: AttemptRecord) -> None:
        """Store one record. Must not block."""
        ...


class Ledger(LedgerSink, Protocol):
    """Keeps attempts from their beginning, so that one which a crash cuts off is not forgotten."""

    def begin(self, start: AttemptStart) -> None:
        """Keep an attempt that is about to be sent. Must not block."""
        ...
