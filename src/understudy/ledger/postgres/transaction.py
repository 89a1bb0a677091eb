"""What one transaction writes: entries that begin or end, what they hold and spend, the sums that they add to, and the
lease of their writer.

Locks are taken in one order, by all writers: entries by id, then balances by their keys, then sums by theirs, then the
writer's own lease. The sums come last because every process adds to the same ones: they are locked for the time of a
commit.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.changes import Changes, Known
from understudy.ledger.entries import EntryState, kept
from understudy.ledger.postgres import locking
from understudy.ledger.postgres.changes import ENDING, STORED, endings, inserts, with_nul
from understudy.ledger.postgres.holding import Holding, cleaned
from understudy.ledger.postgres.locking import arrays
from understudy.ledger.reserving import Reservation
from understudy.ledger.rows import captured_row, entry_of, id_of, text_of
from understudy.ledger.sums import FIELDS, AddedSums, sums_of_unknown

if TYPE_CHECKING:
    import asyncpg

LEASE = 30.0
"""Seconds after which the entries of a writer that was not heard of are `unknown`."""
MOST = 500
"""Entries that one sweep gives up."""
_KNOWN = "SELECT id, state, opens FROM entries WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_OPENED = "SELECT request FROM entries WHERE opens AND request = ANY($1)"
_TEXTS = frozenset(
    {"state", "details", "answered_model", "dialect", "failure", "cost_basis", "price_source", "price_date"}
)
"""Columns of an end that are no numbers."""
_END = (
    f"UPDATE entries SET {', '.join(f'{name} = ended.{name}' for name in ENDING)} FROM "
    + arrays([*("TEXT" if name in _TEXTS else "BIGINT" for name in ENDING), "BYTEA"])
    + f" AS ended ({', '.join(ENDING)}, ending_id) WHERE id = ending_id"
)
_ADD = (
    f"INSERT INTO days AS kept (day, dimension, value, {', '.join(FIELDS)}) "
    f"SELECT * FROM {arrays(['INTEGER', 'TEXT', 'TEXT', *['NUMERIC'] * len(FIELDS)])} "
    f"ON CONFLICT (day, dimension, value) "
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
_CAPTURE = "INSERT INTO captured VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
_FORGET = (
    "DELETE FROM captured WHERE attempt IN (SELECT attempt FROM captured "
    "WHERE started < (EXTRACT(EPOCH FROM clock_timestamp()) - $1::float8 * 86400) * 1000000 "
    f"ORDER BY started LIMIT {MOST} FOR UPDATE SKIP LOCKED)"
)
_EXPIRED = (
    "DELETE FROM owners WHERE id IN "
    "(SELECT id FROM owners WHERE until < clock_timestamp() ORDER BY id FOR UPDATE SKIP LOCKED)"
)


async def keep(connection: asyncpg.Connection, items: Sequence[CapturedDocument]) -> None:
    """Write prompts and answers. They lock nothing that others wait for."""
    await connection.executemany(_CAPTURE, sorted(map(captured_row, items)))


async def forget(connection: asyncpg.Connection, days: float) -> None:
    """Remove the oldest prompts and answers of attempts that began longer ago, some at a time."""
    await connection.execute(_FORGET, days)


async def write(connection: asyncpg.Connection, owner: int, items: Sequence[AttemptStart | Reservation]) -> None:
    """Write entries and their sums, and hold and settle what they may spend and have spent.

    What has ended stays as it is: to write an end twice changes nothing.
    """
    starts = [item.start if isinstance(item, Reservation) else item for item in items if not _is_over(item)]
    if not starts:
        return
    known = await connection.fetch(_KNOWN, list({id_of(item.attempt_id) for item in starts}))
    opened = await connection.fetch(_OPENED, list({id_of(item.request_id) for item in starts}))
    sums = AddedSums(with_nul)
    changes = Changes(
        sums,
        {text_of(row["id"]): Known(EntryState(row["state"]), row["opens"]) for row in known},
        [text_of(row["request"]) for row in opened],
    )
    claims = [claim for item in items if isinstance(item, Reservation) and not item.is_over for claim in item.claims]
    ending = [id_of(item.attempt_id) for item in items if isinstance(item, AttemptRecord)]
    holding = await locking.lock(connection, claims, ending)
    for item in items:
        if isinstance(item, Reservation):
            _reserve(item, changes, holding)
        elif changes.add(item) and isinstance(item, AttemptRecord):
            holding.end(item.attempt_id, kept(item))
    if rows := inserts(changes, owner):
        await connection.copy_records_to_table("entries", records=rows, columns=STORED)
    if rows := endings(changes):
        await connection.execute(_END, *zip(*rows, strict=True))
    await _apply(connection, holding, sums)


def _reserve(item: Reservation, changes: Changes, holding: Holding) -> None:
    """Hold the claims of an attempt and keep its beginning; or neither, if one of them cannot be granted."""
    item.shortage = None
    if not item.is_over and not changes.knows(item.start):
        item.shortage = holding.reserve(item.start.attempt_id, item.claims)
        if item.shortage is None:
            item.left = holding.left(map(cleaned, item.claims))
            changes.add(item.start)


def _is_over(item: AttemptStart | Reservation) -> bool:
    return isinstance(item, Reservation) and item.is_over


async def sweep(connection: asyncpg.Connection) -> int:
    """Give up the entries of writers whose lease is over, some at a time; return how many those are.

    Several machines may sweep at once: each takes entries that no other one is about to change.
    """
    lost = await connection.fetch(_LOST)
    sums = AddedSums(with_nul)
    holding = await locking.lock(connection, (), [row["id"] for row in lost])
    for row in lost:
        start = entry_of(dict(row)).start
        sums.add(start, sums_of_unknown(opens=row["opens"]))
        holding.end(start.attempt_id, None)
    await connection.execute(_UNKNOWN, [row["id"] for row in lost])
    await _apply(connection, holding, sums)
    await locking.clear(connection)
    await connection.execute(_EXPIRED)
    return len(lost)


async def renew(connection: asyncpg.Connection, owner: int, lease: float) -> None:
    """Extend the lease of a writer, by the clock of the database."""
    await connection.execute(_RENEW, owner, socket.gethostname(), os.getpid(), lease)


async def release(connection: asyncpg.Connection, owner: int) -> None:
    """Give the lease of a writer back."""
    await connection.execute("DELETE FROM owners WHERE id = $1", owner)


async def _apply(connection: asyncpg.Connection, holding: Holding, sums: AddedSums) -> None:
    await locking.write(connection, holding)
    if rows := sums.rows():
        await connection.execute(_ADD, *zip(*rows, strict=True))
