"""What the kept orders of a route depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from understudy.domain.prices import Price
from understudy.policy.health import Health
from understudy.policy.plan import Step
from understudy.policy.round_robin import RoundRobin
from understudy.policy.targets import Target


class Known:
    """Context windows by label, turns, health and prices; and all targets of a request's choice, `considered`, of which
    the length of answers is usual for those that have not answered yet."""

    __slots__ = ("considered", "health", "price_of", "rotation", "windows")

    def __init__(
        self,
        windows: Mapping[str, int],
        rotation: RoundRobin,
        health: Health,
        *,
        price_of: Callable[[Target], Price | None] = lambda _: None,
        considered: tuple[Target, ...] = (),
    ) -> None:
        self.windows = windows
        self.rotation = rotation
        self.health = health
        self.price_of = price_of
        self.considered = considered

    def step(self, target: Target, why: str) -> Step:
        """Return the step of a target."""
        return Step(target, why, self.windows.get(target.label))
