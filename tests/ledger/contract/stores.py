"""The ledgers that last, as the suites here open them: each on a place of its own, which several writers may share."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg

from understudy.ledger import LastingLedger, LedgerQueries
from understudy.ledger.postgres.reading import PostgresReader
from understudy.ledger.postgres.store import PostgresLedger
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger

T = TypeVar("T")


class Store(ABC):
    """A place where entries are kept."""

    def __init__(self) -> None:
        self.passed = 0.0
        """Seconds by which its writers' clocks are ahead."""
        self._opened: list[LastingLedger] = []

    def open(self) -> LastingLedger:
        """Open it to write, as one more process would."""
        ledger = self._open()
        self._opened.append(ledger)
        return ledger

    def close(self) -> None:
        """Close all that were opened."""
        while self._opened:
            self._opened.pop().close()

    @abstractmethod
    def _open(self) -> LastingLedger: ...
    @abstractmethod
    def read(self) -> LedgerQueries:
        """Open it to read."""

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

    def _open(self) -> SqliteLedger:
        return SqliteLedger(self.path, clock=lambda: time.time() + self.passed)

    def read(self) -> LedgerReader:
        return LedgerReader(self.path)

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

    def _open(self) -> PostgresLedger:
        return PostgresLedger(self.url, clock=lambda: time.monotonic() + self.passed)

    def read(self) -> PostgresReader:
        return PostgresReader(self.url)

    def clear(self) -> None:
        if tables := [row["tablename"] for row in self.execute(_TABLES)]:
            self.execute(f"TRUNCATE {', '.join(f'understudy.{name}' for name in tables)}")

    def pass_time(self, seconds: float) -> None:
        """Leases are by the clock of the server, which cannot be changed: so they begin earlier instead."""
        super().pass_time(seconds)
        self.execute(f"UPDATE understudy.owners SET until = until - INTERVAL '1 second' * {seconds}")

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
