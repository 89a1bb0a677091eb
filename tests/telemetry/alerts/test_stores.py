"""Which process is in charge: in memory, in a file, and in a database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ledger.conftest import postgres, postgres_url
from understudy.telemetry.alerts.sqlite import SqliteAlerts
from understudy.telemetry.alerts.store import AlertStore, AlertsUnavailable, MemoryAlerts

__all__ = ["postgres", "postgres_url"]


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> AlertStore:
    return MemoryAlerts(clock) if request.param == "memory" else SqliteAlerts(tmp_path / "ledger.db-alerts", clock)


def test_one_is_in_charge_until_it_is_silent_for_too_long(store: AlertStore, clock: Clock) -> None:
    assert store.claim("a", 15) == b""
    assert store.keep("a", b"one")
    assert store.claim("b", 15) is None
    clock.now += 10
    assert store.claim("a", 15) == b"one"
    clock.now += 14
    assert store.claim("b", 15) is None
    clock.now += 2
    assert store.claim("b", 15) == b"one"
    assert not store.keep("a", b"late")
    assert store.claim("b", 15) == b"one"


def test_one_that_was_silent_too_long_may_keep_nothing(store: AlertStore, clock: Clock) -> None:
    store.claim("a", 15)
    clock.now += 16
    assert not store.keep("a", b"late")


def test_one_that_leaves_lets_another_take_over_at_once(store: AlertStore) -> None:
    store.claim("a", 15)
    store.release("b")
    assert store.claim("b", 15) is None
    store.release("a")
    assert store.claim("b", 15) == b""


def test_a_file_outlives_its_process(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "ledger.db-alerts"
    first = SqliteAlerts(path, clock)
    first.claim("a", 15)
    first.keep("a", b"known")
    clock.now += 16
    assert SqliteAlerts(path, clock).claim("b", 15) == b"known"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_clock_that_was_set_back_keeps_nobody_out_for_long(tmp_path: Path, clock: Clock) -> None:
    store = SqliteAlerts(tmp_path / "alerts", clock)
    store.claim("a", 15)
    clock.now -= 3600
    assert store.claim("b", 15) == b""


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "alerts"
    path.write_bytes(b"no database" * 1000)
    store = SqliteAlerts(path)
    with pytest.raises(AlertsUnavailable):
        store.claim("a", 15)
    assert store.claim("a", 15) == b""


def test_of_many_threads_one_is_in_charge(tmp_path: Path) -> None:
    stores = [SqliteAlerts(tmp_path / "alerts") for _ in range(4)]
    found: list[bytes | None] = []
    tries: list[Callable[[], None]] = [
        lambda at=at, each=each: found.append(each.claim(str(at), 15))  # type: ignore[misc]
        for at, each in enumerate(stores)
    ]
    threads = [threading.Thread(target=each) for each in tries]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(each is None for each in found) == [False, True, True, True]


@pytest.fixture
def two_in_a_database(postgres_url: str) -> Iterator[tuple[AlertStore, AlertStore]]:
    from understudy.telemetry.alerts.postgres import PostgresAlerts

    both = PostgresAlerts(postgres_url), PostgresAlerts(postgres_url)
    yield both
    for each in both:
        each.close()


def test_in_a_database_one_machine_is_in_charge(two_in_a_database: tuple[AlertStore, AlertStore]) -> None:
    first, second = two_in_a_database
    assert first.claim("a", 60) == b""
    assert second.claim("b", 60) is None
    assert first.keep("a", b"known")
    assert not second.keep("b", b"stranger")
    first.release("a")
    assert second.claim("b", 60) == b"known"
    assert first.claim("a", 60) is None
