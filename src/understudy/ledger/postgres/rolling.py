"""Adds entries that have ended to the sums by place, some at a time, in transactions of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.ledger.places import AT_ONCE, PLACE, gathered, placed, settled, total
from understudy.ledger.postgres.reading import POSTGRES
from understudy.ledger.sums import FIELDS

if TYPE_CHECKING:
    import asyncpg

_GATHERED = gathered(POSTGRES, ("tagged",))
_COLUMNS = ("day", "place", *PLACE, "tagged", *FIELDS)
_ADD = (
    f"INSERT INTO places AS kept ({', '.join(_COLUMNS)}) "
    f"VALUES ({', '.join(f'${at}' for at in range(1, len(_COLUMNS) + 1))}) "
    f"ON CONFLICT (day, place) DO UPDATE SET {', '.join(f'{name} = kept.{name} + excluded.{name}' for name in FIELDS)}"
)
_TOTAL = (
    f"INSERT INTO days AS kept (day, dimension, value, {', '.join(FIELDS)}) "
    f"VALUES ({', '.join(f'${at}' for at in range(1, 4 + len(FIELDS)))}) ON CONFLICT (day, dimension, value) "
    f"DO UPDATE SET {', '.join(f'{name} = kept.{name} + excluded.{name}' for name in FIELDS)}"
)
_SINCE = "SELECT until, EXTRACT(EPOCH FROM clock_timestamp())::float8 FROM rolled FOR UPDATE SKIP LOCKED"
_LEAST = f"SELECT {POSTGRES.least} FROM entries WHERE state = 'started'"
_NEXT = f"SELECT id FROM entries WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1 OFFSET {AT_ONCE}"


async def roll(connection: asyncpg.Connection) -> bool:
    """Add entries that began some time ago by the server's clock and have ended, as many as one transaction may; return
    whether there are more. Of several machines one does it at a time: the others leave it to that one."""
    found = await connection.fetchrow(_SINCE)
    if found is None:
        return False
    since, now = found
    limit = settled(now, await connection.fetchval(_LEAST))
    more = await connection.fetchval(_NEXT, since, limit)
    until = limit if more is None else more
    rows = placed(map(tuple, await connection.fetch(_GATHERED, since, until)))
    if rows:
        await connection.executemany(_ADD, rows)
        await connection.executemany(_TOTAL, total(rows))
        await connection.execute("UPDATE rolled SET until = $1", until)
    return more is not None
