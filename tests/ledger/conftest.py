"""The ledgers that last, and the servers that some of them need."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Generator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.ledger.contract.stores import Postgres, Sqlite, Store
from tests.ledger.servers import Missing, Shared, shared


def _shared(kind: str, factory: pytest.TempPathFactory, worker: str) -> Shared:
    base = factory.getbasetemp()
    try:
        return shared(kind, base if worker == "master" else base.parent)
    except Missing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Generator[str]:
    """A database of this worker's own."""
    server = _shared("postgres", tmp_path_factory, worker_id)
    with server.lock:
        name = f"of_{worker_id}_{secrets.token_hex(4)}"

        async def create() -> None:
            connection = await asyncpg.connect(server.url)
            try:
                await connection.execute(f"CREATE DATABASE {name}")
            finally:
                await connection.close()

        asyncio.run(create())
        yield f"{server.url.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Generator[str]:
    """A Valkey that all workers share."""
    pytest.importorskip("redis", reason="the package redis is not installed: pip install 'understudy[valkey]'")
    server = _shared("valkey", tmp_path_factory, worker_id)
    with server.lock:
        yield server.url


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Postgres]:
    """An empty database."""
    store = Postgres(postgres_url)
    store.clear()
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Every ledger that lasts, empty."""
    if request.param == "postgres":
        yield request.getfixturevalue("postgres")
        return
    made = Sqlite(tmp_path)
    yield made
    made.close()
