"""How much may be spent, and whether the next piece of work may start. Pure; money is nano-USD.

What a piece of work will cost is known from its plan if that has prices; otherwise it is taken to cost the average of
its group so far. As long as nothing is known of a group, one of it starts alone and the others wait for its cost.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Admission(enum.Enum):
    """Whether a piece of work may start."""

    GO = enum.auto()
    WAIT = enum.auto()
    """Until something in flight has ended."""
    STOP = enum.auto()


class Reservation(NamedTuple):
    """What work in flight is taken to cost: `amount` is `None` if nothing is known of its group."""

    group: str
    amount: int | None


class SpendingLimit:
    """Tracks what was spent and what is reserved for work in flight, and decides whether more may start."""

    def __init__(self, limit: int | None, spent: int = 0) -> None:
        self.limit = limit
        self.spent = spent
        self.unknown = 0
        """Pieces of work whose cost is not fully known."""
        self._reserved = 0
        self._in_flight = 0
        self._known: dict[str, tuple[int, int]] = {}
        """By group: how many costs are known, and their sum."""
        self._unknowable: set[str] = set()

    def judge(self, group: str, expected: int | None) -> tuple[Admission, Reservation]:
        """Return whether a piece of work may start, and what to reserve for it."""
        if expected is None:
            count, total = self._known.get(group, (0, 0))
            expected = -(-total // count) if count else None
        reservation = Reservation(group, expected)
        if self.limit is None:
            return Admission.GO, reservation
        if self.spent >= self.limit:
            return (Admission.WAIT if self._in_flight else Admission.STOP), reservation
        if reservation.amount is None:
            alone = not self._in_flight or group in self._unknowable
            return (Admission.GO if alone else Admission.WAIT), reservation
        if self.spent + self._reserved + reservation.amount <= self.limit:
            return Admission.GO, reservation
        return (Admission.WAIT if self._in_flight else Admission.STOP), reservation

    def reserve(self, reservation: Reservation) -> None:
        """Record that a piece of work has started."""
        self._in_flight += 1
        self._reserved += reservation.amount or 0

    def charge(self, reservation: Reservation, cost: int, *, known: bool) -> None:
        """Record what a piece of work has cost. `cost` is the known part, which is all of it if `known`."""
        self.release(reservation)
        self.spent += cost
        if not known:
            self.unknown += 1
            self._unknowable.add(reservation.group)
            return
        count, total = self._known.get(reservation.group, (0, 0))
        self._known[reservation.group] = (count + 1, total + cost)

    def release(self, reservation: Reservation) -> None:
        """Record that a piece of work ended without a cost."""
        self._in_flight -= 1
        self._reserved -= reservation.amount or 0
