"""Virtual keys in the file of the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from understudy.domain.misuse import Misuse
from understudy.ledger.keys import FoundKey, KeyState, KeyToken, VirtualKey
from understudy.ledger.sqlite.opening import File

_KEY = ("name", "created", "expires", "revoked", "grants")
_TOKEN = ("digest", "key", "ending", "pepper", "created", "until")
_TOKENS = f"SELECT {', '.join(_TOKEN)} FROM key_tokens"
_NEWEST = "ORDER BY until IS NOT NULL, created DESC, until DESC"


class _Grants(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is never searched for."""

    models: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    budgets: tuple[dict[str, Any], ...] = ()
    limits: tuple[dict[str, Any], ...] = ()


_grants = msgspec.json.Decoder(_Grants)


class SqliteKeys:
    """Keeps virtual keys in a file. Its methods block, for some tens of microseconds if nothing is written.

    What is written survives a power cut once a method has returned. All methods raise `sqlite3.Error` if the file
    cannot be used.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raise `ConfigError` if that fails."""
        self._file = File(path, durable=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, which the next use opens again."""
        self._file.close()

    def find(self, digest: bytes) -> FoundKey | None:
        """Return the key that has a value of this digest; `None` if none has."""
        row = self._connection.execute(f"{_TOKENS} WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            return None
        key = self._connection.execute(f"SELECT {', '.join(_KEY)} FROM keys WHERE name = ?", (row[1],)).fetchone()
        return None if key is None else FoundKey(_key_of(key), _token_of(row))

    def is_empty(self) -> bool:
        """Check whether there are no keys, not even revoked ones."""
        return self._connection.execute("SELECT 1 FROM keys LIMIT 1").fetchone() is None

    def listed(self) -> list[VirtualKey]:
        """Return all keys by name, revoked ones included."""
        rows = self._connection.execute(f"SELECT {', '.join(_KEY)} FROM keys ORDER BY name").fetchall()
        return [self._with_tokens(row) for row in rows]

    def key(self, name: str) -> VirtualKey:
        """Return one key. Raise `Misuse` for an unknown name."""
        row = self._connection.execute(f"SELECT {', '.join(_KEY)} FROM keys WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise Misuse(f"there is no virtual key {name!r}: `understudy keys list` shows those that exist")
        return self._with_tokens(row)

    def add(self, key: VirtualKey, token: KeyToken) -> None:
        """Add a key. Raise `Misuse` if its name is in use."""
        budgets, limits = tuple(map(dict, key.budgets)), tuple(map(dict, key.limits))
        grants = _Grants(key.models, key.routes, dict(key.labels), budgets, limits)
        with self._file.writing():
            if self._exists(key.name):
                raise Misuse(f"there is a virtual key {key.name!r} already: rotate it, or choose another name")
            self._insert(
                "keys", (key.name, key.created, key.expires, key.revoked, msgspec.json.encode(grants).decode())
            )
            self._insert_token(key.name, token)

    def rotate(self, name: str, token: KeyToken, until: float) -> VirtualKey:
        """Give a key another value; its former ones are valid until then. Return the key as it is now.

        Raise `Misuse` if there is no such key, or if it was revoked.
        """
        with self._file.writing():
            key = self.key(name)
            if key.revoked is not None:
                raise Misuse(f"the virtual key {name!r} was revoked, and is not rotated: create another one")
            ending = "UPDATE key_tokens SET until = MIN(COALESCE(until, ?), ?) WHERE key = ?"
            self._connection.execute(ending, (until, until, name))
            self._connection.execute("DELETE FROM key_tokens WHERE key = ? AND until <= ?", (name, token.created))
            self._insert_token(name, token)
        return self.key(name)

    def revoke(self, name: str, now: float) -> VirtualKey:
        """Make a key invalid for ever, and return it. Raise `Misuse` if there is no such key."""
        with self._file.writing():
            self.key(name)
            self._connection.execute("UPDATE keys SET revoked = COALESCE(revoked, ?) WHERE name = ?", (now, name))
        return self.key(name)

    def remove(self, name: str, now: float) -> None:
        """Forget a key that is not valid any more. Raise `Misuse` if it is, or if there is no such key."""
        with self._file.writing():
            if self.key(name).state(now) is KeyState.VALID:
                raise Misuse(f"the virtual key {name!r} is valid: revoke it before you remove it")
            self._connection.execute("DELETE FROM key_tokens WHERE key = ?", (name,))
            self._connection.execute("DELETE FROM keys WHERE name = ?", (name,))

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._file.connection()

    def _exists(self, name: str) -> bool:
        return self._connection.execute("SELECT 1 FROM keys WHERE name = ?", (name,)).fetchone() is not None

    def _insert_token(self, name: str, token: KeyToken) -> None:
        self._insert("key_tokens", (token.digest, name, token.ending, token.pepper, token.created, token.until))

    def _insert(self, table: str, values: Sequence[Any]) -> None:
        self._connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)

    def _with_tokens(self, row: Sequence[Any]) -> VirtualKey:
        tokens = self._connection.execute(f"{_TOKENS} WHERE key = ? {_NEWEST}", (row[0],)).fetchall()
        return replace(_key_of(row), tokens=tuple(map(_token_of, tokens)))


def _key_of(row: Sequence[Any]) -> VirtualKey:
    name, created, expires, revoked, written = row
    grants = _grants.decode(written)
    return VirtualKey(
        name=name,
        created=created,
        expires=expires,
        revoked=revoked,
        models=grants.models,
        routes=grants.routes,
        labels=grants.labels,
        budgets=grants.budgets,
        limits=grants.limits,
    )


def _token_of(row: Sequence[Any]) -> KeyToken:
    digest, _, ending, pepper, created, until = row
    return KeyToken(digest=digest, ending=ending, pepper=pepper, created=created, until=until)
