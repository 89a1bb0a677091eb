"""Circuit breakers: what fails again and again is left alone for seconds, then asked by one request at a time.

closed → open → half-open → closed. Pure: time and chance are arguments.

    in state    what happens                                     becomes
    closed      failures in a row, or too large a share of them  open
    open        its time is over                                 half-open
    half-open   an attempt launched since then fails             open, for longer
    half-open   two of those attempts succeed                    closed

While it is half-open, one attempt at a time probes. Its place is a lease: it is free again when the attempt's content
begins, when the attempt ends however it ends, and after `LEASE` seconds at the latest, so that nothing can wedge it.

Many short pauses instead of few long ones: simulated over outages of one to five minutes, pauses that grew to five
minutes left a recovered target unused for a median of 168 s, and these for 3 s, at the price of some forty more
attempts that an outage of five minutes costs.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from random import Random
from typing import NamedTuple

IN_A_ROW = 5
"""Failures in a row that open a breaker, if they are most of the attempts launched between the first and the last."""
MOST = 0.75
SHARE = 0.5
"""Of the outcomes of the last `WINDOW` seconds, the share of failures that opens it, from `ENOUGH` outcomes on."""
ENOUGH = 20
WINDOW = 30.0
"""Seconds."""
FIRST_OPEN = 1.0
"""Seconds for which it opens at most; doubles each time that a probe fails, up to `LONGEST_OPEN`."""
LONGEST_OPEN = 10.0
LEASE = 10.0
"""Seconds after which another request may probe although the earlier probe has not ended."""
TO_CLOSE = 2
"""Successes that close it."""

_SLICE = WINDOW / 6
"""Outcomes are counted by slices of time, so that their number does not grow with the traffic."""
_MOST_DOUBLINGS = 16
_KEPT = 64
"""Ended attempts whose numbers are kept until the next failure."""


class BreakerState(enum.StrEnum):
    """What a circuit breaker allows."""

    CLOSED = "closed"
    """Every attempt."""
    OPEN = "open"
    """None."""
    HALF_OPEN = "half_open"
    """One probe at a time."""


class Refusal(enum.Enum):
    """Why an attempt is not admitted."""

    OPEN = enum.auto()
    PROBED = enum.auto()
    """Another request probes; nobody knows when it will have an answer."""


class Ended(NamedTuple):
    """An attempt that failed."""

    number: int
    launched: float
    caller: int
    others: int
    """How many other attempts are under way."""


class Breaker:
    """One circuit breaker."""

    __slots__ = (
        "_beyond", "_caller", "_closed_at", "_ended", "_in_a_row", "_lease_until", "_leases", "_openings", "_row",
        "_several_at", "_slices", "_successes", "_until", "proven", "why",
    )  # fmt: skip

    def __init__(self) -> None:
        self.proven = False
        """While half-open: a probe has had an answer, if not yet a whole one."""
        self.why = ""
        """The latest failure that counted."""
        self._until: float | None = None
        """When it becomes half-open; `None` while it is closed."""
        self._openings = 0
        """In a row, without having closed."""
        self._successes = 0
        self._lease_until = -math.inf
        self._leases = 0
        """How many were given: the number of the latest names its holder."""
        self._closed_at = -math.inf
        self._in_a_row = 0
        self._row = (0, 0)
        """The first and the last of the numbers of its attempts."""
        self._ended = 0
        """How many of the attempts between those have ended, however they did."""
        self._beyond: deque[int] = deque(maxlen=_KEPT)
        """Attempts that have ended and are later than the last of the row, which the next failure may extend."""
        self._caller = -1
        """Whose attempt failed last."""
        self._several_at = -math.inf
        """When a failure last was another caller's than the one before it."""
        self._slices: deque[list[float]] = deque()
        """By slice of time: its number, the outcomes, the failures among them."""

    def state(self, now: float) -> BreakerState:
        """Return what the breaker allows."""
        if self._until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._until else BreakerState.HALF_OPEN

    def is_idle(self, now: float) -> bool:
        """Return whether nothing is left that must be remembered."""
        return self._until is None and not self._in_a_row and now - self._closed_at > WINDOW and not self._failures(now)

    # ---- asking ----

    def refusal(self, now: float) -> tuple[Refusal, float] | None:
        """Return why no attempt is admitted, and until when at most; `None` if one is."""
        if self._until is None:
            return None
        if now < self._until:
            return Refusal.OPEN, self._until
        return (Refusal.PROBED, self._lease_until) if now < self._lease_until else None

    def lease(self, now: float) -> int:
        """Reserve the place of the probe; return the number of the lease."""
        self._lease_until = now + LEASE
        self._leases += 1
        return self._leases

    def end_lease(self, number: int) -> None:
        """Free the place of the probe, unless another request has it by now."""
        if number == self._leases:
            self._lease_until = -math.inf

    def begun(self, launched: float) -> None:
        """Note that content of an attempt has arrived: whoever has no other target need not wait for its end."""
        if self._until is not None and launched >= self._until:
            self.proven = True

    # ---- outcomes ----

    def succeeded(self, launched: float, now: float) -> None:
        """Count an attempt that ended well. One launched before a breaker opened does not close it."""
        if self._until is None:
            self._in_a_row = 0
            self._count(now, failed=False)
        elif launched >= self._until:
            self.proven = True
            self._successes += 1
            if self._successes >= TO_CLOSE:
                self._close(now)

    def ended(self, number: int) -> None:
        """Note that an attempt has ended, whatever became of it."""
        if self._in_a_row and number >= self._row[0]:
            if number <= self._row[1]:
                self._ended += 1
            else:
                self._beyond.append(number)

    def failed(self, attempt: Ended, now: float, rng: Random, why: str) -> None:
        """Count an attempt that failed, before its end is noted.

        Those launched before it opened, or before it closed again, say nothing about the time since.
        """
        if self._until is not None:
            if attempt.launched >= self._until:
                self.why = why
                self._open(now, rng)
            return
        if attempt.launched < self._closed_at:
            return
        self.why = why
        self._note_caller(attempt.caller, now)
        self._extend_row(attempt.number)
        self._count(now, failed=True)
        if self._is_too_much(now, attempt.others) and (not attempt.others or now - self._several_at <= WINDOW):
            self._open(now, rng)

    def _extend_row(self, number: int) -> None:
        if not self._in_a_row:
            self._row, self._ended = (number, number), 0
            self._beyond.clear()
        self._in_a_row += 1
        first, latest = self._row
        self._row = (min(first, number), max(latest, number))
        if self._beyond:
            self._ended += sum(each <= number for each in self._beyond)
            self._beyond = deque((each for each in self._beyond if each > number), maxlen=_KEPT)

    def _note_caller(self, caller: int, now: float) -> None:
        if self._caller not in (-1, caller):
            self._several_at = now
        self._caller = caller

    def _is_too_much(self, now: float, others: int) -> bool:
        if self._in_a_row >= IN_A_ROW:
            # Failures are often quicker than answers: of attempts launched together, those that still run count as
            # well. Else each burst at a target that fails three times in ten would open its breaker.
            # Those that ended before the row began are in neither number.
            under_way = min(others, self._row[1] - self._row[0] - self._ended)
            return self._in_a_row >= MOST * (self._in_a_row + under_way)
        outcomes = sum(each[1] for each in self._slices)
        return outcomes >= ENOUGH and self._failures(now) >= SHARE * outcomes

    def _failures(self, now: float) -> float:
        self._forget(now)
        return sum(each[2] for each in self._slices)

    def _count(self, now: float, *, failed: bool) -> None:
        self._forget(now)
        number = now // _SLICE
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append([number, 0, 0])
        latest = self._slices[-1]
        latest[1] += 1
        latest[2] += failed

    def _forget(self, now: float) -> None:
        oldest = (now - WINDOW) // _SLICE
        while self._slices and self._slices[0][0] <= oldest:
            self._slices.popleft()

    def _open(self, now: float, rng: Random) -> None:
        if self._successes:
            self._openings = 0  # it had come back, so this is another outage
        elif self.proven:
            self._openings -= 1  # it had begun to answer: neither better nor worse than before
        longest = min(LONGEST_OPEN, FIRST_OPEN * 2.0 ** min(self._openings, _MOST_DOUBLINGS))
        # Half of it is chance, so that processes do not probe in step.
        self._until = now + longest / 2 + rng.uniform(0.0, longest / 2)
        self._openings += 1
        self._start_over()

    def _close(self, now: float) -> None:
        self._until = None
        self._openings = 0
        self._closed_at = now
        self._start_over()

    def _start_over(self) -> None:
        self.proven = False
        self._successes = 0
        self._lease_until = -math.inf
        self._in_a_row = 0
        self._several_at = -math.inf
        self._slices.clear()
