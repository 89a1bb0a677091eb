"""A target whose quota is about to end is put behind the others, until the quota is whole again."""

from __future__ import annotations

import pytest

from understudy.domain.quotas import Quota
from understudy.policy.plan import Plan, Step
from understudy.policy.quotas import UNSTATED, Quotas
from understudy.policy.targets import Target

ONE = Target(name="one", model="m", credential="k1")
TWO = Target(name="two", model="m", credential="k2")
PLAN = Plan((Step(ONE, "priority 1"), Step(TWO, "priority 2")))


def noted(*quotas: Quota, target: Target = ONE) -> Quotas:
    found = Quotas()
    found.note(target, lambda: quotas, now=100.0)
    return found


def order(quotas: Quotas, now: float = 100.0, *, share: float = 0.05, tokens: float = 0, **given: str) -> list[str]:
    return [step.target.name for step in quotas.spare(PLAN, now, share=share, tokens=tokens, **given).steps]


LOW = Quota(unit="requests", left=4, limit=100, resets=10.0)


def test_a_target_with_little_left_comes_last_and_the_plan_says_why() -> None:
    plan = noted(LOW).spare(PLAN, 100.0, share=0.05, tokens=0)
    assert [step.target.name for step in plan.steps] == ["two", "one"]
    assert plan.steps[1].why == "only 4 of 100 requests left, so behind the others (priority 1)"


def test_it_comes_back_when_the_limit_is_whole_again() -> None:
    assert order(noted(LOW), now=109.9) == ["two", "one"]
    assert order(noted(LOW), now=110.0) == ["one", "two"]


def test_a_limit_that_does_not_say_when_holds_for_a_minute() -> None:
    quotas = noted(Quota(unit="requests", left=0))
    assert order(quotas, now=100.0 + UNSTATED - 1) == ["two", "one"]
    assert order(quotas, now=100.0 + UNSTATED) == ["one", "two"]


@pytest.mark.parametrize(
    ("quota", "tokens", "first"),
    [
        pytest.param(
            Quota(unit="tokens", left=900, limit=1000, resets=9.0), 1000, "two", id="fewer tokens than needed"
        ),
        pytest.param(Quota(unit="tokens", left=900, limit=1000, resets=9.0), 800, "one", id="enough tokens"),
        pytest.param(
            Quota(unit="requests", left=900, limit=1000, resets=9.0), 1000, "one", id="requests are not tokens"
        ),
        pytest.param(Quota(unit="requests", left=3, resets=9.0), 0, "one", id="of an unknown limit"),
        pytest.param(Quota(unit="requests", left=5, limit=100, resets=9.0), 0, "one", id="exactly the share"),
    ],
)
def test_what_counts_as_little(quota: Quota, tokens: float, first: str) -> None:
    assert order(noted(quota), tokens=tokens)[0] == first


def test_when_all_are_short_the_order_stays() -> None:
    quotas = noted(LOW)
    quotas.note(TWO, lambda: (LOW,), now=100.0)
    assert order(quotas) == ["one", "two"]


def test_a_target_that_the_call_names_stays_first() -> None:
    assert order(noted(LOW), named=ONE.label) == ["one", "two"]


def test_a_pool_is_short_only_if_every_key_is() -> None:
    pool = Target(name="one", model="m", credentials=("a", "b"))
    plan = Plan((Step(pool, "priority 1"), Step(TWO, "priority 2")))
    quotas = Quotas()
    quotas.note(Target(name="one", model="m", credentials=("a", "b"), credential="a"), lambda: (LOW,), now=100.0)
    assert quotas.spare(plan, 100.0, share=0.05, tokens=0) == plan
    quotas.note(Target(name="one", model="m", credentials=("a", "b"), credential="b"), lambda: (LOW,), now=100.0)
    assert quotas.spare(plan, 100.0, share=0.05, tokens=0).steps[0].target is TWO
