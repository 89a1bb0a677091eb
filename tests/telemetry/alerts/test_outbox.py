"""When a message is tried, and tried again."""

from __future__ import annotations

import pytest

from understudy.telemetry.alerts.outbox import (
    GIVEN_UP,
    MOST,
    AlertState,
    Pending,
    Reply,
    answered,
    begun,
    due,
    queued,
    without_strangers,
)
from understudy.telemetry.alerts.rules import Alert, Kind
from understudy.telemetry.alerts.store import decode, encode


def alert(number: int = 1, status: str = "firing") -> Alert:
    return Alert(
        id=f"target_down:{number}",
        kind=Kind.TARGET_DOWN,
        status=status,
        subject=str(number),
        severity="critical",
        summary=f"{number} is down",
        since=0,
        at=0,
    )


def tried(state: AlertState, pending: Pending, reply: Reply, now: float) -> AlertState:
    return answered(begun(state, pending, now), pending, reply, now)


def waiting(state: AlertState) -> list[tuple[str, str, str]]:
    return [each.name for each in state.outbox]


def test_each_webhook_gets_each_alert() -> None:
    state = queued(AlertState(), [alert()], ["a", "b"], 100)
    first, second = due(state, ["a", "b"], 100)
    assert (first.webhook, second.webhook) == ("a", "b")
    state = tried(state, first, Reply(204), 100)
    assert waiting(state) == [("target_down:1", "firing", "b")]


def test_waits_double_up_to_five_minutes() -> None:
    state, now, waits = queued(AlertState(), [alert()], ["a"], 0), 0.0, []
    for _ in range(9):
        (pending,) = due(state, ["a"], now)
        state = tried(state, pending, Reply(503), now)
        waits.append(state.outbox[0].due - now)
        assert due(state, ["a"], state.outbox[0].due - 0.1) == []
        now = state.outbox[0].due
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, None])
def test_what_may_pass_is_tried_again(status: int | None) -> None:
    state = queued(AlertState(), [alert()], ["a"], 0)
    state = tried(state, state.outbox[0], Reply(status), 0)
    assert len(state.outbox) == 1


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
def test_what_would_not_help_is_given_up_and_counted(status: int) -> None:
    state = queued(AlertState(), [alert()], ["a"], 0)
    state = tried(state, state.outbox[0], Reply(status), 0)
    assert (state.outbox, state.dropped) == ((), 1)


def test_a_webhook_may_ask_to_wait_longer() -> None:
    state = queued(AlertState(), [alert()], ["a"], 0)
    assert tried(state, state.outbox[0], Reply(429, retry_after=90), 0).outbox[0].due == 90


def test_after_a_day_a_message_is_given_up() -> None:
    state = queued(AlertState(), [alert()], ["a"], 0)
    state = tried(state, state.outbox[0], Reply(503), GIVEN_UP - 1)
    assert len(state.outbox) == 1
    assert tried(state, state.outbox[0], Reply(503), GIVEN_UP).outbox == ()


def test_behind_a_message_that_is_stuck_the_others_wait() -> None:
    state = queued(AlertState(), [alert(1), alert(2)], ["a", "b"], 0)
    state = tried(state, state.outbox[0], Reply(503), 0)
    assert [each.name[0::2] for each in due(state, ["a", "b"], 1)] == [
        ("target_down:1", "b"),
        ("target_down:2", "b"),
    ]
    assert [each.name[0::2] for each in due(state, ["a"], 5)] == [("target_down:1", "a")]


def test_an_alert_that_is_over_before_it_was_tried_is_not_sent() -> None:
    state = queued(AlertState(), [alert()], ["a"], 0)
    assert queued(state, [alert(status="resolved")], ["a"], 1).outbox == ()


@pytest.mark.parametrize("is_answered", [True, False])
def test_of_one_that_may_have_arrived_the_end_is_sent(is_answered: bool) -> None:
    state = queued(AlertState(), [alert()], ["a"], 0)
    state = (tried(state, state.outbox[0], Reply(None), 0)) if is_answered else begun(state, state.outbox[0], 0)
    assert waiting(queued(state, [alert(status="resolved")], ["a"], 1)) == [("target_down:1", "resolved", "a")]


def test_the_queue_is_bounded() -> None:
    state = queued(AlertState(), [alert(at) for at in range(MOST + 50)], ["a"], 0)
    assert (len(state.outbox), state.dropped) == (MOST, 50)
    assert state.outbox[-1].alert.subject == str(MOST + 49)


def test_a_webhook_that_is_configured_no_longer_gets_nothing() -> None:
    state = queued(AlertState(), [alert()], ["a", "b"], 0)
    assert waiting(without_strangers(state, ["b"])) == [("target_down:1", "firing", "b")]


def test_a_state_is_read_as_it_was_written() -> None:
    state = queued(AlertState(), [alert()], ["a"], 0)
    assert decode(encode(state)) == state
    assert decode(b"") == decode(b"{not json") == AlertState()
