"""How much a modelled provider takes before it refuses."""

from __future__ import annotations

from collections import deque

from understudy.domain.failures import Failure, FailureKind
from understudy.simulator.scenario import RateLimits

_CHOKED = Failure(kind=FailureKind.OVERLOADED, message="simulated: overloaded", status=503)
_BUSY = Failure(kind=FailureKind.OVERLOADED, message="simulated: too many requests at once", status=503)


class _Bucket:
    """A bucket of one minute's allowance, refilled evenly."""

    __slots__ = ("_filled", "_left", "_rate", "_size")

    def __init__(self, per_minute: float) -> None:
        self._rate, self._size = per_minute / 60.0, per_minute
        self._left, self._filled = per_minute, 0.0

    def wait(self, amount: float, now: float) -> float:
        """Return how many seconds pass until an amount is available; 0 if it is."""
        self._left = min(self._size, self._left + self._rate * (now - self._filled))
        self._filled = now
        # What exceeds the whole bucket passes when the bucket is full, or it would never pass.
        return max(0.0, (min(amount, self._size) - self._left) / self._rate)

    def take(self, amount: float) -> None:
        self._left -= amount


class Limiter:
    """The limits of one target, in force."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._requests = _Bucket(limits.requests_per_minute) if limits.requests_per_minute else None
        self._tokens = _Bucket(limits.tokens_per_minute) if limits.tokens_per_minute else None
        self._arrivals: deque[float] = deque()
        self.in_flight = 0
        self.unlimited = limits == RateLimits(hints=limits.hints)

    def refusal(self, tokens: float, now: float) -> Failure | None:
        """Count a request; return why it is refused, or `None`."""
        if self.unlimited:
            return None
        limits = self._limits
        if limits.requests_per_second is not None and self._is_choked(limits.requests_per_second, now):
            return _CHOKED
        if limits.concurrency is not None and self.in_flight > limits.concurrency:
            return _BUSY
        wanted = [(bucket, amount) for bucket, amount in ((self._requests, 1.0), (self._tokens, tokens)) if bucket]
        wait = max((bucket.wait(amount, now) for bucket, amount in wanted), default=0.0)
        if wait > 0.0:
            hint = max(1.0, wait) if limits.hints else None
            return Failure(kind=FailureKind.RATE_LIMITED, message="simulated: rate limit", status=429, retry_after=hint)
        for bucket, amount in wanted:
            bucket.take(amount)
        return None

    def _is_choked(self, most: float, now: float) -> bool:
        """Count the arrivals of the last second, refused ones included."""
        arrivals = self._arrivals
        arrivals.append(now)
        while arrivals[0] <= now - 1.0:
            arrivals.popleft()
        return len(arrivals) > most
