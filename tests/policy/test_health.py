"""What is in cooldown and for how long, who may probe it, and that nothing is remembered without end."""

from __future__ import annotations

import tracemalloc
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.desk import A, B, Desk, failure
from understudy.domain.failures import FailureKind
from understudy.policy.cooldowns import Cooldowns
from understudy.policy.health import Health, Permit
from understudy.policy.signals import Cancelled
from understudy.policy.targets import Target, TargetFacts
from understudy.policy.verdicts import VERDICTS, Cooldown

TARGET = Target(name="a", model="m")
K = FailureKind


def fail(health: Health, target: Target, kind: FailureKind, now: float, hint: float | None = None) -> float:
    """Let an attempt fail that was launched just now; return when the target's cooldown ends."""
    health.failed(Permit(target, now), failure(kind, retry_after=hint), VERDICTS[kind].cooldown, now)
    denial = health.denial(target, now)
    return denial.until if denial else now


def cooldowns(kind: FailureKind, *hints: float | None) -> list[float]:
    """Fail once with each hint, always as soon as the target is back; return for how long it was in cooldown."""
    health, now, waits = Health(), 1000.0, []
    for hint in hints:
        until = fail(health, TARGET, kind, now, hint)
        waits.append(until - now)
        now = until
    return waits


@pytest.mark.parametrize(
    ("kind", "hints", "waits"),
    [
        (K.RATE_LIMITED, (None,) * 8, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]),
        (K.RATE_LIMITED, (7.5, 0.2), [7.5, 0.2]),
        (K.RATE_LIMITED, (1e6,), [86_400.0]),
        (K.DAILY_QUOTA, (None, None), [3600.0, 3600.0]),
        (K.DAILY_QUOTA, (36_000.0,), [36_000.0]),
        (K.DAILY_QUOTA, (300.0, 600.5), [300.0, 600.5]),
        (K.DAILY_QUOTA, (36.0, 36.0, 36.0, 36.0, 36.0, 36.0), [300.0, 600.0, 1200.0, 2400.0, 3600.0, 3600.0]),
        (K.AUTHENTICATION, (1.0, None), [300.0, 600.0]),
        (K.AUTHENTICATION, (None,) * 6, [300.0, 600.0, 1200.0, 2400.0, 3600.0, 3600.0]),
        (K.NOT_SIGNED, (None,), [0.0]),
    ],
    ids=[
        "rate", "rate with a hint", "rate for ever", "daily", "daily until then", "daily just longer",
        "daily with a hint of seconds", "key with a hint", "key", "unsigned",
    ],
)  # fmt: skip
def test_how_long_it_is_in_cooldown(kind: FailureKind, hints: tuple[float | None, ...], waits: list[float]) -> None:
    assert cooldowns(kind, *hints) == pytest.approx(waits)


@pytest.mark.parametrize(("kind", "longest"), [(K.RATE_LIMITED, 60.0), (K.AUTHENTICATION, 3600.0)])
def test_failures_in_a_row_have_no_end(kind: FailureKind, longest: float) -> None:
    assert cooldowns(kind, *[None] * 1500)[-1] == pytest.approx(longest)


def test_attempts_under_way_together_fail_as_one() -> None:
    """Sixty-four callers who meet the same limit at once are one reason to wait, not sixty-four."""
    health = Health()
    crowd = [health.acquire(TARGET, 1000.0) for _ in range(64)]
    for number, permit in enumerate(crowd):
        assert isinstance(permit, Permit)
        health.failed(permit, failure(K.RATE_LIMITED), VERDICTS[K.RATE_LIMITED].cooldown, 1000.01 + number / 100)
    denial = health.denial(TARGET, 1000.7)
    assert denial is not None
    assert denial.until == pytest.approx(1000.64 + 1.0)
    later = health.acquire(TARGET, 1002.0)
    assert isinstance(later, Permit)
    health.failed(later, failure(K.RATE_LIMITED), VERDICTS[K.RATE_LIMITED].cooldown, 1002.1)
    denial = health.denial(TARGET, 1002.2)
    assert denial is not None
    assert denial.until == pytest.approx(1002.1 + 2.0)


def test_a_late_failure_of_the_same_crowd_after_a_success_is_one_of_the_first() -> None:
    health = Health()
    early, other = Permit(TARGET, 1000.0), Permit(TARGET, 1000.0)
    health.failed(early, failure(K.RATE_LIMITED), Cooldown.TARGET, 1001.0)
    health.succeeded(other, 1001.2)
    health.failed(other, failure(K.RATE_LIMITED), Cooldown.TARGET, 1001.5)
    denial = health.denial(TARGET, 1001.5)
    assert denial is not None
    assert denial.until == pytest.approx(1002.5)


def test_a_cooldown_is_extended_but_never_shortened() -> None:
    health = Health()
    assert fail(health, TARGET, K.RATE_LIMITED, 100.0, 60.0) == 160.0
    assert fail(health, TARGET, K.RATE_LIMITED, 101.0, 1.0) == 160.0
    assert fail(health, TARGET, K.RATE_LIMITED, 102.0, 59.0) == 161.0


def test_the_longest_of_several_cooldowns_counts() -> None:
    health = Health()
    fail(health, TARGET, K.AUTHENTICATION, 100.0)
    assert fail(health, TARGET, K.RATE_LIMITED, 100.0, 5.0) == 400.0
    fail(health, TARGET, K.RATE_LIMITED, 100.0, 1000.0)
    denial = health.denial(TARGET, 100.0)
    assert denial is not None
    assert (denial.until, denial.why) == (1100.0, "rate_limited: no")


def test_a_cooldown_ends_on_its_second() -> None:
    health = Health()
    fail(health, TARGET, K.RATE_LIMITED, 100.0, 5.0)
    assert health.denial(TARGET, 104.999) is not None
    assert health.denial(TARGET, 105.0) is None
    assert isinstance(health.acquire(TARGET, 105.0), Permit)


def test_facts_and_the_labels_in_cooldown() -> None:
    health = Health()
    assert health.facts(A, 100.0).cooling is None
    assert health.in_cooldown((A, B), 100.0) == frozenset()
    fail(health, A, K.RATE_LIMITED, 100.0, 5.0)
    assert health.facts(A, 102.0).cooling == pytest.approx(3.0)
    assert health.facts(B, 102.0).cooling is None
    assert health.in_cooldown((A, B), 102.0) == {"a/m"}
    assert health.in_cooldown((A, B), 105.0) == frozenset()


def test_the_reason_is_that_of_the_failure_which_set_the_end() -> None:
    health = Health()
    for message in ("first", "second"):
        said = failure(K.RATE_LIMITED, message=message, retry_after=30.0)
        health.failed(Permit(TARGET, 100.0), said, Cooldown.TARGET, 100.0)
    denial = health.denial(TARGET, 100.0)
    assert denial is not None
    assert denial.why == "rate_limited: first"


@pytest.mark.parametrize(
    ("kind", "free"),
    [
        (K.RATE_LIMITED, False), (K.DAILY_QUOTA, False), (K.NOT_FOUND, False), (K.PERMISSION, False),
        (K.AUTHENTICATION, True), (K.BILLING, True), (K.TLS, True),
    ],
)  # fmt: skip
def test_an_operation_without_a_model_waits_for_key_and_host_alone(kind: FailureKind, free: bool) -> None:
    health = Health()
    fail(health, A, kind, 100.0)
    assert health.denial(A, 100.0) is not None
    assert (health.denial(A, 100.0, free=True) is not None) is free
    assert isinstance(health.acquire(A, 100.0, free=True), Permit) is not free


def test_unless_it_is_said_to_be_free_an_operation_uses_the_model() -> None:
    cooldowns = Cooldowns()
    cooldowns.failed(A, 100.0, failure(K.RATE_LIMITED), Cooldown.TARGET, 100.0)
    assert len(cooldowns.active(A, 100.0)) == 1
    assert cooldowns.active(A, 100.0, free=True) == []


def test_a_probe_without_a_model_asks_whether_key_and_host_were_probed() -> None:
    """The rate limit was probed in vain, and showed that the key is refused: that was not."""
    health = Health()
    fail(health, A, K.RATE_LIMITED, 100.0, 900.0)
    probe = health.probe(A, 101.0)
    assert probe is not None
    health.failed(probe, failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 101.0)
    health.release(probe)
    assert health.probe(A, 102.0) is None
    assert health.probe(A, 102.0, free=True) is not None


# ---- successes ----


def test_a_success_ends_the_row() -> None:
    health = Health()
    fail(health, TARGET, K.RATE_LIMITED, 100.0)
    assert fail(health, TARGET, K.RATE_LIMITED, 101.0) == 103.0
    health.succeeded(Permit(TARGET, 104.0), 104.0)
    assert fail(health, TARGET, K.RATE_LIMITED, 105.0) == 106.0


def test_a_success_that_began_before_it_ends_the_row_but_no_cooldown() -> None:
    health = Health()
    fail(health, TARGET, K.RATE_LIMITED, 100.0, 30.0)
    health.succeeded(Permit(TARGET, 99.0), 99.0)
    assert health.denial(TARGET, 101.0) is not None
    assert fail(health, TARGET, K.RATE_LIMITED, 130.0) == 131.0


def test_an_attempt_launched_when_it_ended_proves_that_it_is_over() -> None:
    for launched, calm in ((104.9, False), (105.0, True)):
        health = Health()
        fail(health, TARGET, K.RATE_LIMITED, 100.0, 5.0)
        health.succeeded(Permit(TARGET, launched), 106.0)
        assert health.calm is calm


def test_what_another_key_or_host_did_is_none_of_ours() -> None:
    health = Health()
    fail(health, A, K.AUTHENTICATION, 100.0)
    health.succeeded(Permit(B, 100.0), 100.0)
    assert health.denial(A, 101.0) is not None
    health.lift(B)
    assert health.denial(A, 101.0) is not None


@pytest.mark.parametrize("kind", [K.AUTHENTICATION, K.TLS, K.NOT_FOUND])
def test_a_free_check_enables_what_was_disabled(kind: FailureKind) -> None:
    health = Health()
    fail(health, TARGET, kind, 100.0)
    health.lift(TARGET)
    assert health.denial(TARGET, 100.0) is None


def test_a_free_check_ends_no_rate_limit() -> None:
    health = Health()
    fail(health, TARGET, K.RATE_LIMITED, 100.0, 30.0)
    health.lift(TARGET)
    assert health.denial(TARGET, 100.0) is not None


def test_it_is_calm_while_no_cooldown_is_remembered() -> None:
    health = Health()
    assert health.calm
    fail(health, A, K.RATE_LIMITED, 100.0)
    fail(health, B, K.AUTHENTICATION, 100.0)
    assert not health.calm
    health.succeeded(Permit(A, 102.0), 102.0)
    assert not health.calm
    health.lift(B)
    assert health.calm
    fail(health, A, K.RATE_LIMITED, 200.0)
    health.succeeded(Permit(A, 202.0), 202.0)
    assert health.calm


# ---- probes ----


class TestOneProbe:
    def test_is_let_through_per_cooldown(self) -> None:
        health, now = Health(), 100.0
        orders = [Desk(A, health=health, now=now + n).fail_always(K.AUTHENTICATION) for n in range(5)]
        assert orders == ["a", "a", "", "", ""]

    def test_and_another_when_the_cooldown_was_over_in_between(self) -> None:
        health = Health()
        Desk(A, health=health, now=100.0).fail_always(K.AUTHENTICATION)  # until 400
        Desk(A, health=health, now=200.0).fail_always(K.AUTHENTICATION)  # the probe, until 800
        assert Desk(A, health=health, now=750.0).order == ""
        orders = [Desk(A, health=health, now=800.0 + n).fail_always(K.AUTHENTICATION) for n in range(3)]
        assert orders == ["a", "a", ""]

    def test_is_let_through_after_a_long_hint_too(self) -> None:
        health = Health()
        orders = [
            Desk(A, health=health, now=100.0 + n).fail_always(K.RATE_LIMITED, retry_after=3600.0) for n in range(5)
        ]
        assert orders == ["a", "a", "", "", ""]

    def test_is_one_for_all_that_share_the_key(self) -> None:
        health = Health()
        twin = Target(name="twin", model="m", credential="key-a", endpoint="elsewhere")
        fail(health, A, K.AUTHENTICATION, 100.0)
        probing = Desk(A, health=health, now=101.0)
        assert probing.running
        assert Desk(twin, health=health, now=102.0).order == ""
        probing.fail(K.AUTHENTICATION)
        assert Desk(twin, health=health, now=103.0).order == ""

    def test_tells_the_others_when_to_come_back(self) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        fail(health, B, K.AUTHENTICATION, 40.0)
        held = [Desk(A, B, health=health, now=100.0) for _ in range(2)]
        assert [desk.order for desk in held] == ["a", "b"]
        refused = Desk(A, B, health=health, now=101.0, max_wait=0.0)
        settle = refused.settled
        assert settle.attempt is None
        assert not settle.surfaced
        assert settle.failure is not None
        assert settle.failure.kind is K.OVERLOADED
        assert not settle.failure.sent
        assert settle.failure.retry_after == pytest.approx(239.0)
        assert settle.failure.message == (
            "every target is in cooldown: a/m for 299 s (authentication: no); b/m for 239 s (authentication: no)"
        )

    @pytest.mark.parametrize(
        ("kinds", "reported"),
        [
            ((K.NOT_FOUND, K.NOT_FOUND), K.NOT_FOUND),
            ((K.NOT_FOUND, K.AUTHENTICATION), K.OVERLOADED),
            ((K.AUTHENTICATION, K.AUTHENTICATION), K.OVERLOADED),
        ],
    )
    def test_of_unknown_models_is_reported_as_such(
        self, kinds: tuple[FailureKind, FailureKind], reported: FailureKind
    ) -> None:
        """Waiting brings back a key or capacity, but no model."""
        health = Health()
        for target, kind in zip((A, B), kinds, strict=True):
            fail(health, target, kind, 100.0)
        held = [Desk(A, B, health=health, now=100.0) for _ in range(2)]
        assert all(desk.running for desk in held)
        settle = Desk(A, B, health=health, now=100.1, max_wait=0.0).settled
        assert settle.failure is not None
        assert settle.failure.kind is reported
        assert "every target is in cooldown" in settle.failure.message

    @pytest.mark.parametrize("kind", [K.AUTHENTICATION, K.NOT_FOUND, K.TLS, K.RATE_LIMITED, K.DAILY_QUOTA])
    def test_that_succeeds_ends_the_cooldown(self, kind: FailureKind) -> None:
        health = Health()
        fail(health, A, kind, 100.0, 3600.0)
        probing = Desk(A, health=health, now=101.0)
        probing.succeed()
        assert health.denial(A, 101.0) is None
        assert fail(health, A, kind, 200.0) == 200.0 + {K.RATE_LIMITED: 1.0, K.DAILY_QUOTA: 3600.0}.get(kind, 300.0)

    @pytest.mark.parametrize(
        "kind",
        [K.POOL, K.NOT_SIGNED, K.LOCAL, K.CANCELLED, K.DEADLINE, K.INVALID_REQUEST, K.CONTEXT_LENGTH,
         K.REQUEST_TOO_LARGE, K.CONTENT_FILTER, K.UNSUPPORTED],
    )  # fmt: skip
    def test_that_says_nothing_of_the_target_may_be_repeated(self, kind: FailureKind) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        for number in range(3):
            probing = Desk(A, health=health, now=101.0 + number, max_tries=1)
            assert probing.fail_always(kind) == "a"

    @pytest.mark.parametrize("kind", [K.SERVER_ERROR, K.CONNECT, K.TIMEOUT_HEADERS, K.EMPTY, K.TLS])
    def test_that_fails_in_any_other_way_may_not(self, kind: FailureKind) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        assert Desk(A, health=health, now=101.0, max_tries=1).fail_always(kind) == "a"
        assert Desk(A, health=health, now=102.0, max_tries=1).order == ""

    def test_that_is_cancelled_leaves_it_to_the_next(self) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        for number in range(3):
            probing = Desk(A, health=health, now=101.0 + number)
            assert probing.running
            assert Desk(A, health=health, now=101.5 + number).order == ""
            probing.call.receive(Cancelled(), 101.9 + number)

    def test_that_outlives_the_deadline_leaves_it_to_the_next(self) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        probing = Desk(A, health=health, now=101.0, deadline=10.0)
        probing.wake()
        assert probing.settled.failure is not None
        assert probing.settled.failure.kind is K.DEADLINE
        assert Desk(A, health=health, now=112.0).running

    def test_is_waited_for_by_the_others_who_go_on_when_it_succeeds(self) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        probing = Desk(A, health=health, now=101.0)
        others = [Desk(A, health=health, now=101.0) for _ in range(20)]
        for _ in range(3):
            assert all(other.wake() == pytest.approx(0.2) for other in others)
        assert [other.order for other in others] == [""] * 20
        probing.now = others[0].now
        probing.succeed()
        for other in others:
            other.wake()
        assert [other.order for other in others] == ["a"] * 20
        assert others[0].launched.waited == pytest.approx(0.8)

    def test_that_fails_ends_the_waiting_of_the_others(self) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        probing = Desk(A, health=health, now=101.0)
        other = Desk(A, health=health, now=101.0)
        probing.fail(K.AUTHENTICATION, after=0.1)
        other.wake()
        assert other.order == ""
        assert other.settled.failure is not None
        assert other.settled.failure.kind is K.OVERLOADED
        assert other.settled.failure.retry_after == pytest.approx(599.9)

    @pytest.mark.parametrize(("rules", "waited"), [({"max_wait": 3.0}, 3.0), ({"deadline": 5.0}, 4.0)])
    def test_is_waited_for_within_limits(self, rules: dict[str, Any], waited: float) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        assert Desk(A, health=health, now=101.0).running
        other = Desk(A, health=health, now=101.0, **rules)
        while not other.call.settled:
            other.wake()
        assert waited - 0.21 <= other.now - 101.0 <= waited
        assert other.settled.failure is not None
        assert other.settled.failure.kind is K.OVERLOADED
        assert other.settled.failure.message.startswith("every target is in cooldown: a/m for 29")

    def test_that_is_cancelled_is_taken_over_by_one_that_waits(self) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        probing = Desk(A, health=health, now=101.0)
        others = [Desk(A, health=health, now=101.0) for _ in range(3)]
        probing.call.receive(Cancelled(), 101.1)
        for other in others:
            other.wake()
        assert [other.order for other in others] == ["a", "", ""]

    def test_is_not_waited_for_by_a_request_that_has_asked_another_target(self) -> None:
        health = Health()
        fail(health, B, K.AUTHENTICATION, 100.0)
        assert Desk(B, health=health, now=101.0).running
        desk = Desk(A, B, health=health, now=101.0, max_tries=2)
        assert desk.fail_always(K.CONNECT) == "aa"

    def test_is_not_made_while_another_target_is_well(self) -> None:
        health = Health()
        fail(health, A, K.AUTHENTICATION, 100.0)
        desk = Desk(A, B, health=health, now=101.0)
        assert desk.order == "b"
        desk.succeed()
        assert health.denial(A, 101.0) is not None

    def test_of_one_request_is_the_only_one_of_its_cooldown(self) -> None:
        """A request's own retry inside the cooldown is the probe; the retry after it waits for the end."""
        desk = Desk(A, max_tries=3)
        desk.fail(K.RATE_LIMITED)
        assert desk.order == "aa"
        desk.fail(K.RATE_LIMITED)
        assert desk.order == "aa"
        assert desk.wake() == pytest.approx(2.0)
        assert desk.order == "aaa"


# ---- permits ----


def test_a_permit_of_no_request_names_nothing() -> None:
    given = Permit(TARGET, 1.0)
    assert (given.caller, given.probes, given.leases, given.numbers, given.key) == (0, (), (), (0, 0), "")
    assert not given.is_probe


def test_every_request_has_a_number_of_its_own_from_one() -> None:
    health = Health()
    assert [health.new_caller() for _ in range(3)] == [1, 2, 3]


def test_permits_are_counted_by_target_and_forgotten_when_returned() -> None:
    health = Health()
    twin = Target(name="a", model="another")
    held = [health.acquire(TARGET, 1.0), health.acquire(TARGET, 1.0)]
    assert health.facts(TARGET, 1.0).in_flight == 2
    assert health.facts(twin, 1.0).in_flight == 0
    assert health.facts(B, 1.0).in_flight == 0
    for left, permit in zip((1, 0), held, strict=True):
        assert isinstance(permit, Permit)
        assert permit.launched == 1.0
        health.release(permit)
        assert health.facts(TARGET, 1.0).in_flight == left


def test_the_time_to_the_first_token_is_known_once_it_is_learned() -> None:
    health = Health()
    assert health.facts(A, 100.0) == TargetFacts()
    health.learn_latencies()
    assert health.facts(A, 100.0) == TargetFacts()
    assert health.latencies is not None
    health.latencies.answered("a/m", 2.5, 100.0, streamed=True)
    health.lengths.learn(A.label, 300)
    assert health.facts(A, 104.0) == TargetFacts(first_token=2.5, first_token_age=4.0, expected_output=300)
    kept = health.latencies
    health.learn_latencies()
    assert health.latencies is kept


def test_answers_are_learned_with_the_latest_weighing_a_tenth() -> None:
    health = Health()
    assert health.facts(TARGET, 1.0).expected_output is None
    health.lengths.learn(TARGET.label, 100)
    assert health.facts(TARGET, 1.0).expected_output == 100
    health.lengths.learn(TARGET.label, 200)
    assert health.facts(TARGET, 1.0).expected_output == pytest.approx(110.0)


# ---- memory ----


def many(name: str = "entry") -> list[Target]:
    return [Target(name=name, model=f"m{number}", credential="key", endpoint="host") for number in range(1100)]


def test_endless_models_push_no_key_and_no_host_out_of_cooldown() -> None:
    health = Health()
    fail(health, A, K.AUTHENTICATION, 100.0)
    fail(health, B, K.TLS, 100.0)
    for target in many():
        fail(health, target, K.NOT_FOUND, 101.0)
        fail(health, target, K.RATE_LIMITED, 101.0, 60.0)
    assert health.denial(A, 102.0) is not None
    assert health.denial(B, 102.0) is not None
    assert health.denial(many()[0], 102.0) is None
    assert health.denial(many()[-1], 102.0) is not None


def test_endless_names_do_not_fill_the_memory() -> None:
    health = Health()

    def use(name: str) -> None:
        for target in many(name):
            permit = health.acquire(target, 1.0)
            assert isinstance(permit, Permit)
            health.lengths.learn(target.label, 10)
            fail(health, target, K.NOT_FOUND, 1.0)
            fail(health, target, K.RATE_LIMITED, 1.0)
            health.release(permit)

    use("first")
    tracemalloc.start()
    try:
        use("second")
        before, _ = tracemalloc.get_traced_memory()
        for name in ("third", "fourth"):
            use(name)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 200_000


def test_a_target_in_flight_is_never_forgotten() -> None:
    health = Health()
    permit = health.acquire(TARGET, 1.0)
    assert isinstance(permit, Permit)
    held = [health.acquire(Target(name=f"entry {number}"), 1.0) for number in range(2000)]
    assert health.facts(TARGET, 1.0).in_flight == 1
    for each in held:
        assert isinstance(each, Permit)
        health.release(each)
    assert health.facts(TARGET, 1.0).in_flight == 1


# ---- what is clear of everything ----


@given(seed=st.integers(0, 2**32))
def test_a_target_that_nothing_concerns_has_no_cooldown_of_any_kind(seed: int) -> None:
    rng, held = Random(seed), Cooldowns()
    shared: list[str] = ["", "one", "two"]
    targets = [
        Target(
            name=f"t{index}",
            model=rng.choice((None, "m", "n")),
            endpoint=rng.choice(shared),
            credential=rng.choice(shared),
            rate_limit_domain=rng.choice(shared),
            credentials=rng.choice(((), (), ("k1", "k2"))),
        )
        for index in range(8)
    ]
    for _ in range(rng.randrange(4)):
        scope = rng.choice([each for each in Cooldown if each is not Cooldown.NOTHING])
        failed = rng.choice(targets)
        held.failed(failed, 0.0, failure(K.RATE_LIMITED), scope, 0.0, rng.choice(("", *failed.credentials)))
    for each in targets:
        found = [held.active(each, 0.5, free=free, key=key) for free in (False, True) for key in ("", "k1", "k2")]
        relevant = found if each.credentials else [found[0], found[3]]
        assert held.concern(each) or not any(relevant)
        if not each.credentials:
            assert held.concern(each) == bool(found[0]), "and one that a cooldown concerns is found"
