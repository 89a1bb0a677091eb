"""A calm request is decided in short, and exactly as a `Call` decides it."""

from __future__ import annotations

from random import Random

import pytest

from tests.policy.side_by_side import compare
from understudy.domain.failures import Failure, FailureKind
from understudy.policy.breaker import FIRST_OPEN, IN_A_ROW, BreakerState
from understudy.policy.budgets import Budgets
from understudy.policy.first_attempt import FirstAttempt
from understudy.policy.health import Health, Permit
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Began, Cancelled, Commit, Ended, Failed, Launch, Rules, Settle
from understudy.policy.targets import Limits, Target
from understudy.policy.verdicts import Cooldown, Trips

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
    with pytest.raises(AssertionError, match="seed"):
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


def cool(health: Health, target: Target, seconds: float) -> None:
    """Put a target in cooldown at 100.0."""
    permit = health.acquire(target, 100.0)
    assert isinstance(permit, Permit)
    limited = Failure(kind=FailureKind.RATE_LIMITED, message="slow down", retry_after=seconds)
    health.failed(permit, limited, Cooldown.TARGET, 100.0)
    health.release(permit)


def test_a_target_in_cooldown_is_skipped_with_the_reason() -> None:
    health = Health()
    cool(health, A, 30.0)
    one = first(A, B, health=health)
    (launch,) = one.start(101.0) or []
    assert isinstance(launch, Launch)
    assert (launch.attempt, launch.target, launch.probes) == (1, B, False)
    assert launch.limits.yield_by == 300.0, "the other one is back within the deadline"
    assert one.noted == 101.0
    skipped = one.denials["a/m"]
    assert (skipped.why, skipped.at, skipped.until) == ("rate_limited: slow down", 101.0, 130.0)
    assert (skipped.kind, skipped.probed, skipped.refused) == (FailureKind.RATE_LIMITED, False, False)
    assert one.receive(Ended(1), 102.0) == [Commit(1), Settle(1)]


def test_a_target_that_is_not_back_in_time_has_no_share() -> None:
    health = Health()
    cool(health, A, 700.0)
    one = first(A, B, health=health)
    (launch,) = one.start(101.0) or []
    assert isinstance(launch, Launch)
    assert one.share is None
    assert launch.limits.yield_by is None


def test_after_a_failure_the_call_knows_where_it_stands() -> None:
    health = Health()
    cool(health, A, 1.0)
    one = first(A, B, health=health, max_tries=1)
    one.start(100.5)
    call = one.call()
    assert list(call.denials) == ["a/m"]
    assert list(call.running) == [1]
    (launch,) = call.receive(Failed(1, NO), 101.5)
    assert isinstance(launch, Launch)
    assert (launch.attempt, launch.target) == (2, A), "it is back by now"
    assert call.receive(Ended(2), 102.0) == [Commit(2), Settle(2)]


def test_an_open_breaker_is_passed_and_a_half_open_one_probed() -> None:
    health = Health(Random(1))
    for number in range(IN_A_ROW):
        permit = health.acquire(A, 100.0, number)
        assert isinstance(permit, Permit)
        health.failed(permit, NO, Cooldown.NOTHING, 100.0, Trips.TARGET)
        health.release(permit)
    one = first(A, B, health=health)
    (launch,) = one.start(100.1) or []
    assert isinstance(launch, Launch)
    assert launch.target == B
    assert one.denials["a/m"].why == "circuit breaker: server_error: no"
    probing = first(A, B, health=health, streamed=True)
    (launch,) = probing.start(100.0 + FIRST_OPEN) or []
    assert isinstance(launch, Launch)
    assert (launch.target, launch.probes) == (A, True)
    beside = first(A, B, health=health)
    beside.start(100.0 + FIRST_OPEN)
    assert beside.denials["a/m"].probed, "only one request probes"
    probing.receive(Began(1), 101.5)
    assert first(A, B, health=health).start(101.5) is not None
    assert health.breaker_state(A, 101.5) is BreakerState.HALF_OPEN


def test_it_begins_only_where_a_target_may_be_asked() -> None:
    health = Health()
    cool(health, A, 30.0)
    assert first(A, health=health).start(101.0) is None
    assert first().start(100.0) is None
    assert first(A, hedge=True).start(100.0) is None
    assert first(B, health=health, free=True).start(101.0) is None
    assert first(B, health=health).start(101.0) is not None
