"""Requests and circuit breakers: who pays for a target that is down, who waits, and who goes on."""

from __future__ import annotations

import pytest

from tests.policy.desk import A, B, C, Desk, Longest, failure
from understudy.domain.failures import FailureKind
from understudy.policy.health import Health, Permit
from understudy.policy.signals import Began, Cancelled
from understudy.policy.targets import Target
from understudy.policy.verdicts import VERDICTS

K = FailureKind
TWIN = Target(name="twin", model="m", index=1, credential="key-twin", endpoint="host-a")
SISTER = Target(name="sister", model="other", index=1, credential="key-a", endpoint="host-a")
COUNTED_FOR_THE_HOST = [K.DNS, K.CONNECT, K.CONNECT_TIMEOUT, K.PROXY]
COUNTED_FOR_THE_MODEL = [
    K.WRITE_FAILED, K.DISCONNECTED, K.PROTOCOL, K.REDIRECT, K.TIMEOUT_HEADERS, K.TIMEOUT_BODY, K.TIMEOUT_FIRST_EVENT,
    K.STALLED, K.TRUNCATED, K.BAD_RESPONSE, K.OVERLOADED, K.SERVER_ERROR, K.CONFLICT,
]  # fmt: skip


def outage(kind: FailureKind = K.SERVER_ERROR, *targets: Target, now: float = 100.0) -> Health:
    """Return the health after targets have failed until their breakers opened, for one second each."""
    health = Health(Longest())
    for target in targets or (A,):
        for _ in range(5):
            Desk(target, health=health, now=now, max_tries=1).fail(kind)
    return health


# ---- which failures count ----


@pytest.mark.parametrize("kind", FailureKind)
def test_what_opens_a_breaker(kind: FailureKind) -> None:
    health, verdict = Health(Longest()), VERDICTS[kind]
    for _ in range(5):
        permit = health.acquire(A, 100.0)
        if isinstance(permit, Permit):
            health.failed(permit, failure(kind), verdict.cooldown, 100.0, verdict.trips)
            health.release(permit)
    opened = {each.name for each in (A, TWIN, SISTER) if (denial := health.denial(each, 100.0)) and denial.breaker}
    host, model = kind in COUNTED_FOR_THE_HOST, kind in COUNTED_FOR_THE_MODEL
    assert opened == ({"a", "twin", "sister"} if host else {"a"} if model else set())


def test_a_free_operation_is_refused_by_the_host_alone() -> None:
    """A list of models can be had although a model is down, rate-limited or unknown."""
    health = outage(K.SERVER_ERROR)
    Desk(B, health=health).fail(K.NOT_FOUND)
    Desk(C, health=health).fail(K.RATE_LIMITED, retry_after=60.0)
    for target in (A, B, C):
        assert Desk(target, health=health, free=True).order == target.name
    assert Desk(A, health=outage(K.CONNECT), free=True).order == ""


def test_failures_of_free_operations_do_not_count_for_the_model() -> None:
    health = Health(Longest())
    for _ in range(9):
        Desk(A, health=health, free=True, max_tries=1).fail(K.SERVER_ERROR)
    assert health.calm


# ---- who pays ----


def test_while_it_is_open_others_are_asked_at_once() -> None:
    health = outage()
    desk = Desk(A, B, health=health)
    assert desk.order == "b"
    assert [*map(str, desk.call.denials.values())] == ["a/m for 1 s (circuit breaker: server_error: no)"]


def test_one_request_probes_and_the_others_do_not_wait_for_it() -> None:
    health = outage()
    assert [Desk(A, B, health=health, now=101.0).order for _ in range(4)] == ["a", "b", "b", "b"]


def test_a_probe_that_fails_is_not_repeated() -> None:
    desk = Desk(A, B, health=outage(), now=101.0)
    desk.fail(K.SERVER_ERROR)
    assert desk.order == "ab"
    assert "no retry now: the circuit breaker is open" in desk.decided


def test_a_probe_that_is_cancelled_may_be_made_by_the_next() -> None:
    health = outage()
    probing = Desk(A, B, health=health, now=101.0)
    probing.call.receive(Cancelled(), 101.5)
    assert Desk(A, B, health=health, now=101.5).order == "a"


def test_once_a_probe_has_begun_to_answer_the_next_request_probes_too() -> None:
    health = outage()
    probing = Desk(A, B, health=health, now=101.0)
    assert probing.launched.probes
    probing.call.receive(Began(1), 101.2)
    assert Desk(A, B, health=health, now=101.3).order == "a"


# ---- who waits ----


def test_when_all_are_down_requests_wait_behind_one_probe_and_go_on_together() -> None:
    health = outage()
    desks = [Desk(A, health=health, now=100.5, rng=Longest()) for _ in range(5)]
    assert [desk.order for desk in desks] == [""] * 5
    for desk in desks:
        assert desk.wake() == pytest.approx(0.55)
    assert [desk.order for desk in desks] == ["a", "", "", "", ""]
    for desk in desks[1:]:
        assert desk.wake() == pytest.approx(0.2)
    desks[0].now = desks[1].now
    desks[0].succeed()
    for desk in desks[1:]:
        desk.wake()
    assert [desk.order for desk in desks] == ["a"] * 5


def test_a_request_whose_targets_all_failed_waits_for_one_to_come_back() -> None:
    health = outage(K.SERVER_ERROR, A, B)
    desk = Desk(A, B, health=health, now=101.0, rng=Longest())
    desk.fail(K.SERVER_ERROR)
    desk.fail(K.SERVER_ERROR)
    assert desk.order == "ab"
    assert "wait 2.2 s for a target to come back" in desk.decided
    desk.wake()
    desk.succeed()
    assert desk.order == "aba"
    assert desk.settled.failure is None


def test_it_waits_no_longer_than_max_wait() -> None:
    desk = Desk(A, health=outage(), now=100.0, max_wait=0.0)
    assert desk.settled.failure is not None
    assert desk.settled.failure.kind is K.OVERLOADED
    assert desk.settled.failure.retry_after == pytest.approx(1.0)


def test_nor_beyond_its_deadline() -> None:
    desk = Desk(A, health=outage(), now=100.0, deadline=1.5)
    assert desk.settled.failure is not None
    assert desk.settled.failure.kind is K.OVERLOADED


def test_nor_for_a_target_that_answered_no() -> None:
    """A wrong key does not come right by waiting."""
    desk = Desk(A, max_tries=3)
    desk.fail(K.AUTHENTICATION)
    assert desk.settled.failure is not None


def test_it_comes_back_within_its_ceilings_only() -> None:
    """Each target is asked at most `max_tries` times, whatever comes back."""
    health = Health(Longest())
    for _ in range(4):
        Desk(A, health=health, max_tries=1).fail(K.DISCONNECTED)
    desk = Desk(A, health=health, max_tries=2)
    assert desk.fail_always(K.DISCONNECTED) == "aa"


# ---- what an operator does ----


def test_a_disabled_entry_is_passed_over_until_it_is_enabled() -> None:
    health = Health()
    health.disable("a")
    assert Desk(A, B, health=health, now=1e9).order == "b"
    assert Desk(A, health=health).settled.failure is not None
    health.enable("a", (A,))
    assert Desk(A, B, health=health).order == "a"
    assert health.calm


def test_enabling_forgets_what_was_held_against_it() -> None:
    health = outage()
    Desk(B, health=health).fail(K.AUTHENTICATION)
    health.enable("a", (A,))
    health.enable("b", (B,))
    assert health.calm
    assert Desk(A, health=health).order == "a"


def test_targets_of_one_quota_share_its_cooldown() -> None:
    health = Health()
    one = Target(name="a", model="m", rate_limit_domain="team")
    other = Target(name="b", model="n", rate_limit_domain="team")
    Desk(one, health=health, max_tries=1).fail(K.RATE_LIMITED, retry_after=30.0)
    assert Desk(other, C, health=health).order == "c"


# ---- whose fault, whose limit ----


def test_a_host_that_answers_5xx_was_reached() -> None:
    """The breaker of the connection closes, and that of the model counts."""
    health = outage(K.CONNECT)
    for now in (101.0, 101.1):
        desk = Desk(A, health=health, now=now, max_tries=1)
        desk.fail(K.SERVER_ERROR, status=500)
        assert desk.order == "a"
    assert health.denial(A, 101.2) is None
    assert [Desk(A, health=health, now=101.2).order for _ in range(3)] == ["a"] * 3


def test_another_request_s_rate_limit_is_waited_for() -> None:
    """Only its own, whose wait it has served, may be probed before its end."""
    health = Health()
    mine = Desk(A, health=health, rng=Longest(), retry_delay=1.0)
    other = Desk(A, health=health)
    mine.fail(K.DISCONNECTED)
    other.fail(K.RATE_LIMITED, retry_after=3.0)
    assert mine.wake() == pytest.approx(1.0)
    assert mine.order == "a"
    assert mine.wake() == pytest.approx(2.0)
    assert mine.order == "aa"
