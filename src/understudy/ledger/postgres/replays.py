"""Answers to requests that may be repeated, in the database, for all machines."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec

from understudy.ledger.postgres.blocking import BlockingLink
from understudy.ledger.replays import LARGEST, LEASE, LIFETIME, MOST, ROOM, KeptAnswer, Scope, ScopeState

if TYPE_CHECKING:
    import asyncpg

_headers = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_IN = "clock_timestamp() + INTERVAL '1 second' *"
_BEGIN = (
    f"INSERT INTO answers (scope, request, owner, until, turn) VALUES ($1, $2, $3, {_IN} {LEASE}, $4) "
    "ON CONFLICT (scope) DO UPDATE SET request = excluded.request, owner = excluded.owner, until = excluded.until, "
    "turn = excluded.turn, status = NULL, headers = NULL, body = NULL, size = 0 "
    "WHERE answers.until <= clock_timestamp() OR answers.turn = excluded.turn RETURNING 1"
)
# `turn` is another one for each request: if it is there already, the commit took place and its answer was lost.
_KNOWN = "SELECT request, owner, status, headers, body FROM answers WHERE scope = $1"
_RENEW = f"UPDATE answers SET until = {_IN} {LEASE} WHERE owner = $1"
_KEEP = (
    f"UPDATE answers SET owner = NULL, until = {_IN} {LIFETIME}, status = $3, headers = $4, body = $5, size = $6 "
    "WHERE scope = $1 AND owner = $2"
)
_EXPIRED = (
    "DELETE FROM answers WHERE scope IN "
    "(SELECT scope FROM answers WHERE until <= clock_timestamp() ORDER BY scope FOR UPDATE SKIP LOCKED)"
)
_DROP = (
    "DELETE FROM answers WHERE scope IN (SELECT scope FROM "
    "(SELECT scope, row_number() OVER newest AS number, sum(size) OVER newest AS total FROM answers "
    "WHERE owner IS NULL WINDOW newest AS (ORDER BY until DESC, scope)) AS kept WHERE number > $1 OR total > $2)"
)
_LOCK = 0x616E7377_65727321
"""The advisory lock of a process that removes answers."""


class PostgresReplays:
    """Keeps answers in a database that machines share; see `Replays`. Times are those of the server.

    The connection is made at the first use. What is too much is removed once a hundredth of what is kept was added.
    """

    def __init__(self, url: str, *, most: int = MOST, room: int = ROOM, largest: int = LARGEST) -> None:
        """`most`: how many answers are kept; `room`, `largest`: bytes of all, and of one. Raise `ConfigError` if the
        driver is missing."""
        self._link = BlockingLink(url, "understudy-replays")
        self._most = most
        self._room = room
        self._added = self._bytes = 0
        """What this process added since it last made room."""
        self.largest = largest

    def close(self) -> None:
        """Disconnect, until the next use."""
        self._link.close()

    def begin(self, scope: bytes, request: bytes, owner: int) -> Scope:
        """Return what is known of a request; one that is new is held by `owner` from now on."""
        turn = secrets.token_bytes(16)

        async def begin(connection: asyncpg.Connection) -> Scope:
            while True:
                if await connection.fetchval(_BEGIN, scope, request, owner, turn):
                    return Scope(ScopeState.NEW)
                row = await connection.fetchrow(_KNOWN, scope)
                if row is not None:  # else it was removed in between
                    return _scope_of(row, request)

        return self._link.transact(begin)

    def renew(self, owner: int) -> None:
        """Extend the lease of what an owner holds."""
        self._link.transact(lambda connection: connection.execute(_RENEW, owner))

    def keep(self, scope: bytes, owner: int, answer: KeptAnswer | None) -> None:
        """Keep the answer to a request that `owner` holds; `None`: one that is known to be given, and not kept."""
        if answer is not None and len(answer.body) > self.largest:
            answer = None
        values: tuple[object, ...] = (None, None, None, 0)
        if answer is not None:
            headers = msgspec.json.encode(answer.headers).decode()
            values = (answer.status, headers, answer.body, len(answer.body))
            self._bytes += len(answer.body)
        self._added += 1
        self._link.transact(lambda connection: connection.execute(_KEEP, scope, owner, *values))
        if self._added > self._most // 100 or self._bytes > self._room // 100:
            self._link.transact(self._make_room)
            self._added = self._bytes = 0

    def release(self, scope: bytes, owner: int) -> None:
        """Forget a request that `owner` holds: when it is sent again, it gets another answer."""
        query = "DELETE FROM answers WHERE scope = $1 AND owner = $2"
        self._link.transact(lambda connection: connection.execute(query, scope, owner))

    async def _make_room(self, connection: asyncpg.Connection) -> None:
        """Drop what has expired, and the oldest answers if there are too many, unless another process does so now."""
        if await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            await connection.execute(_EXPIRED)
            await connection.execute(_DROP, self._most, self._room)


def _scope_of(row: asyncpg.Record, request: bytes) -> Scope:
    """Return what a row says of a request."""
    if row["request"] != request:
        return Scope(ScopeState.OTHER)
    if row["owner"] is not None:
        return Scope(ScopeState.UNDER_WAY)
    if row["status"] is None:
        return Scope(ScopeState.ANSWERED)
    return Scope(ScopeState.ANSWERED, KeptAnswer(row["status"], _headers.decode(row["headers"]), row["body"]))
