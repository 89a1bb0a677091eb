"""How the deadline is shared: whatever stays silent, every target that can be asked is asked in time."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.desk import A, B, C, Desk, failure
from understudy.domain.failures import FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.health import Health, Permit
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Ended, Failed, Launch, Rules
from understudy.policy.targets import Limits, Target
from understudy.policy.tries import LEAST, Tries, own_share
from understudy.policy.verdicts import VERDICTS

K = FailureKind


@pytest.mark.parametrize(
    ("remaining", "others", "share"),
    [
        (600.0, 1, 300.0),
        (600.0, 2, 200.0),
        (10.0, 9, 1.0),
        (10.0, 20, 1.0),  # only nine others can have a second each
        (2.0, 1, 1.0),
        (1.95, 1, 0.975),  # timers are late
        (1.8, 1, None),  # no second for each: cutting one would help nobody
        (2.5, 9, 1.25),
        (0.5, 1, None),
        (-1.0, 3, None),
        (600.0, 0, None),
    ],
)
def test_a_share_is_an_equal_part_and_at_least_a_second(remaining: float, others: int, share: float | None) -> None:
    assert own_share(remaining, others) == (share if share is None else pytest.approx(share))


def cuts(desk: Desk, kind: FailureKind = K.TIMEOUT_BODY) -> list[tuple[str, float | None]]:
    """Let every attempt stay silent until it is cut; return each target with when it had to yield."""
    found: list[tuple[str, float | None]] = []
    while not desk.call.settled:
        if not desk.running:
            desk.wake()
            continue
        launch = desk.launched
        limits = launch.limits
        found.append((launch.target.name, limits.yield_by))
        took = limits.total if limits.yield_by is None else limits.yield_by
        if desk.now + took >= desk.call.deadline:
            break
        desk.fail(kind, after=took)
    return found


def test_silent_targets_yield_in_turn_and_the_last_has_the_rest() -> None:
    assert cuts(Desk(A, B, C, deadline=600.0)) == [("a", 200.0), ("b", 200.0), ("c", None)]


def test_the_only_target_has_the_whole_deadline() -> None:
    desk = Desk(A, deadline=600.0)
    assert desk.launched.limits == A.limits
    assert desk.launched.limits.yield_by is None


def test_with_less_than_a_second_for_each_the_first_ones_are_served() -> None:
    assert cuts(Desk(A, B, C, deadline=2.5)) == [("a", 1.25), ("b", None)]


def test_the_time_spent_before_counts() -> None:
    assert Desk(A, B, deadline=100.0, spent=60.0).launched.limits.yield_by == 20.0
    assert Desk(A, deadline=100.0, spent=60.0).launched.limits.total == 40.0


def test_the_limit_of_an_attempt_never_passes_the_deadline() -> None:
    short = Target(name="a", model="m", limits=Limits(total=30.0))
    assert Desk(short, B, deadline=10.0).launched.limits == Limits(total=10.0, yield_by=5.0, has_others=True)
    assert Desk(short, B, deadline=100.0).launched.limits == Limits(total=30.0, yield_by=50.0, has_others=True)


def test_a_target_in_cooldown_beyond_the_deadline_gets_no_share() -> None:
    health = Health()
    health.failed(Permit(B, 100.0), failure(K.AUTHENTICATION), VERDICTS[K.AUTHENTICATION].cooldown, 100.0)
    assert Desk(A, B, C, health=health, deadline=60.0).launched.limits.yield_by == 30.0
    assert Desk(A, B, C, health=health, deadline=300.5).launched.limits.yield_by == pytest.approx(150.25)
    assert Desk(A, B, C, health=health, deadline=301.0).launched.limits.yield_by == pytest.approx(301.0 / 3)


def test_a_target_for_which_no_attempt_is_left_gets_no_share() -> None:
    assert Desk(A, B, C, max_attempts=1).launched.limits.yield_by is None
    assert Desk(A, B, C, max_attempts=2, deadline=60.0).launched.limits.yield_by == 30.0


def test_a_target_whose_window_is_too_small_gets_no_share() -> None:
    desk = Desk(A, B, C, windows={"a": 8, "b": 4, "c": 16}, deadline=60.0)
    desk.fail(K.CONTEXT_LENGTH)
    assert desk.order == "ac"
    assert desk.launched.limits.yield_by is None


def test_retries_stay_in_the_share_of_their_target() -> None:
    desk = Desk(A, B, deadline=20.0, max_tries=9, max_attempts=99)
    desk.fail(K.DISCONNECTED, after=4.0)
    assert desk.launched.limits.yield_by == pytest.approx(6.0)
    desk.fail(K.DISCONNECTED, after=4.0)
    assert desk.launched.limits.yield_by == pytest.approx(2.0)
    desk.fail(K.DISCONNECTED, after=1.5)
    assert desk.order == "aaab"
    assert "would use the time that other targets need" in desk.decided
    assert desk.launched.limits.yield_by is None


def test_a_hint_is_not_waited_for_in_the_time_of_others() -> None:
    desk = Desk(A, B, deadline=20.0)
    desk.fail(K.RATE_LIMITED, retry_after=9.5)
    assert desk.order == "ab"
    alone = Desk(A, deadline=20.0)
    alone.fail(K.RATE_LIMITED, retry_after=9.5)
    assert alone.wake() >= 9.5
    assert alone.order == "aa"


def test_backoff_is_not_waited_for_in_the_time_of_others() -> None:
    desk = Desk(A, B, deadline=2.0, retry_delay=8.0)
    desk.fail(K.SERVER_ERROR)
    assert desk.order == "ab"


@pytest.mark.parametrize(("left", "enough"), [(0.9, True), (0.89, False)])
def test_an_attempt_needs_a_second_but_for_a_late_timer(left: float, enough: bool) -> None:
    tries = Tries(Plan((Step(A, "test"),)), max_attempts=None, health=Health())
    tries.deadline = left
    assert tries.may_start(0.0) is enough


def test_an_immediate_retry_does_not_take_the_time_of_others() -> None:
    desk = Desk(A, B, deadline=4.0)
    desk.fail(K.STALE_CONNECTION, after=1.5)
    assert desk.order == "ab"
    just = Desk(A, B, deadline=4.0)
    just.fail(K.STALE_CONNECTION, after=1.0)
    assert just.order == "aa"
    early = Desk(A, B, deadline=4.0)
    early.fail(K.STALE_CONNECTION, after=0.5)
    assert early.order == "aa"
    assert early.launched.limits.yield_by == pytest.approx(1.5)


def test_the_end_of_a_cooldown_is_waited_for_but_never_into_the_last_second() -> None:
    for seed in range(20):
        health = Health()
        health.failed(
            Permit(A, 100.0), failure(K.RATE_LIMITED, retry_after=8.9), VERDICTS[K.RATE_LIMITED].cooldown, 100.0
        )
        call = Call(Plan((Step(A, "test"),)), Rules(deadline=10.0), health=health, budgets=Budgets(), rng=Random(seed))
        assert call.start(100.0) == []
        due = call.timer()
        assert due is not None
        assert 108.9 <= due <= 109.0
        (launch,) = call.tick(due)
        assert isinstance(launch, Launch)
        assert launch.waited == pytest.approx(due - 100.0)


silences = st.lists(
    st.tuples(
        st.sampled_from([K.TIMEOUT_BODY, K.TIMEOUT_FIRST_EVENT, K.TIMEOUT_HEADERS, K.CONNECT_TIMEOUT, K.SERVER_ERROR]),
        st.floats(0.0, 1.0),
    ),
    min_size=40,
    max_size=40,
)
"""What becomes of attempts, and after what part of the time they had."""


@settings(max_examples=120)
@given(
    count=st.integers(1, 6),
    seconds=st.floats(1.0, 40.0),
    world=silences,
    max_tries=st.integers(1, 4),
    max_attempts=st.none() | st.integers(6, 30),
    retry_delay=st.floats(0.0, 4.0),
    late=st.floats(0.0, 0.01),
    seed=st.integers(0, 1000),
)
def test_the_last_target_is_asked_before_the_deadline_whatever_stays_silent(
    count: int,
    seconds: float,
    world: list[tuple[FailureKind, float]],
    max_tries: int,
    max_attempts: int | None,
    retry_delay: float,
    late: float,
    seed: int,
) -> None:
    """No attempt makes progress: each is cut when it must yield, or fails by itself before, or the timer is late."""
    targets = tuple(
        Target(name=f"t{i}", model="m", index=i, credential=f"k{i}", endpoint=f"h{i}") for i in range(count)
    )
    deadline = count * LEAST * seconds
    rules = Rules(deadline=deadline, max_tries=max_tries, max_attempts=max_attempts, retry_delay=retry_delay)
    plan = Plan(tuple(Step(target, "test") for target in targets))
    call = Call(plan, rules, health=Health(), budgets=Budgets(), rng=Random(seed))
    now, asked = 50.0, list[str]()
    actions = call.start(now)
    for kind, part in world:
        if call.settled:
            break
        launches = [action for action in actions if isinstance(action, Launch)]
        if not launches:
            now = (call.timer() or now) + late
            actions = call.tick(now)
            continue
        (launch,) = launches
        asked.append(launch.target.name)
        limits = launch.limits
        assert (limits.yield_by is None) == (len(set(asked)) == count)
        assert limits.yield_by is None or limits.yield_by >= 0.9 * LEAST
        took = part * (limits.total if limits.yield_by is None else min(limits.total, limits.yield_by)) + late
        now += took
        actions = call.tick(now) if now >= call.deadline else call.receive(Failed(launch.attempt, failure(kind)), now)
    assert set(asked) == {target.name for target in targets}


@settings(max_examples=40)
@given(count=st.integers(2, 6), deadline=st.floats(2.0, 600.0), part=st.floats(0.0, 0.999))
def test_an_attempt_that_makes_progress_has_the_whole_deadline(count: int, deadline: float, part: float) -> None:
    targets = tuple(Target(name=f"t{i}", model="m", index=i) for i in range(count))
    plan = Plan(tuple(Step(target, "test") for target in targets))
    call = Call(plan, Rules(deadline=deadline), health=Health(), budgets=Budgets(), rng=Random(1))
    (launch,) = call.start(0.0)
    assert isinstance(launch, Launch)
    assert launch.limits.total == pytest.approx(min(600.0, deadline))
    assert call.timer() == pytest.approx(deadline)
    actions = call.receive(Ended(1), part * deadline)
    assert call.settled
    assert len(actions) == 2


def test_silence_matters_while_another_target_may_answer() -> None:
    """One that was not tried yet, or one that has failed and may come back, as long as an attempt is left for it."""
    assert not Desk(A).launched.limits.has_others
    desk = Desk(A, B)
    assert desk.launched.limits.has_others
    desk.fail(K.TIMEOUT_HEADERS)
    assert desk.order == "ab"
    assert desk.launched.limits.has_others, "a may come back"
    desk.fail(K.AUTHENTICATION)
    assert desk.order == "aba"
    assert not desk.launched.limits.has_others, "b may not"


def test_silence_does_not_matter_at_the_last_attempt_nor_before_targets_that_are_out() -> None:
    last = Desk(A, B, max_attempts=2)
    last.fail(K.TIMEOUT_HEADERS)
    assert not last.launched.limits.has_others
    refused = Desk(A, B)
    refused.fail(K.AUTHENTICATION)
    assert not refused.launched.limits.has_others
    closed = Desk(A, B, C, windows={"a": 4, "b": 8, "c": 16})
    closed.fail(K.TIMEOUT_HEADERS)
    closed.fail(K.CONTEXT_LENGTH)
    assert closed.order == "abc"
    assert not closed.launched.limits.has_others
    one_of_two = Desk(A, B, C)
    one_of_two.fail(K.TIMEOUT_HEADERS)
    one_of_two.fail(K.AUTHENTICATION)
    assert one_of_two.order == "abc"
    assert one_of_two.launched.limits.has_others
