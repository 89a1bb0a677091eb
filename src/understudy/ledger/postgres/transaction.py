"""What one transaction writes: entries that begin or end, the sums that they add to, and the lease of their writer.

Locks are taken in one order, by all writers: entries by id, then sums by their key, then the writer's own lease. The
sums come last because every process adds to the same ones: they are locked for the time of a commit.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.domain.attempts import AttemptStart
from understudy.ledger.entries import EntryState
from understudy.ledger.postgres.changes import ENDING, STORED, Changes, Known
from understudy.ledger.rows import entry_of, id_of
from understudy.ledger.sums import FIELDS

if TYPE_CHECKING:
    import asyncpg

LEASE = 30.0
"""Seconds after which the entries of a writer that was not heard of are `unknown`."""
MOST = 500
"""Entries that one sweep gives up."""
_KNOWN = "SELECT id, state, opens FROM entries WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_OPENED = "SELECT request FROM entries WHERE opens AND request = ANY($1)"
_END = (
    f"UPDATE entries SET {', '.join(f'{name} = ${at}' for at, name in enumerate(ENDING, 1))} "
    f"WHERE id = ${len(ENDING) + 1}"
)
_ADD = (
    f"INSERT INTO days AS kept (day, dimension, value, {', '.join(FIELDS)}) "
    f"VALUES ({', '.join(f'${at}' for at in range(1, len(FIELDS) + 4))}) ON CONFLICT (day, dimension, value) "
    f"DO UPDATE SET {', '.join(f'{name} = kept.{name} + excluded.{name}' for name in FIELDS)}"
)
_RENEW = (
    "INSERT INTO owners VALUES ($1, $2, $3, clock_timestamp() + $4 * INTERVAL '1 second') "
    "ON CONFLICT (id) DO UPDATE SET until = excluded.until"
)
_LOST = (
    "SELECT * FROM entries WHERE state = 'started' AND NOT EXISTS "
    "(SELECT 1 FROM owners WHERE owners.id = entries.owner AND until >= clock_timestamp()) "
    f"ORDER BY id LIMIT {MOST} FOR UPDATE SKIP LOCKED"
)
_UNKNOWN = "UPDATE entries SET state = 'unknown' WHERE id = ANY($1)"
_EXPIRED = (
    "DELETE FROM owners WHERE id IN "
    "(SELECT id FROM owners WHERE until < clock_timestamp() ORDER BY id FOR UPDATE SKIP LOCKED)"
)


async def write(connection: asyncpg.Connection, owner: int, items: Sequence[AttemptStart]) -> None:
    """Write entries and their sums. What has ended stays as it is: to write an end twice changes nothing."""
    if not items:
        return
    known = await connection.fetch(_KNOWN, list({id_of(item.attempt_id) for item in items}))
    opened = await connection.fetch(_OPENED, list({id_of(item.request_id) for item in items}))
    changes = Changes(
        owner,
        {row["id"]: Known(EntryState(row["state"]), row["opens"]) for row in known},
        [row["request"] for row in opened],
    )
    for item in items:
        changes.add(item)
    await _apply(connection, changes)


async def sweep(connection: asyncpg.Connection) -> int:
    """Give up the entries of writers whose lease is over, some at a time; return how many those are.

    Several machines may sweep at once: each takes entries that no other one is about to change.
    """
    lost = await connection.fetch(_LOST)
    changes = Changes(0, {}, ())
    for row in lost:
        changes.give_up(entry_of(dict(row)).start, opens=row["opens"])
    await connection.execute(_UNKNOWN, [row["id"] for row in lost])
    await _apply(connection, changes)
    await connection.execute(_EXPIRED)
    return len(lost)


async def renew(connection: asyncpg.Connection, owner: int, lease: float) -> None:
    """Extend the lease of a writer, by the clock of the database."""
    await connection.execute(_RENEW, owner, socket.gethostname(), os.getpid(), lease)


async def release(connection: asyncpg.Connection, owner: int) -> None:
    """Give the lease of a writer back."""
    await connection.execute("DELETE FROM owners WHERE id = $1", owner)


async def _apply(connection: asyncpg.Connection, changes: Changes) -> None:
    if inserts := changes.inserts:
        await connection.copy_records_to_table("entries", records=inserts, columns=STORED)
    if endings := changes.endings:
        await connection.executemany(_END, endings)
    if sums := changes.sums:
        await connection.executemany(_ADD, sums)
