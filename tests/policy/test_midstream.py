"""What may happen to a stream after its commit: `surface`, `hold`, `restart`, `continue`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.policy.desk import A, B, C, Desk, Longest, Unbroken, failure
from understudy.domain.failures import FailureKind as K
from understudy.policy.health import Health
from understudy.policy.signals import Abort, Beat, Began, Cancelled, Commit, Ended, Failed, Launch, Settle

CONTINUER = msgspec.structs.replace(C, continues=True)


def begin(desk: Desk, *, full: bool = False) -> list[object]:
    """Let content of the latest attempt arrive."""
    return [*desk.call.receive(Began(max(desk.call.running), full), desk.now)]


def test_a_restart_goes_to_the_next_target_and_its_commit_names_what_it_replaces() -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error="restart")
    assert begin(desk) == [Commit(1)]
    desk.fail(K.TRUNCATED, answered=True)
    assert desk.launched.target is B
    assert not desk.launched.continues
    assert desk.call.committed is None
    assert begin(desk) == [Commit(2, replaces=1)]
    assert desk.call.committed == 2
    assert desk.succeed() == [Settle(2)]


def test_a_target_that_refuses_what_another_had_accepted_is_not_the_last() -> None:
    desk = Desk(A, B, C, streamed=True, on_midstream_error="restart")
    begin(desk)
    desk.fail(K.TRUNCATED, answered=True)
    desk.fail(K.INVALID_REQUEST, status=400)
    assert desk.order == "abc"


def test_what_follows_a_break_may_break_too() -> None:
    desk = Desk(A, B, C, streamed=True, on_midstream_error="restart")
    begin(desk)
    desk.fail(K.TRUNCATED, answered=True)
    begin(desk)
    desk.fail(K.DISCONNECTED, answered=True)
    assert begin(desk) == [Commit(3, replaces=2)]
    assert desk.order == "abc"


def test_a_broken_target_is_asked_again_only_after_the_others() -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error="restart", health=Unbroken(), max_tries=2)
    begin(desk)
    desk.fail(K.TRUNCATED, answered=True)
    desk.fail(K.TRUNCATED)
    while not desk.running:
        desk.wake()
    assert desk.order == "abb"
    alone = Desk(A, streamed=True, on_midstream_error="restart", health=Unbroken(), max_tries=2)
    begin(alone)
    alone.fail(K.TRUNCATED, answered=True)
    while not alone.running:
        alone.wake()
    assert alone.order == "aa"


@pytest.mark.parametrize("mode", ["restart", "continue"])
def test_the_error_is_that_of_the_answer_which_was_shown(mode: str) -> None:
    """A target behind it that refuses the key or the request never shows its error in place of the real one."""
    for kind in (K.AUTHENTICATION, K.INVALID_REQUEST, K.CONTENT_FILTER, K.UNKNOWN_STATUS):
        desk = Desk(A, CONTINUER, streamed=True, on_midstream_error=mode)
        begin(desk)
        desk.now += 1
        desk.note(desk.call.receive(Failed(1, failure(K.STALLED), answered=True, continuable=True), desk.now))
        assert desk.launched.target is CONTINUER
        desk.fail(kind, status=400)
        while not desk.call.settled:  # the first one may be asked again
            if desk.running:
                desk.fail(K.AUTHENTICATION)
            else:
                desk.wake()
        assert desk.settled == Settle(1, failure(K.STALLED), surfaced=True)


@pytest.mark.parametrize("mode", ["surface", "hold"])
def test_nothing_replaces_what_was_shown_unless_asked_for(mode: str) -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error=mode)
    begin(desk, full=True)
    desk.fail(K.TRUNCATED, answered=True)
    assert desk.settled == Settle(1, failure(K.TRUNCATED), surfaced=True)
    assert desk.decided == "the answer had started, so nothing may replace it"


def test_what_another_target_would_not_help_is_not_restarted() -> None:
    for kind in (K.UNKNOWN_STATUS, K.INVALID_REQUEST, K.CONTENT_FILTER):
        desk = Desk(A, B, streamed=True, on_midstream_error="restart")
        begin(desk)
        desk.fail(kind, answered=True)
        assert desk.settled == Settle(1, failure(kind), surfaced=True)
        assert desk.decided == "another target would not help"
        assert desk.call.committed == (1 if kind is K.UNKNOWN_STATUS else None), "no break: this is the answer"
    filtered = Desk(A, B, streamed=True, on_midstream_error="restart", fallback_on_filter=True)
    begin(filtered)
    filtered.fail(K.CONTENT_FILTER, answered=True)
    assert filtered.launched.target is B


@pytest.mark.parametrize("mode", ["restart", "continue", "hold"])
def test_hosted_tools_with_effects_are_never_repeated(mode: str) -> None:
    desk = Desk(A, CONTINUER, streamed=True, on_midstream_error=mode, has_effects=True)
    begin(desk)
    desk.note(desk.call.receive(Failed(1, failure(K.TRUNCATED), answered=True, continuable=True), desk.now))
    assert desk.settled.failure == failure(K.TRUNCATED)


def test_not_even_where_the_failure_does_not_tell_that_the_answer_had_begun() -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error="restart", has_effects=True)
    begin(desk)
    desk.fail(K.TRUNCATED, answered=False)
    assert desk.settled == Settle(1, failure(K.TRUNCATED), surfaced=True)
    assert desk.decided == "hosted tools may have had side effects, so nothing is repeated"


def test_only_a_declared_target_continues() -> None:
    desk = Desk(A, B, CONTINUER, streamed=True, on_midstream_error="continue")
    begin(desk)
    desk.note(desk.call.receive(Failed(1, failure(K.TRUNCATED), answered=True, continuable=True), desk.now))
    assert desk.launched.target is CONTINUER
    assert desk.launched.continues
    assert begin(desk) == [Commit(2, replaces=1)]
    desk.fail(K.TRUNCATED, answered=True)  # not plain text any more
    assert desk.settled == Settle(2, failure(K.TRUNCATED), surfaced=True)


def test_a_target_that_cannot_continue_does_not_come_back_for_it() -> None:
    """Its breaker is open, and would soon let it be probed."""
    health = Health(Longest())
    for _ in range(4):
        Desk(A, health=health, max_tries=1).fail(K.TRUNCATED)
    desk = Desk(A, CONTINUER, streamed=True, on_midstream_error="continue", health=health, max_tries=2)
    begin(desk)
    desk.note(desk.call.receive(Failed(1, failure(K.TRUNCATED), answered=True, continuable=True), desk.now))
    assert health.denial(A, desk.now) is not None
    assert desk.order == "ac"
    desk.fail(K.TLS)
    assert desk.settled == Settle(1, failure(K.TRUNCATED), surfaced=True)


def test_without_a_declared_target_it_is_as_surface() -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error="continue")
    begin(desk)
    desk.note(desk.call.receive(Failed(1, failure(K.TRUNCATED), answered=True, continuable=True), desk.now))
    assert desk.settled == Settle(1, failure(K.TRUNCATED), surfaced=True)
    assert desk.decided == "no target is declared to continue an answer that has begun"


@pytest.mark.parametrize("kind", [K.TOO_LARGE, K.SCHEMA_MISMATCH, K.EMPTY, K.RESAMPLE])
def test_what_is_wrong_in_itself_is_not_continued(kind: K) -> None:
    desk = Desk(A, CONTINUER, streamed=True, on_midstream_error="continue")
    begin(desk)
    desk.note(desk.call.receive(Failed(1, failure(kind), answered=True, continuable=True), desk.now))
    assert desk.settled.failure == failure(kind)


def test_a_continuer_continues_its_own_answer_when_it_is_the_only_one() -> None:
    desk = Desk(CONTINUER, B, streamed=True, on_midstream_error="continue", health=Unbroken())
    begin(desk)
    desk.note(desk.call.receive(Failed(1, failure(K.TRUNCATED), answered=True, continuable=True), desk.now))
    while not desk.running:
        desk.wake()
    assert desk.order == "cc"


def test_a_held_answer_falls_back_unseen_and_commits_when_it_is_full() -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error="hold", hold_chars=10)
    assert begin(desk) == []
    desk.fail(K.STALLED, answered=True)
    assert desk.launched.target is B
    assert begin(desk) == []
    assert begin(desk, full=True) == [Commit(2)]
    assert desk.succeed() == [Settle(2)]


def test_a_held_answer_commits_at_its_end() -> None:
    desk = Desk(A, streamed=True, on_midstream_error="hold")
    begin(desk)
    assert desk.succeed() == [Commit(1), Settle(1)]


def test_heartbeats_begin_with_the_content_and_end_with_the_commit() -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error="hold", heartbeat=10.0, deadline=100.0)
    assert desk.call.timer() == 200.0
    desk.now = 103.0
    begin(desk)
    for due in (113.0, 123.0):
        desk.wake()
        assert (desk.now, desk.actions) == (due, [Beat()])
    desk.note(desk.call.receive(Failed(1, failure(K.STALLED), answered=True), desk.now))
    assert desk.launched.target is B  # which is silent, but the caller is not left without a sign
    desk.wake()
    assert (desk.now, desk.actions) == (133.0, [Beat()])
    begin(desk, full=True)
    assert desk.call.timer() == 200.0


def test_further_content_does_not_put_a_heartbeat_off_and_there_is_none_after_the_commit() -> None:
    desk = Desk(A, streamed=True, on_midstream_error="hold", heartbeat=10.0, deadline=100.0)
    begin(desk)
    desk.now = 105.0
    begin(desk)
    assert desk.call.timer() == 110.0
    assert desk.call.tick(109.9) == []
    assert desk.call.tick(110.0) == [Beat()]
    begin(desk, full=True)
    assert begin(desk) == []
    assert desk.call.timer() == 200.0
    assert desk.call.tick(150.0) == []


@pytest.mark.parametrize("rules", [{"streamed": False, "heartbeat": 10.0}, {"streamed": True}])
def test_without_a_stream_or_an_interval_there_are_no_heartbeats(rules: dict[str, Any]) -> None:
    desk = Desk(A, on_midstream_error="hold", deadline=100.0, **rules)
    begin(desk)
    assert desk.call.timer() == 200.0


def test_no_time_for_another_target_leaves_the_real_error() -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error="restart", deadline=10.0)
    begin(desk)
    desk.fail(K.TRUNCATED, answered=True, after=9.5)
    assert desk.settled == Settle(1, failure(K.TRUNCATED), surfaced=True)


def test_the_deadline_and_a_cancellation_end_a_restart_as_themselves() -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error="restart", deadline=10.0)
    begin(desk)
    desk.fail(K.TRUNCATED, answered=True)
    (abort, settle) = desk.call.tick(110.0)
    assert isinstance(abort, Abort)
    assert isinstance(settle, Settle)
    assert settle.failure is not None
    assert settle.failure.kind is K.DEADLINE
    desk = Desk(A, B, streamed=True, on_midstream_error="restart")
    begin(desk)
    desk.fail(K.TRUNCATED, answered=True)
    settle = desk.call.receive(Cancelled(), desk.now)[-1]
    assert isinstance(settle, Settle)
    assert settle.failure == Cancelled().failure


def test_a_hedge_that_was_outrun_may_still_take_over() -> None:
    desk = Desk(A, B, streamed=True, on_midstream_error="restart", hedge_after=1.0)
    desk.wake()
    assert desk.order == "ab"
    outrun = failure(K.CANCELLED, message="another attempt answered first")
    assert desk.call.receive(Began(1), desk.now) == [Commit(1), Abort(2, outrun)]
    actions = desk.call.receive(Failed(1, failure(K.TRUNCATED), answered=True), desk.now)
    (launch,) = actions
    assert isinstance(launch, Launch)
    assert launch.target is B
    assert desk.call.receive(Ended(3), desk.now) == [Commit(3, replaces=1), Settle(3)]
