"""The ledgers that last, as the suites here open them: each on a place of its own, which several writers may share."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg

from understudy.ledger import LastingLedger, LedgerQueries
from understudy.ledger.keys import KeyRegistry
from understudy.ledger.postgres import rolling as postgres_rolling
from understudy.ledger.postgres.connecting import connect
from understudy.ledger.postgres.keys import PostgresKeys
from understudy.ledger.postgres.reading import PostgresReader
from understudy.ledger.postgres.replays import PostgresReplays
from understudy.ledger.postgres.store import PostgresLedger
from understudy.ledger.replays import Replays
from understudy.ledger.sqlite import rolling as sqlite_rolling
from understudy.ledger.sqlite.keys import SqliteKeys
from understudy.ledger.sqlite.opening import open_for_writing
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.replays import SqliteReplays
from understudy.ledger.sqlite.store import SqliteLedger

T = TypeVar("T")


class Store(ABC):
    """A place where entries are kept."""

    def __init__(self) -> None:
        self.passed = 0.0
        """Seconds by which its writers' clocks are ahead."""
        self._opened: list[LastingLedger] = []

    def open(self, *, is_lost: bool = False) -> LastingLedger:
        """Open it to write, as one more process would. `is_lost`: it does not notice that time passes, so that it does
        not renew its lease."""
        ledger = self._open(0.0 if is_lost else 1.0)
        self._opened.append(ledger)
        return ledger

    def close(self) -> None:
        """Close all that were opened."""
        while self._opened:
            self._opened.pop().close()

    @abstractmethod
    def _open(self, pace: float) -> LastingLedger:
        """Open it; `pace`: which part of the time that passes its clock shows."""

    @abstractmethod
    def read(self) -> LedgerQueries:
        """Open it to read."""

    @abstractmethod
    def keys(self) -> KeyRegistry:
        """Open its virtual keys."""

    @abstractmethod
    def replays(self, **caps: int) -> Replays:
        """Open its answers."""

    @abstractmethod
    def answers(self) -> int:
        """Return how many answers are kept."""

    @abstractmethod
    def free_answers(self) -> None:
        """Have the leases of all requests end now, whoever answers them."""

    @property
    @abstractmethod
    def place(self) -> dict[str, Any]:
        """Return where it is, as `app` is given it."""

    @property
    @abstractmethod
    def table(self) -> str:
        """Return where it is, as a configuration says it."""

    @abstractmethod
    def bytes_of_keys(self) -> bytes:
        """Return everything that is kept of keys."""

    @abstractmethod
    def roll(self) -> bool:
        """Add what has ended to the sums by place, as many entries as one transaction may; return whether there are
        more."""

    @abstractmethod
    def clear(self) -> None:
        """Have it empty again."""

    def pass_time(self, seconds: float) -> None:
        """Have time pass."""
        self.passed += seconds

    @property
    @abstractmethod
    def opening(self) -> str:
        """Return what a program of a test writes to open it."""


class Sqlite(Store):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.clear()

    def _open(self, pace: float) -> SqliteLedger:
        return SqliteLedger(self.path, clock=lambda: time.time() + self.passed * pace)

    def read(self) -> LedgerReader:
        return LedgerReader(self.path)

    def keys(self) -> SqliteKeys:
        return SqliteKeys(self.path)

    def replays(self, **caps: int) -> SqliteReplays:
        return SqliteReplays(self.path, **caps, clock=lambda: time.time() + self.passed)

    def answers(self) -> int:
        with closing(sqlite3.connect(self.path)) as file:
            found: int = file.execute("SELECT COUNT(*) FROM answers").fetchone()[0]
            return found

    def free_answers(self) -> None:
        with closing(sqlite3.connect(self.path)) as file, file:
            file.execute("UPDATE answers SET until = 0")

    @property
    def place(self) -> dict[str, Any]:
        return {"file": self.path}

    @property
    def table(self) -> str:
        return f"[llm.ledger]\npath = {str(self.path)!r}\n"

    def roll(self) -> bool:
        with closing(open_for_writing(self.path)) as file:
            return sqlite_rolling.roll(file, time.time())

    def bytes_of_keys(self) -> bytes:
        return b"".join(each.read_bytes() for each in self.path.parent.iterdir())

    def clear(self) -> None:
        self.path = self._folder / uuid4().hex / "ledger.db"

    @property
    def opening(self) -> str:
        return (
            "from pathlib import Path\nfrom understudy.ledger.sqlite.store import SqliteLedger\n"
            f"ledger = SqliteLedger(Path({str(self.path)!r}))\n"
        )


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'understudy' AND tablename <> 'ledger_version'"


class Postgres(Store):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def _open(self, pace: float) -> PostgresLedger:
        return PostgresLedger(self.url, clock=lambda: time.monotonic() + self.passed * pace)

    def read(self) -> PostgresReader:
        return PostgresReader(self.url)

    def keys(self) -> PostgresKeys:
        return PostgresKeys(self.url)

    def replays(self, **caps: int) -> PostgresReplays:
        return PostgresReplays(self.url, **caps)

    def answers(self) -> int:
        (row,) = self.execute("SELECT count(*) FROM answers")
        found: int = row["count"]
        return found

    def free_answers(self) -> None:
        self.execute("UPDATE answers SET until = now() - INTERVAL '1 second'")

    @property
    def place(self) -> dict[str, Any]:
        return {"url": self.url}

    @property
    def table(self) -> str:
        return f"[llm.ledger]\nurl = {self.url!r}\n"

    def roll(self) -> bool:
        async def roll() -> bool:
            connection = await connect(self.url)
            try:
                async with connection.transaction():
                    return await postgres_rolling.roll(connection)
            finally:
                await connection.close()

        return self.run(roll())

    def bytes_of_keys(self) -> bytes:
        rows = self.execute("SELECT keys::text AS kept FROM keys UNION ALL SELECT key_tokens::text FROM key_tokens")
        return "\n".join(row["kept"] for row in rows).encode()

    def clear(self) -> None:
        if tables := [row["tablename"] for row in self.execute(_TABLES)]:
            self.execute(f"TRUNCATE {', '.join(f'understudy.{name}' for name in tables)}")
            self.execute("INSERT INTO understudy.rolled VALUES ('')")

    def pass_time(self, seconds: float) -> None:
        """Leases are by the clock of the server, which cannot be changed: so they begin earlier instead."""
        super().pass_time(seconds)
        for table in ("owners", "answers"):
            self.execute(f"UPDATE understudy.{table} SET until = until - INTERVAL '1 second' * {seconds}")

    def execute(self, query: str) -> list[asyncpg.Record]:
        """Execute a statement, and return its rows."""

        async def execute() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.url, server_settings={"search_path": "understudy, public"})
            try:
                return await connection.fetch(query)
            finally:
                await connection.close()

        return self.run(execute())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine, also while another loop is running."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, work).result()

    @property
    def opening(self) -> str:
        return f"from understudy.ledger.postgres.store import PostgresLedger\nledger = PostgresLedger({self.url!r})\n"
