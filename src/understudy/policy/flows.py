"""The attempts under way at each host and at each target, and their circuit breakers."""

from __future__ import annotations

from understudy.domain.bounded import REMEMBERED
from understudy.policy.breaker import Breaker
from understudy.policy.targets import Target


class Flow:
    """The attempts at a host, or at a target."""

    __slots__ = ("breaker", "in_flight", "launched")

    def __init__(self) -> None:
        self.in_flight = 0
        self.launched = 0
        self.breaker: Breaker | None = None


class Flows:
    """All of them. What a connected server does may concern one of its models alone, so a target has its own."""

    __slots__ = ("breakers", "by_host", "by_label")

    def __init__(self) -> None:
        self.by_host: dict[str, Flow] = {}
        self.by_label: dict[str, Flow] = {}
        """By label."""
        self.breakers = 0
        """How many there are."""

    def of(self, target: Target) -> tuple[Flow, Flow]:
        """Return the attempts at a target's host, and its own."""
        host, own = self.by_host.get(target.host), self.by_label.get(target.label)
        if host is None:
            host = self.by_host[target.host] = Flow()
        if own is None:
            if len(self.by_label) >= 2 * REMEMBERED:
                self.by_label = {name: flow for name, flow in self.by_label.items() if flow.in_flight or flow.breaker}
            own = self.by_label[target.label] = Flow()
        return host, own

    def in_flight(self, target: Target) -> int:
        """Return how many attempts are under way at a target."""
        flow = self.by_label.get(target.label)
        return flow.in_flight if flow is not None else 0

    # ---- breakers ----

    def has_breaker(self, target: Target) -> bool:
        """Check whether a breaker concerns a target."""
        host, own = self.by_host.get(target.host), self.by_label.get(target.label)
        return (host is not None and host.breaker is not None) or (own is not None and own.breaker is not None)

    def breakers_of(self, target: Target, *, free: bool = False) -> list[Breaker]:
        """Return the breakers that concern a target; for operations that are `free`, that of its host."""
        if not self.breakers:
            return []
        host, own = self.by_host.get(target.host), None if free else self.by_label.get(target.label)
        return [flow.breaker for flow in (host, own) if flow is not None and flow.breaker is not None]

    def breaker(self, flow: Flow) -> Breaker:
        """Return the breaker of some attempts, which is made if it is missing."""
        if flow.breaker is None:
            flow.breaker = Breaker()
            self.breakers += 1
        return flow.breaker

    def forget(self, flow: Flow) -> None:
        """Forget the breaker of some attempts."""
        if flow.breaker is not None:
            flow.breaker = None
            self.breakers -= 1
