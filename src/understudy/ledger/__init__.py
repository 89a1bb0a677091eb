"""Where attempts are written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from understudy.domain.attempts import AttemptRecord

Observer = Callable[[AttemptRecord], None]
"""Called with every attempt's record, on the event loop: it must be quick. What it raises is logged, not propagated."""


class LedgerSink(Protocol):
    """Takes the record of every attempt, won, lost or aborted."""

    def record(self, attempt: AttemptRecord) -> None:
        """Write one record. Must not block."""
        ...
