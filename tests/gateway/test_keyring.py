"""Virtual keys at the gateway: who is admitted, for how long something that was read counts, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator

import pytest

from tests.ledger.contract.stores import Store
from understudy.domain.secret import Secret
from understudy.gateway.access import Access
from understudy.gateway.callers import ANYONE, Caller, Refusal
from understudy.gateway.key_lookup import KeyLookup
from understudy.gateway.keyring import Keyring
from understudy.gateway.names import Resolved
from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.keys import KeyRegistry, KeysRead, VirtualKey, make_key, token_of
from understudy.settings.gateway import GatewayKey

PEPPER = Secret("a-pepper-of-some-length")
WITHIN = 5.0
"""Seconds in which a revoked key must be refused."""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountingKeys:
    """The keys of a store, which may be broken."""

    def __init__(self, keys: KeyRegistry) -> None:
        self.keys = keys
        self.is_remote = keys.is_remote
        self.asked = 0
        self.broken = False

    def read(self, digests: Collection[bytes] = ()) -> KeysRead:
        self.asked += len(digests)
        if self.broken:
            raise LedgerUnavailable("disk I/O error")
        return self.keys.read(digests)

    def close(self) -> None:
        self.keys.close()


@pytest.fixture
def counting(store: Store) -> Iterator[CountingKeys]:
    keys = CountingKeys(store.keys())
    yield keys
    keys.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def keyring(counting: CountingKeys, clock: Clock, pepper: Secret | None = PEPPER) -> Keyring:
    routes = ("main", "main-2", "other")
    return Keyring(KeyLookup(counting), lambda: pepper, reserved=["static"], routes=routes, clock=clock, wall=clock)


def add(
    counting: CountingKeys, name: str = "alice", expires: float | None = None, *, routes: tuple[str, ...] = ()
) -> str:
    made = make_key()
    key = VirtualKey(name=name, created=0, expires=expires, labels={"team": "search", "key": "x"}, routes=routes)
    counting.keys.add(key, token_of(made, PEPPER, 0))
    return made.reveal()


def message(refusal: Caller | Refusal, status: int = 401) -> str:
    assert isinstance(refusal, Refusal)
    assert refusal.failure.status == status
    return refusal.failure.message


async def test_a_key_names_its_owner(counting: CountingKeys, clock: Clock) -> None:
    ring = keyring(counting, clock)
    assert not await ring.look()
    caller = await ring.admit(add(counting), "x-api-key")
    assert isinstance(caller, Caller)
    assert (caller.name, caller.labels) == ("alice", {"team": "search", "key": "alice"})
    assert caller.may_use("anything")
    assert message(await ring.admit("usk-wrong", "x-api-key")) == "the key in x-api-key is unknown to this gateway"


async def test_what_was_read_counts_for_a_while(counting: CountingKeys, clock: Clock) -> None:
    ring, key = keyring(counting, clock), add(counting)
    for _ in range(5):
        assert isinstance(await ring.admit(key, ""), Caller)
        assert isinstance(await ring.admit("usk-wrong", ""), Refusal)
    assert counting.asked == 2, "one that is unknown is remembered, too"
    counting.keys.revoke("alice", clock.now)
    clock.now += WITHIN
    assert message(await ring.admit(key, "")) == "the key 'alice' was revoked"


async def test_times_are_exact(counting: CountingKeys, clock: Clock) -> None:
    ring, key = keyring(counting, clock), add(counting, expires=1001.0)
    assert isinstance(await ring.admit(key, ""), Caller)
    clock.now = 1001.0
    assert message(await ring.admit(key, "")) == "the key 'alice' expired at 1970-01-01 00:16 UTC"
    bob = add(counting, "bob")
    second = make_key()
    counting.keys.rotate("bob", token_of(second, PEPPER, clock.now), clock.now + 1)
    assert isinstance(await ring.admit(bob, ""), Caller)
    assert isinstance(await ring.admit(second.reveal(), ""), Caller)
    clock.now += 1
    assert message(await ring.admit(bob, "")) == "the key in  is unknown to this gateway"
    assert isinstance(await ring.admit(second.reveal(), ""), Caller)


async def test_the_first_key_needs_no_pause(counting: CountingKeys, clock: Clock) -> None:
    ring = keyring(counting, clock)
    assert not await ring.look()
    key = add(counting)
    assert isinstance(await ring.admit(key, ""), Caller)


async def test_routes_are_those_of_the_configuration(counting: CountingKeys, clock: Clock) -> None:
    ring = keyring(counting, clock)
    caller = await ring.admit(add(counting, routes=("main*",)), "")
    assert isinstance(caller, Caller)
    assert [each for each in ("main", "main-2", "other", "main-entry/m") if caller.may_use(each)] == ["main", "main-2"]
    nothing = await ring.admit(add(counting, "bob", routes=("gone",)), "")
    assert isinstance(nothing, Caller)
    assert not nothing.may_use("gone")
    refused = nothing.refusal(Resolved(model="main", asked=("main",)))
    assert refused is not None
    assert refused.message == "the key 'bob' may not use 'main': it may use nothing that is configured"


async def test_a_name_of_the_configuration_is_not_shared(counting: CountingKeys, clock: Clock) -> None:
    """Else what one of the two has sealed and stored would be the other's."""
    assert "unknown" in message(await keyring(counting, clock).admit(add(counting, "static"), ""))


async def test_without_the_file_nothing_is_admitted(counting: CountingKeys, clock: Clock) -> None:
    ring, key = keyring(counting, clock), add(counting)
    assert isinstance(await ring.admit(key, ""), Caller)
    counting.broken = True
    assert isinstance(await ring.admit(key, ""), Caller)
    clock.now += WITHIN
    refused = await ring.admit(key, "")
    assert message(refused, 503) == "the gateway cannot read its keys at the moment"
    assert isinstance(refused, Refusal)
    assert refused.failure.code == "ledger_unavailable"
    counting.broken = False
    assert isinstance(await ring.admit(key, ""), Caller)


async def test_a_restart_of_the_store_is_not_noticed(counting: CountingKeys, clock: Clock) -> None:
    ring, key = keyring(counting, clock), add(counting)
    assert isinstance(await ring.admit(key, ""), Caller)
    assert await ring.look()
    counting.broken = True
    clock.now += 4
    assert isinstance(await ring.admit(key, ""), Caller)
    message(await ring.admit("usk-another", ""), 503)
    clock.now += 1
    message(await ring.admit(key, ""), 503)
    assert await ring.look()


async def test_nobody_gets_in_without_a_key_because_the_store_is_away(counting: CountingKeys, clock: Clock) -> None:
    access = Access(open_=True, keyring=keyring(counting, clock))
    counting.broken = True
    assert "missing" in message(await access.admit({}))
    counting.broken = False
    assert await access.admit({}) is ANYONE
    counting.broken = True
    clock.now += WITHIN
    assert await access.admit({}) is ANYONE, "there was none"
    counting.broken = False
    key = add(counting)
    assert isinstance(await access.admit({"x-api-key": key}), Caller)
    clock.now += WITHIN
    assert "missing" in message(await access.admit({}))
    counting.broken = True
    clock.now += WITHIN
    assert "missing" in message(await access.admit({}))


async def test_many_values_are_looked_up_together(counting: CountingKeys, clock: Clock) -> None:
    ring, key = keyring(counting, clock), add(counting)
    asked = [key, *(f"usk-wrong-{number}" for number in range(300)), key]
    admitted = await asyncio.gather(*(ring.admit(each, "") for each in asked))
    assert [isinstance(each, Caller) for each in admitted] == [True, *[False] * 300, True]


async def test_a_caller_that_leaves_takes_no_answer_from_others(counting: CountingKeys, clock: Clock) -> None:
    ring, key = keyring(counting, clock), add(counting)
    left, stays = (asyncio.ensure_future(ring.admit(key, "")) for _ in range(2))
    await asyncio.sleep(0)
    left.cancel()
    assert isinstance(await stays, Caller)


async def test_without_the_pepper_nothing_is_admitted(counting: CountingKeys, clock: Clock) -> None:
    key = add(counting)
    message(await keyring(counting, clock, pepper=None).admit(key, ""), 503)
    assert "unknown" in message(await keyring(counting, clock, Secret("another")).admit(key, ""))


async def test_a_virtual_key_is_asked_for_after_the_configured_ones(counting: CountingKeys, clock: Clock) -> None:
    access = Access([GatewayKey(name="static", key=Secret("static-0123456789"))], keyring=keyring(counting, clock))
    assert isinstance(await access.admit({"x-api-key": "static-0123456789"}), Caller)
    assert counting.asked == 0
    caller = await access.admit({"authorization": f"Bearer {add(counting)}"})
    assert isinstance(caller, Caller)
    assert caller.name == "alice"


async def test_an_open_gateway_is_closed_by_its_first_key(counting: CountingKeys, clock: Clock) -> None:
    access = Access(open_=True, keyring=keyring(counting, clock))
    assert await access.admit({}) is ANYONE
    assert await access.admit({"x-api-key": "anything"}) is ANYONE
    key = add(counting)
    assert isinstance(caller := await access.admit({"x-api-key": key}), Caller)
    assert caller.name == "alice", "at once"
    clock.now += WITHIN
    assert "missing" in message(await access.admit({}))
    assert "unknown" in message(await access.admit({"x-api-key": "anything"}))
    assert isinstance(await access.admit({"x-api-key": key}), Caller)
    counting.keys.revoke("alice", clock.now)
    clock.now += WITHIN
    assert "missing" in message(await access.admit({})), "whoever lost a key must not get in without one"
