"""Single decisions of `Call`, as docs/fallback.md describes them."""

from __future__ import annotations

from random import Random

import pytest

from tests.policy.desk import A, B, C, Desk, failure
from understudy.domain.failures import FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.health import Health, Permit
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Abort, Action, Began, Cancelled, Commit, Ended, Failed, Launch, Rules, Settle
from understudy.policy.targets import Target
from understudy.policy.verdicts import Cooldown

K = FailureKind


def test_the_third_target_is_reached_when_the_first_two_fail() -> None:
    desk = Desk(A, B, C, max_tries=3)
    tried: list[str] = []
    while len(tried) < 9 and not desk.call.settled:
        tried.append(desk.launched.target.name)
        if tried[-1] == "c":
            break
        desk.fail(K.SERVER_ERROR)
    assert tried == ["a", "a", "a", "b", "c"]


def test_a_refused_connection_goes_to_the_next_at_once() -> None:
    desk = Desk(A, B)
    desk.fail(K.CONNECT, sent=False)
    assert desk.launched.target is B


def test_a_refused_connection_is_retried_when_nothing_else_is_left() -> None:
    desk = Desk(A, max_tries=2)
    desk.fail(K.CONNECT, sent=False)
    assert desk.launched.target is A
    desk.fail(K.CONNECT, sent=False)
    assert desk.settled.failure is not None
    assert not desk.settled.surfaced


def test_a_short_retry_after_is_waited_for_at_the_same_target() -> None:
    desk = Desk(A, B)
    desk.fail(K.RATE_LIMITED, status=429, retry_after=2.0)
    assert desk.actions == []
    assert 2.0 <= desk.wake() <= 2.2
    assert desk.launched.target is A


def test_a_long_retry_after_sets_the_target_aside_and_falls_back() -> None:
    desk = Desk(A, B)
    desk.fail(K.RATE_LIMITED, status=429, retry_after=300.0)
    assert desk.launched.target is B
    denial = desk.health.denial(A, desk.now + 299)
    assert denial is not None


def test_a_rate_limit_without_a_hint_falls_back_first() -> None:
    desk = Desk(A, B)
    desk.fail(K.RATE_LIMITED, status=429)
    assert desk.launched.target is B


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    desk = Desk(A, deadline=5.0)
    desk.fail(K.RATE_LIMITED, status=429, retry_after=10.0)
    assert desk.settled.attempt == 1
    assert "deadline" in desk.call.decisions[1]


def test_a_wrong_key_is_never_retried_and_sets_everything_with_that_key_aside() -> None:
    twin = Target(name="twin", model="m", index=3, credential="key-a")
    desk = Desk(A, twin, B)
    desk.fail(K.AUTHENTICATION, status=401)
    assert desk.launched.target is B
    assert desk.health.denial(twin, desk.now) is not None


def test_an_invalid_request_is_surfaced() -> None:
    desk = Desk(A, B)
    desk.fail(K.INVALID_REQUEST, status=400)
    assert desk.settled.surfaced


def test_an_invalid_request_falls_back_when_it_was_altered_for_the_target() -> None:
    desk = Desk(A, B)
    desk.fail(K.INVALID_REQUEST, status=400, translated=True)
    assert desk.launched.target is B


@pytest.mark.parametrize(("allowed", "next_target"), [(True, "b"), (False, None)])
def test_a_filter_falls_back_only_by_policy(allowed: bool, next_target: str | None) -> None:
    desk = Desk(A, B, fallback_on_filter=allowed)
    desk.fail(K.CONTENT_FILTER, status=400)
    launches = [action.target.name for action in desk.actions if isinstance(action, Launch)]
    assert launches == ([next_target] if next_target else [])


def test_a_full_context_goes_only_to_windows_that_are_not_known_to_be_as_small() -> None:
    desk = Desk(A, B, C, windows={"a": 8000, "b": 8000, "c": 128_000})
    desk.fail(K.CONTEXT_LENGTH, status=400)
    assert desk.launched.target is C


def test_a_full_context_is_surfaced_when_no_window_is_larger() -> None:
    desk = Desk(A, B, windows={"a": 8000, "b": 4000})
    desk.fail(K.CONTEXT_LENGTH, status=400)
    assert desk.settled.surfaced


def test_should_retry_false_beats_the_table() -> None:
    desk = Desk(A, B)
    desk.fail(K.SERVER_ERROR, status=500, should_retry=False)
    assert desk.launched.target is B


def test_after_the_commit_of_a_stream_nothing_replaces_it() -> None:
    desk = Desk(A, B, streamed=True)
    assert desk.call.receive(Began(1), desk.now) == [Commit(1)]
    desk.fail(K.TRUNCATED, answered=True)
    assert desk.settled.surfaced
    assert desk.call.committed == 1


def test_a_plain_answer_that_breaks_in_the_middle_is_replaced() -> None:
    desk = Desk(A, B)
    assert desk.call.receive(Began(1), desk.now) == []
    desk.fail(K.TRUNCATED, answered=True)
    assert desk.launched.attempt == 2


def test_nothing_is_repeated_once_hosted_tools_may_have_acted() -> None:
    desk = Desk(A, B, has_effects=True)
    desk.fail(K.DISCONNECTED, answered=True)
    assert desk.settled.surfaced


def test_hosted_tools_do_not_forbid_a_fallback_before_any_answer() -> None:
    desk = Desk(A, B, has_effects=True)
    desk.fail(K.CONNECT, sent=False)
    assert desk.launched.target is B


def test_the_deadline_aborts_what_runs() -> None:
    desk = Desk(A, deadline=10.0)
    desk.wake()
    aborted = [action for action in desk.actions if isinstance(action, Abort)]
    assert [action.attempt for action in aborted] == [1]
    assert desk.settled.failure is not None
    assert desk.settled.failure.kind is K.DEADLINE


def test_cancellation_aborts_what_runs_and_returns_its_permit() -> None:
    desk = Desk(A)
    desk.actions = desk.call.receive(Cancelled(), desk.now)
    assert isinstance(desk.actions[0], Abort)
    assert desk.health.facts(A, desk.now).in_flight == 0


def test_late_signals_are_ignored() -> None:
    desk = Desk(A, B)
    desk.fail(K.CONNECT)
    assert desk.call.receive(Ended(1), desk.now) == []
    assert desk.call.receive(Failed(1, failure(K.CONNECT)), desk.now) == []


def test_all_targets_aside_for_a_moment_are_waited_for() -> None:
    health = Health()
    health.failed(Permit(A, 100.0), failure(K.RATE_LIMITED, retry_after=3.0), Cooldown.TARGET, 100.0)
    call = Call(Plan((Step(A, "test"),)), Rules(), health=health, budgets=Budgets(), rng=Random(1))
    assert call.start(100.0) == []
    due = call.timer()
    assert due is not None
    assert 103.0 <= due <= 103.4
    assert isinstance(call.tick(due)[0], Launch)


def test_all_targets_aside_for_long_let_one_probe_through_and_its_success_lifts_the_ban() -> None:
    health = Health()
    health.failed(Permit(A, 100.0), failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 100.0)

    def ask() -> tuple[Call, list[Action]]:
        call = Call(Plan((Step(A, "test"),)), Rules(max_wait=0.0), health=health, budgets=Budgets(), rng=Random(1))
        return call, call.start(100.0)

    first, actions = ask()
    assert isinstance(actions[0], Launch)
    _, refused = ask()
    assert isinstance(refused[0], Settle)
    assert refused[0].failure is not None
    assert refused[0].failure.retry_after == pytest.approx(300.0)
    first.receive(Ended(1), 101.0)
    assert health.denial(A, 101.0) is None
