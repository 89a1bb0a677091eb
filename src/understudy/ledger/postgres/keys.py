"""Virtual keys in the database, for all machines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec.structs import replace

from understudy.ledger.key_rows import (
    KEY,
    NEWEST,
    TOKEN,
    check_change,
    check_removal,
    check_rotation,
    key_of,
    row_of_key,
    row_of_token,
    taken,
    token_of,
    unknown,
    wholes_of,
)
from understudy.ledger.keys import FoundKey, KeyPage, KeysRead, KeyToken, VirtualKey
from understudy.ledger.postgres.blocking import BlockingLink

if TYPE_CHECKING:
    import asyncpg

_KEYS = f"SELECT {', '.join(KEY)} FROM keys"
_TOKENS = f"SELECT {', '.join(TOKEN)} FROM key_tokens"
_FOUND = (
    f"SELECT {', '.join(f'keys.{name}' for name in KEY)}, {', '.join(f'key_tokens.{name}' for name in TOKEN)} "
    "FROM key_tokens JOIN keys ON keys.name = key_tokens.key WHERE digest = ANY($1)"
)
_LIKE = "WHERE strpos(lower(name), lower($1)) > 0"
_HAS_KEYS = "SELECT EXISTS (SELECT 1 FROM keys)"
_END = "UPDATE key_tokens SET until = LEAST(COALESCE(until, $2), $2) WHERE key = $1"


class PostgresKeys:
    """Keeps virtual keys in PostgreSQL; see `KeyRegistry`. Its methods block, also on a running event loop.

    The connection is made at the first use, and the tables are if they are missing.
    """

    is_remote = True

    def __init__(self, url: str) -> None:
        """Raise `ConfigError` if the driver is missing."""
        self._link = BlockingLink(url, "understudy-keys")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect, until the next use."""
        self._link.close()

    def read(self, digests: Collection[bytes] = ()) -> KeysRead:
        """Return the keys that have values of these digests, and whether there are any."""

        async def read(connection: asyncpg.Connection) -> KeysRead:
            rows = [tuple(row) for row in await connection.fetch(_FOUND, list(digests))] if digests else []
            has_keys = bool(rows) or await connection.fetchval(_HAS_KEYS)
            found = (FoundKey(key_of(row[: len(KEY)]), token_of(row[len(KEY) :])) for row in rows)
            return KeysRead(has_keys, {each.token.digest: each for each in found})

        return self._link.transact(read)

    def listed(self) -> list[VirtualKey]:
        """Return all keys by name, revoked ones included."""

        async def listed(connection: asyncpg.Connection) -> list[VirtualKey]:
            rows = await connection.fetch(f"{_KEYS} ORDER BY name")
            tokens = await connection.fetch(f"{_TOKENS} {NEWEST}")
            return wholes_of(map(tuple, rows), map(tuple, tokens))

        return self._link.transact(listed)

    def page(self, search: str = "", *, after: int = 0, limit: int = 50) -> KeyPage:
        """Return some keys whose name contains a text; see `KeyRegistry`."""

        async def page(connection: asyncpg.Connection) -> KeyPage:
            rows = await connection.fetch(f"{_KEYS} {_LIKE} ORDER BY name LIMIT $2 OFFSET $3", search, limit, after)
            found = await connection.fetchval(f"SELECT count(*) FROM keys {_LIKE}", search)
            total = await connection.fetchval("SELECT count(*) FROM keys")
            return KeyPage(tuple([await _whole(connection, row) for row in rows]), found, total)

        return self._link.transact(page)

    def key(self, name: str) -> VirtualKey:
        """Return one key. Raise `Misuse` for an unknown name."""
        return self._link.transact(lambda connection: _key(connection, name))

    def add(self, key: VirtualKey, token: KeyToken) -> None:
        """Add a key. Raise `Misuse` if its name is in use."""

        async def add(connection: asyncpg.Connection) -> None:
            values = row_of_key(key)
            query = f"INSERT INTO keys VALUES ({_marks(values)}) ON CONFLICT DO NOTHING RETURNING name"
            if await connection.fetchval(query, *values) is not None:
                await _insert_token(connection, key.name, token)
            elif not await _has(connection, key.name, token):
                raise taken(key.name)

        self._link.transact(add)

    def change(self, key: VirtualKey) -> VirtualKey:
        """Replace what a key may do; see `KeyRegistry`."""
        _, _, expires, _, grants = row_of_key(key)

        async def change(connection: asyncpg.Connection) -> VirtualKey:
            check_change(await _key(connection, key.name, lock=True))
            query = "UPDATE keys SET expires = $2, grants = $3 WHERE name = $1"
            await connection.execute(query, key.name, expires, grants)
            return await _key(connection, key.name)

        return self._link.transact(change)

    def rotate(self, name: str, token: KeyToken, until: float) -> VirtualKey:
        """Give a key another value; see `KeyRegistry`."""

        async def rotate(connection: asyncpg.Connection) -> VirtualKey:
            check_rotation(await _key(connection, name, lock=True))
            if not await _has(connection, name, token):
                await connection.execute(_END, name, until)
                await connection.execute("DELETE FROM key_tokens WHERE key = $1 AND until <= $2", name, token.created)
                await _insert_token(connection, name, token)
            return await _key(connection, name)

        return self._link.transact(rotate)

    def revoke(self, name: str, now: float) -> VirtualKey:
        """Make a key invalid for ever, and return it. Raise `Misuse` if there is no such key."""

        async def revoke(connection: asyncpg.Connection) -> VirtualKey:
            await connection.execute("UPDATE keys SET revoked = COALESCE(revoked, $2) WHERE name = $1", name, now)
            return await _key(connection, name)

        return self._link.transact(revoke)

    def remove(self, name: str, now: float) -> None:
        """Forget a key that is not valid any more. Raise `Misuse` if it is, or if there is no such key."""

        async def remove(connection: asyncpg.Connection) -> None:
            check_removal(await _key(connection, name, lock=True), now)
            await connection.execute("DELETE FROM key_tokens WHERE key = $1", name)
            await connection.execute("DELETE FROM keys WHERE name = $1", name)

        self._link.transact(remove)


async def _key(connection: asyncpg.Connection, name: str, *, lock: bool = False) -> VirtualKey:
    """Return a key. `lock`: nobody else may change it until the commit."""
    row = await connection.fetchrow(f"{_KEYS} WHERE name = $1{' FOR UPDATE' if lock else ''}", name)
    if row is None:
        raise unknown(name)
    return await _whole(connection, row)


async def _whole(connection: asyncpg.Connection, row: asyncpg.Record) -> VirtualKey:
    tokens = await connection.fetch(f"{_TOKENS} WHERE key = $1 {NEWEST}", row["name"])
    return replace(key_of(tuple(row)), tokens=tuple(token_of(tuple(each)) for each in tokens))


async def _has(connection: asyncpg.Connection, name: str, token: KeyToken) -> bool:
    """Check whether a key has a value already, because this action is repeated after a commit without an answer."""
    query = "SELECT EXISTS (SELECT 1 FROM key_tokens WHERE digest = $1 AND key = $2)"
    found: bool = await connection.fetchval(query, token.digest, name)
    return found


async def _insert_token(connection: asyncpg.Connection, name: str, token: KeyToken) -> None:
    values = row_of_token(name, token)
    await connection.execute(f"INSERT INTO key_tokens VALUES ({_marks(values)})", *values)


def _marks(values: Sequence[Any]) -> str:
    return ", ".join(f"${at}" for at in range(1, len(values) + 1))
