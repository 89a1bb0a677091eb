"""Reads balances and holds, and writes what one transaction makes of them. Balances are locked in one order by all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from understudy.ledger.accounts import BalanceKey
from understudy.ledger.holds import MINUTE, Claim
from understudy.ledger.postgres.holding import HOLD, Holding, held, touched

if TYPE_CHECKING:
    import asyncpg


def arrays(types: Sequence[str]) -> str:
    """Return the table whose columns are the parameters of a statement, in order: an array of each of these types.

    So many rows are one execution, which takes about a third less time on the server than one for each row.
    """
    return f"unnest({', '.join(f'${at}::{name}[]' for at, name in enumerate(types, 1))})"


_KEYS = "unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS asked (budget, subject, unit, start)"
_SAME = (
    'balances.budget = asked.budget COLLATE "C" AND balances.subject = asked.subject COLLATE "C" '
    'AND balances.unit = asked.unit COLLATE "C" AND balances.start = asked.start'
)
_ORDER = "balances.budget, balances.subject, balances.unit, balances.start"
_BALANCES = f"SELECT balances.* FROM balances JOIN {_KEYS} ON {_SAME} ORDER BY {_ORDER}"
_LARGEST = (
    "SELECT found.* FROM unnest($1::text[], $2::bigint[]) AS asked (budget, start), LATERAL (SELECT * FROM balances "
    "WHERE balances.budget = asked.budget COLLATE \"C\" AND unit = 'money' AND balances.start = asked.start "
    "ORDER BY spent + reserved DESC, subject LIMIT $3) AS found"
)
_MADE = (
    "INSERT INTO balances SELECT budget, subject, unit, start, 0, 0, 0 FROM "
    f'{_KEYS} ORDER BY budget COLLATE "C", subject COLLATE "C", unit COLLATE "C", start ON CONFLICT DO NOTHING'
)
_OF_ATTEMPTS = "SELECT * FROM holds WHERE attempt = ANY($1)"
_SET = (
    "UPDATE balances SET spent = $1, reserved = $2, overrun = $3 "
    "WHERE budget = $4 AND subject = $5 AND unit = $6 AND start = $7"
)
_CHARGED = (
    f"UPDATE holds SET charged = settled.charged FROM {arrays(['BIGINT', 'BYTEA', 'TEXT', 'TEXT', 'TEXT', 'BIGINT'])} "
    "AS settled (charged, attempt, budget, subject, unit, start) WHERE holds.attempt = settled.attempt "
    "AND holds.budget = settled.budget AND holds.subject = settled.subject AND holds.unit = settled.unit "
    "AND holds.start = settled.start"
)
_SETTLED = "DELETE FROM holds WHERE attempt = ANY($1) AND unit <> 'money'"
_OVER = (
    "DELETE FROM balances WHERE (budget, subject, unit, start) IN (SELECT budget, subject, unit, start FROM balances "
    "WHERE reserved = 0 AND (unit = 'concurrent' OR unit IN ('requests', 'tokens') "
    f"AND start < extract(epoch FROM clock_timestamp()) - {10 * MINUTE}) "
    f"ORDER BY {_ORDER} FOR UPDATE SKIP LOCKED)"
)


async def lock(connection: asyncpg.Connection, claims: Iterable[Claim], attempts: Sequence[bytes]) -> Holding:
    """Read and lock what claims are judged by, and what attempts hold."""
    holds = [dict(row) for row in await connection.fetch(_OF_ATTEMPTS, attempts)] if attempts else []
    keys = touched(claims) | held(holds)
    if not keys:
        return Holding({})
    columns = _columns(keys)
    await connection.execute(_MADE, *columns)
    rows = await connection.fetch(f"{_BALANCES} FOR UPDATE OF balances", *columns)
    return Holding(_amounts(rows), holds)


async def write(connection: asyncpg.Connection, holding: Holding) -> None:
    """Write what has changed."""
    if inserts := holding.inserts:
        await connection.copy_records_to_table("holds", records=inserts, columns=HOLD)
    if charges := holding.charges:
        await connection.execute(_CHARGED, *zip(*charges, strict=True))
    if settled := holding.settled:
        await connection.execute(_SETTLED, settled)
    if changed := holding.changed:
        await connection.executemany(_SET, changed)


async def clear(connection: asyncpg.Connection) -> None:
    """Remove windows of limits that are over."""
    await connection.execute(_OVER)


async def read(connection: asyncpg.Connection, keys: Iterable[BalanceKey]) -> dict[BalanceKey, tuple[int, int, int]]:
    """Return spent, reserved and overrun of balances; those of which nothing was claimed are missing."""
    return _amounts(await connection.fetch(_BALANCES, *_columns(set(keys))))


async def read_all(connection: asyncpg.Connection) -> dict[BalanceKey, tuple[int, int, int]]:
    """Return spent, reserved and overrun of all balances, sorted by their keys."""
    return _amounts(await connection.fetch(f"SELECT * FROM balances ORDER BY {_ORDER}"))


async def read_largest(
    connection: asyncpg.Connection, periods: Sequence[tuple[str, int]], limit: int
) -> dict[BalanceKey, tuple[int, int, int]]:
    """Return spent, reserved and overrun of the balances of money with the most taken, of each budget and start."""
    budgets, starts = zip(*periods, strict=True)
    return _amounts(await connection.fetch(_LARGEST, list(budgets), list(starts), limit))


def _amounts(rows: Iterable[asyncpg.Record]) -> dict[BalanceKey, tuple[int, int, int]]:
    return {
        BalanceKey(row["budget"], row["subject"], row["unit"], row["start"]): (
            int(row["spent"]),
            int(row["reserved"]),
            int(row["overrun"]),
        )
        for row in rows
    }


def _columns(keys: set[BalanceKey]) -> tuple[list[str], list[str], list[str], list[int]]:
    budgets, subjects, units, starts = zip(*sorted(keys), strict=True)
    return list(budgets), list(subjects), list(units), list(starts)
