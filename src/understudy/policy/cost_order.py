"""The strategy `cost_optimized`: the target with the lowest expected cost of this request comes first."""

from __future__ import annotations

from random import Random
from typing import Literal

import msgspec

from understudy.domain.money import Cost
from understudy.domain.prices import Price
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.usage import Usage
from understudy.policy.estimate import expected_usage
from understudy.policy.plan import Plan, Step
from understudy.policy.strategies import UNKNOWN, place, window_of
from understudy.policy.targets import Facts, Target


class CostOptimized(msgspec.Struct, frozen=True):
    """Orders by the expected cost of this request: its estimated prompt, by class, and the average length of the
    target's answers (of the other targets' answers, before its first one), at the target's prices. Equal costs are
    ordered by configured place."""

    unknown: Literal["last", "first"] = "last"
    """Where targets with unknown prices are placed."""

    def __call__(
        self,
        request: GenerationRequest | EmbeddingRequest,
        targets: tuple[Target, ...],
        facts: Facts,
        now: float,
        rng: Random,
    ) -> Plan:
        """Return the plan."""
        unknown = -1 if self.unknown == "first" else 1
        estimate = Estimate(request, facts)
        costs = [(target, estimate.cost(target, facts)) for target in targets]

        def order(each: tuple[Target, Cost | None]) -> tuple[int, int, int, int]:
            target, cost = each
            return (unknown if cost is None else 0, cost.amount.nano_usd if cost else 0, *place(target))

        steps = (_step(target, cost, facts) for target, cost in sorted(costs, key=order))
        return Plan(tuple(steps), why=by_cost(estimate.prompt))


def by_cost(prompt: int) -> str:
    """Return what decides the order of `cost_optimized`, for a prompt of so many tokens."""
    return f"by expected cost of about {prompt:,} prompt tokens"


UNPRICED, PRICED, FREE = "unknown price", "expected cost", "free"
"""Why its targets have their places."""


class Estimate:
    """The expected usage of a request, computed once for all targets, except the length of their answers."""

    def __init__(self, request: GenerationRequest | EmbeddingRequest, facts: Facts | None = None) -> None:
        self._request = request
        self._usage = expected_usage(request)
        known = facts.targets.values() if facts is not None else ()
        lengths = [each.expected_output for each in known if each.expected_output is not None]
        # A target that has answered briefly must not win against one that was never asked for that alone.
        self._usual = sum(lengths) / len(lengths) if lengths else None

    @property
    def prompt(self) -> int:
        """Its prompt tokens."""
        return self._usage.input_total or 0

    def usage(self, output: float | None) -> Usage:
        """Return the expected usage at a target whose answers have `output` tokens on average."""
        if output is None or isinstance(self._request, EmbeddingRequest):
            return self._usage
        limit = self._request.max_tokens
        tokens = max(1, round(output))
        return msgspec.structs.replace(self._usage, output=tokens if limit is None else min(tokens, limit))

    def cost(self, target: Target, facts: Facts) -> Cost | None:
        """Return the expected cost of the request at a target, or `None` if its price is unknown."""
        known = facts.targets.get(target.label, UNKNOWN)
        return self.cost_at(known.price, self._usual if known.expected_output is None else known.expected_output)

    def cost_at(self, price: Price | None, output: float | None = None) -> Cost | None:
        """Return the expected cost of the request at a price."""
        return None if price is None else price.cost(self.usage(output))


def _step(target: Target, cost: Cost | None, facts: Facts) -> Step:
    if cost is None:
        return Step(target, UNPRICED, window_of(target, facts))
    return Step(target, PRICED if cost.amount.nano_usd else FREE, window_of(target, facts), cost)
