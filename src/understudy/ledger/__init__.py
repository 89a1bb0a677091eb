"""Where attempts are recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from understudy.domain.attempts import AttemptRecord

Observer = Callable[[AttemptRecord], Awaitable[object] | None]
"""Called with every attempt's record, on the event loop, so it must be quick. Its exceptions are logged, not
propagated. An asynchronous one runs in the background: the answer does not wait for it, and `aclose` does for a
second."""


class LedgerSink(Protocol):
    """Receives the record of every attempt: won, failed or aborted."""

    def record(self, attempt: AttemptRecord) -> None:
        """Store one record. Must not block."""
        ...
