"""Virtual keys at the gateway: who is admitted, for how long something that was read counts, and what is said."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from understudy.domain.secret import Secret
from understudy.gateway.access import Access
from understudy.gateway.callers import ANYONE, Caller, Refusal
from understudy.gateway.keyring import Keyring
from understudy.gateway.names import Resolved
from understudy.ledger.keys import FoundKey, VirtualKey, make_key, token_of
from understudy.ledger.sqlite.keys import SqliteKeys
from understudy.settings.gateway import GatewayKey

PEPPER = Secret("a-pepper-of-some-length")
WITHIN = 5.0
"""Seconds in which a revoked key must be refused."""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountingKeys(SqliteKeys):
    asked = 0
    broken = False

    def find(self, digest: bytes) -> FoundKey | None:
        self.asked += 1
        if self.broken:
            raise sqlite3.OperationalError("disk I/O error")
        return super().find(digest)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CountingKeys]:
    with CountingKeys(tmp_path / "ledger.db") as keys:
        yield keys


@pytest.fixture
def clock() -> Clock:
    return Clock()


def keyring(store: SqliteKeys, clock: Clock, pepper: Secret | None = PEPPER) -> Keyring:
    routes = ("main", "main-2", "other")
    return Keyring(store, lambda: pepper, reserved=["static"], routes=routes, clock=clock, wall=clock)


def add(store: SqliteKeys, name: str = "alice", expires: float | None = None, *, routes: tuple[str, ...] = ()) -> str:
    made = make_key()
    key = VirtualKey(name=name, created=0, expires=expires, labels={"team": "search", "key": "x"}, routes=routes)
    store.add(key, token_of(made, PEPPER, 0))
    return made.reveal()


def message(refusal: Caller | Refusal, status: int = 401) -> str:
    assert isinstance(refusal, Refusal)
    assert refusal.failure.status == status
    return refusal.failure.message


def test_a_key_names_its_owner(store: SqliteKeys, clock: Clock) -> None:
    ring = keyring(store, clock)
    assert not ring.has_keys
    caller = ring.admit(add(store), "x-api-key")
    assert isinstance(caller, Caller)
    assert (caller.name, caller.labels) == ("alice", {"team": "search", "key": "alice"})
    assert caller.may_use("anything")
    assert message(ring.admit("usk-wrong", "x-api-key")) == "the key in x-api-key is unknown to this gateway"


def test_what_was_read_counts_for_a_while(store: CountingKeys, clock: Clock) -> None:
    ring, key = keyring(store, clock), add(store)
    for _ in range(5):
        assert isinstance(ring.admit(key, ""), Caller)
        assert isinstance(ring.admit("usk-wrong", ""), Refusal)
    assert store.asked == 2, "one that is unknown is remembered, too"
    store.revoke("alice", clock.now)
    clock.now += WITHIN
    assert message(ring.admit(key, "")) == "the key 'alice' was revoked"


def test_times_are_exact(store: SqliteKeys, clock: Clock) -> None:
    ring, key = keyring(store, clock), add(store, expires=1001.0)
    assert isinstance(ring.admit(key, ""), Caller)
    clock.now = 1001.0
    assert message(ring.admit(key, "")) == "the key 'alice' expired at 1970-01-01 00:16 UTC"
    bob = add(store, "bob")
    second = make_key()
    store.rotate("bob", token_of(second, PEPPER, clock.now), clock.now + 1)
    assert isinstance(ring.admit(bob, ""), Caller)
    assert isinstance(ring.admit(second.reveal(), ""), Caller)
    clock.now += 1
    assert message(ring.admit(bob, "")) == "the key in  is unknown to this gateway"
    assert isinstance(ring.admit(second.reveal(), ""), Caller)


def test_the_first_key_needs_no_pause(store: SqliteKeys, clock: Clock) -> None:
    ring = keyring(store, clock)
    assert not ring.has_keys
    key = add(store)
    assert isinstance(ring.admit(key, ""), Caller)


def test_routes_are_those_of_the_configuration(store: SqliteKeys, clock: Clock) -> None:
    ring = keyring(store, clock)
    caller = ring.admit(add(store, routes=("main*",)), "")
    assert isinstance(caller, Caller)
    assert [each for each in ("main", "main-2", "other", "main-entry/m") if caller.may_use(each)] == ["main", "main-2"]
    nothing = ring.admit(add(store, "bob", routes=("gone",)), "")
    assert isinstance(nothing, Caller)
    assert not nothing.may_use("gone")
    refused = nothing.refusal(Resolved(model="main", asked=("main",)))
    assert refused is not None
    assert refused.message == "the key 'bob' may not use 'main': it may use nothing that is configured"


def test_a_name_of_the_configuration_is_not_shared(store: SqliteKeys, clock: Clock) -> None:
    """Else what one of the two has sealed and stored would be the other's."""
    assert "unknown" in message(keyring(store, clock).admit(add(store, "static"), ""))


def test_without_the_file_nothing_is_admitted(store: CountingKeys, clock: Clock) -> None:
    ring, key = keyring(store, clock), add(store)
    assert isinstance(ring.admit(key, ""), Caller)
    store.broken = True
    assert isinstance(ring.admit(key, ""), Caller)
    clock.now += WITHIN
    refused = ring.admit(key, "")
    assert message(refused, 503) == "the gateway cannot read its keys at the moment"
    assert isinstance(refused, Refusal)
    assert refused.failure.code == "ledger_unavailable"
    store.broken = False
    assert isinstance(ring.admit(key, ""), Caller)


def test_without_the_pepper_nothing_is_admitted(store: SqliteKeys, clock: Clock) -> None:
    key = add(store)
    message(keyring(store, clock, pepper=None).admit(key, ""), 503)
    assert "unknown" in message(keyring(store, clock, Secret("another")).admit(key, ""))


def test_a_virtual_key_is_asked_for_after_the_configured_ones(store: CountingKeys, clock: Clock) -> None:
    access = Access([GatewayKey(name="static", key=Secret("static-0123456789"))], keyring=keyring(store, clock))
    assert isinstance(access.admit({"x-api-key": "static-0123456789"}), Caller)
    assert store.asked == 0
    caller = access.admit({"authorization": f"Bearer {add(store)}"})
    assert isinstance(caller, Caller)
    assert caller.name == "alice"


def test_an_open_gateway_is_closed_by_its_first_key(store: SqliteKeys, clock: Clock) -> None:
    access = Access(open_=True, keyring=keyring(store, clock))
    assert access.admit({}) is ANYONE
    assert access.admit({"x-api-key": "anything"}) is ANYONE
    key = add(store)
    assert isinstance(caller := access.admit({"x-api-key": key}), Caller)
    assert caller.name == "alice", "at once"
    clock.now += WITHIN
    assert "missing" in message(access.admit({}))
    assert "unknown" in message(access.admit({"x-api-key": "anything"}))
    assert isinstance(access.admit({"x-api-key": key}), Caller)
    store.revoke("alice", clock.now)
    clock.now += WITHIN
    assert "missing" in message(access.admit({})), "whoever lost a key must not get in without one"
