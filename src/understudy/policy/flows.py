"""The attempts under way at one host, or at one target."""

from __future__ import annotations

from understudy.policy.breaker import Breaker


class Flow:
    """The attempts at a host, or at a target."""

    __slots__ = ("breaker", "in_flight", "launched")

    def __init__(self) -> None:
        self.in_flight = 0
        self.launched = 0
        self.breaker: Breaker | None = None
