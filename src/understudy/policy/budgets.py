"""The retry budget: retries may be at most a fifth of the traffic, so that an outage is not made worse by them.

Per key: 20 % of the requests of the last 10 seconds, and one a second with a burst of three on top (the idea is
Finagle's RetryBudget). Only a retry of the same target draws on it.
"""

from __future__ import annotations

from collections import deque

from understudy.domain.bounded import BoundedDict

WINDOW = 10.0
"""Seconds."""
SHARE = 0.2
RATE = 1.0
"""Retries a second that are granted whatever the traffic."""
BURST = 3.0
MOST_HEDGES = 10.0
"""Hedges that are saved up."""


class RetryBudget:
    """The budget of one provider and key."""

    __slots__ = ("_hedges", "_refilled", "_requests", "_reserve", "_retries")

    def __init__(self) -> None:
        self._requests: deque[float] = deque()
        self._retries: deque[float] = deque()
        self._reserve = BURST
        self._hedges = 1.0
        self._refilled = 0.0

    def deposit(self, now: float) -> None:
        """Count a request."""
        _forget(self._requests, now)
        self._requests.append(now)
        self._hedges = min(MOST_HEDGES, self._hedges + SHARE)

    def withdraw_hedge(self) -> bool:
        """Draw one hedge; return false if none is left. A fifth of the requests may be hedged, whenever they came, and
        the first one: an agent that asks once a minute must not wait longer for it than a busy server."""
        if self._hedges < 1.0:
            return False
        self._hedges -= 1.0
        return True

    def return_hedge(self) -> None:
        """Give back a hedge that was not made."""
        self._hedges = min(MOST_HEDGES, self._hedges + 1.0)

    def withdraw(self, now: float) -> bool:
        """Draw one retry, from the share of the traffic first; return false if none is left."""
        _forget(self._requests, now)
        _forget(self._retries, now)
        if len(self._retries) + 1 <= SHARE * len(self._requests):
            self._retries.append(now)
            return True
        self._reserve = min(BURST, self._reserve + RATE * max(0.0, now - self._refilled))
        self._refilled = now
        if self._reserve >= 1.0:
            self._reserve -= 1.0
            return True
        return False


def _forget(times: deque[float], now: float) -> None:
    while times and times[0] <= now - WINDOW:
        times.popleft()


class Budgets:
    """All budgets of a manager, by key."""

    def __init__(self) -> None:
        self._retry: BoundedDict[str, RetryBudget] = BoundedDict()

    def retry(self, credential: str) -> RetryBudget:
        """Return the retry budget behind a key."""
        budget = self._retry.get(credential)
        if budget is None:
            budget = self._retry[credential] = RetryBudget()
        return budget
