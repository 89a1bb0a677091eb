"""Decides which request gets which fault."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from understudy.domain.operation import Operation
from understudy.emulator.faults import Fault


class Script:
    """Hands out faults: first those in the queue, one per request (`None` is a healthy answer), then `always`.

    With `every`, `always` applies only to each n-th request; `on` restricts the whole script to one operation.
    """

    def __init__(
        self,
        faults: Iterable[Fault | None] = (),
        *,
        always: Fault | None = None,
        every: int = 1,
        on: Operation | None = None,
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self._queue = deque(faults)
        self._always = always
        self._every = every
        self._on = on
        self._count = 0

    def next(self, operation: Operation | None) -> Fault | None:
        """Return the fault of the next request."""
        if self._on is not None and operation is not self._on:
            return None
        if self._queue:
            return self._queue.popleft()
        self._count += 1
        return self._always if self._count % self._every == 0 else None

    @property
    def remaining(self) -> int:
        """The number of entries left in the queue."""
        return len(self._queue)
