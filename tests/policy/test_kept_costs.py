"""The kept order of `cost_optimized` has the plans of the strategy, which computes each cost by itself."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.domain.content import Audio, CacheMark, Text
from understudy.domain.messages import Message
from understudy.domain.prices import CLASSES, Price, Rates, Tier, rounded_all
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.policy.cost_order import CostOptimized
from understudy.policy.health import Health
from understudy.policy.kept_costs import RECENT, ByCost
from understudy.policy.known import Known
from understudy.policy.plan import Plan
from understudy.policy.round_robin import RoundRobin
from understudy.policy.targets import Facts, Target, TargetFacts

NONE: frozenset[str] = frozenset()
RATES = (None, 0, 0, 37_500_000, 500_000, 1, 10**9, 3 * 10**9)
"""Nano-USD per million tokens: 37_500_000 gives a half of a nano-dollar at every odd number of tokens."""


def some_rates(rng: Random) -> Rates:
    named = {name: rng.choice(RATES) for name in CLASSES if name in ("input", "output") or rng.random() < 0.3}
    return Rates(**named, call=rng.choice((0, 0, 1, 5_000)))


def some_price(rng: Random) -> Price | None:
    if rng.random() < 0.15:
        return None
    limits = sorted(rng.sample((5, 10, 200, 4_000), rng.choice((0, 0, 1, 2))))
    tiers = tuple(Tier(above, some_rates(rng)) for above in limits)
    return Price(rates=some_rates(rng), tiers=tiers, source="test")


def some_request(rng: Random) -> GenerationRequest | EmbeddingRequest:
    text = "x" * rng.choice((0, 1, 4, 21, 40, 44, 800, 20_000))
    if rng.random() < 0.15:
        return EmbeddingRequest(texts=(text, "more"))
    content: list[Text | Audio] = [Text(text, cache=CacheMark() if rng.random() < 0.3 else None)]
    if rng.random() < 0.2:
        content.append(Audio(data="A" * 4_000, format="mp3"))
    earlier = (Message.user("Hi"), Message.assistant("Hello")) if rng.random() < 0.3 else ()
    limit = rng.choice((None, None, 1, 20, 100_000))
    return GenerationRequest(messages=(*earlier, Message.user(tuple(content))), max_tokens=limit)


class World:
    """Targets with prices, and what was learned of their answers."""

    def __init__(self, count: int, rng: Random) -> None:
        self.targets = tuple(
            Target(name=f"t{at}", model="m", priority=rng.choice((1, 2)), index=at) for at in range(count)
        )
        self.prices: dict[str, Price | None] = {each.label: some_price(rng) for each in self.targets}
        self.health, self.now = Health(), 100.0
        able = rng.sample(self.targets, rng.randint(1, count))
        self.able = tuple(each for each in self.targets if each in able)
        self.windows = {each.label: 1_000 for each in self.targets if rng.random() < 0.5}

    def order(self, unknown: Literal["first", "last"]) -> ByCost:
        def price_of(target: Target) -> Price | None:
            return self.prices[target.label]

        known = Known(self.windows, RoundRobin(), self.health, price_of=price_of, considered=self.targets)
        return ByCost(CostOptimized(unknown), self.able, known)

    def facts(self) -> Facts:
        known = {
            each.label: TargetFacts(price=self.prices[each.label], expected_output=self.health.lengths.of(each.label))
            for each in self.targets
        }
        return Facts(targets=known, windows=self.windows)


def lines(plan: Plan) -> list[tuple[str, str, int | None]]:
    return [(step.target.label, step.why, step.context_window) for step in plan.steps]


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 25), unknown=st.sampled_from(["first", "last"]))
def test_a_kept_order_has_the_plans_of_each_cost_by_itself(
    seed: int, count: int, unknown: Literal["first", "last"]
) -> None:
    rng = Random(seed)
    world = World(count, rng)
    order, strategy = world.order(unknown), CostOptimized(unknown)
    for _ in range(12):
        for _ in range(rng.choice((0, 1, 1, 4))):
            world.health.lengths.learn(rng.choice(world.targets).label, rng.choice((1, 2, 7, 800, 5_000)))
        if rng.random() < 0.1:
            world.prices[rng.choice(world.targets).label] = some_price(rng)
            world.now += RECENT
        request = some_request(rng)
        plan = order.plan(request, world.now, rng, NONE)
        other = strategy(request, world.able, world.facts(), world.now, rng)
        assert (lines(plan), plan.why) == (lines(other), other.why)


def test_a_price_holds_for_a_minute() -> None:
    world = World(2, Random(1))
    world.able = world.targets
    world.prices = {"t0/m": Price.per_million(input=1, output=1), "t1/m": Price.per_million(input=2, output=2)}
    order, ask = world.order("last"), GenerationRequest(messages=(Message.user("Why?"),))

    def first() -> str:
        return order.plan(ask, world.now, Random(1), NONE).steps[0].target.name

    assert first() == "t0"
    world.prices["t0/m"] = Price.per_million(input=3, output=3)
    world.now += RECENT - 0.1
    assert first() == "t0"
    world.now += 0.1
    assert first() == "t1"


@pytest.mark.parametrize("learned", [1, 1_024])
def test_a_length_that_is_forgotten_for_others_counts_no_more(learned: int) -> None:
    world = World(2, Random(1))
    world.able = world.targets
    world.prices = {"t0/m": Price.per_million(input=1, output=1), "t1/m": Price.per_million(input=2, output=2)}
    order, ask = world.order("last"), GenerationRequest(messages=(Message.user("Why?"),))
    world.health.lengths.learn("t0/m", 10_000)
    world.health.lengths.learn("t1/m", 10)
    assert lines(order.plan(ask, 100.0, Random(1), NONE))[0][0] == "t1/m"
    for number in range(learned):  # as many as are remembered
        world.health.lengths.learn(f"elsewhere/{number}", 10)
    forgotten = world.health.lengths.of("t0/m") is None
    assert forgotten is (learned > 1)
    assert lines(order.plan(ask, 100.0, Random(1), NONE))[0][0] == ("t0/m" if forgotten else "t1/m")


@given(sums=st.lists(st.integers(0, 10**8).map(lambda each: each * 250_000) | st.integers(0, 10**14)))
def test_sums_are_rounded_half_to_even(sums: list[int]) -> None:
    assert rounded_all(sums) == [round(Fraction(each, 1_000_000)) for each in sums]
