"""Hedging: one more target is asked beside a silent one, once, and never at a price that nobody agreed to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.policy.desk import A, B, C, Desk, Longest, failure
from understudy.domain.failures import FailureKind as K
from understudy.policy.budgets import Budgets, RetryBudget
from understudy.policy.health import Health, Permit
from understudy.policy.latencies import Latencies
from understudy.policy.signals import Abort, Began, Cancelled, Commit, Denied, Ended, Failed, Launch, Settle
from understudy.policy.targets import Target
from understudy.policy.verdicts import Cooldown

OUTRUN = failure(K.CANCELLED, message="another attempt answered first")
ONCE = msgspec.structs.replace(B, idempotent=False)
"""A target at which an abandoned attempt leaves something behind."""


def hedged(*targets: Target, **rules: Any) -> Desk:
    """Return a call whose second target has been asked beside the first."""
    desk = Desk(*(targets or (A, B, C)), hedge_after=2.0, **rules)
    assert desk.wake() == 2.0
    assert desk.order == "ab"
    return desk


# ---- when ----


def test_it_is_off_unless_asked_for() -> None:
    desk = Desk(A, B, deadline=100.0)
    assert desk.call.timer() == 200.0
    assert desk.call.tick(199.0) == []


def test_one_more_target_is_asked_after_the_stated_silence_and_no_third() -> None:
    desk = Desk(A, B, C, hedge_after=2.0, deadline=100.0)
    assert desk.call.timer() == 102.0
    assert desk.call.tick(101.9) == []
    desk.wake()
    assert (desk.launched.target, desk.launched.attempt, desk.launched.waited) == (B, 2, 0.0)
    assert desk.decided == "silent for 2 s: ask b/m too"
    assert sorted(desk.call.running) == [1, 2]
    assert desk.call.timer() == 200.0
    assert desk.call.tick(199.0) == []


def test_without_a_stated_silence_it_is_ten_seconds_until_twenty_answers_are_known() -> None:
    health = Health()
    assert Desk(A, B, health=health, hedge=True).call.timer() == 110.0
    health.learn_latencies()
    assert health.latencies is not None
    for number in range(1, 20):
        health.latencies.answered("a/m", float(number), 90.0, streamed=True)
    assert Desk(A, B, health=health, hedge=True).call.timer() == 110.0
    health.latencies.answered("a/m", 20.0, 90.0, streamed=True)
    assert Desk(A, B, health=health, hedge=True).call.timer() == 119.0
    assert Desk(B, A, health=health, hedge=True).call.timer() == 110.0, "of another target nothing is known"
    assert Desk(A, B, health=health, hedge=True, hedge_after=3.0).call.timer() == 103.0


def test_the_usual_silence_is_that_of_ninety_five_in_the_last_hundred() -> None:
    latencies = Latencies()
    for number in [*[999.0] * 100, *map(float, range(100, 0, -1))]:
        latencies.answered("a/m", number, 90.0, streamed=True)
    known = latencies.of("a/m")
    assert known is not None
    assert known.usual_silence() == 95.0


@pytest.mark.parametrize("streamed", [False, True])
def test_content_ends_the_silence(streamed: bool) -> None:
    desk = Desk(A, B, hedge_after=2.0, deadline=100.0, streamed=streamed)
    desk.call.receive(Began(1), 101.0)
    assert desk.call.timer() == 200.0
    assert desk.call.tick(110.0) == []


def test_only_the_first_attempt_is_hedged() -> None:
    desk = Desk(A, B, C, hedge_after=2.0, deadline=100.0)
    desk.fail(K.CONNECT, after=1.0)
    assert desk.order == "ab"
    assert desk.call.timer() == 200.0
    assert desk.call.tick(150.0) == []


def test_what_has_ended_is_not_hedged() -> None:
    desk = Desk(A, B, C, hedge_after=2.0, retry_delay=8.0, rng=Longest())
    desk.fail(K.DNS, after=1.0)
    assert not desk.running
    assert desk.call.timer() == 109.0
    assert desk.call.tick(108.0) == []


# ---- whom ----


def test_it_neither_waits_nor_probes() -> None:
    cooling, broken, half_open = Health(), Health(Longest()), Health(Longest())
    cooling.failed(Permit(B, 100.0), failure(K.RATE_LIMITED, retry_after=3.0), Cooldown.TARGET, 100.0)
    for health, now in ((broken, 101.5), (half_open, 95.0)):
        for _ in range(5):
            Desk(B, health=health, now=now, max_tries=1).fail(K.SERVER_ERROR)
    assert half_open.denial(B, 102.0) is None
    for health in (cooling, broken, half_open):
        desk = Desk(A, B, C, health=health, hedge_after=2.0)
        desk.wake()
        assert desk.order == "ac"
        alone = Desk(A, B, health=health, budgets=(budgets := Budgets()), hedge_after=2.0, deadline=100.0)
        assert alone.wake() == 2.0
        assert alone.actions == []
        assert alone.call.timer() == 200.0
        assert budgets.retry(A.credential).withdraw_hedge(), "nothing was drawn"


def test_what_leaves_something_behind_is_asked_alone() -> None:
    first = Desk(ONCE, A, hedge_after=2.0, deadline=100.0)
    assert first.call.timer() == 200.0
    second = Desk(A, ONCE, C, hedge_after=2.0)
    second.wake()
    assert second.order == "ac"
    tools = Desk(A, B, has_effects=True, hedge_after=2.0, deadline=100.0)
    assert tools.call.timer() == 200.0


NEEDS: list[tuple[dict[str, Any], str]] = [
    ({"max_attempts": 1}, "a"),
    ({"max_attempts": 2}, "ab"),
    ({"deadline": 2.8}, "a"),
    ({"deadline": 3.0}, "ab"),
]


@pytest.mark.parametrize(("rules", "order"), NEEDS)
def test_it_needs_an_attempt_and_time(rules: dict[str, Any], order: str) -> None:
    desk = Desk(A, B, hedge_after=2.0, **rules)
    desk.wake()
    assert desk.order == order


# ---- the price ----


def test_a_fifth_of_the_requests_may_be_hedged_and_the_first_one() -> None:
    budgets = Budgets()
    orders = []
    for _ in range(11):
        desk = Desk(A, B, budgets=budgets, hedge_after=2.0)
        desk.wake()
        orders.append(desk.order)
    # Each request of A deposits a fifth beside the one hedge that is there at first: 1.2, 0.4, 0.6, 0.8, 1.0, ...
    assert orders == ["ab", *["a"] * 3, "ab", *["a"] * 4, "ab", "a"]


def test_ten_hedges_are_saved_up_at_most() -> None:
    budget = RetryBudget()
    assert [budget.withdraw_hedge() for _ in range(2)] == [True, False]
    for _ in range(5):
        assert not budget.withdraw_hedge()
        budget.deposit(100.0)
    assert [budget.withdraw_hedge() for _ in range(2)] == [True, False]
    for _ in range(500):
        budget.deposit(100.0)
    assert sum(budget.withdraw_hedge() for _ in range(50)) == 10


def test_the_budget_is_that_of_the_key_whose_answer_is_late() -> None:
    budgets = Budgets()
    budgets.retry(B.credential).withdraw_hedge()
    desk = Desk(A, B, budgets=budgets, hedge_after=2.0)
    desk.wake()
    assert desk.order == "ab"
    spent = Desk(A, B, budgets=budgets, hedge_after=2.0)
    spent.wake()
    assert spent.order == "a"
    bare = [Target(name=name, model="m", index=index) for index, name in enumerate("ab")]
    for targets, order in ((bare, "ab"), (bare[::-1], "ba")):
        keyless = Desk(*targets, budgets=budgets, hedge_after=2.0)
        keyless.wake()
        assert keyless.order == order, "without keys each entry has a budget of its own"


def test_a_hedge_that_a_limit_of_this_side_forbids_costs_none() -> None:
    budgets = Budgets()
    for _ in range(6):
        desk = Desk(A, B, budgets=budgets, hedge_after=2.0)
        desk.wake()
        assert desk.order == "ab"
        desk.call.receive(Denied(2, failure(K.BILLING, code="budget_exceeded", sent=False)), 102.0)
        desk.call.receive(Ended(1), 103.0)
    budget = budgets.retry(A.credential)
    assert [budget.withdraw_hedge() for _ in range(3)] == [True, True, False], "one, and a fifth of six requests"


def test_only_the_hedge_is_given_back() -> None:
    budgets = Budgets()
    desk = Desk(A, B, budgets=budgets, hedge_after=2.0)
    desk.wake()
    desk.call.receive(Denied(1, failure(K.LOCAL)), 102.0)
    assert not budgets.retry(A.credential).withdraw_hedge()


# ---- who wins ----


def test_the_first_whole_answer_wins_and_the_other_is_abandoned() -> None:
    for winner, loser in ((1, 2), (2, 1)):
        desk = hedged()
        actions = desk.call.receive(Ended(winner), 103.0)
        assert actions == [Commit(winner), Abort(loser, OUTRUN), Settle(winner)]
        assert [desk.health.facts(each, 103.0).in_flight for each in (A, B)] == [0, 0]


def test_the_first_content_of_a_stream_wins() -> None:
    desk = hedged(streamed=True)
    assert desk.call.receive(Began(2), 103.0) == [Commit(2), Abort(1, OUTRUN)]
    assert desk.call.receive(Began(1), 103.1) == []
    assert desk.call.receive(Ended(2), 104.0) == [Settle(2)]
    assert [desk.health.facts(each, 104.0).in_flight for each in (A, B)] == [0, 0]


def test_of_two_one_may_fail() -> None:
    for number, other in ((1, 2), (2, 1)):
        desk = hedged()
        assert desk.call.receive(Failed(number, failure(K.SERVER_ERROR)), 103.0) == []
        assert desk.call.decisions[number].endswith("the other attempt goes on")
        assert desk.call.receive(Ended(other), 104.0) == [Commit(other), Settle(other)]


def test_when_both_fail_it_goes_on() -> None:
    desk = hedged()
    desk.call.receive(Failed(1, failure(K.CONNECT)), 103.0)
    (launch,) = desk.call.receive(Failed(2, failure(K.CONNECT)), 103.0)
    assert isinstance(launch, Launch)
    assert (launch.target, launch.attempt) == (C, 3)


def test_what_no_target_would_help_ends_both() -> None:
    desk = hedged()
    refused = failure(K.UNKNOWN_STATUS, status=418)
    actions = desk.call.receive(Failed(1, refused), 103.0)
    assert actions == [Abort(2, OUTRUN), Settle(1, refused, surfaced=True)]


def test_one_that_was_not_made_is_no_attempt() -> None:
    desk = hedged()
    assert desk.call.receive(Denied(2, failure(K.LOCAL)), 102.0) == []
    assert sorted(desk.call.running) == [1]
    (launch,) = desk.call.receive(Failed(1, failure(K.CONNECT)), 103.0)
    assert isinstance(launch, Launch)
    assert (launch.target, launch.attempt) == (C, 2)
    first = hedged()
    assert first.call.receive(Denied(1, failure(K.LOCAL)), 102.0) == []
    (launch,) = first.call.receive(Failed(2, failure(K.CONNECT)), 103.0)
    assert isinstance(launch, Launch)
    assert launch.attempt == 3, "two is the latest, and keeps its number"


def test_a_cancellation_and_the_deadline_abandon_both() -> None:
    why = failure(K.CANCELLED)
    actions = hedged().call.receive(Cancelled(why), 103.0)
    assert actions == [Abort(1, why), Abort(2, why), Settle(2, why, surfaced=True)]
    desk = hedged(deadline=50.0)
    *aborts, settle = desk.call.tick(150.0)
    assert [abort.attempt for abort in aborts if isinstance(abort, Abort)] == [1, 2]
    assert isinstance(settle, Settle)
    assert settle.attempt == 2
    assert settle.failure is not None
    assert settle.failure.kind is K.DEADLINE


def test_the_one_that_was_outrun_is_not_waited_for_when_its_tries_are_used_up() -> None:
    health = Health(Longest())
    desk = hedged(A, B, streamed=True, on_midstream_error="restart", max_tries=1, health=health)
    desk.call.receive(Began(1), 103.0)
    for _ in range(5):
        Desk(B, health=health, now=103.0, max_tries=1).fail(K.SERVER_ERROR)
    assert health.denial(B, 103.5) is not None
    desk.note(desk.call.receive(Failed(1, failure(K.TRUNCATED), answered=True), 103.5))
    assert desk.settled == Settle(1, failure(K.TRUNCATED), surfaced=True)


@pytest.mark.parametrize(("max_tries", "order"), [(1, "abc"), (2, "aba")])
def test_the_one_that_was_outrun_may_be_asked_again_within_its_tries(max_tries: int, order: str) -> None:
    desk = hedged(streamed=True, on_midstream_error="restart", max_tries=max_tries)
    desk.call.receive(Began(2), 103.0)
    desk.note(desk.call.receive(Failed(2, failure(K.TRUNCATED), answered=True), 104.0))
    assert desk.order == order
