"""Virtual keys in the file of the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

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
from understudy.ledger.sqlite.opening import File

_KEYS = f"SELECT {', '.join(KEY)} FROM keys"
_TOKENS = f"SELECT {', '.join(TOKEN)} FROM key_tokens"
_LIKE = "WHERE instr(lower(name), lower(?)) > 0"


class SqliteKeys:
    """Keeps virtual keys in a file; see `KeyRegistry`. Its methods block, for some tens of microseconds if nothing is
    written."""

    is_remote = False

    def __init__(self, path: Path, *, only_reads: bool = False) -> None:
        """Open the file, or make it. `only_reads`: nothing is written then, and a file that does not exist has no keys.
        Raise `ConfigError` if that fails."""
        self._file = File(path, durable=True, only_reads=only_reads)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, which the next use opens again."""
        self._file.close()

    def read(self, digests: Collection[bytes] = ()) -> KeysRead:
        """Return the keys that have values of these digests, and whether there are any."""
        with self._file.reading() as connection:
            has_keys = connection.execute("SELECT 1 FROM keys LIMIT 1").fetchone() is not None
            found: dict[bytes, FoundKey] = {}
            for digest in digests:
                token = connection.execute(f"{_TOKENS} WHERE digest = ?", (digest,)).fetchone()
                if token is not None and (key := _row(connection, token[1])) is not None:
                    found[digest] = FoundKey(key_of(key), token_of(token))
        return KeysRead(has_keys, found)

    def listed(self) -> list[VirtualKey]:
        """Return all keys by name, revoked ones included."""
        with self._file.reading() as connection:
            rows = connection.execute(f"{_KEYS} ORDER BY name").fetchall()
            return wholes_of(rows, connection.execute(f"{_TOKENS} {NEWEST}"))

    def page(self, search: str = "", *, after: int = 0, limit: int = 50) -> KeyPage:
        """Return some keys whose name contains a text; see `KeyRegistry`."""
        with self._file.reading() as connection:
            rows = connection.execute(f"{_KEYS} {_LIKE} ORDER BY name LIMIT ? OFFSET ?", (search, limit, after))
            found = connection.execute(f"SELECT count(*) FROM keys {_LIKE}", (search,)).fetchone()[0]
            total = connection.execute("SELECT count(*) FROM keys").fetchone()[0]
            return KeyPage(tuple(_whole(connection, row) for row in rows.fetchall()), found, total)

    def key(self, name: str) -> VirtualKey:
        """Return one key. Raise `Misuse` for an unknown name."""
        with self._file.reading() as connection:
            return _key(connection, name)

    def add(self, key: VirtualKey, token: KeyToken) -> None:
        """Add a key. Raise `Misuse` if its name is in use."""
        with self._file.writing() as connection:
            if _row(connection, key.name) is not None:
                raise taken(key.name)
            _insert(connection, "keys", row_of_key(key))
            _insert(connection, "key_tokens", row_of_token(key.name, token))

    def change(self, key: VirtualKey) -> VirtualKey:
        """Replace what a key may do; see `KeyRegistry`."""
        _, _, expires, _, grants = row_of_key(key)
        with self._file.writing() as connection:
            check_change(_key(connection, key.name))
            connection.execute("UPDATE keys SET expires = ?, grants = ? WHERE name = ?", (expires, grants, key.name))
            return _key(connection, key.name)

    def rotate(self, name: str, token: KeyToken, until: float) -> VirtualKey:
        """Give a key another value; see `KeyRegistry`."""
        with self._file.writing() as connection:
            check_rotation(_key(connection, name))
            ending = "UPDATE key_tokens SET until = MIN(COALESCE(until, ?), ?) WHERE key = ?"
            connection.execute(ending, (until, until, name))
            connection.execute("DELETE FROM key_tokens WHERE key = ? AND until <= ?", (name, token.created))
            _insert(connection, "key_tokens", row_of_token(name, token))
            return _key(connection, name)

    def revoke(self, name: str, now: float) -> VirtualKey:
        """Make a key invalid for ever, and return it. Raise `Misuse` if there is no such key."""
        with self._file.writing() as connection:
            connection.execute("UPDATE keys SET revoked = COALESCE(revoked, ?) WHERE name = ?", (now, name))
            return _key(connection, name)

    def remove(self, name: str, now: float) -> None:
        """Forget a key that is not valid any more. Raise `Misuse` if it is, or if there is no such key."""
        with self._file.writing() as connection:
            check_removal(_key(connection, name), now)
            connection.execute("DELETE FROM key_tokens WHERE key = ?", (name,))
            connection.execute("DELETE FROM keys WHERE name = ?", (name,))


def _row(connection: sqlite3.Connection, name: str) -> Sequence[Any] | None:
    row: Sequence[Any] | None = connection.execute(f"{_KEYS} WHERE name = ?", (name,)).fetchone()
    return row


def _key(connection: sqlite3.Connection, name: str) -> VirtualKey:
    if (row := _row(connection, name)) is None:
        raise unknown(name)
    return _whole(connection, row)


def _whole(connection: sqlite3.Connection, row: Sequence[Any]) -> VirtualKey:
    tokens = connection.execute(f"{_TOKENS} WHERE key = ? {NEWEST}", (row[0],)).fetchall()
    return replace(key_of(row), tokens=tuple(map(token_of, tokens)))


def _insert(connection: sqlite3.Connection, table: str, values: Sequence[Any]) -> None:
    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
