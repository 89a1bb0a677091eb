"""Requests and circuit breakers: who pays for a target that is down, who waits, and who goes on."""

from __future__ import annotations

import pytest

from tests.policy.desk import A, B, C, Desk, Longest, failure
from understudy.domain.failures import FailureKind
from understudy.policy.breaker import BreakerState
from understudy.policy.budgets import Budgets
from understudy.policy.health import Health, Permit
from understudy.policy.signals import Began, Cancelled, Denied, Settle
from understudy.policy.skipped import Skipped
from understudy.policy.targets import Target
from understudy.policy.verdicts import VERDICTS, Cooldown, Trips

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


def test_a_free_operation_probes_a_refused_key_although_the_model_is_down() -> None:
    health = outage()
    Desk(B, health=health, now=100.0)
    health.failed(Permit(A, 100.0), failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 100.0)
    assert Desk(A, health=health, max_wait=0.0).order == ""
    assert Desk(A, health=health, max_wait=0.0, free=True).order == "a"


def test_so_does_its_retry() -> None:
    health = Health(Longest())
    desk = Desk(A, health=health, free=True, retry_delay=2.0, rng=Longest())
    desk.fail(K.SERVER_ERROR)
    for _ in range(5):
        Desk(A, health=health, now=101.9, max_tries=1).fail(K.SERVER_ERROR)
    health.failed(Permit(A, 101.9), failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 101.9)
    desk.wake()
    assert desk.order == "aa"
    assert desk.launched.probes


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


@pytest.mark.parametrize(("targets", "orders"), [((A,), "aaa"), ((A, B), "abb")])
def test_beside_a_probe_that_answers_only_a_request_without_another_target_goes_on(
    targets: tuple[Target, ...], orders: str
) -> None:
    health = outage()
    probing = Desk(*targets, health=health, now=101.0)
    probing.call.receive(Began(1), 101.2)
    assert "".join(Desk(*targets, health=health, now=101.3).order for _ in range(3)) == orders


def test_a_server_that_breaks_down_under_long_answers_is_left_alone_after_five() -> None:
    """Those that began early break first; the many that came and went meanwhile are not under way."""
    health = Health(Longest())
    long = []
    for _ in range(5):
        for _ in range(40):
            permit = health.acquire(A, 100.0, health.new_caller())
            assert isinstance(permit, Permit)
            health.succeeded(permit, 101.0)
            health.release(permit)
        permit = health.acquire(A, 100.0, health.new_caller())
        assert isinstance(permit, Permit)
        long.append(permit)
    for permit in long:
        assert health.denial(A, 130.0) is None
        health.failed(permit, failure(K.TRUNCATED), Cooldown.NOTHING, 130.0, Trips.TARGET)
        health.release(permit)
    assert health.denial(A, 130.0) is not None


@pytest.mark.parametrize(("kind", "at"), [(K.SERVER_ERROR, 1), (K.CONNECT, 0)])
def test_attempts_are_counted_at_the_target_and_at_its_host(kind: FailureKind, at: int) -> None:
    """Those that were launched beside the ones that fail count as well, until they end."""

    def launch(health: Health, target: Target) -> Permit:
        permit = health.acquire(target, 100.0)
        assert isinstance(permit, Permit)
        return permit

    def fail(health: Health, permit: Permit) -> None:
        health.failed(permit, failure(kind), VERDICTS[kind].cooldown, 100.0, VERDICTS[kind].trips)
        health.release(permit)

    health = Health(Longest())
    burst = [launch(health, A) for _ in range(60)]
    for each in burst[::3]:
        fail(health, each)
    assert health.denial(A, 100.0) is None
    ended = Health(Longest())
    for _ in range(5):
        assert ended.denial(A, 100.0) is None
        failing, *others = [launch(ended, A) for _ in range(4)]
        for each in others:
            ended.release(each)
        fail(ended, failing)
    assert ended.denial(A, 100.0) is not None
    assert launch(Health(), A).numbers == (1, 1)
    counting = Health()
    launch(counting, SISTER)
    assert launch(counting, A).numbers == (2, 1)[: at + 2], "the host is the same, the target is not"


@pytest.mark.parametrize("calm", [True, False])
def test_failures_of_five_requests_under_way_together_are_an_outage(calm: bool) -> None:
    health = Health(Longest())
    if not calm:
        Desk(B, health=health).fail(K.AUTHENTICATION)
    desks = [Desk(A, health=health, max_tries=1) for _ in range(9)]
    for desk in desks[:5]:
        assert health.denial(A, 100.0) is None
        desk.fail(K.SERVER_ERROR)
    assert health.denial(A, 100.0) is not None


def test_probes_of_several_requests_are_of_several_callers() -> None:
    """Each probes a cooldown of its own, and all of them fail at the same host while others are under way."""
    health = Health(Longest())
    entries = [Target(name=f"e{number}", model="m", endpoint="host", credential=f"k{number}") for number in range(6)]
    for entry in entries:
        health.failed(Permit(entry, 100.0), failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 100.0)
    desks = [Desk(entry, health=health, now=101.0, max_tries=1) for entry in entries]
    assert all(desk.launched.probes for desk in desks)
    for desk in desks[:5]:
        desk.fail(K.CONNECT)
    assert health.breaker_state(entries[0], 101.0) is BreakerState.OPEN


def test_a_breaker_of_the_host_that_is_closed_does_not_hide_that_of_the_model() -> None:
    health = Health(Longest())
    Desk(A, health=health, max_tries=1).fail(K.CONNECT)
    for _ in range(5):
        Desk(A, health=health, max_tries=1).fail(K.SERVER_ERROR)
    assert health.denial(A, 100.0) is not None
    assert health.denial(SISTER, 100.0) is None


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


def test_it_looks_whether_a_probe_has_ended_although_another_target_is_in_cooldown() -> None:
    health = outage()
    assert Desk(A, health=health, now=101.0).launched.probes
    health.failed(Permit(B, 101.0), failure(K.RATE_LIMITED, retry_after=15.0), Cooldown.TARGET, 101.0)
    waiting = Desk(A, B, health=health, now=101.1)
    assert waiting.order == ""
    assert waiting.call.timer() == pytest.approx(101.3)


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


def test_what_came_back_while_another_target_was_asked_is_asked_again() -> None:
    """No wait is needed: the rate limit of `b` is over when `c` fails."""
    desk = Desk(A, B, C, deadline=6.0)
    desk.fail(K.PROTOCOL)
    desk.fail(K.RATE_LIMITED, retry_after=3.0)
    assert "would use the time that other targets need" in desk.decided
    desk.fail(K.PROTOCOL, after=3.5)
    assert desk.order == "abcb"
    desk.succeed()


def test_a_target_that_comes_back_may_have_the_larger_window() -> None:
    desk = Desk(A, B, max_attempts=5)
    desk.fail(K.RATE_LIMITED)
    desk.fail(K.CONTEXT_LENGTH)
    desk.wake()
    desk.succeed()
    assert desk.order == "aba"


def test_unless_its_window_is_known_to_be_no_larger() -> None:
    desk = Desk(A, B, windows={"a": 8, "b": 8})
    desk.fail(K.RATE_LIMITED)
    desk.fail(K.CONTEXT_LENGTH)
    assert desk.settled.failure is not None
    assert desk.settled.failure.kind is K.CONTEXT_LENGTH


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


@pytest.mark.parametrize("max_tries", [1, 9])
def test_a_kind_that_is_retried_once_comes_back_once_at_most(max_tries: int) -> None:
    health = Health(Longest())
    for _ in range(4):
        Desk(A, health=health, max_tries=1).fail(K.CONNECT_TIMEOUT)
    desk = Desk(A, health=health, max_tries=max_tries)
    assert desk.fail_always(K.CONNECT_TIMEOUT) == "a" * min(max_tries, 2)


def test_a_retry_waits_for_its_target_s_breaker_no_longer_than_its_back_off() -> None:
    """It is open for eight seconds, and the back-off is one."""
    for targets, order in (((A, B), "ab"), ((A,), "aa")):
        health = outage(now=90.0)
        for now in (91.0, 93.0):
            Desk(A, health=health, now=now, max_tries=1).fail(K.SERVER_ERROR)
        desk = Desk(*targets, health=health, now=98.0, retry_delay=1.0, rng=Longest())
        desk.fail(K.EMPTY)
        assert desk.call.timer() == 99.0
        Desk(A, health=health, now=98.5, max_tries=1).fail(K.SERVER_ERROR)
        denial = health.denial(A, 99.0)
        assert denial is not None
        assert denial.until == 106.5
        desk.wake()
        if not desk.running:
            desk.wake()
        assert desk.order == order


def test_one_that_came_back_and_is_not_kept_off_again_is_asked_by_the_rules_of_retries() -> None:
    health, budgets = outage(), Budgets()
    desk = Desk(A, health=health, budgets=budgets, now=100.5, max_tries=9, rng=Longest())
    desk.wake()
    assert desk.order == "a"
    while budgets.retry(A.credential).withdraw(desk.now):
        pass
    desk.fail(K.DISCONNECTED, should_retry=None)
    while not desk.running and not desk.call.settled:
        desk.wake()
    assert desk.order == "aa", "the breaker opened, and it comes back"
    while budgets.retry(A.credential).withdraw(desk.now):
        pass
    desk.fail(K.EMPTY)
    assert desk.order == "aa", "no breaker counts that, and the budget is used up"
    assert desk.settled.failure is not None


def test_a_target_at_which_this_side_allows_no_attempt_does_not_come_back() -> None:
    health = Health(Longest())
    desk = Desk(A, health=health)
    desk.fail(K.DISCONNECTED)
    assert desk.launched.attempt == 2
    for _ in range(4):
        Desk(A, health=health, max_tries=1).fail(K.SERVER_ERROR)
    assert health.denial(A, 100.0) is not None
    spent = failure(K.LOCAL, message="the budget is used up")
    desk.note(desk.call.receive(Denied(2, spent), 100.0))
    assert desk.settled == Settle(1, spent)
    assert desk.call.denials == {"a/m": Skipped("a/m", "the budget is used up", 100.0, refused=True)}


def test_a_retry_that_was_put_off_is_made_when_this_side_allows_no_attempt_elsewhere() -> None:
    desk = Desk(A, B)
    desk.fail(K.CONNECT)
    assert desk.order == "ab", "the others come first"
    desk.note(desk.call.receive(Denied(2, failure(K.LOCAL)), 100.0))
    while not desk.running:
        desk.wake()
    assert desk.order == "aba"


# ---- what an operator does ----


def test_a_disabled_entry_is_passed_over_until_it_is_enabled() -> None:
    health = Health()
    health.disable("a")
    assert Desk(A, B, health=health, now=1e9).order == "b"
    assert Desk(A, health=health).settled.failure is not None
    health.enable("a", (A,))
    assert Desk(A, B, health=health).order == "a"
    assert health.calm


def test_an_entry_that_is_disabled_under_way_is_not_retried() -> None:
    desk = Desk(A, B, retry_delay=5.0, rng=Longest())
    desk.health.disable("a")
    desk.fail(K.SERVER_ERROR)
    assert desk.order == "ab"


def test_a_breaker_that_has_nothing_to_remember_is_forgotten_at_the_next_success() -> None:
    health = Health()
    Desk(A, health=health, max_tries=1).fail(K.SERVER_ERROR)
    Desk(A, health=health, now=129.0).succeed()
    assert not health.calm, "its failure is of the last half minute"
    Desk(A, health=health, now=140.0).succeed()
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
