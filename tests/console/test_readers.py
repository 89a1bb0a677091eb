"""The ledger as the console reads it: in a file or a database, replaced, lost and back again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.ledger.conftest import postgres, postgres_url, store
from tests.ledger.contract.stores import Postgres, Store
from understudy.config import Config
from understudy.console.http import ConsoleError
from understudy.console.readers import Readers
from understudy.domain.errors import Misuse
from understudy.ledger import LedgerQueries, SqliteLedger
from understudy.settings import ProviderConfig
from understudy.settings.ledger import LedgerConfig

__all__ = ["postgres", "postgres_url", "store"]


def config_of(store: Store) -> Config:
    """Return a configuration with a ledger."""
    own = LedgerConfig(path=str(store.place.get("file")))
    ledger = LedgerConfig(url=store.url) if isinstance(store, Postgres) else own
    return Config(providers=(ProviderConfig(provider="ollama"),), ledger=ledger)


@pytest.fixture
def readers(store: Store) -> Iterator[Readers]:
    """Return what reads a ledger that exists."""
    store.open().close()
    made = Readers(lambda: config_of(store))
    yield made
    made.close()


def count(queries: LedgerQueries) -> int:
    """Return the number of entries."""
    return len(queries.entries())


async def test_questions_are_answered_at_once(readers: Readers) -> None:
    assert await asyncio.gather(*(readers.ask(count) for _ in range(12))) == [0] * 12


async def test_what_a_caller_asks_wrong_is_no_trouble_of_the_ledger(readers: Readers) -> None:
    def wrong(_: LedgerQueries) -> int:
        raise Misuse("there is no such thing")

    with pytest.raises(Misuse, match="no such thing"):
        await readers.ask(wrong)


async def test_a_lost_connection_is_opened_again(postgres: Postgres) -> None:
    postgres.open().close()
    readers = Readers(lambda: config_of(postgres))
    await asyncio.gather(*(readers.ask(count) for _ in range(12)))
    connection = await asyncpg.connect(postgres.url)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"
    await connection.fetch(others, connection.get_server_pid())
    await connection.close()
    for _ in range(6):  # whichever of the threads answers
        assert await readers.ask(count) == 0
    readers.close()


async def test_a_ledger_that_is_away_is_a_trouble_of_ours(store: Store, tmp_path: Path) -> None:
    away = LedgerConfig(url="postgresql://127.0.0.1:9/nothing") if isinstance(store, Postgres) else None
    ledger = away or LedgerConfig(path=str(tmp_path / "nothing" / "ledger.db"))
    readers = Readers(lambda: Config(providers=(ProviderConfig(provider="ollama"),), ledger=ledger))
    with pytest.raises(ConsoleError) as caught:
        await readers.ask(count)
    assert (caught.value.status, caught.value.code) == (503, "ledger_unavailable")
    readers.close()


async def test_a_file_that_was_replaced_is_opened_again(tmp_path: Path) -> None:
    path, other = tmp_path / "ledger.db", tmp_path / "other.db"
    ledger = LedgerConfig(path=str(path))
    readers = Readers(lambda: Config(providers=(ProviderConfig(provider="ollama"),), ledger=ledger))
    for each in (path, other):
        SqliteLedger(each).close()
    assert await readers.ask(count) == 0
    other.replace(path)
    assert await readers.ask(count) == 0
    readers.close()
