"""Virtual keys in every store: what is kept of them, and what becomes of one over its life."""

from __future__ import annotations

import hashlib
import hmac
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from tests.ledger.contract.stores import Sqlite, Store
from understudy.domain.errors import Misuse
from understudy.domain.secret import Secret
from understudy.ledger.keys import KeyRegistry, KeyState, VirtualKey, digest_of, make_key, token_of

NOW = 1_800_000_000.0
PEPPER = Secret("a-pepper-of-some-length")
ALICE = VirtualKey(name="alice", created=NOW, models=("openai/*",), routes=("main",), labels={"team": "search"})


@pytest.fixture
def keys(store: Store) -> Iterator[KeyRegistry]:
    with store.keys() as opened:
        yield opened


def added(keys: KeyRegistry, key: VirtualKey = ALICE) -> Secret:
    made = make_key()
    keys.add(key, token_of(made, PEPPER, NOW))
    return made


def found(keys: KeyRegistry, key: Secret) -> VirtualKey | None:
    digest = digest_of(key.reveal(), PEPPER)
    result = keys.read([b"another", digest]).found.get(digest)
    return None if result is None else result.key


def test_a_key_is_random_and_kept_as_its_keyed_hash(keys: KeyRegistry, store: Store) -> None:
    assert not keys.read().has_keys
    made = added(keys)
    assert made != make_key()
    assert len(made.reveal()) == len("usk-") + 43, "256 bits in base64"
    assert found(keys, made) == ALICE
    assert keys.read().has_keys
    (token,) = keys.key("alice").tokens
    assert token.digest == hmac.new(PEPPER.reveal().encode(), made.reveal().encode(), hashlib.sha256).digest()
    kept = store.bytes_of_keys()
    assert made.reveal().encode() not in kept
    assert made.reveal()[4:].encode() not in kept
    if isinstance(store, Sqlite):
        assert {stat.S_IMODE(file.stat().st_mode) for file in store.path.parent.iterdir()} == {0o600}


def test_what_is_not_a_key_is_not_found(keys: KeyRegistry) -> None:
    made = added(keys)
    assert found(keys, Secret(made.reveal()[:-1])) is None
    assert keys.read([digest_of(made.reveal(), Secret("another-pepper")), b""]).found == {}


def test_keys_are_found_by_a_part_of_their_name_page_by_page(keys: KeyRegistry) -> None:
    names = ["alice", "bob", "Team-a", "team-b", "team-c", "100%_x"]
    for name in names:
        added(keys, replace(ALICE, name=name))
    token = make_key()
    keys.rotate("bob", token_of(token, PEPPER, NOW + 1), NOW + 100)
    listed = keys.listed()
    assert sorted(each.name for each in listed) == sorted(names)
    assert [len(each.tokens) for each in listed if each.name in ("alice", "bob")] == [1, 2]
    assert listed == [keys.key(each.name) for each in listed]
    whole = keys.page()
    assert (list(whole.keys), whole.found, whole.total) == (listed, 6, 6)
    first, second = keys.page("TEAM", limit=2), keys.page("TEAM", after=2, limit=2)
    assert [(len(each.keys), each.found, each.total) for each in (first, second)] == [(2, 3, 6), (1, 3, 6)]
    assert {each.name for one in (first, second) for each in one.keys} == {"Team-a", "team-b", "team-c"}
    for search, expected in {"%": ["100%_x"], "_": ["100%_x"], "nobody": [], "'": []}.items():
        assert [each.name for each in keys.page(search).keys] == expected, search


def test_a_name_is_used_once(keys: KeyRegistry) -> None:
    added(keys)
    with pytest.raises(Misuse, match="there is a virtual key 'alice' already"):
        added(keys)
    assert len(keys.listed()) == 1


def test_a_rotated_key_has_two_values_for_a_while(keys: KeyRegistry) -> None:
    first, second, third = added(keys), make_key(), make_key()
    keys.rotate("alice", token_of(second, PEPPER, NOW + 10), NOW + 100)
    key = keys.rotate("alice", token_of(third, PEPPER, NOW + 20), NOW + 50)
    assert [each.until for each in key.tokens] == [None, NOW + 50, NOW + 50], "an overlap is never prolonged"
    assert key.tokens[0].ending == third.reveal()[-4:]
    assert all(found(keys, each) for each in (first, second, third))
    key = keys.rotate("alice", token_of(make_key(), PEPPER, NOW + 60), NOW + 60)
    assert len(key.tokens) == 1, "what is over is forgotten"
    assert not any(found(keys, each) for each in (first, second, third))


def test_a_revoked_key_stays_revoked_until_it_is_removed(keys: KeyRegistry) -> None:
    made = added(keys)
    with pytest.raises(Misuse, match="is valid: revoke it"):
        keys.remove("alice", NOW)
    assert keys.revoke("alice", NOW + 1).state(NOW) is KeyState.REVOKED
    assert keys.revoke("alice", NOW + 2).revoked == NOW + 1
    with pytest.raises(Misuse, match="was revoked, and is not rotated"):
        keys.rotate("alice", token_of(make_key(), PEPPER, NOW), NOW)
    keys.remove("alice", NOW)
    assert found(keys, made) is None
    assert not keys.read().has_keys
    for act in (lambda: keys.revoke("alice", NOW), lambda: keys.remove("alice", NOW), lambda: keys.key("alice")):
        with pytest.raises(Misuse, match="there is no virtual key 'alice'"):
            act()


def test_a_key_expires_by_itself(keys: KeyRegistry) -> None:
    key = replace(ALICE, expires=NOW + 5)
    made = added(keys, key)
    assert found(keys, made) == key
    assert (key.state(NOW + 4.9), key.state(NOW + 5)) == (KeyState.VALID, KeyState.EXPIRED)
    keys.remove("alice", NOW + 5)


def test_another_process_sees_a_key_and_its_end_at_once(keys: KeyRegistry, store: Store) -> None:
    with store.keys() as other:
        assert not other.read().has_keys
        made = added(keys)
        assert found(other, made) == ALICE
        other.revoke("alice", NOW + 1)
        assert keys.key("alice").revoked == NOW + 1
        keys.close()
        assert [each.name for each in keys.listed()] == ["alice"]


def test_processes_that_make_the_same_key_make_one(store: Store) -> None:
    """And as many rotations as there are leave one current value."""

    def make(_: int) -> Secret | None:
        with store.keys() as keys:
            try:
                return added(keys)
            except Misuse:
                return None

    def rotate(_: int) -> None:
        with store.keys() as keys:
            keys.rotate("alice", token_of(make_key(), PEPPER, NOW + 1), NOW + 100)

    with ThreadPoolExecutor(4) as pool:
        assert sum(each is not None for each in pool.map(make, range(4))) == 1
        list(pool.map(rotate, range(4)))
    with store.keys() as keys:
        assert [each.until is None for each in keys.key("alice").tokens] == [True] + [False] * 4


def test_grants_are_kept_whole(keys: KeyRegistry) -> None:
    key = replace(
        ALICE,
        name="Ünï/çode \N{SNOWMAN}",
        labels={"a\0b": "\0", "quote": "'; DROP TABLE keys; --"},
        budgets=({"name": "day", "max": "5", "period": "day"},),
        limits=({"concurrent": 3},),
        expires=NOW + 0.25,
    )
    made = added(keys, key)
    assert found(keys, made) == key
    assert [replace(each, tokens=()) for each in keys.listed()] == [key]


def test_what_a_key_may_do_is_replaced_as_a_whole(keys: KeyRegistry) -> None:
    value = added(keys)
    wanted = replace(ALICE, models=("openai/*",), routes=(), labels={}, budgets=(), limits=({"concurrent": 2},))
    changed = keys.change(wanted)
    assert (changed.models, changed.routes, changed.labels, changed.limits) == (
        ("openai/*",),
        (),
        {},
        ({"concurrent": 2},),
    )
    assert found(keys, value) is not None, "its value stays"
    assert keys.key(ALICE.name) == changed
    keys.revoke(ALICE.name, 5.0)
    with pytest.raises(Misuse, match="was revoked, and is not changed"):
        keys.change(wanted)
    with pytest.raises(Misuse, match="there is no virtual key 'bob'"):
        keys.change(replace(wanted, name="bob"))
