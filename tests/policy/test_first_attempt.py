"""A calm request is decided in short, and exactly as a `Call` decides it."""

from __future__ import annotations

from random import Random

import pytest

from tests.policy.side_by_side import compare
from understudy.domain.failures import Failure, FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.first_attempt import FirstAttempt
from understudy.policy.health import Health
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Began, Cancelled, Commit, Ended, Failed, Launch, Rules, Settle
from understudy.policy.targets import Limits, Target
from understudy.policy.verdicts import Cooldown

A, B = (Target(name=name, model="m", index=at, limits=Limits(total=60.0)) for at, name in enumerate("ab"))
NO = Failure(kind=FailureKind.SERVER_ERROR, message="no")


def first(*targets: Target, health: Health | None = None, **rules: object) -> FirstAttempt:
    plan = Plan(tuple(Step(each, "test") for each in targets))
    given = Rules(**rules)  # type: ignore[arg-type]
    return FirstAttempt(plan, given, health=health or Health(), budgets=Budgets(), rng=Random(1))


def test_whatever_happens_both_decide_alike(request: pytest.FixtureRequest) -> None:
    count = 5000 if request.config.getoption("--deep") else 200
    assert sum(map(compare, range(count))) > count


def test_the_comparison_finds_a_permit_that_is_not_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = FirstAttempt.receive

    def forgetful(self: FirstAttempt, signal: object, now: float) -> object:
        actions = receive(self, signal, now)  # type: ignore[arg-type]
        if type(signal) is Ended and self.permit is not None and actions is not None:
            self._health.acquire(self.permit.target, now)  # pyright: ignore[reportPrivateUsage]
        return actions

    monkeypatch.setattr(FirstAttempt, "receive", forgetful)
    with pytest.raises(AssertionError, match="memories differ"):
        for seed in range(50):
            compare(seed)


def test_an_answer_settles_the_request() -> None:
    health = Health()
    one = first(A, B, health=health)
    (launch,) = one.start(100.0) or []
    assert isinstance(launch, Launch)
    assert launch.limits.yield_by == 300.0
    assert one.receive(Ended(1), 101.0) == [Commit(1), Settle(1)]
    assert one.settled
    assert health.facts(A, 101.0).in_flight == 0


def test_a_stream_commits_at_its_beginning() -> None:
    one = first(A, streamed=True)
    one.start(100.0)
    assert one.receive(Began(1), 101.0) == [Commit(1)]
    assert one.receive(Began(1), 101.5) == []
    assert one.receive(Ended(1), 102.0) == [Settle(1)]


@pytest.mark.parametrize("signal", [Failed(1, NO), Cancelled()])
def test_it_does_not_decide_about_anything_else(signal: Failed | Cancelled) -> None:
    one = first(A, B)
    one.start(100.0)
    assert one.receive(signal, 101.0) is None
    call = one.call()
    assert call.deadline == one.deadline
    call.receive(signal, 101.0)
    assert not call.running
    assert call.settled or call.waits_until is not None


def test_it_begins_only_while_all_is_calm() -> None:
    health = Health()
    permit = health.acquire(A, 100.0)
    health.failed(permit, NO, Cooldown.TARGET, 100.0)  # type: ignore[arg-type]
    assert first(B, health=health).start(100.0) is None
    assert first().start(100.0) is None
    assert first(A, hedge=True).start(100.0) is None
