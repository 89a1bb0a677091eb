"""The most that a batch may cost, and what that says about the next line. Pure; money is nano-USD.

What a line will cost is known from its plan where that has prices; else it is taken to cost what its like did on
average so far. As long as nothing of its like is known, one goes alone and the others wait for what it costs.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Verdict(enum.Enum):
    """Whether a line may go."""

    GO = enum.auto()
    WAIT = enum.auto()
    """For the end of a line that is on its way."""
    STOP = enum.auto()


class Reserve(NamedTuple):
    """What a line on its way is taken to cost: `amount` is `None` when nothing is known of its like."""

    like: str
    amount: int | None


class Ceiling:
    """Keeps the account of a batch: what it has cost, what is on its way, and whether more may go."""

    def __init__(self, limit: int | None, spent: int = 0) -> None:
        self.limit = limit
        self.spent = spent
        self.unknown = 0
        """Lines of which some cost is not known."""
        self._reserved = 0
        self._waiting = 0
        self._known: dict[str, tuple[int, int]] = {}
        """By likeness: how many lines' cost is known, and its sum."""
        self._unknowable: set[str] = set()

    def judge(self, like: str, expected: int | None) -> tuple[Verdict, Reserve]:
        """Say whether a line may go, and what it would be taken to cost."""
        reserve = Reserve(like, expected if expected is not None else self._average(like))
        if self.limit is None:
            return Verdict.GO, reserve
        if self.spent >= self.limit:
            return (Verdict.WAIT if self._waiting else Verdict.STOP), reserve
        if reserve.amount is None:
            alone = not self._waiting or like in self._unknowable
            return (Verdict.GO if alone else Verdict.WAIT), reserve
        if self.spent + self._reserved + reserve.amount <= self.limit:
            return Verdict.GO, reserve
        return (Verdict.WAIT if self._waiting else Verdict.STOP), reserve

    def go(self, reserve: Reserve) -> None:
        """Note that a line is on its way."""
        self._waiting += 1
        self._reserved += reserve.amount or 0

    def settle(self, reserve: Reserve, cost: int, *, known: bool) -> None:
        """Note what a line has cost. `cost` is what is known of it, which may not be all."""
        self._waiting -= 1
        self._reserved -= reserve.amount or 0
        self.spent += cost
        if not known:
            self.unknown += 1
            self._unknowable.add(reserve.like)
            return
        count, total = self._known.get(reserve.like, (0, 0))
        self._known[reserve.like] = (count + 1, total + cost)

    def withdraw(self, reserve: Reserve) -> None:
        """Note that a line was given up."""
        self._waiting -= 1
        self._reserved -= reserve.amount or 0

    def _average(self, like: str) -> int | None:
        count, total = self._known.get(like, (0, 0))
        return -(-total // count) if count else None
