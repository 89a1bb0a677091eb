"""When a `Call` waits and for how long, how it ends, and what it says of its decisions."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.policy.desk import A, B, C, Desk, Longest, Unbroken, failure
from understudy.domain.failures import Failure, FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.cooldowns import Denial
from understudy.policy.health import Health, Permit
from understudy.policy.signals import Abort, Began, Cancelled, Commit, Ended, Failed, Launch, Rules, Settle
from understudy.policy.targets import Target
from understudy.policy.verdicts import Cooldown

K = FailureKind


# ---- waits ----


def waits(desk: Desk, kind: FailureKind, **fields: Any) -> list[float]:
    """Let every attempt fail alike; return the waits between them."""
    found: list[float] = []
    while not desk.call.settled:
        if desk.running:
            desk.fail(kind, **fields)
        else:
            found.append(round(desk.wake(), 6))
            assert desk.launched.waited == pytest.approx(found[-1], abs=1e-5)
    return found


def test_waits_double_up_to_eight_seconds() -> None:
    desk = Desk(A, health=Unbroken(), rng=Longest(), max_tries=7, max_attempts=9, retry_delay=1.0)
    assert waits(desk, K.CONNECT) == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_waits_are_drawn_from_the_beginning() -> None:
    drawn = [waits(Desk(A, rng=Random(seed), max_tries=2, retry_delay=4.0), K.CONNECT)[0] for seed in range(50)]
    assert 0.0 <= min(drawn) < 0.5
    assert 3.5 < max(drawn) <= 4.0


def test_a_thousand_tries_are_no_overflow() -> None:
    desk = Desk(A, health=Unbroken(), rng=Longest(), max_tries=1200, max_attempts=1200, retry_delay=1.0, deadline=1e6)
    assert waits(desk, K.CONNECT)[-1] == 8.0
    budgets = Budgets()
    for _ in range(200):
        budgets.retry(A.credential).deposit(100.0)
    brief = Desk(A, health=Unbroken(), budgets=budgets, rng=Longest(), max_tries=25, max_attempts=25, retry_delay=1e-5)
    assert waits(brief, K.CONNECT)[15:18] == [0.32768, 0.65536, 0.65536]


def test_a_hint_prevails_with_a_tenth_on_top() -> None:
    assert waits(Desk(A, rng=Longest(), max_tries=2, retry_delay=0.5), K.OVERLOADED, retry_after=2.0) == [2.2]
    assert waits(Desk(A, rng=Longest(), max_tries=2, retry_delay=5.0), K.OVERLOADED, retry_after=2.0) == [5.2]


def test_a_retry_in_no_time_is_launched_at_once() -> None:
    desk = Desk(A, rng=Longest(), retry_delay=0.0)
    desk.fail(K.SERVER_ERROR)
    assert desk.running
    assert desk.launched.waited == 0.0


def test_the_last_second_is_for_no_retry() -> None:
    for deadline, order in ((2.99, "a"), (3.0, "aa")):
        desk = Desk(A, rng=Longest(), max_tries=2, retry_delay=2.0, deadline=deadline)
        assert desk.fail_always(K.CONNECT) == order


def test_the_wait_of_a_request_is_the_sum_of_its_waits() -> None:
    """A retry whose target went into cooldown meanwhile, by what another request met, waits for its end too."""
    desk = Desk(A, rng=Longest(), retry_delay=2.0)
    desk.fail(K.SERVER_ERROR)
    desk.health.failed(Permit(A, 101.0), failure(K.RATE_LIMITED, retry_after=8.0), Cooldown.TARGET, 101.0)
    other = desk.health.probe(A, 101.5)
    assert other is not None
    assert desk.wake() == 2.0
    assert not desk.running
    assert desk.wake() == pytest.approx(7.0)
    assert desk.launched.waited == pytest.approx(9.0)


@pytest.mark.parametrize(("hint", "order"), [(21.0, "a"), (21.1, "aa")])
def test_what_another_request_met_is_waited_for_up_to_max_wait(hint: float, order: str) -> None:
    """A second is over when the retry is due; what ends later than twenty seconds from then is probed."""
    desk = Desk(A, rng=Longest(), retry_delay=2.0)
    desk.fail(K.SERVER_ERROR)
    desk.health.failed(Permit(A, 101.0), failure(K.RATE_LIMITED, retry_after=hint), Cooldown.TARGET, 101.0)
    assert desk.wake() == 2.0
    assert desk.order == order


@pytest.mark.parametrize(("deadline", "order"), [(23.0, "a"), (22.9, "aa")])
def test_and_never_into_the_last_second(deadline: float, order: str) -> None:
    """Until 122, and a second is needed after that; what is not waited for is probed."""
    desk = Desk(A, rng=Longest(), retry_delay=2.0, deadline=deadline)
    desk.fail(K.SERVER_ERROR)
    desk.health.failed(Permit(A, 101.0), failure(K.RATE_LIMITED, retry_after=21.0), Cooldown.TARGET, 101.0)
    desk.wake()
    assert desk.order == order


def test_a_probe_in_spite_of_a_cooldown_is_the_probe_of_a_half_open_breaker_too() -> None:
    health = Health(Longest())
    for _ in range(5):
        Desk(A, health=health, max_tries=1).fail(K.SERVER_ERROR)
    health.failed(Permit(A, 100.0), failure(K.RATE_LIMITED, retry_after=3.0), Cooldown.TARGET, 100.0)
    probe = health.probe(A, 101.5)
    assert probe is not None
    assert isinstance(health.acquire(A, 104.0), Denial)
    health.release(probe)
    assert isinstance(health.acquire(A, 104.0), Permit)


def test_a_retry_whose_target_went_into_a_long_cooldown_goes_elsewhere() -> None:
    desk = Desk(A, B, rng=Longest(), retry_delay=2.0)
    desk.fail(K.SERVER_ERROR)
    desk.health.failed(Permit(A, 101.0), failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 101.0)
    desk.wake()
    assert desk.order == "ab"
    assert [*map(str, desk.call.denials.values())] == ["a/m for 299 s (authentication: no)"]
    assert desk.health.probe(A, 102.0) is not None, "nobody has probed it"


def test_a_retry_of_the_only_target_probes_it_once_and_then_gives_up() -> None:
    desk = Desk(A, rng=Longest(), retry_delay=2.0)
    desk.fail(K.SERVER_ERROR)
    desk.health.failed(Permit(A, 101.0), failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 101.0)
    desk.wake()
    assert desk.order == "aa"
    desk.fail(K.SERVER_ERROR)
    desk.wake()
    assert desk.order == "aa"
    assert desk.settled == Settle(2, failure(K.SERVER_ERROR))


def test_the_rules_that_are_not_written() -> None:
    rules = Rules()
    assert (rules.max_tries, rules.max_attempts, rules.retry_delay) == (3, None, 1.0)
    assert (rules.deadline, rules.spent, rules.max_wait) == (600.0, 0.0, 20.0)
    assert [rules.fallback_on_filter, rules.streamed, rules.free, rules.has_effects] == [False] * 4
    assert (rules.on_midstream_error, rules.hold_chars, rules.heartbeat) == ("surface", None, None)
    assert (rules.hedge, rules.hedge_after, rules.hedges) == (False, None, False)
    assert Rules(hedge=True).hedges
    assert Rules(hedge_after=1.0).hedges


def test_what_a_signal_does_not_say() -> None:
    no = failure(K.CONNECT)
    assert Began(1) == Began(1, full=False)
    assert Failed(1, no) == Failed(1, no, answered=False, translated=False, continuable=False)
    assert Settle(1) == Settle(1, None, surfaced=False)
    assert Commit(1).replaces is None
    assert Cancelled().failure == failure(K.CANCELLED, message="the caller abandoned the request")
    launch = Launch(1, A, A.limits)
    assert launch == Launch(1, A, A.limits, waited=0.0, why="", probes=False, continues=False)


# ---- budgets ----


def test_retries_are_counted_by_key_and_requests_once_for_each_target() -> None:
    """Twelve requests of one attempt grant two retries, beside the three that are always granted."""
    budgets = Budgets()
    for _ in range(11):
        Desk(A, B, budgets=budgets).succeed()
    desk = Desk(A, B, health=Unbroken(), budgets=budgets, max_tries=9, max_attempts=99)
    assert desk.fail_always(K.DISCONNECTED) == "aaaaaabbbb"
    assert "the retry budget is used up; fall back to b/m" in desk.call.decisions[6]


def test_entries_that_share_a_key_share_its_budget() -> None:
    twin = Target(name="b", model="m", index=1, credential="key-a", endpoint="host-b")
    assert Desk(A, twin, max_tries=9, max_attempts=99).fail_always(K.DISCONNECTED) == "aaaab"
    keyless = (Target(name="a", model="m"), Target(name="b", model="m", index=1))
    assert Desk(*keyless, max_tries=9, max_attempts=99).fail_always(K.DISCONNECTED) == "aaaabbbb"


# ---- ends ----


def test_a_plan_without_targets_is_settled_at_once() -> None:
    desk = Desk()
    assert desk.settled == Settle(
        None, Failure(kind=K.UNSUPPORTED, message="no target can take this request", sent=False), surfaced=True
    )
    assert desk.call.timer() is None
    assert desk.call.tick(1e9) == []
    assert desk.call.receive(Cancelled(), 1e9) == []


def test_the_deadline_says_what_failed_last_and_whether_anything_was_sent() -> None:
    desk = Desk(A, deadline=10.0, max_wait=100.0)
    desk.wake()
    late = desk.settled.failure
    assert late == Failure(kind=K.DEADLINE, message="the request's deadline of 10 s passed", sent=True)
    assert desk.settled.surfaced
    assert desk.settled.attempt == 1

    waiting = Desk(A, deadline=10.0, retry_delay=4.0, rng=Longest())
    waiting.fail(K.CONNECT)
    waiting.actions = waiting.call.tick(waiting.call.deadline)
    assert waiting.settled == Settle(
        None,
        Failure(
            kind=K.DEADLINE,
            message="the request's deadline of 10 s passed; the last failure was connect: no",
            sent=True,
        ),
        surfaced=True,
    )

    health = Health()
    health.failed(Permit(A, 100.0), failure(K.RATE_LIMITED, retry_after=5.0), Cooldown.TARGET, 100.0)
    unasked = Desk(A, health=health, deadline=10.0)
    unasked.actions = unasked.call.tick(unasked.call.deadline)
    assert unasked.settled.failure is not None
    assert not unasked.settled.failure.sent


def test_too_little_time_for_another_target_is_the_deadline() -> None:
    desk = Desk(A, B, deadline=10.0)
    desk.fail(K.CONNECT, after=9.05)
    assert desk.order == "ab"
    desk = Desk(A, B, deadline=10.0)
    desk.fail(K.CONNECT, after=9.15)
    assert desk.order == "a"
    assert desk.settled.failure is not None
    assert desk.settled.failure.kind is K.DEADLINE
    assert desk.decided == "too little time is left for another target"


def test_the_first_attempt_is_made_however_little_time_is_left() -> None:
    assert Desk(A, deadline=0.2).order == "a"


def test_the_timer_names_the_next_thing_to_do() -> None:
    desk = Desk(A, deadline=10.0, retry_delay=4.0, rng=Longest(), max_tries=9)
    assert desk.call.timer() == desk.call.deadline == 110.0
    assert desk.call.tick(109.9) == []
    desk.fail(K.CONNECT)
    assert desk.call.timer() == desk.call.waits_until == 104.0
    assert desk.call.tick(103.9) == []
    desk.wake()
    assert desk.running
    assert desk.call.timer() == 110.0
    desk.succeed()
    assert desk.call.timer() is None


def test_a_whole_answer_is_committed_at_its_end_and_a_stream_only_once() -> None:
    plain = Desk(A)
    plain.succeed()
    assert plain.actions == [Commit(1), Settle(1)]
    stream = Desk(A, streamed=True)
    assert stream.call.receive(Began(1), 100.5) == [Commit(1)]
    assert stream.call.receive(Began(1), 100.6) == []
    stream.succeed()
    assert stream.actions == [Settle(1)]


def test_signals_of_other_attempts_are_ignored() -> None:
    desk = Desk(A, B)
    desk.fail(K.CONNECT)
    for signal in (Began(1), Ended(1), Ended(3), Failed(1, failure(K.CONNECT))):
        assert desk.call.receive(signal, desk.now) == []
    assert not desk.call.settled
    waiting = Desk(A, retry_delay=4.0, rng=Longest())
    waiting.fail(K.CONNECT)
    assert waiting.call.receive(Ended(1), waiting.now) == []


def test_cancelling_says_why_and_aborts_only_what_runs() -> None:
    why = failure(K.CANCELLED)
    desk = Desk(A)
    assert desk.call.receive(Cancelled(why), 101.0) == [Abort(1, why), Settle(1, why, surfaced=True)]
    waiting = Desk(A, retry_delay=4.0, rng=Longest())
    waiting.fail(K.CONNECT)
    assert waiting.call.receive(Cancelled(why), 101.0) == [Settle(None, why, surfaced=True)]


def test_decisions_are_told_of_each_attempt() -> None:
    desk = Desk(A, B, max_tries=2, rng=Longest(), retry_delay=0.5)
    desk.fail(K.DNS)
    desk.wake()
    desk.fail(K.DNS)
    desk.fail(K.INVALID_REQUEST)
    assert desk.call.decisions == {
        1: "retry in 0.50 s",
        2: "no retry: 2 attempts were made (max_retries); fall back to b/m",
        3: "another target would not help",
    }
    alone = Desk(A, max_tries=1)
    alone.fail(K.DNS)
    assert alone.decided == "no retry: 1 attempt was made (max_retries); no other target is left"
    often = Desk(A, max_tries=5)
    often.fail_always(K.DNS)
    assert often.decided == "no retry: this kind of failure gets at most 2 attempts; no other target is left"
    kept = Desk(A, B, max_attempts=2)
    kept.fail(K.DNS)
    assert kept.decided == "no retry: the attempts left are kept for the other targets (max_attempts); fall back to b/m"
    late = Desk(A, deadline=10.0, retry_delay=8.0, rng=Longest())
    late.fail(K.DNS, after=2.0)
    assert late.decided == "no retry: a wait of 8.0 s would exceed the deadline; no other target is left"


def test_every_attempt_is_made_before_the_ceiling_and_none_after_it() -> None:
    desk = Desk(A, B, C, max_attempts=2)
    assert desk.fail_always(K.CONNECT) == "ab"
    assert desk.decided.startswith("max_attempts is reached; ")
    assert desk.decided.endswith("; no other target is left")
    assert Desk(*(Target(name=c, model="m") for c in "abcdefg")).fail_always(K.CONNECT) == "abcdefg"
    assert Desk(A, max_tries=9).fail_always(K.CONNECT) == "aaaa", "three retries at once is what the budget grants"
    assert Desk(A, B, max_tries=9).fail_always(K.DISCONNECTED) == "aaaab", "five attempts, the last kept for the other"


def test_a_free_call_disables_no_model() -> None:
    for free, disabled in ((True, False), (False, True)):
        desk = Desk(A, free=free)
        desk.fail(K.NOT_FOUND)
        assert (desk.health.denial(A, desk.now) is not None) is disabled
        desk = Desk(A, free=free)
        desk.fail(K.AUTHENTICATION)
        assert desk.health.denial(A, desk.now) is not None


def test_windows_that_are_unknown_may_be_larger() -> None:
    assert Desk(A, B, C, windows={"a": 8, "c": 8}).fail_always(K.CONTEXT_LENGTH) == "ab"
    assert Desk(A, B, C, windows={"b": 8}).fail_always(K.CONTEXT_LENGTH) == "abc"
    assert Desk(A, B, C, windows={"a": 8, "b": 9, "c": 10}).fail_always(K.REQUEST_TOO_LARGE) == "abc"


def test_waiting_for_a_cooldown_is_told_as_such() -> None:
    desk = Desk(A, B, rng=Longest())
    desk.health.failed(Permit(B, 100.0), failure(K.RATE_LIMITED, retry_after=6.0), Cooldown.TARGET, 100.0)
    desk.fail(K.CONNECT)
    assert desk.decided == "wait 6.6 s for a target in cooldown"
    desk.wake()
    assert desk.order == "ab"


def test_the_soonest_of_several_cooldowns_is_waited_for() -> None:
    health = Health()
    for target, hint in ((A, 9.0), (B, 6.0), (C, 8.0)):
        health.failed(Permit(target, 100.0), failure(K.RATE_LIMITED, retry_after=hint), Cooldown.TARGET, 100.0)
    desk = Desk(A, B, C, health=health, rng=Longest())
    assert desk.wake() == pytest.approx(6.6)
    assert desk.order == "b"


def test_a_cooldown_that_ends_too_late_is_probed_instead() -> None:
    for deadline, order in ((6.9, "a"), (7.1, "")):
        health = Health()
        health.failed(Permit(A, 100.0), failure(K.RATE_LIMITED, retry_after=6.0), Cooldown.TARGET, 100.0)
        assert Desk(A, health=health, deadline=deadline).order == order
    for max_wait, order in ((5.9, "a"), (6.0, "")):
        health = Health()
        health.failed(Permit(A, 100.0), failure(K.RATE_LIMITED, retry_after=6.0), Cooldown.TARGET, 100.0)
        assert Desk(A, health=health, max_wait=max_wait).order == order
