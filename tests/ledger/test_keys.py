"""Virtual keys in the file: what is kept of them, and what becomes of one over its life."""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from understudy.domain.errors import ConfigError, Misuse
from understudy.domain.secret import Secret
from understudy.ledger.keys import KeyState, VirtualKey, digest_of, make_key, token_of
from understudy.ledger.pepper import made_pepper, pepper_file, read_pepper
from understudy.ledger.sqlite.keys import SqliteKeys

NOW = 1_800_000_000.0
PEPPER = Secret("a-pepper-of-some-length")
ALICE = VirtualKey(name="alice", created=NOW, models=("openai/*",), routes=("main",), labels={"team": "search"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteKeys]:
    with SqliteKeys(tmp_path / "ledger.db") as keys:
        yield keys


def added(store: SqliteKeys, key: VirtualKey = ALICE) -> Secret:
    made = make_key()
    store.add(key, token_of(made, PEPPER, NOW))
    return made


def found(store: SqliteKeys, key: Secret) -> VirtualKey | None:
    result = store.find(digest_of(key.reveal(), PEPPER))
    return None if result is None else result.key


def test_a_key_is_random_and_kept_as_its_keyed_hash(store: SqliteKeys, tmp_path: Path) -> None:
    assert store.is_empty()
    made = added(store)
    assert made != make_key()
    assert len(made.reveal()) == len("usk-") + 43, "256 bits in base64"
    assert found(store, made) == ALICE
    assert not store.is_empty()
    (row,) = sqlite3.connect(tmp_path / "ledger.db").execute("SELECT digest FROM key_tokens").fetchall()
    assert row[0] == hmac.new(PEPPER.reveal().encode(), made.reveal().encode(), hashlib.sha256).digest()
    for file in tmp_path.iterdir():
        assert made.reveal().encode() not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_not_a_key_is_not_found(store: SqliteKeys) -> None:
    made = added(store)
    assert found(store, Secret(made.reveal()[:-1])) is None
    assert store.find(digest_of(made.reveal(), Secret("another-pepper"))) is None
    assert store.find(b"") is None


def test_a_name_is_used_once(store: SqliteKeys) -> None:
    added(store)
    with pytest.raises(Misuse, match="there is a virtual key 'alice' already"):
        added(store)
    assert len(store.listed()) == 1


def test_a_rotated_key_has_two_values_for_a_while(store: SqliteKeys) -> None:
    first, second, third = added(store), make_key(), make_key()
    store.rotate("alice", token_of(second, PEPPER, NOW + 10), NOW + 100)
    key = store.rotate("alice", token_of(third, PEPPER, NOW + 20), NOW + 50)
    assert [each.until for each in key.tokens] == [None, NOW + 50, NOW + 50], "an overlap is never prolonged"
    assert key.tokens[0].ending == third.reveal()[-4:]
    assert all(found(store, each) for each in (first, second, third))
    key = store.rotate("alice", token_of(make_key(), PEPPER, NOW + 60), NOW + 60)
    assert len(key.tokens) == 1, "what is over is forgotten"
    assert not any(found(store, each) for each in (first, second, third))


def test_a_revoked_key_stays_revoked_until_it_is_removed(store: SqliteKeys) -> None:
    made = added(store)
    with pytest.raises(Misuse, match="is valid: revoke it"):
        store.remove("alice", NOW)
    assert store.revoke("alice", NOW + 1).state(NOW) is KeyState.REVOKED
    assert store.revoke("alice", NOW + 2).revoked == NOW + 1
    with pytest.raises(Misuse, match="was revoked, and is not rotated"):
        store.rotate("alice", token_of(make_key(), PEPPER, NOW), NOW)
    store.remove("alice", NOW)
    assert found(store, made) is None
    assert store.is_empty()
    for act in (lambda: store.revoke("alice", NOW), lambda: store.remove("alice", NOW), lambda: store.key("alice")):
        with pytest.raises(Misuse, match="there is no virtual key 'alice'"):
            act()


def test_a_key_expires_by_itself(store: SqliteKeys) -> None:
    key = replace(ALICE, expires=NOW + 5)
    made = added(store, key)
    assert found(store, made) == key
    assert (key.state(NOW + 4.9), key.state(NOW + 5)) == (KeyState.VALID, KeyState.EXPIRED)
    store.remove("alice", NOW + 5)


def test_a_pepper_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = pepper_file(tmp_path / "data" / "ledger.db")
    assert read_pepper(path) is None
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(made_pepper(path).reveal())) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(results)) == 1
    assert len(results[0]) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["ledger.db.pepper"]


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_pepper_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "pepper"
    made = made_pepper(path)
    path.chmod(mode)
    for read in (read_pepper, made_pepper):
        with pytest.raises(ConfigError, match=f"its mode is {mode:o}") as error:
            read(path)
        assert f"chmod 600 {path}" in str(error.value)
        assert made.reveal() not in str(error.value)
    path.chmod(0o400)
    assert read_pepper(path) == made


def test_a_pepper_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch(0o600)
    with pytest.raises(ConfigError, match="is empty"):
        made_pepper(empty)
    with pytest.raises(ConfigError, match="cannot be used: "):
        read_pepper(tmp_path)
