"""Upkeep of a database: old entries go, and the sums of each day are compared with its entries.

The functions that take a URL block, and must not be called on a running event loop. They raise `ConfigError` if the
server cannot be reached, or has no ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from understudy.domain.errors import ConfigError
from understudy.ledger.freed import Freed
from understudy.ledger.postgres.connecting import cannot, connect, driver, failures, place_of, why
from understudy.ledger.postgres.reading import POSTGRES
from understudy.ledger.postgres.schema import exists
from understudy.ledger.rows import SECOND
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sql import checks, conditions, differences
from understudy.ledger.sums import DAY

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")
Remove = Callable[["asyncpg.Connection", float], Awaitable[int]]

MOST = 500
"""Entries that one transaction removes."""
PATIENCE = 3_600.0
"""Seconds for a statement that reads or clears away a whole table."""
_TABLES = ("entries", "days", "places", "holds", "captured", "answers")
_REMOVED = (
    "DELETE FROM captured WHERE attempt = ANY($1)",
    "DELETE FROM holds WHERE attempt = ANY($1)",
    "DELETE FROM entries WHERE id = ANY($1)",
)
_OLD_TEXTS = f"SELECT attempt FROM captured WHERE started < $1 ORDER BY started LIMIT {MOST} FOR UPDATE SKIP LOCKED"


async def remove_old(connection: asyncpg.Connection, before: float) -> int:
    """Remove the oldest entries that ended and began before that time (Unix seconds), as many as one transaction may;
    return how many. The sums of their days stay, and what budgets have spent. Entries that somebody else is about to
    change are left to the next time."""
    where, values = _old(before)
    query = f"SELECT id FROM entries WHERE {where} ORDER BY id LIMIT {MOST} FOR UPDATE SKIP LOCKED"
    found = [row["id"] for row in await connection.fetch(query, *values)]
    for statement in _REMOVED if found else ():
        await connection.execute(statement, found)
    return len(found)


async def remove_older(connection: asyncpg.Connection, days: float) -> int:
    """Remove the oldest entries that ended and began so many days ago by the server's clock."""
    now: float = await connection.fetchval("SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8")
    return await remove_old(connection, now - days * DAY)


async def _remove_captured(connection: asyncpg.Connection, before: float) -> int:
    found = [row["attempt"] for row in await connection.fetch(_OLD_TEXTS, round(before * SECOND))]
    if found:
        await connection.execute(_REMOVED[0], found)
    return len(found)


def prune(url: str, before: float) -> int:
    """Remove all entries that ended and began before that time, with their prompts and answers; return how many."""
    return _prune(url, before, remove_old)


def prune_captured(url: str, before: float) -> int:
    """Remove all prompts and answers of attempts that began before that time; return how many."""
    return _prune(url, before, _remove_captured)


def _prune(url: str, before: float, remove: Remove) -> int:
    async def pruned(connection: asyncpg.Connection) -> int:
        removed = 0
        while True:
            async with connection.transaction():
                count = await remove(connection, before)
            removed += count
            if count < MOST:
                return removed

    return _ask(url, pruned)


def count_old(url: str, before: float) -> int:
    """Return how many entries `prune` would remove."""
    where, values = _old(before)
    return _count(url, f"SELECT COUNT(*) FROM entries WHERE {where}", *values)


def count_captured(url: str, before: float) -> int:
    """Return of how many attempts `prune_captured` would remove prompts and answers."""
    return _count(url, "SELECT COUNT(*) FROM captured WHERE started < $1", round(before * SECOND))


def _count(url: str, query: str, *values: object) -> int:
    async def counted(connection: asyncpg.Connection) -> int:
        found: int = await connection.fetchval(query, *values, timeout=PATIENCE)
        return found

    return _ask(url, counted)


def vacuum(url: str) -> Freed:
    """Have the server reuse the space that removed entries took, and learn how the tables are filled. To give space
    back to the disk it would have to lock them: its administrators do that with `VACUUM FULL`."""

    async def size(connection: asyncpg.Connection) -> int:
        query = "SELECT SUM(pg_total_relation_size(name::regclass))::bigint FROM UNNEST($1::text[]) AS name"
        found: int = await connection.fetchval(query, list(_TABLES))
        return found

    async def vacuumed(connection: asyncpg.Connection) -> Freed:
        before = await size(connection)
        for table in _TABLES:
            await connection.execute(f"VACUUM (ANALYZE) {table}", timeout=PATIENCE)
        return Freed(before=before, after=await size(connection))

    return _ask(url, vacuumed)


def verify(url: str) -> list[str]:
    """Return the days whose sums differ from those of their entries. Days whose entries were removed in part have only
    their sums."""

    async def verified(connection: asyncpg.Connection) -> list[str]:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            first = await connection.fetchval(
                "SELECT MIN(started) FROM entries WHERE state <> 'started'", timeout=PATIENCE
            )
            if first is None:
                return []
            day = first // (DAY * SECOND)
            removed = await connection.fetchval("SELECT EXISTS (SELECT 1 FROM days WHERE day < $1)", day)
            counted, kept = [
                await connection.fetch(query, day + int(removed), timeout=PATIENCE) for query in checks("$")
            ]
        return differences(map(tuple, counted), map(tuple, kept))

    return _ask(url, verified)


def _old(before: float) -> tuple[str, list[object]]:
    """Return the condition of entries that ended and began before that time, and its values. Ids sort by time, so only
    old entries are looked at."""
    where, values = conditions(LedgerSelection(until=before), POSTGRES)
    return f"{where} AND state <> 'started'", values


def _ask(url: str, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    async def ask() -> T:
        connection = await connect(url)
        try:
            if not await exists(connection):
                raise ConfigError(f"there is no ledger at {place_of(url)}\n  it is made by the first request")
            return await work(connection)
        finally:
            connection.terminate()

    driver()
    try:
        return asyncio.run(ask())
    except failures() as error:
        raise cannot(url, why(error)) from error
