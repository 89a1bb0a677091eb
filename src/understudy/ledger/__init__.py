"""Where attempts are recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from understudy.domain.attempts import AttemptRecord, AttemptStart

Observer = Callable[[AttemptRecord], Awaitable[object] | None]
"""Called with every attempt's record, on the event loop, so it must be quick. Its exceptions are logged, not
propagated. An asynchronous one runs in the background: the answer does not wait for it, and `aclose` does for a
second."""


class Ledger(Protocol):
    """Keeps attempts from their beginning, so that one which a crash cuts off is not forgotten."""

    def begin(self, start: AttemptStart) -> None:
        """Keep an attempt that is about to be sent. Must not block."""
        ...

    def record(self, attempt: AttemptRecord) -> None:
        """Keep how an attempt ended. Must not block."""
        ...


class LedgerSink(Protocol):
    """Receives the record of every attempt: won, failed or aborted."""

    def record(self, attempt: AttemptRecord) -> None:
        """Store one record. Must not block."""
        ...
