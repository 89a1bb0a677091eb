"""Decides which request gets which fault."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.domain.suggestions import kind_of
from understudy.emulator.faults import Fault

Scripted = Fault | FailureKind | Iterable[Fault | FailureKind | None]
"""Faults, as they are handed over."""


def _fault_of(given: Fault | FailureKind | None) -> Fault | None:
    if given is None or isinstance(given, Fault):
        return given
    if isinstance(given, FailureKind):
        return Fault.error(given)
    raise TypeError(f"a fault must be a Fault, a FailureKind or None, got {kind_of(given)}")


def listed_faults(given: Scripted) -> list[Fault | None]:
    """Return the faults that were handed over. Raise `TypeError` for what is not one."""
    listed = (given,) if isinstance(given, Fault | FailureKind) else given
    return list(map(_fault_of, listed))


def faults_in_turn(given: Scripted) -> Iterator[Fault | None]:
    """Return the faults that were handed over, one by one. An iterator is not read in advance, so it can be shared.
    Raise `TypeError` for what is not one; in an iterator, when it is reached."""
    return map(_fault_of, given) if isinstance(given, Iterator) else iter(listed_faults(given))


class Script:
    """Hands out faults: first those in the queue, one per request (`None` is a healthy answer), then `always`.

    A kind of failure stands for the provider's own error of it, and one fault for a list of one. With `every`, `always`
    applies only to each n-th request; `on` restricts the whole script to one operation.
    """

    def __init__(
        self,
        faults: Scripted = (),
        *,
        always: Fault | FailureKind | None = None,
        every: int = 1,
        on: Operation | None = None,
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self._queue = deque(listed_faults(faults))
        self._always = _fault_of(always)
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
