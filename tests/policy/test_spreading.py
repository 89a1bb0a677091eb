"""The strategies that spread requests: `weighted`, `least_busy` and `latency`, as pure functions and in simulations."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.failures import FailureKind
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest
from understudy.policy.health import Health, Permit
from understudy.policy.latencies import Latencies
from understudy.policy.latency_order import latency
from understudy.policy.plan import Plan
from understudy.policy.spreading import least_busy, weighted
from understudy.policy.strategies import Strategy
from understudy.policy.targets import Facts, Target, TargetFacts

ASK = GenerationRequest(messages=(Message.user("Why is the sky blue?"),))


def target(name: str, weight: float = 1.0, priority: int = 10, index: int = 0) -> Target:
    return Target(name=name, weight=weight, priority=priority, index=index)


def names(plan: Plan) -> str:
    return "".join(step.target.name for step in plan.steps)


def whys(plan: Plan) -> dict[str, str]:
    return {step.target.name: step.why for step in plan.steps}


# ---- weighted ----

CRITICAL = {1: 10.83, 2: 13.82, 5: 20.52}
"""Of the chi-square distribution at 0.001, by degrees of freedom (any table of it)."""


@pytest.mark.parametrize("seed", range(5))
def test_the_shares_of_first_places_are_those_of_the_weights(seed: int) -> None:
    rng, drawn, count = Random(seed), Counter[str](), 6000
    targets = (target("a", 5), target("b", 3), target("c", 2))
    for _ in range(count):
        drawn[names(weighted(ASK, targets, Facts(), 0.0, rng))[0]] += 1
    expected = {"a": 3000, "b": 1800, "c": 1200}
    assert sum((drawn[name] - want) ** 2 / want for name, want in expected.items()) < CRITICAL[2]


@pytest.mark.parametrize("seed", range(3))
def test_so_are_those_of_the_second_places_among_the_others(seed: int) -> None:
    """Of weights 3 2 1: a b c with 3/6 · 2/3, a c b with 3/6 · 1/3, b a c with 2/6 · 3/4, and so on."""
    rng, orders, count = Random(seed), Counter[str](), 6000
    targets = (target("a", 3), target("b", 2), target("c", 1))
    for _ in range(count):
        orders[names(weighted(ASK, targets, Facts(), 0.0, rng))] += 1
    expected = {"abc": 2000, "acb": 1000, "bac": 1500, "bca": 500, "cab": 600, "cba": 400}
    assert sum((orders[order] - want) ** 2 / want for order, want in expected.items()) < CRITICAL[5]


@pytest.mark.parametrize("seed", range(3))
def test_without_weights_all_are_equal_and_a_cooldown_gives_its_share_to_the_others(seed: int) -> None:
    rng, drawn = Random(seed), Counter[str]()
    for _ in range(2000):
        plan = weighted(ASK, tuple(map(target, "abc")), Facts(in_cooldown=frozenset({"b"})), 0.0, rng)
        assert names(plan)[-1] == "b"
        drawn[names(plan)[0]] += 1
    assert sum((drawn[name] - 1000) ** 2 / 1000 for name in "ac") < CRITICAL[1]


def test_weight_0_comes_last_by_its_place_but_before_a_cooldown() -> None:
    targets = (target("a", 0, index=0), target("b", 1, index=1), target("c", 0, index=2), target("d", 9, index=3))
    plan = weighted(ASK, targets, Facts(in_cooldown=frozenset({"d"})), 0.0, Random(1))
    assert names(plan) == "bacd"
    assert whys(plan) == {
        "b": "drawn by weight, 1 of 1",
        "a": "weight 0: only if no other target can answer",
        "c": "weight 0: only if no other target can answer",
        "d": "in cooldown, so behind the others",
    }


def test_the_first_is_said_to_be_drawn_and_the_others_have_their_weights() -> None:
    targets = (target("a", 0.5), target("b", 2))
    one = next(plan for seed in range(99) if names(plan := weighted(ASK, targets, Facts(), 0.0, Random(seed))) == "ab")
    assert whys(one) == {"a": "drawn by weight, 0.5 of 2.5", "b": "weight 2"}
    assert one.why == "by chance, in proportion to the weights"


# ---- least busy ----


def busy(**in_flight: int) -> dict[str, TargetFacts]:
    return {name: TargetFacts(in_flight=count) for name, count in in_flight.items()}


@pytest.mark.parametrize(
    ("targets", "facts", "order"),
    [
        ("abc", Facts(targets=busy(a=2, b=0, c=1)), "bca"),
        ("abc", Facts(targets=busy(a=2, b=0, c=1), in_cooldown=frozenset({"b"})), "cab"),
        ("abc", Facts(targets=busy(a=1, b=1, c=1), turns={"a": 4, "b": 3, "c": 3}), "bca"),
        ("abc", Facts(), "abc"),
    ],
)
def test_the_fewest_in_flight_come_first_and_equal_ones_in_turns(targets: str, facts: Facts, order: str) -> None:
    given_targets = tuple(target(name, index=index) for index, name in enumerate(targets))
    assert names(least_busy(ASK, given_targets, facts, 0.0, Random(0))) == order


def test_equally_busy_ones_are_ordered_by_weight_then_priority_then_turns() -> None:
    targets = (target("a", 1, 1), target("b", 1, 2), target("c", 2, 9), target("d", 0, 0))
    turns = {"a": 9, "b": 0, "c": 9}
    plan = least_busy(ASK, targets, Facts(targets=busy(a=1), turns=turns), 0.0, Random(0))
    assert names(plan) == "cbad"  # (0+1)/2, (0+1)/1, (1+1)/1
    # c has half the load of b with one in flight, and as much with three as b with one.
    assert names(least_busy(ASK, targets, Facts(targets=busy(a=5, b=1, c=1)), 0.0, Random(0))) == "cbad"
    assert names(least_busy(ASK, targets, Facts(targets=busy(a=5, b=1, c=3)), 0.0, Random(0))) == "bcad"
    assert whys(plan) == {
        "c": "0 in flight, weight 2",
        "b": "0 in flight",
        "a": "1 in flight",
        "d": "0 in flight, weight 0",
    }


# ---- latency ----


def measured(**seconds: float) -> dict[str, TargetFacts]:
    return {name: TargetFacts(first_token=each, first_token_age=0.0) for name, each in seconds.items()}


@given(
    seconds=st.lists(st.floats(0.01, 60), min_size=2, max_size=6),
    in_flight=st.lists(st.integers(0, 5), min_size=6, max_size=6),
    seed=st.integers(0, 2**32),
)
def test_the_slowest_of_all_is_never_first_and_the_rest_are_in_order(
    seconds: list[float], in_flight: list[int], seed: int
) -> None:
    targets = tuple(target(str(index), index=index) for index in range(len(seconds)))
    known = {
        str(index): TargetFacts(first_token=each, first_token_age=1.0, in_flight=in_flight[index])
        for index, each in enumerate(seconds)
    }
    costs = {str(index): each * (in_flight[index] + 1) for index, each in enumerate(seconds)}
    order = names(latency(ASK, targets, Facts(targets=known), 0.0, Random(seed)))
    assert costs[order[0]] < max(costs.values()) or len(set(costs.values())) < len(costs)
    assert [costs[name] for name in order[1:]] == sorted(costs[name] for name in order[1:])


def test_two_are_drawn_and_every_pair_is_as_likely() -> None:
    targets = tuple(target(name, index=index) for index, name in enumerate("abc"))
    firsts = Counter[str]()
    for seed in range(3000):
        plan = latency(ASK, targets, Facts(targets=measured(a=0.3, b=0.2, c=0.1)), 0.0, Random(seed))
        firsts[names(plan)[0]] += 1
    # c wins the pairs with a and b, b the one with a.
    assert set(firsts) == {"c", "b"}
    assert (firsts["c"] - 2000) ** 2 / 2000 + (firsts["b"] - 1000) ** 2 / 1000 < CRITICAL[1]


def test_its_words_have_the_numbers() -> None:
    targets = tuple(target(name, index=index) for index, name in enumerate("abcd"))
    known = measured(a=0.42, b=0.9) | {"c": TargetFacts(in_flight=2)}
    known["a"] = TargetFacts(first_token=0.42, first_token_age=1.0, in_flight=2)
    plan = latency(ASK, targets, Facts(targets=known, in_cooldown=frozenset({"d"})), 0.0, Random(1))
    assert names(plan) == "bacd"
    assert whys(plan) == {
        "b": "0.90 s to the first token × 1 with this request",
        "a": "0.42 s to the first token × 3 with this request",
        "c": "no answer measured yet, 2 in flight",
        "d": "in cooldown, so behind the others",
    }
    three = measured(a=0.1, b=0.2, c=0.3)
    one = latency(ASK, targets[:3], Facts(targets=three), 0.0, Random(1))
    assert one.steps[0].why in (
        "quicker than b: 0.10 s to the first token × 1 with this request",
        "quicker than c: 0.10 s to the first token × 1 with this request",
        "quicker than c: 0.20 s to the first token × 1 with this request",
    )


@pytest.mark.parametrize(
    ("known", "order"),
    [
        ({}, "abc"),
        (busy(a=1), "bca"),
        (busy(a=1, b=1), "cab"),
        (busy(a=2, b=1, c=1), "bca"),
        (measured(a=0.1), "bac"),
        (measured(a=0.1) | busy(b=1), "cab"),
        (measured(a=0.1) | busy(b=1, c=1), "abc"),
        (measured(a=0.9, b=0.1) | busy(c=3), "bac"),
    ],
)
def test_what_was_never_measured_is_tried_first_one_request_at_a_time(
    known: dict[str, TargetFacts], order: str
) -> None:
    targets = tuple(target(name, index=index) for index, name in enumerate("abc"))
    assert names(latency(ASK, targets, Facts(targets=known), 0.0, Random(3))) == order


@pytest.mark.parametrize(("age", "in_flight", "share"), [(10.0, 0, 0.05), (9.9, 0, 0.0), (60.0, 1, 0.0)])
def test_an_old_latency_is_measured_anew_by_one_request_of_twenty(age: float, in_flight: int, share: float) -> None:
    targets = (target("slow"), target("quick", index=1))
    known = measured(quick=0.1) | {
        "slow": TargetFacts(first_token=9.0, first_token_age=age, in_flight=in_flight),
    }
    plans = [latency(ASK, targets, Facts(targets=known), 0.0, Random(seed)) for seed in range(2000)]
    slow = [plan for plan in plans if plan.steps[0].target.name == "slow"]
    assert len(slow) / len(plans) == pytest.approx(share, abs=0.015)
    assert {plan.steps[0].why for plan in slow} <= {
        "measured anew after 10 s: 9.00 s to the first token × 1 with this request"
    }


# ---- simulations ----


class World:
    """Targets with a service time each, requests at random times, and the real memory of the library."""

    def __init__(self, order: Strategy, targets: tuple[Target, ...], seed: int) -> None:
        self.order, self.targets, self.rng = order, targets, Random(seed)
        self.health = Health()
        self.health.learn_latencies()
        self.now = 1000.0
        self.firsts = Counter[str]()
        self.busiest = Counter[str]()
        self._ends: list[tuple[float, int, Permit, float]] = []

    def run(self, seconds: float, rate: float, serve: Callable[[str], float]) -> Counter[str]:
        """Ask for so many seconds; return how often each target came first."""
        firsts, end = Counter[str](), self.now + seconds
        while self.now < end:
            self.now += self.rng.expovariate(rate)
            self._settle()
            known = {each.label: self.health.facts(each, self.now) for each in self.targets}
            first = self.order(ASK, self.targets, Facts(targets=known), self.now, self.rng).steps[0].target
            permit = self.health.acquire(first, self.now)
            assert isinstance(permit, Permit)
            took = serve(first.name)
            heapq.heappush(self._ends, (self.now + took, len(firsts) + sum(firsts.values()), permit, took))
            firsts[first.name] += 1
            in_flight = self.health.facts(first, self.now).in_flight
            self.busiest[first.name] = max(self.busiest[first.name], in_flight)
        return firsts

    def _settle(self) -> None:
        while self._ends and self._ends[0][0] <= self.now:
            when, _, permit, took = heapq.heappop(self._ends)
            self.health.release(permit)
            assert self.health.latencies is not None
            self.health.latencies.answered(permit.target.label, took, when, streamed=True)


ABC = tuple(target(name, index=index) for index, name in enumerate("abc"))


@pytest.mark.parametrize("rate", [0.02, 1.0, 20.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_slow_target_of_three_gets_little_and_recovers_when_it_is_quick_again(seed: int, rate: float) -> None:
    world, rng = World(latency, ABC, seed), Random(seed)
    slow = {"a": 0.4, "b": 4.0, "c": 0.5}
    span = 300 / min(rate, 4)
    before = world.run(span, rate, lambda name: slow[name] * rng.uniform(0.8, 1.2))
    assert before["b"] / before.total() < 0.10
    quick = slow | {"b": 0.2}
    world.run(span, rate, lambda name: quick[name] * rng.uniform(0.8, 1.2))  # time to notice
    after = world.run(span, rate, lambda name: quick[name] * rng.uniform(0.8, 1.2))
    assert after["b"] / after.total() > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_a_target_that_becomes_slow_is_left_at_its_first_slow_answer(seed: int) -> None:
    world, rng = World(latency, ABC, seed), Random(seed)
    world.run(60, 5, lambda name: 0.4 * rng.uniform(0.8, 1.2))
    stalls = world.run(60, 5, lambda name: 8.0 if name == "b" else 0.4 * rng.uniform(0.8, 1.2))
    # Those that are sent before the first of them has answered, and a new look now and then.
    assert stalls["b"] <= 10


@pytest.mark.parametrize("seed", range(3))
def test_nobody_rushes_to_a_target_that_is_new(seed: int) -> None:
    world = World(latency, ABC, seed)
    firsts = world.run(1.0, 60, lambda name: 5.0)
    assert max(firsts.values()) - min(firsts.values()) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_least_busy_spreads_by_how_quick_targets_are_and_by_weight(seed: int) -> None:
    world = World(least_busy, ABC, seed)
    firsts = world.run(100, 20, lambda name: {"a": 1.0, "b": 1.0, "c": 4.0}[name])
    # In balance each has equally many in flight: one that takes four times as long gets a quarter of another's.
    assert firsts["c"] / firsts["a"] == pytest.approx(0.25, rel=0.15)
    assert max(world.busiest.values()) - min(world.busiest.values()) <= 2
    heavy = World(least_busy, (target("a", 3), target("b", 1)), seed)
    shares = heavy.run(100, 20, lambda name: 1.0)
    assert shares["a"] / shares["b"] == pytest.approx(3, rel=0.15)


# ---- what is learned ----


def average(latencies: Latencies, label: str = "a") -> float:
    known = latencies.of(label)
    assert known is not None
    return known.seconds


def test_a_peak_counts_at_once_and_lower_values_by_the_time_that_passed() -> None:
    latencies = Latencies()
    assert latencies.of("a") is None
    latencies.answered("a", 0.5, 100.0, streamed=True)
    latencies.answered("a", 2.5, 100.0, streamed=True)
    assert average(latencies) == 2.5
    latencies.answered("a", 0.5, 110.0, streamed=True)
    assert average(latencies) == pytest.approx(0.5 + 2.0 / 2.718281828)
    latencies.answered("a", 0.5, 110.0, streamed=True)
    assert average(latencies) == pytest.approx(0.5 + 2.0 / 2.718281828), "at the same instant nothing has passed"
    latencies.answered("a", 0.5, 210.0, streamed=True)
    assert average(latencies) == pytest.approx(0.5, abs=0.001)
    assert latencies.of("b") is None


def test_a_clock_that_goes_back_changes_no_average() -> None:
    latencies = Latencies()
    latencies.answered("a", 2.5, 100.0, streamed=True)
    latencies.answered("a", 0.5, 99.5, streamed=True)
    assert average(latencies) == 2.5


def test_whole_answers_count_only_while_none_was_streamed() -> None:
    latencies = Latencies()
    latencies.answered("a", 9.0, 100.0, streamed=False)
    assert average(latencies) == 9.0
    latencies.answered("a", 0.5, 101.0, streamed=True)
    latencies.answered("a", 12.0, 102.0, streamed=False)
    assert average(latencies) == 0.5


@pytest.mark.parametrize(
    ("known", "kind", "took", "then"),
    [
        (None, FailureKind.CONNECT, 0.01, 5.0),
        (None, FailureKind.TIMEOUT_FIRST_EVENT, 60.0, 60.0),
        (0.5, FailureKind.SERVER_ERROR, 0.01, 1.0),
        (0.5, FailureKind.TIMEOUT_HEADERS, 30.0, 30.0),
        (40.0, FailureKind.SERVER_ERROR, 0.01, 60.0),
        (90.0, FailureKind.SERVER_ERROR, 0.01, 90.0),
        (0.5, FailureKind.CANCELLED, 0.4, 0.5),
        (0.5, FailureKind.CANCELLED, 7.0, 7.0),
        (0.5, FailureKind.DEADLINE, 7.0, 7.0),
        (None, FailureKind.CANCELLED, 0.1, None),
        (None, FailureKind.CANCELLED, 9.0, 9.0),
        (None, FailureKind.INVALID_REQUEST, 0.1, None),
        (0.5, FailureKind.CONTENT_FILTER, 9.0, 0.5),
        (0.5, FailureKind.STALE_CONNECTION, 0.0, 0.5),
        (0.5, FailureKind.POOL, 5.0, 0.5),
    ],
)
def test_silence_never_looks_quick(known: float | None, kind: FailureKind, took: float, then: float | None) -> None:
    latencies = Latencies()
    if known is not None:
        latencies.answered("a", known, 100.0, streamed=True)
    latencies.failed("a", kind, took, 101.0, streamed=True)
    found = latencies.of("a")
    assert (found.seconds if found else None) == then


NOT_SLOW = {
    FailureKind.POOL, FailureKind.NOT_SIGNED, FailureKind.LOCAL, FailureKind.STALE_CONNECTION,
    FailureKind.INVALID_REQUEST, FailureKind.CONTENT_FILTER, FailureKind.CONTEXT_LENGTH,
    FailureKind.REQUEST_TOO_LARGE, FailureKind.UNSUPPORTED,
}  # fmt: skip


@pytest.mark.parametrize("kind", FailureKind)
def test_only_what_is_the_target_s_doing_makes_it_slow(kind: FailureKind) -> None:
    quick, long = Latencies(), Latencies()
    quick.failed("a", kind, 0.1, 100.0, streamed=True)
    long.failed("a", kind, 9.0, 100.0, streamed=True)
    given_up = kind in (FailureKind.CANCELLED, FailureKind.DEADLINE)
    assert (quick.of("a") is None) is (given_up or kind in NOT_SLOW)
    assert (long.of("a") is None) is (kind in NOT_SLOW)


@pytest.mark.parametrize("took", [5.0, 4.9])
def test_what_is_given_up_counts_from_the_usual_on(took: float) -> None:
    unknown, known = Latencies(), Latencies()
    known.answered("a", 5.0, 90.0, streamed=True)
    for latencies in (unknown, known):
        latencies.failed("a", FailureKind.CANCELLED, took, 100.0, streamed=True)
    found = unknown.of("a")
    assert (found.seconds if found else None) == (5.0 if took == 5.0 else None)
    counted = known.of("a")
    assert counted is not None
    assert counted.measured == (100.0 if took == 5.0 else 90.0)


@given(
    st.lists(
        st.tuples(st.sampled_from([None, *FailureKind]), st.floats(0, 700), st.floats(0, 100), st.booleans()),
        max_size=40,
    )
)
def test_an_average_stays_within_what_was_measured(
    events: list[tuple[FailureKind | None, float, float, bool]],
) -> None:
    latencies, now, longest = Latencies(), 0.0, 60.0
    for kind, seconds, pause, streamed in events:
        now += pause
        longest = max(longest, seconds)
        before = latencies.of("a")
        earlier = before.seconds if before else 0.0
        if kind is None:
            latencies.answered("a", seconds, now, streamed=streamed)
        else:
            latencies.failed("a", kind, seconds, now, streamed=streamed)
            found = latencies.of("a")
            same_kind_of_answer = before is not None and found is before
            assert not same_kind_of_answer or found is None or found.seconds >= earlier
        found = latencies.of("a")
        assert found is None or 0 <= found.seconds <= longest


def test_health_states_the_average_and_its_age() -> None:
    health, one = Health(), target("a")
    assert health.latencies is None, "nobody reads them"
    health.learn_latencies()
    learned = health.latencies
    health.learn_latencies()
    assert learned is not None
    assert health.latencies is learned
    assert (health.facts(one, 5.0).first_token, health.facts(one, 5.0).first_token_age) == (None, None)
    learned.answered("a", 0.25, 5.0, streamed=True)
    assert (health.facts(one, 7.5).first_token, health.facts(one, 7.5).first_token_age) == (0.25, 2.5)
