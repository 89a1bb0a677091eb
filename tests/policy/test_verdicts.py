"""What every kind of failure leads to: written by hand, one row a kind, and held against what a call really does."""

from __future__ import annotations

import msgspec
import pytest

from tests.policy.desk import A, B, C, Desk, failure
from understudy.domain.attempts import CostBasis
from understudy.domain.failures import FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.health import Health
from understudy.policy.signals import Settle
from understudy.policy.targets import Target
from understudy.policy.verdicts import VERDICTS, Cooldown, Fallback, Retry, Trips, Verdict, verdict_of

K = FailureKind
NOT_SENT, UNKNOWN, REFUSED, EXACT = CostBasis.NOT_SENT, CostBasis.UNKNOWN, CostBasis.REFUSED, CostBasis.EXACT

TARGET = Target(name="entry", model="m", credential="key", endpoint="host")
TWIN_OF_KEY = Target(name="other", model="n", credential="key", endpoint="elsewhere")
TWIN_OF_HOST = Target(name="other", model="n", credential="else", endpoint="host")
TWIN_OF_ENTRY = Target(name="entry", model="n", credential="entry", endpoint="entry")
SCOPES = {"target": TARGET, "key": TWIN_OF_KEY, "host": TWIN_OF_HOST, "entry": TWIN_OF_ENTRY}


class Row(msgspec.Struct, frozen=True):
    """One kind of failure, always the same, with up to four tries at a target."""

    alone: str
    """The attempts where there is one target."""
    pair: str
    """The attempts where there are two."""
    cooldown: str = ""
    """For whom it puts something in cooldown: for the target alone, or also for those that share its key or host."""
    seconds: float = 0.0
    """For how long, without a hint."""
    basis: CostBasis = UNKNOWN
    """What is known of the cost."""
    surfaced: bool = False
    """Whether this failure itself is the answer to the request."""


TABLE = {
    # nothing was sent
    K.DNS: Row("aa", "aabb", basis=NOT_SENT),
    K.CONNECT: Row("aaaa", "abbbb", basis=NOT_SENT),
    K.CONNECT_TIMEOUT: Row("aa", "abb", basis=NOT_SENT),
    K.TLS: Row("a", "ab", "target host", 300.0, basis=NOT_SENT),
    K.PROXY: Row("a", "ab", basis=NOT_SENT),
    K.POOL: Row("aa", "abb", basis=NOT_SENT),
    K.NOT_SIGNED: Row("aa", "abb", basis=NOT_SENT),
    # on the wire; of a stale connection the first attempt is repeated at once, as one too many
    K.WRITE_FAILED: Row("aaaa", "aaaabbbb"),
    K.STALE_CONNECTION: Row("aaaaa", "aaaaabbbb"),
    K.DISCONNECTED: Row("aaaa", "aaaabbbb"),
    K.PROTOCOL: Row("a", "ab"),
    K.REDIRECT: Row("a", "ab", basis=REFUSED),
    K.TIMEOUT_HEADERS: Row("aa", "abb"),
    K.TIMEOUT_BODY: Row("aa", "abb"),
    K.TIMEOUT_FIRST_EVENT: Row("aa", "abb"),
    K.STALLED: Row("aa", "abb"),
    K.TRUNCATED: Row("aaaa", "aaaabbbb"),
    # in what was answered
    K.BAD_RESPONSE: Row("aaaa", "aaaabbbb"),
    K.TOO_LARGE: Row("a", "ab"),
    K.EMPTY: Row("aa", "aabb", basis=EXACT),
    K.SCHEMA_MISMATCH: Row("a", "ab", basis=EXACT),
    # what the provider says of itself
    K.RATE_LIMITED: Row("aaaa", "abbbbaaa", "target", 1.0, basis=REFUSED),
    K.BILLING: Row("a", "ab", "target key", 300.0, basis=REFUSED),
    K.DAILY_QUOTA: Row("a", "ab", "target", 3600.0, basis=REFUSED),
    K.OVERLOADED: Row("aaa", "aaabbb", basis=REFUSED),
    K.SERVER_ERROR: Row("aaa", "aaabbb"),
    K.CONFLICT: Row("aa", "aabb"),
    K.RESAMPLE: Row("aa", "aabb"),
    # what the provider says of the request
    K.INVALID_REQUEST: Row("a", "a", basis=REFUSED, surfaced=True),
    K.AUTHENTICATION: Row("a", "ab", "target key", 300.0, basis=REFUSED),
    K.PERMISSION: Row("a", "ab", "target", 300.0, basis=REFUSED),
    K.NOT_FOUND: Row("a", "ab", "target", 300.0, basis=REFUSED),
    K.CONTEXT_LENGTH: Row("a", "ab", basis=REFUSED, surfaced=True),
    K.REQUEST_TOO_LARGE: Row("a", "ab", basis=REFUSED, surfaced=True),
    K.CONTENT_FILTER: Row("a", "a", basis=REFUSED, surfaced=True),
    K.UNSUPPORTED: Row("a", "ab", basis=REFUSED),
    K.UNKNOWN_STATUS: Row("a", "a", basis=REFUSED, surfaced=True),
    # what this side decided
    K.CANCELLED: Row("a", "a", surfaced=True),
    K.DEADLINE: Row("a", "a", surfaced=True),
    K.LOCAL: Row("a", "ab"),
}

every_kind = pytest.mark.parametrize("kind", TABLE)


def test_no_kind_is_missing() -> None:
    assert set(TABLE) == set(VERDICTS) == set(FailureKind)


@every_kind
def test_tries_at_the_only_target(kind: FailureKind) -> None:
    desk = Desk(A, max_tries=4, max_attempts=20)
    assert desk.fail_always(kind) == TABLE[kind].alone
    settle = desk.settled
    assert settle.attempt == len(desk.order)
    assert settle.failure is not None
    assert settle.failure.kind is kind
    assert settle.surfaced is TABLE[kind].surfaced


@every_kind
def test_tries_where_there_is_another_target(kind: FailureKind) -> None:
    assert Desk(A, B, max_tries=4, max_attempts=20).fail_always(kind) == TABLE[kind].pair


@every_kind
def test_only_a_filter_goes_elsewhere_where_the_configuration_lets_filters(kind: FailureKind) -> None:
    order = Desk(A, B, max_tries=4, max_attempts=20, fallback_on_filter=True).fail_always(kind)
    assert order == ("ab" if kind is K.CONTENT_FILTER else TABLE[kind].pair)


@every_kind
def test_only_an_invalid_request_goes_elsewhere_because_it_was_altered(kind: FailureKind) -> None:
    order = Desk(A, B, max_tries=4, max_attempts=20).fail_always(kind, translated=True)
    assert order == ("ab" if kind is K.INVALID_REQUEST else TABLE[kind].pair)


@every_kind
def test_only_a_full_context_heeds_what_is_known_of_windows(kind: FailureKind) -> None:
    order = Desk(A, B, max_tries=4, max_attempts=20, windows={"a": 8, "b": 4}).fail_always(kind)
    assert order == ("a" if kind in (K.CONTEXT_LENGTH, K.REQUEST_TOO_LARGE) else TABLE[kind].pair)


@every_kind
@pytest.mark.parametrize("max_tries", [1, 2])
def test_max_retries_is_the_ceiling_whatever_the_kind(kind: FailureKind, max_tries: int) -> None:
    order = Desk(A, B, max_tries=max_tries, max_attempts=20).fail_always(kind)
    free = kind is K.STALE_CONNECTION
    assert order.count("a") <= max_tries + free
    assert order.count("b") <= max_tries


@every_kind
def test_what_goes_into_cooldown(kind: FailureKind) -> None:
    desk = Desk(TARGET, max_tries=1)
    desk.fail(kind)
    for scope, twin in SCOPES.items():
        denial = desk.health.denial(twin, desk.now)
        if scope in TABLE[kind].cooldown.split():
            assert denial is not None
            assert denial.until - desk.now == pytest.approx(TABLE[kind].seconds)
            assert denial.why == f"{kind}: no"
        else:
            assert denial is None


@every_kind
def test_what_is_known_of_the_cost(kind: FailureKind) -> None:
    assert VERDICTS[kind].basis is TABLE[kind].basis


def test_what_is_never_retried_states_no_number_of_retries() -> None:
    assert {verdict.retries for verdict in VERDICTS.values() if verdict.retry is Retry.NEVER} == {None}


def test_a_target_of_no_named_key_and_host_stands_for_itself() -> None:
    bare = Target(name="bare", model="m")
    for kind in (K.AUTHENTICATION, K.TLS):
        health = Health()
        desk = Desk(bare, health=health, max_tries=1)
        desk.fail(kind)
        assert health.denial(Target(name="bare", model="another"), desk.now) is not None
        assert health.denial(A, desk.now) is None


# ---- hints ----

WAITING = [kind for kind in TABLE if VERDICTS[kind].retry is not Retry.NEVER]


@pytest.mark.parametrize("kind", WAITING)
def test_a_hint_beyond_what_is_waited_for_ends_the_tries_at_its_target(kind: FailureKind) -> None:
    desk = Desk(A, max_tries=4)
    desk.fail(kind, retry_after=20.5)
    assert desk.order == "a"
    assert desk.settled.failure is not None
    assert desk.settled.failure.retry_after == 20.5
    assert not desk.settled.surfaced
    assert desk.decided == (
        "no retry: the provider asks for a wait of 20 s, and max_wait is 20 s; no other target is left"
    )
    denial = desk.health.denial(A, desk.now)
    assert denial is not None
    assert denial.until - desk.now == pytest.approx(20.5)


@pytest.mark.parametrize("kind", WAITING)
def test_another_target_goes_on_after_such_a_hint(kind: FailureKind) -> None:
    desk = Desk(A, B, max_tries=4)
    desk.fail(kind, retry_after=3600.0)
    assert desk.order == "ab"
    assert desk.decided.endswith("; fall back to b/m")
    desk.succeed()
    assert desk.settled.failure is None


@pytest.mark.parametrize("kind", [K.OVERLOADED, K.SERVER_ERROR, K.RATE_LIMITED, K.CONFLICT])
@pytest.mark.parametrize("hint", [0.25, 3.0, 20.0])
def test_a_hint_within_it_is_waited_for_at_the_same_target(kind: FailureKind, hint: float) -> None:
    desk = Desk(A, B)
    desk.fail(kind, retry_after=hint)
    assert desk.actions == []
    assert hint <= desk.wake() <= 1.1 * hint
    assert desk.order == "aa"
    assert desk.launched.waited == pytest.approx(desk.now - 100.0)


@pytest.mark.parametrize("kind", [kind for kind in TABLE if kind not in WAITING])
def test_a_hint_grants_nothing_where_no_retry_helps(kind: FailureKind) -> None:
    assert Desk(A, max_tries=4).fail_always(kind, retry_after=0.5) == "a"


def test_no_wait_is_served_where_none_is_allowed() -> None:
    desk = Desk(A, B, max_wait=0.0)
    desk.fail(K.RATE_LIMITED, retry_after=0.1)
    assert desk.order == "ab"


@pytest.mark.parametrize(("hint", "told"), [(3600.0, 590.0), (30.0, 30.0), (None, None)])
def test_the_failure_that_remains_names_the_soonest_wait(hint: float | None, told: float | None) -> None:
    """Of the targets that could not be asked too, if any wait is known; without one, nobody has asked to wait."""
    health = Health()
    for _ in range(2):
        Desk(B, health=health, now=90.0).fail_always(K.AUTHENTICATION)  # also probed, so in cooldown until 690
    desk = Desk(A, B, health=health, max_tries=1)
    desk.fail(K.RATE_LIMITED, retry_after=hint)
    assert desk.order == "a"
    assert desk.settled.failure is not None
    assert desk.settled.failure.kind is K.RATE_LIMITED
    assert desk.settled.failure.retry_after == told
    assert "in cooldown: b/m for 590 s (authentication: no)" in desk.decided
    assert desk.decided.endswith("; no other target is left")


# ---- what the provider says about retries ----


@pytest.mark.parametrize("kind", WAITING)
def test_a_provider_may_forbid_retries(kind: FailureKind) -> None:
    desk = Desk(A, B, max_tries=4)
    assert desk.fail_always(kind, should_retry=False) == "ab"
    assert desk.call.decisions[1] == "no retry: the provider forbids it; fall back to b/m"


def test_what_a_provider_forbids_is_a_verdict_without_retries() -> None:
    assert verdict_of(failure(K.SERVER_ERROR, should_retry=False), max_wait=20.0, took=0.0) == Verdict(
        Retry.NEVER, None, Fallback.ALWAYS, Cooldown.NOTHING, UNKNOWN,
        "no retry: the provider forbids it", Trips.TARGET,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in TABLE if kind not in WAITING])
def test_it_is_not_told_twice_where_the_table_forbids_them_too(kind: FailureKind) -> None:
    assert verdict_of(failure(kind, should_retry=False), max_wait=20.0, took=0.0) == VERDICTS[kind]


@pytest.mark.parametrize(
    ("kind", "status", "order"),
    [
        (K.BILLING, 429, "a"),
        (K.DAILY_QUOTA, 429, "a"),
        (K.TLS, None, "a"),
        (K.PROTOCOL, None, "aa"),
        (K.UNKNOWN_STATUS, 418, "aa"),
        (K.INVALID_REQUEST, 400, "a"),
        (K.AUTHENTICATION, 401, "a"),
        (K.BILLING, 402, "a"),
        (K.PERMISSION, 403, "a"),
        (K.NOT_FOUND, 404, "a"),
        (K.INVALID_REQUEST, 422, "a"),
        (K.SERVER_ERROR, 500, "aaa"),
    ],
)
def test_a_provider_may_ask_for_one_retry(kind: FailureKind, status: int | None, order: str) -> None:
    """Except of requests that would fail the same way again, and with what has just been put in cooldown."""
    desk = Desk(A, max_tries=4, max_wait=400.0)
    assert desk.fail_always(kind, status=status, should_retry=True) == order


@pytest.mark.parametrize("status", range(399, 430))
def test_of_a_refused_request_no_retry_is_granted_whatever_its_kind(status: int) -> None:
    """A filter may answer 403, and a model without a feature 404."""
    for kind in (K.INVALID_REQUEST, K.CONTENT_FILTER, K.UNSUPPORTED):
        found = verdict_of(failure(kind, status=status, should_retry=True), max_wait=20.0, took=0.0)
        granted = status not in (400, 401, 402, 403, 404, 422)
        assert (found.retry, found.retries) == ((Retry.FIRST, 1) if granted else (Retry.NEVER, None))


def test_a_provider_that_asks_for_a_retry_in_an_hour_gets_none_now() -> None:
    assert Desk(A, max_tries=4).fail_always(K.PROTOCOL, should_retry=True, retry_after=3600.0) == "a"


# ---- slow failures ----


@pytest.mark.parametrize("kind", WAITING)
@pytest.mark.parametrize(("took", "first"), [(5.0, True), (5.1, False)])
def test_what_took_long_to_fail_is_not_asked_again_before_the_others(
    kind: FailureKind, took: float, first: bool
) -> None:
    desk = Desk(A, B, max_tries=4)
    desk.fail(kind, after=took, retry_after=1.0)
    if not desk.running:
        desk.wake()
    before_others = kind is K.RATE_LIMITED or VERDICTS[kind].retry is not Retry.LAST
    assert desk.order == ("aa" if first and before_others else "ab")


def test_what_took_long_to_fail_is_asked_again_when_nothing_else_is_left() -> None:
    desk = Desk(A, max_tries=2)
    desk.fail(K.DISCONNECTED, after=30.0)
    assert desk.order == "aa"
    assert desk.decided == "other targets first, as it took 30.0 s to fail; retry in 0.00 s"


def test_only_a_retry_ahead_of_the_others_is_put_behind_them() -> None:
    for kind in (K.CONNECT, K.TLS, K.INVALID_REQUEST):
        assert verdict_of(failure(kind), max_wait=20.0, took=60.0) == VERDICTS[kind]


# ---- stale connections ----


class TestAStaleConnection:
    def test_is_repeated_at_once_and_outside_every_budget_of_retries(self) -> None:
        desk = Desk(A, max_tries=1, retry_delay=8.0)
        desk.fail(K.STALE_CONNECTION)
        assert (desk.launched.attempt, desk.launched.waited) == (2, 0.0)
        assert desk.decided == "retry at once on a fresh connection"
        desk.succeed()
        assert desk.settled == Settle(2)

    def test_is_repeated_once_per_request(self) -> None:
        desk = Desk(A, B, max_tries=1)
        assert desk.fail_always(K.STALE_CONNECTION) == "aab"

    def test_the_second_one_waits_and_counts_as_a_lost_connection_does(self) -> None:
        desk = Desk(A, max_tries=2, retry_delay=8.0)
        desk.fail(K.STALE_CONNECTION)
        desk.fail(K.STALE_CONNECTION)
        assert desk.actions == []
        assert desk.wake() > 0.0
        desk.fail(K.STALE_CONNECTION)
        assert desk.order == "aaa"
        assert "2 attempts were made (max_retries)" in desk.decided

    def test_never_takes_the_attempt_that_is_kept_for_another_target(self) -> None:
        desk = Desk(A, B, C, max_attempts=3)
        assert desk.fail_always(K.STALE_CONNECTION) == "abc"

    def test_counts_towards_the_attempts_of_the_request(self) -> None:
        assert Desk(A, max_tries=9, max_attempts=1).fail_always(K.STALE_CONNECTION) == "a"
        assert Desk(A, max_tries=9, max_attempts=2).fail_always(K.STALE_CONNECTION) == "aa"

    def test_draws_on_no_retry_budget(self) -> None:
        budgets = Budgets()
        for _ in range(40):
            desk = Desk(A, budgets=budgets)
            desk.fail(K.STALE_CONNECTION)
            assert desk.running

    def test_that_kept_us_waiting_is_no_idle_one(self) -> None:
        desk = Desk(A, B)
        desk.fail(K.STALE_CONNECTION, after=6.0)
        assert desk.order == "ab"

    def test_is_not_repeated_where_the_answer_had_begun(self) -> None:
        desk = Desk(A, B, has_effects=True)
        desk.fail(K.STALE_CONNECTION, answered=True)
        assert desk.settled.surfaced


def test_the_verdict_says_why_it_differs_from_the_table() -> None:
    assert all(verdict.why == "" for verdict in VERDICTS.values())
    told = verdict_of(failure(K.OVERLOADED, retry_after=30.0), max_wait=20.0, took=0.0)
    assert told == Verdict(
        Retry.NEVER, None, Fallback.ALWAYS, Cooldown.TARGET, REFUSED,
        "no retry: the provider asks for a wait of 30 s, and max_wait is 20 s", Trips.TARGET,
    )  # fmt: skip
