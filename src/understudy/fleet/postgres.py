"""The store of processes on several machines: the database of the ledger. Times are those of the server."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from understudy.domain.errors import ConfigError
from understudy.fleet.documents import encode, history_in, order_in, snapshot_in
from understudy.fleet.orders import Order, to_keep
from understudy.fleet.store import (
    FINE,
    FORGOTTEN,
    HISTORY,
    QUARTER,
    FleetUnavailable,
    History,
    Member,
    history_of,
    joined,
    quarters_of,
    split,
    start_of,
    totals_of,
)
from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.postgres.blocking import BlockingLink
from understudy.telemetry.snapshot import Snapshot

if TYPE_CHECKING:
    import asyncpg

_PUT = (
    "INSERT INTO fleet_members VALUES ($1, $2, clock_timestamp(), $3, $4, $5) ON CONFLICT (worker) DO UPDATE SET "
    "heard = excluded.heard, filed = excluded.filed, ended = excluded.ended, document = excluded.document"
)
_HEARD = "UPDATE fleet_members SET heard = clock_timestamp() WHERE worker = $1"
"""A report like the one before is not written again, which spares the log of the server."""
_MEMBERS = "SELECT document, ended, extract(epoch FROM clock_timestamp() - heard)::float8 AS age FROM fleet_members"
_OLD = (
    "DELETE FROM fleet_members WHERE heard < clock_timestamp() - INTERVAL '1 second' * $1::float8 "
    "RETURNING worker, instance, document"
)
_LOCK = 0x666C6565_74737765
"""The advisory lock of a process that removes what is too old."""


class PostgresFleet:
    """Keeps what processes share in a database; see `FleetStore`. The connection is made at the first use."""

    is_instant = False

    def __init__(self, url: str) -> None:
        """Raise `ConfigError` if the driver is missing."""
        self._link = BlockingLink(url, "understudy-fleet")
        self._stored: tuple[str, bytes] | None = None
        """The process that was stored last, and what it reported but for the time."""

    def put(self, snapshot: Snapshot, *, ended: bool = False) -> bool:
        """Keep what a process reports; see `FleetStore`."""

        async def put(connection: asyncpg.Connection) -> bool:
            worker = snapshot.worker
            if await connection.fetchval("SELECT 1 FROM fleet_gone WHERE worker = $1", worker):
                return False
            query = "SELECT filed FROM fleet_members WHERE worker = $1 FOR UPDATE"
            known: int | None = await connection.fetchval(query, worker)
            begun = start_of(snapshot.at)
            if known == begun and same == stored and not ended:
                await connection.execute(_HEARD, worker)
                return True
            kept, over = split(snapshot, known or 0)
            await _file(connection, over)
            await connection.execute(_PUT, worker, snapshot.instance, max(known or 0, begun), ended, encode(kept))
            return True

        same, stored = (snapshot.worker, encode(replace(snapshot, at=0.0))), self._stored
        self._stored = None  # unless it is known to be there
        with _available():
            is_there = self._link.transact(put)
        self._stored = same
        return is_there

    def members(self) -> list[Member]:
        """Return all processes; see `FleetStore`."""

        async def read(connection: asyncpg.Connection) -> list[Member]:
            found = [
                Member(snapshot=known, age=max(0.0, row["age"]), ended=row["ended"])
                for row in await connection.fetch(_MEMBERS)
                if (known := snapshot_in(row["document"])) is not None
            ]
            former = (snapshot_in(each[0]) for each in await connection.fetch("SELECT document FROM fleet_removed"))
            return found + [Member(snapshot=each, age=0.0, ended=True) for each in former if each is not None]

        with _available():
            return self._link.transact(read)

    def end(self, workers: Collection[str]) -> None:
        """Note that processes were found to have ended."""
        query, names = "UPDATE fleet_members SET ended = true WHERE worker = ANY($1)", list(workers)
        with _available():
            self._link.transact(lambda connection: connection.execute(query, names))

    def sweep(self) -> None:
        """Remove what is too old, unless another process does so now."""

        async def sweep(connection: asyncpg.Connection) -> None:
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
                return
            for row in await connection.fetch(_OLD, FORGOTTEN):
                await _remove(connection, row["worker"], row["instance"], snapshot_in(row["document"]))
            for table in ("fleet_removed", "fleet_gone"):
                await connection.execute(
                    f"DELETE FROM {table} WHERE instance NOT IN (SELECT instance FROM fleet_members)"  # noqa: S608
                )
            query = "DELETE FROM fleet_history WHERE start < extract(epoch FROM clock_timestamp()) - $1::float8"
            await connection.execute(query, float(HISTORY))
            await _sum_up(connection)
            orders = await _orders(connection, 0)
            kept = {order.number for order in to_keep(orders)}
            dropped = [order.number for order in orders if order.number not in kept]
            await connection.execute("DELETE FROM fleet_orders WHERE number = ANY($1)", dropped)

        with _available():
            self._link.transact(sweep)

    def order(self, order: Order) -> Order:
        """Keep an order; return it with its number."""

        async def keep(connection: asyncpg.Connection) -> Order:
            await connection.execute("LOCK TABLE fleet_orders IN EXCLUSIVE MODE")  # numbers are seen in their order
            for known in await _orders(connection, 0):
                if replace(known, number=0) == order:  # a repetition, after a commit whose answer was lost
                    return known
            query = (
                "SELECT greatest(coalesce(max(number), 0) + 1, "
                "(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM fleet_orders"
            )
            numbered = replace(order, number=await connection.fetchval(query))
            await connection.execute("INSERT INTO fleet_orders VALUES ($1, $2)", numbered.number, encode(numbered))
            return numbered

        with _available():
            return self._link.transact(keep)

    def orders(self, after: int = 0) -> list[Order]:
        """Return the orders with a higher number, the oldest first."""
        with _available():
            return self._link.transact(lambda connection: _orders(connection, after))

    def history(self, since: float, until: float) -> History:
        """Return what happened in a span of time; see `FleetStore`."""

        async def read(connection: asyncpg.Connection) -> History:
            # One statement, so both are read as they are at one moment.
            rows = await connection.fetch(
                "SELECT true AS is_past, document FROM fleet_history WHERE start >= $1::float8 AND start < $2::float8 "
                "UNION ALL SELECT false, document FROM fleet_members",
                since,
                until,
            )
            past = (history_in(row["document"]) for row in rows if row["is_past"])
            own = (snapshot_in(row["document"]) for row in rows if not row["is_past"])
            return joined((*past, *(history_of(each) for each in own if each is not None))).within(since, until)

        with _available():
            return self._link.transact(read)

    def close(self) -> None:
        """Disconnect, until the next use."""
        self._link.close()


@contextlib.contextmanager
def _available() -> Iterator[None]:
    """Raise `FleetUnavailable` for what the database cannot do."""
    try:
        yield
    except (LedgerUnavailable, ConfigError, OSError, TimeoutError) as error:
        raise FleetUnavailable(str(error)) from error


async def _file(connection: asyncpg.Connection, history: History) -> None:
    """Add what happened to the history."""
    for start, each in history.by_minute().items():
        empty = encode(History())
        await connection.execute("INSERT INTO fleet_history VALUES ($1, $2) ON CONFLICT DO NOTHING", start, empty)
        query = "SELECT document FROM fleet_history WHERE start = $1 FOR UPDATE"
        whole = joined([history_in(await connection.fetchval(query, start)), each])
        await connection.execute("UPDATE fleet_history SET document = $2 WHERE start = $1", start, encode(whole))


async def _sum_up(connection: asyncpg.Connection) -> None:
    """Replace minutes that are no longer kept one by one with quarters of an hour."""
    now: float = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    query = (
        "SELECT start, document FROM fleet_history WHERE start < $1 AND start / $2 IN "
        "(SELECT start / $2 FROM fleet_history WHERE start < $1 AND start % $2 > 0) FOR UPDATE"
    )
    rows = await connection.fetch(query, int(now - FINE), QUARTER)
    minutes = {row["start"]: history_in(row["document"]) for row in rows}
    for quarter, each in quarters_of(minutes, now).items():
        remove = "DELETE FROM fleet_history WHERE start >= $1 AND start < $2"
        await connection.execute(remove, quarter, quarter + QUARTER)
        await connection.execute("INSERT INTO fleet_history VALUES ($1, $2)", quarter, encode(each))


async def _remove(connection: asyncpg.Connection, worker: str, instance: str, snapshot: Snapshot | None) -> None:
    """Note that a process was removed; its totals stay with its instance."""
    await connection.execute("INSERT INTO fleet_gone VALUES ($1, $2) ON CONFLICT DO NOTHING", worker, instance)
    if snapshot is None:
        return
    await _file(connection, history_of(snapshot))
    document = await connection.fetchval("SELECT document FROM fleet_removed WHERE instance = $1", instance)
    former = snapshot_in(document) if document is not None else None
    await connection.execute(
        "INSERT INTO fleet_removed VALUES ($1, $2) ON CONFLICT (instance) DO UPDATE SET document = excluded.document",
        instance,
        encode(totals_of(former, snapshot)),
    )


async def _orders(connection: asyncpg.Connection, after: int) -> list[Order]:
    rows = await connection.fetch("SELECT document FROM fleet_orders WHERE number > $1 ORDER BY number", after)
    return [order for row in rows if (order := order_in(row["document"])) is not None]
