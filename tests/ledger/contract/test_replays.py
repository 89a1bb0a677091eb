"""Answers to repeated requests in every store: how long a request is held, and what is kept for how long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.ledger.contract.stores import Store
from understudy.ledger.replays import LEASE, LIFETIME, KeptAnswer, Replays, ScopeState


def begun(replays: Replays, scope: bytes, owner: int = 1) -> ScopeState:
    return replays.begin(scope, b"body", owner).state


def test_what_a_process_held_that_died_becomes_free(store: Store) -> None:
    replays = store.replays()
    assert begun(replays, b"a") is ScopeState.NEW
    store.pass_time(LEASE - 10)
    assert begun(replays, b"a", owner=2) is ScopeState.UNDER_WAY
    assert begun(replays, b"a") is ScopeState.UNDER_WAY, "its own process does not answer it twice"
    replays.renew(1)
    replays.renew(2)
    store.pass_time(LEASE - 10)
    assert begun(replays, b"a", owner=2) is ScopeState.UNDER_WAY
    store.pass_time(11)
    assert begun(replays, b"a", owner=2) is ScopeState.NEW
    replays.keep(b"a", 1, KeptAnswer(200, (), b"late"))
    replays.release(b"a", 1)
    assert begun(replays, b"a", owner=3) is ScopeState.UNDER_WAY, "what another one holds is not touched"
    replays.release(b"a", 2)
    assert begun(replays, b"a", owner=3) is ScopeState.NEW
    replays.close()


def test_an_answer_is_kept_for_a_day(store: Store) -> None:
    replays, other = store.replays(), store.replays()
    answer = KeptAnswer(200, (("a", "b"), ("a", "\xe9")), b"\x00\xff")
    begun(replays, b"a")
    replays.keep(b"a", 1, answer)
    replays.close()
    store.pass_time(LIFETIME - 60)
    for each in (replays, other):
        assert each.begin(b"a", b"body", 2).answer == answer
        assert each.begin(b"a", b"other", 2).state is ScopeState.OTHER
    store.pass_time(61)
    assert begun(other, b"a") is ScopeState.NEW
    replays.close()
    other.close()


def test_answers_have_limits(store: Store) -> None:
    replays = store.replays(most=5, room=100, largest=60)
    for number in range(8):
        begun(replays, bytes([number]))
        replays.keep(bytes([number]), 1, KeptAnswer(200, (), b"x" * 10))
    kept = [begun(replays, bytes([number]), owner=2) for number in range(8)]
    assert kept == [ScopeState.NEW] * 3 + [ScopeState.ANSWERED] * 5
    begun(replays, b"large")
    replays.keep(b"large", 1, KeptAnswer(200, (), b"x" * 61))
    assert replays.begin(b"large", b"body", 2).answer is None
    for name in (b"one", b"two"):
        begun(replays, name)
        replays.keep(name, 1, KeptAnswer(200, (), b"x" * 60))
    assert begun(replays, b"two", owner=2) is ScopeState.ANSWERED
    assert begun(replays, b"one", owner=2) is ScopeState.NEW, "the room is for 100 bytes"
    replays.close()


def test_what_has_expired_is_removed_from_the_store(store: Store) -> None:
    replays = store.replays(most=5)
    for number in range(3):
        begun(replays, bytes([number]))
        replays.keep(bytes([number]), 1, KeptAnswer(200, (), b"x"))
    store.pass_time(LIFETIME + 1)
    begun(replays, b"new")
    replays.keep(b"new", 1, KeptAnswer(200, (), b"x"))
    assert store.answers() == 1
    replays.close()


def test_of_processes_that_ask_at_once_one_answers(store: Store) -> None:
    opened = [store.replays() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            scope = bytes([number])
            states = list(pool.map(lambda each: begun(each[1], scope, each[0]), enumerate(opened)))  # noqa: B023
            assert sorted(states, key=str) == [ScopeState.NEW, *[ScopeState.UNDER_WAY] * 3]
    for each in opened:
        each.close()
