"""Pools of keys: which key is used, what a refused or limited one costs, and when it is used again."""

from __future__ import annotations

from collections import Counter
from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.desk import B, C, Desk, Unbroken, failure
from understudy.domain.failures import FailureKind as K
from understudy.policy.cooldowns import Denial
from understudy.policy.health import Health, Permit
from understudy.policy.signals import Launch
from understudy.policy.targets import Target
from understudy.policy.verdicts import Cooldown

KEYS = ("k1", "k2", "k3")


def pool(count: int = 2, **fields: object) -> Target:
    given = {"name": "a", "model": "m", "credential": "key-a", "endpoint": "host-a", **fields}
    return Target(credentials=KEYS[:count], **given)  # type: ignore[arg-type]


TWO, THREE = pool(2), pool(3)
DEAD = [K.AUTHENTICATION, K.BILLING, K.PERMISSION, K.DAILY_QUOTA]


def permit(health: Health, target: Target = TWO, now: float = 100.0) -> Permit:
    given = health.acquire(target, now)
    assert isinstance(given, Permit), given
    return given


def denial(health: Health, target: Target = TWO, now: float = 100.0) -> Denial:
    given = health.denial(target, now)
    assert given is not None
    return given


def refuse(health: Health, key: str, kind: K = K.AUTHENTICATION, now: float = 100.0, **fields: object) -> None:
    """Let the pool's key fail an attempt."""
    held = []
    while (given := permit(health, THREE, now)).key != key:
        held.append(given)
    cooldown = Cooldown.TARGET if kind in (K.RATE_LIMITED, K.DAILY_QUOTA) else Cooldown.CREDENTIAL
    health.failed(given, failure(kind, **fields), cooldown, now)
    for each in (given, *held):
        health.release(each)


def used(desk: Desk) -> str:
    """The key of the attempt that the latest actions launched."""
    return desk.launched.target.credential


class TestSpread:
    def test_of_idle_keys_the_one_picked_longest_ago_is_next(self) -> None:
        health = Health()
        order = ""
        for _ in range(7):
            given = permit(health, THREE)
            order += given.key[1]
            health.release(given)
        assert order == "1231231"

    def test_a_busy_key_is_not_picked_while_another_is_idle(self) -> None:
        health = Health()
        first, second = permit(health), permit(health)
        assert (first.key, second.key) == ("k1", "k2")
        health.release(second)
        assert [permit(health).key, permit(health).key, permit(health).key] == ["k2", "k1", "k2"]

    def test_the_attempt_has_its_key_as_credential(self) -> None:
        given = permit(Health())
        assert given.target.credential == given.key == "k1"
        assert given.target.key_number == 1
        assert given.target.label == TWO.label

    def test_without_a_pool_nothing_is_picked(self) -> None:
        given = permit(Health(), B)
        assert given.target is B
        assert (given.key, B.key_number) == ("", 0)

    def test_entries_with_the_same_key_are_spread_together(self) -> None:
        health, other = Health(), pool(2, name="other", endpoint="elsewhere")
        assert [permit(health, target).key for target in (TWO, other, TWO, other)] == ["k1", "k2", "k1", "k2"]


class TestHealth:
    def test_a_dead_key_leaves_the_others(self) -> None:
        health = Health()
        refuse(health, "k1")
        assert health.denial(THREE, 100.0) is None
        assert {permit(health, THREE).key for _ in range(6)} == {"k2", "k3"}

    def test_a_dead_key_is_used_again_when_its_time_is_over(self) -> None:
        health = Health()
        refuse(health, "k1")
        assert "k1" not in {permit(health, now=399.0).key for _ in range(4)}
        assert "k1" in {permit(health, now=401.0).key for _ in range(4)}

    def test_the_target_is_denied_until_the_first_key_is_back(self) -> None:
        health = Health()
        for key, hint in (("k1", 30.0), ("k2", 10.0), ("k3", 20.0)):
            refuse(health, key, K.RATE_LIMITED, retry_after=hint)
        denied = denial(health, THREE)
        assert denied.until == 110.0
        assert denied.why == "none of the 3 keys may be used; the first to be is key 2, rate_limited: no"
        assert health.in_cooldown((THREE,), 109.0) == {THREE.label}
        assert health.facts(THREE, 105.0).cooling == 5.0
        assert permit(health, THREE, 110.5).key == "k2"

    def test_of_keys_that_are_back_together_the_first_one_is_named_and_probed(self) -> None:
        health, target = Health(), Target(name="a", model="m", credentials=("z", "a"))
        for each in (permit(health, target), permit(health, target)):
            health.failed(each, failure(K.RATE_LIMITED, retry_after=30.0), Cooldown.TARGET, 100.0)
        assert (
            denial(health, target).why == "none of the 2 keys may be used; the first to be is key 1, rate_limited: no"
        )
        probe = health.probe(target, 100.0)
        assert probe is not None
        assert probe.key == "z"

    def test_of_keys_in_cooldown_the_first_to_be_back_is_probed(self) -> None:
        health = Health()
        for each, hint in ((permit(health), 60.0), (permit(health), 30.0)):
            health.failed(each, failure(K.RATE_LIMITED, retry_after=hint), Cooldown.TARGET, 100.0)
        probe = health.probe(TWO, 100.0)
        assert probe is not None
        assert probe.key == "k2"

    def test_the_longest_of_the_cooldowns_of_a_key_counts_and_is_named(self) -> None:
        health = Health()
        held = [permit(health) for _ in range(3)]
        assert [each.key for each in held] == ["k1", "k2", "k1"]
        health.failed(held[0], failure(K.RATE_LIMITED, retry_after=30.0), Cooldown.TARGET, 100.0)
        health.failed(held[2], failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 100.0)
        health.failed(held[1], failure(K.RATE_LIMITED, retry_after=900.0), Cooldown.TARGET, 100.0)
        found = denial(health)
        assert found.until == 400.0
        assert found.why == "none of the 2 keys may be used; the first to be is key 1, authentication: no"

    def test_a_rate_limit_concerns_the_model_and_a_refusal_every_model(self) -> None:
        sister = pool(3, model="other")
        limited, refused = Health(), Health()
        refuse(limited, "k1", K.RATE_LIMITED, retry_after=30.0)
        refuse(refused, "k1")
        assert "k1" in {permit(limited, sister).key for _ in range(3)}
        assert "k1" not in {permit(refused, sister).key for _ in range(3)}

    def test_a_model_that_a_key_may_not_use_is_left_to_the_others(self) -> None:
        health = Health()
        first = permit(health)
        health.failed(first, failure(K.PERMISSION), Cooldown.MODEL, 100.0)
        assert {permit(health).key for _ in range(4)} == {"k2"}
        assert {permit(health, pool(2, model="other")).key for _ in range(4)} == {"k1", "k2"}

    def test_an_unknown_model_is_unknown_whichever_key_asks(self) -> None:
        health = Health()
        health.failed(permit(health), failure(K.NOT_FOUND), Cooldown.MODEL, 100.0)
        assert denial(health).until == 400.0

    def test_entries_of_one_rate_limit_domain_share_the_limit_of_a_key(self) -> None:
        health = Health()
        one, two = (pool(2, name=name, rate_limit_domain="account") for name in "ab")
        health.failed(permit(health, one), failure(K.RATE_LIMITED, retry_after=9.0), Cooldown.TARGET, 100.0)
        assert {permit(health, two).key for _ in range(4)} == {"k2"}

    def test_a_free_operation_is_not_kept_from_a_limited_key(self) -> None:
        health = Health()
        for key in KEYS:
            refuse(health, key, K.RATE_LIMITED, retry_after=30.0)
        assert health.denial(THREE, 100.0, free=True) is None
        for key in KEYS:
            refuse(health, key, now=200.0)
        assert health.denial(THREE, 200.0, free=True) is not None

    def test_a_success_forgives_its_key_alone(self) -> None:
        health = Health()
        refuse(health, "k1")
        refuse(health, "k2")
        held = [permit(health, THREE, 450.0) for _ in range(3)]
        first = next(each for each in held if each.key == "k1")
        health.succeeded(first, 450.0)
        for each in held:
            health.release(each)
        refuse(health, "k1", now=460.0)
        refuse(health, "k2", now=460.0)
        health.disable("nobody")  # what is over is not forgotten by a calm health
        waits = {key: vars(health)["_cooldowns"].active(THREE, 460.0, key=key)[0].until - 460.0 for key in ("k1", "k2")}
        assert waits == {"k1": 300.0, "k2": 600.0}

    def test_a_success_ends_the_row_of_its_key(self) -> None:
        health, target = Health(), pool(1)
        for now, until in ((100.0, 101.0), (101.0, 103.0)):
            health.failed(permit(health, target, now), failure(K.RATE_LIMITED), Cooldown.TARGET, now)
            assert denial(health, target, now).until == until
        health.succeeded(permit(health, target, 103.0), 103.0)
        assert health.calm
        health.failed(permit(health, target, 104.0), failure(K.RATE_LIMITED), Cooldown.TARGET, 104.0)
        assert denial(health, target, 104.0).until == 105.0

    def test_no_key_is_left_to_a_request_that_may_use_none(self) -> None:
        health = Health()
        found = health.acquire(TWO, 100.0, but=("k1", "k2"))
        assert isinstance(found, Denial)
        assert found == health.denial(TWO, 100.0, but=("k1", "k2"))
        assert found.why == "the provider refused each of the 2 keys"
        assert found.until == float("inf")
        assert permit(health).key == "k1"
        only = health.acquire(TWO, 100.0, but=("k1",))
        assert isinstance(only, Permit)
        assert only.key == "k2"

    def test_a_probe_uses_the_first_key_that_no_probe_has_tried(self) -> None:
        health = Health()
        for key in KEYS[:2]:
            refuse(health, key)
        refuse(health, "k3", K.RATE_LIMITED, retry_after=900.0)
        first = health.probe(TWO, 100.0)
        assert first is not None
        assert first.key == "k1"
        assert denial(health).probed
        second = health.probe(TWO, 100.0)
        assert second is not None
        assert second.key == "k2"
        assert health.probe(TWO, 100.0) is None
        for each in (first, second):
            health.failed(each, failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 101.0)
            health.release(each)
        assert health.probe(TWO, 102.0) is None
        health.succeeded(third := permit(health, THREE, 1001.0), 1001.0)
        health.release(third)

    def test_the_cooldown_of_a_host_is_none_of_its_keys(self) -> None:
        health = Health()
        busy = permit(health)
        health.failed(busy, failure(K.TLS), Cooldown.ENDPOINT, 100.0)
        assert denial(health).why == "tls: no"
        probe = health.probe(TWO, 101.0)
        assert probe is not None
        assert (busy.key, probe.key) == ("k1", "k2"), "spread as ever"

    def test_a_probe_uses_no_key_that_the_request_may_not_use(self) -> None:
        health = Health()
        health.failed(permit(health), failure(K.NOT_FOUND), Cooldown.MODEL, 100.0)
        probe = health.probe(TWO, 100.0, but=("k1",))
        assert probe is not None
        assert probe.key == "k2"
        health.release(probe)
        refuse(health, "k2", now=401.0)
        assert health.probe(TWO, 402.0, but=("k1", "k2")) is None
        probe = health.probe(TWO, 402.0, but=("k1",))
        assert probe is not None
        assert probe.key == "k2", "in cooldown, but the only one"

    def test_a_key_is_not_probed_while_one_of_its_cooldowns_is(self) -> None:
        """The same key, refused as such and limited for one model: a request for another model probes it."""
        health, target, sister = Health(), pool(1), pool(1, model="other")
        held = [permit(health, target), permit(health, target)]
        health.failed(held[0], failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 100.0)
        health.failed(held[1], failure(K.RATE_LIMITED, retry_after=900.0), Cooldown.TARGET, 100.0)
        probe = health.probe(sister, 101.0)
        assert probe is not None
        assert health.probe(target, 101.0) is None
        health.release(probe)
        assert health.probe(target, 101.0) is not None

    def test_a_free_operation_waits_for_the_key_alone(self) -> None:
        health, target = Health(), pool(1)
        held = [permit(health, target), permit(health, target)]
        health.failed(held[0], failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 100.0)
        health.failed(held[1], failure(K.RATE_LIMITED, retry_after=900.0), Cooldown.TARGET, 100.0)
        free = health.denial(target, 100.0, free=True)
        assert free is not None
        assert free.until == 400.0
        assert denial(health, target).until == 1000.0

    def test_a_free_check_enables_the_keys_that_it_found_accepted(self) -> None:
        health = Health()
        for key in KEYS:
            refuse(health, key)
        health.lift(THREE, refused=(1, 3))
        assert {permit(health, THREE).key for _ in range(3)} == {"k2"}
        health.lift(THREE)
        assert health.calm

    def test_an_operator_enables_every_key(self) -> None:
        health = Health()
        for key in KEYS:
            refuse(health, key)
        health.enable("a", (THREE,))
        assert health.calm


class TestRequests:
    @pytest.mark.parametrize("kind", [*DEAD, K.RATE_LIMITED])
    def test_another_key_is_used_at_once(self, kind: K) -> None:
        desk = Desk(TWO, B, max_tries=1)
        assert used(desk) == "k1"
        desk.fail(kind, retry_after=30.0 if kind is K.RATE_LIMITED else None)
        assert used(desk) == "k2"
        assert desk.decided == "try another of the 2 keys"
        assert desk.launched.waited == 0.0
        desk.succeed()
        assert desk.settled.failure is None
        again = Desk(TWO, B, health=desk.health, now=101.0)
        assert used(again) == "k2"

    @pytest.mark.parametrize("kind", [K.SERVER_ERROR, K.NOT_FOUND, K.CONTEXT_LENGTH, K.CONNECT, K.INVALID_REQUEST])
    def test_what_is_not_about_the_key_is_not_tried_with_another(self, kind: K) -> None:
        desk = Desk(TWO, B, max_tries=1)
        desk.fail(kind)
        assert "keys" not in desk.decided

    def test_another_key_is_no_retry(self) -> None:
        desk = Desk(THREE, max_tries=2)
        desk.fail(K.AUTHENTICATION)
        desk.fail(K.SERVER_ERROR)
        assert desk.order == "aaa"
        desk.fail(K.SERVER_ERROR)
        assert desk.settled.failure is not None

    def test_a_dead_key_is_tried_once_by_a_request(self) -> None:
        desk = Desk(TWO, max_tries=3, max_attempts=9, max_wait=600.0, deadline=2000.0)
        desk.fail(K.AUTHENTICATION)
        desk.fail(K.OVERLOADED, retry_after=500.0)
        assert desk.wake() >= 500.0
        assert used(desk) == "k2"
        assert used(Desk(TWO, health=desk.health, now=desk.now)) == "k1"

    def test_when_all_are_dead_the_error_says_how_many(self) -> None:
        desk = Desk(THREE)
        assert desk.fail_always(K.AUTHENTICATION) == "aaa"
        found = desk.settled.failure
        assert found is not None
        assert found.kind is K.AUTHENTICATION
        assert found.message == "none of the 3 keys of a may be used now; the last failure was: no"
        assert "no other of the 3 keys may be used" in desk.decided

    def test_the_next_target_follows_the_last_key(self) -> None:
        desk = Desk(TWO, B)
        desk.fail(K.BILLING)
        desk.fail(K.BILLING)
        assert desk.order == "aab"
        assert Desk(TWO, B, health=desk.health).order == "b"

    def test_the_first_key_to_be_back_is_waited_for(self) -> None:
        desk = Desk(TWO)
        desk.fail(K.RATE_LIMITED, retry_after=3.0)
        desk.fail(K.RATE_LIMITED, retry_after=15.0)
        assert not desk.running
        assert 3.0 <= desk.wake() <= 3.5
        assert used(desk) == "k1"

    def test_a_limited_key_is_waited_for_after_the_others_are_dead(self) -> None:
        desk = Desk(TWO)
        desk.fail(K.RATE_LIMITED, retry_after=3.0)
        desk.fail(K.AUTHENTICATION)
        assert not desk.running
        assert 3.0 <= desk.wake() <= 3.5
        assert used(desk) == "k1"

    def test_limited_keys_take_turns_within_the_ceiling_of_retries(self) -> None:
        desk = Desk(TWO, max_tries=3, max_attempts=20)
        assert desk.fail_always(K.RATE_LIMITED, retry_after=1.0) == "aaaa"

    def test_a_pool_does_not_use_up_the_attempts_of_the_targets_behind_it(self) -> None:
        desk = Desk(THREE, B, C, max_attempts=4)
        assert desk.fail_always(K.AUTHENTICATION) == "aabc"
        assert desk.call.decisions[2].startswith(
            "no other key: no attempt is left besides those for the other targets (max_attempts)"
        )

    def test_a_dead_key_stays_dead_for_the_request_that_met_it(self) -> None:
        """Although an operator has enabled it since."""
        desk = Desk(TWO)
        desk.fail(K.AUTHENTICATION)
        desk.health.enable("a", (TWO,))
        assert desk.health.calm
        desk.fail(K.EMPTY)
        assert used(desk) == "k2"

    def test_a_probe_of_a_retry_spares_the_dead_key_too(self) -> None:
        desk = Desk(TWO)
        desk.fail(K.AUTHENTICATION)
        desk.fail(K.RATE_LIMITED, retry_after=3.0)
        assert not desk.running
        desk.health.enable("a", (TWO,))
        held = [permit(desk.health, now=102.0) for _ in range(2)]
        other = next(each for each in held if each.key == "k2")
        desk.health.failed(other, failure(K.AUTHENTICATION), Cooldown.CREDENTIAL, 102.0)
        for each in held:
            desk.health.release(each)
        desk.wake()
        assert used(desk) == "k2"
        assert desk.launched.probes

    def test_the_hint_of_a_pool_is_not_that_of_a_refused_key(self) -> None:
        desk = Desk(TWO)
        desk.fail(K.AUTHENTICATION)
        desk.fail(K.RATE_LIMITED, retry_after=900.0)
        assert desk.settled.failure is not None
        assert desk.settled.failure.retry_after == 900.0

    @pytest.mark.parametrize("hints", [(300.0, 900.0, 600.0), (900.0, 300.0, 600.0), (900.0, 600.0, 300.0)])
    def test_the_hint_of_a_pool_is_the_soonest_of_its_limited_keys(self, hints: tuple[float, ...]) -> None:
        """Also if none of them is waited for."""
        desk = Desk(THREE)
        for hint in hints:
            desk.fail(K.RATE_LIMITED, retry_after=hint, after=1.0)
        assert desk.settled.failure is not None
        assert desk.settled.failure.retry_after == pytest.approx(300.0 - (2 - hints.index(300.0)))

    def test_keys_for_which_no_attempt_is_left_are_not_called_unusable(self) -> None:
        desk = Desk(THREE, max_attempts=2)
        assert desk.fail_always(K.AUTHENTICATION) == "aa"
        found = desk.settled.failure
        assert found is not None
        assert found.message == "no"
        assert desk.decided.startswith("no other key: no attempt is left (max_attempts)")

    def test_a_pool_does_not_use_up_the_time_of_the_targets_behind_it(self) -> None:
        desk = Desk(THREE, B, deadline=20.0)
        desk.fail(K.AUTHENTICATION, after=9.5)
        assert desk.order == "ab"
        assert desk.call.decisions[1].startswith("no other key: too little time is left")

    def test_a_committed_answer_is_not_replaced(self) -> None:
        from understudy.policy.signals import Began, Failed

        desk = Desk(TWO, B, streamed=True)
        desk.call.receive(Began(1), 100.0)
        actions = desk.call.receive(Failed(1, failure(K.RATE_LIMITED), answered=True), 101.0)
        assert not any(isinstance(action, Launch) for action in actions)

    def test_when_every_target_is_in_cooldown_a_probe_costs_one_attempt_at_one_key(self) -> None:
        health = Unbroken()
        Desk(TWO, health=health).fail_always(K.AUTHENTICATION)
        desks = []
        for number in range(3):
            desks.append(Desk(TWO, health=health, now=101.0 + number))
            desks[-1].fail_always(K.AUTHENTICATION)
        assert [desk.order for desk in desks] == ["a", "a", ""]
        found = desks[-1].settled.failure
        assert found is not None
        assert "none of the 2 keys may be used" in found.message

    @settings(max_examples=60, deadline=None)
    @given(
        kinds=st.lists(
            st.tuples(st.sampled_from([*DEAD, K.RATE_LIMITED, K.SERVER_ERROR, None]), st.sampled_from([None, 2.0])),
            max_size=14,
        ),
        counts=st.lists(st.integers(1, 3), min_size=1, max_size=3),
        most=st.integers(1, 9),
    )
    def test_whatever_fails_no_dead_key_is_asked_twice_and_every_target_has_its_turn(
        self, kinds: list[tuple[K | None, float | None]], counts: list[int], most: int
    ) -> None:
        targets = [
            Target(
                name=name,
                model="m",
                index=index,
                endpoint=f"h{name}",
                credential=f"c{name}",
                credentials=tuple(f"{name}{n}" for n in range(count)) if count > 1 else (),
            )
            for index, (name, count) in enumerate(zip("xyz", counts, strict=False))
        ]
        desk = Desk(*targets, max_attempts=max(most, len(targets)))
        dead: set[str] = set()
        launched: Counter[str] = Counter()
        for kind, hint in [*kinds, *[(K.AUTHENTICATION, None)] * 40]:
            while not desk.running and not desk.call.settled:
                desk.wake()
            if desk.call.settled:
                break
            key = used(desk)
            assert key not in dead
            launched[desk.launched.target.name] += 1
            if kind is None:
                desk.succeed()
                break
            if kind in DEAD:
                dead.add(key)
            desk.fail(kind, retry_after=hint)
        assert desk.call.settled
        assert launched.total() <= max(most, len(targets))
        assert desk.settled.failure is None or len(launched) == len(targets)
        assert all(desk.health.facts(target, desk.now).in_flight == 0 for target in targets)
        assert all(use.in_flight == 0 for use in attrgetter("_pools._uses")(desk.health).values())
