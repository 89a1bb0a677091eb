"""What a free operation is asked about a target that failed, and what is concluded from its outcome."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.breaker import LONGEST_OPEN, BreakerState
from understudy.policy.health import Health, Permit
from understudy.policy.probing import LOOK, POSTPONED, Check, Watch
from understudy.policy.targets import Target
from understudy.policy.verdicts import Cooldown, Trips

K = FailureKind
A = Target(name="a", model="m", endpoint="https://a", credential="a-key")
POOL = Target(name="a", model="m", endpoint="https://a", credential="a-pool", credentials=("k1", "k2", "k3"))
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


def failure(kind: FailureKind, status: int | None = None) -> Failure:
    return Failure(kind=kind, message="test", status=status)


def allowed(health: Health, target: Target, now: float, *, but: tuple[str, ...] = ()) -> Permit:
    permit = health.acquire(target, now, but=but)
    assert isinstance(permit, Permit)
    return permit


def test_the_figures_that_are_documented() -> None:
    assert (LOOK, POSTPONED, LONGEST_OPEN) == (0.2, 3, 10.0)


def failed(health: Health, kind: FailureKind, now: float, trips: Trips, times: int = 5) -> None:
    for _ in range(times):
        permit = allowed(health, A, now)
        health.failed(permit, failure(kind), Cooldown.NOTHING, now, trips)
        health.release(permit)


def refused(health: Health, kind: FailureKind, now: float = 0.0, target: Target = A, key: str = "") -> None:
    permit = allowed(health, target, now, but=tuple(each for each in target.credentials if each != key))
    scope = {K.TLS: Cooldown.ENDPOINT, K.NOT_FOUND: Cooldown.MODEL}.get(kind, Cooldown.CREDENTIAL)
    health.failed(permit, failure(kind), scope, now)
    health.release(permit)


def watched(health: Health, target: Target = A, *, interval: float = 30.0, shows_key: bool = True) -> Watch:
    return Watch(target, health, Random(7), interval=interval, shows_key=shows_key)


def checking(watch: Watch, now: float) -> Check:
    step = watch.next(now)
    assert isinstance(step, Check), step
    return step


def told(watch: Watch, now: float, outcome: Failure | None) -> Check:
    check = checking(watch, now)
    watch.checked(check, outcome, now)
    watch.release(check)
    return check


def down(trips: Trips) -> tuple[Health, Watch, float]:
    """Return a health whose breaker is open, and when it becomes half-open."""
    health = Health(Random(3))
    failed(health, K.CONNECT if trips is Trips.ENDPOINT else K.SERVER_ERROR, 100.0, trips)
    watch = watched(health)
    half_open = watch.next(100.0)
    assert isinstance(half_open, float)
    assert 100.5 <= half_open <= 101.0
    return health, watch, half_open


def test_a_refused_key_of_a_pool_does_not_keep_its_breaker_from_being_probed() -> None:
    """The watch begins with the attempt that failed, whose target names the key."""
    health = Health()
    refused(health, K.AUTHENTICATION, target=POOL, key="k1")
    failed(health, K.SERVER_ERROR, 0.0, Trips.TARGET)
    watch = watched(health, replace(POOL, credential="k1"))
    check = checking(watch, 2.0)
    assert check.permit is not None
    assert not check.of_host


def test_nothing_is_to_be_learned_while_all_is_well() -> None:
    health = Health(Random(1))
    watch = watched(health)
    assert not watch.is_needed(0.0)
    assert watch.next(0.0) is None
    failed(health, K.CONNECT, 0.0, Trips.ENDPOINT, times=4)
    assert not watch.is_needed(0.0)
    assert watch.next(0.0) is None
    assert health.facts(A, 0.0).in_flight == 0, "the permit was returned"


def test_two_successes_close_the_breaker_of_a_host() -> None:
    health, watch, now = down(Trips.ENDPOINT)
    assert watch.is_needed(100.0)
    assert told(watch, now, None).of_host
    assert health.breaker_state(A, now) is HALF_OPEN
    assert told(watch, now, None).of_host
    assert health.breaker_state(A, now) is CLOSED
    assert watch.next(now) is None
    assert not watch.is_needed(now)
    assert health.facts(A, now).in_flight == 0


def test_a_host_that_is_not_reached_stays_closed_to_callers_for_as_long_as_that_lasts() -> None:
    health, watch, now = down(Trips.ENDPOINT)
    for _ in range(3 * POSTPONED):
        assert told(watch, now, failure(K.CONNECT)).of_host
        assert health.breaker_state(A, now) is OPEN
        until = watch.next(now)
        assert isinstance(until, float)
        assert now < until <= now + LONGEST_OPEN
        now = until
    assert health.breaker_state(A, now) is HALF_OPEN


@pytest.mark.parametrize("kind", [K.UNSUPPORTED, K.SERVER_ERROR, K.RATE_LIMITED, K.AUTHENTICATION])
def test_any_answer_shows_that_a_host_was_reached(kind: FailureKind) -> None:
    health, watch, now = down(Trips.ENDPOINT)
    told(watch, now, failure(kind, 400))
    told(watch, now, failure(kind, 400))
    assert health.breaker_state(A, now) is CLOSED


def test_silence_shows_nothing_about_a_host() -> None:
    health, watch, now = down(Trips.ENDPOINT)
    told(watch, now, failure(K.TIMEOUT_HEADERS))
    assert watch.next(now) is None
    assert health.breaker_state(A, now) is HALF_OPEN
    assert isinstance(health.acquire(A, now), Permit), "a caller may probe"


def test_a_success_does_not_close_the_breaker_of_a_target() -> None:
    health, watch, now = down(Trips.TARGET)
    assert not told(watch, now, None).of_host
    assert health.breaker_state(A, now) is HALF_OPEN
    assert watch.next(now) is None, "now a caller must ask"
    assert isinstance(health.acquire(A, now), Permit)


@pytest.mark.parametrize("kind", [K.SERVER_ERROR, K.OVERLOADED, K.CONNECT, K.TIMEOUT_HEADERS])
def test_failures_keep_the_breaker_of_a_target_open_three_times(kind: FailureKind) -> None:
    health, watch, now = down(Trips.TARGET)
    for _ in range(POSTPONED):
        told(watch, now, failure(kind))
        assert health.breaker_state(A, now) is OPEN
        denial = health.denial(A, now)
        assert denial is not None
        now = denial.until
    assert watch.next(now) is None
    assert health.breaker_state(A, now) is HALF_OPEN
    assert POSTPONED == 3


@pytest.mark.parametrize("kind", [K.UNSUPPORTED, K.RATE_LIMITED, K.AUTHENTICATION, K.LOCAL])
def test_what_says_nothing_about_the_server_leaves_the_target_to_callers(kind: FailureKind) -> None:
    health, watch, now = down(Trips.TARGET)
    told(watch, now, failure(kind, 400))
    assert watch.next(now) is None
    assert health.breaker_state(A, now) is HALF_OPEN
    assert health.denial(A, now) is None


def test_another_probe_is_waited_for() -> None:
    health, watch, now = down(Trips.ENDPOINT)
    caller = allowed(health, A, now)
    assert caller.leases
    assert watch.next(now) == pytest.approx(now + LOOK)
    health.release(caller)
    check = checking(watch, now)
    assert watched(health).next(now) == pytest.approx(now + LOOK), "of two watches, one probes"
    watch.release(check)
    assert isinstance(watched(health).next(now), Check)


def test_what_an_operator_disabled_is_not_probed() -> None:
    health, watch, _ = down(Trips.ENDPOINT)
    health.disable("a")
    assert watch.next(100.0) is None


def test_a_rate_limit_is_looked_beyond_every_ten_seconds() -> None:
    health, watch, now = down(Trips.TARGET)
    permit = Permit(A, now)
    health.failed(permit, Failure(kind=K.RATE_LIMITED, message="", retry_after=300.0), Cooldown.TARGET, now)
    assert watch.next(now) == now + LONGEST_OPEN


# ---- keys ----


def test_a_refused_key_is_checked_at_its_interval_and_lifted() -> None:
    health = Health(Random(1))
    refused(health, K.AUTHENTICATION)
    watch = watched(health)
    assert watch.is_needed(0.0)
    due = watch.next(0.0)
    assert isinstance(due, float)
    assert 27.0 <= due <= 33.0
    assert watch.next(due - 0.1) == due
    check = told(watch, due, failure(K.AUTHENTICATION, 401))
    assert check == Check(A)
    assert health.denial(A, due) is not None
    second = watch.next(due)
    assert isinstance(second, float)
    assert due + 27.0 <= second <= due + 33.0
    told(watch, second, None)
    assert health.denial(A, second) is None
    assert watch.next(second) is None
    assert health.calm


def test_a_cooldown_that_is_over_is_not_checked() -> None:
    health = Health(Random(1))
    refused(health, K.AUTHENTICATION)
    assert watched(health).next(300.0) is None


@pytest.mark.parametrize(
    ("kind", "shows_key", "is_checked"),
    [
        (K.AUTHENTICATION, True, True),
        (K.AUTHENTICATION, False, False),
        (K.TLS, True, True),
        (K.TLS, False, True),
        (K.BILLING, True, False),
        (K.NOT_FOUND, True, False),
    ],
)
def test_only_what_the_list_can_disprove_is_checked(kind: FailureKind, shows_key: bool, is_checked: bool) -> None:
    health = Health(Random(1))
    refused(health, kind)
    watch = watched(health, shows_key=shows_key)
    assert watch.is_needed(0.0) is is_checked
    assert isinstance(watch.next(0.0), float) is is_checked
    if is_checked:
        told(watch, 33.0, None)
    assert (health.denial(A, 33.0) is None) is is_checked


def test_what_else_is_disabled_stays_so() -> None:
    health = Health(Random(1))
    refused(health, K.NOT_FOUND)
    health.failed(Permit(A, 0.0), failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 0.0)
    watch = watched(health)
    assert watch.next(0.0) is not None
    told(watch, 33.0, None)
    denial = health.denial(A, 33.0)
    assert denial is not None
    assert denial.why.startswith("not_found")


def test_each_key_of_a_pool_is_checked_by_itself() -> None:
    health = Health(Random(1))
    refused(health, K.AUTHENTICATION, target=POOL, key="k1")
    refused(health, K.AUTHENTICATION, target=POOL, key="k3")
    watch = watched(health, replace(POOL, credential="k1"))  # as it was launched
    assert isinstance(watch.next(0.0), float)
    first, second = told(watch, 33.0, None), told(watch, 33.0, failure(K.AUTHENTICATION, 401))
    assert (first.target.credential, second.target.credential) == ("k1", "k3")
    assert first.permit is None
    assert {allowed(health, POOL, 33.0).key for _ in range(9)} == {"k1", "k2"}
    assert isinstance(watch.next(33.0), float)
    told(watch, 66.0, None)
    assert watch.next(66.0) is None
    assert {allowed(health, POOL, 66.0).key for _ in range(9)} == {"k1", "k2", "k3"}


def test_a_key_and_a_breaker_are_both_watched() -> None:
    health = Health(Random(3))
    failed(health, K.CONNECT, 0.0, Trips.ENDPOINT)
    health.failed(Permit(A, 0.0), failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 0.0)
    watch = watched(health, interval=5.0)
    due = watch.next(0.0)
    assert isinstance(due, float)
    assert 4.5 <= due <= 5.5, "the host may not be asked with a refused key before that"
    assert told(watch, due, None) == Check(A)
    assert told(watch, due, None).of_host
    assert told(watch, due, None).of_host
    assert watch.next(due) is None
