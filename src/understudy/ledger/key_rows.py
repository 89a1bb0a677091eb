"""A virtual key as rows of a database, and back; and why a change of one is refused. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from understudy.domain.misuse import Misuse
from understudy.ledger.keys import KeyState, KeyToken, VirtualKey

KEY = ("name", "created", "expires", "revoked", "grants")
"""The columns of a key."""
TOKEN = ("digest", "key", "ending", "pepper", "created", "until")
"""The columns of a value."""
_KEY = TOKEN.index("key")
NEWEST = "ORDER BY until IS NOT NULL, created DESC, until DESC"
"""The current value first."""


class _Grants(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is never searched for."""

    models: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    budgets: tuple[dict[str, Any], ...] = ()
    limits: tuple[dict[str, Any], ...] = ()


_grants = msgspec.json.Decoder(_Grants)


def row_of_key(key: VirtualKey) -> tuple[Any, ...]:
    """Return the row of a key."""
    budgets, limits = tuple(map(dict, key.budgets)), tuple(map(dict, key.limits))
    grants = _Grants(key.models, key.routes, dict(key.labels), budgets, limits)
    return (key.name, key.created, key.expires, key.revoked, msgspec.json.encode(grants).decode())


def row_of_token(name: str, token: KeyToken) -> tuple[Any, ...]:
    """Return the row of a value of a key."""
    return (token.digest, name, token.ending, token.pepper, token.created, token.until)


def key_of(row: Sequence[Any]) -> VirtualKey:
    """Return the key of a row, without its values."""
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


def token_of(row: Sequence[Any]) -> KeyToken:
    """Return the value of a row."""
    digest, _, ending, pepper, created, until = row
    return KeyToken(digest=digest, ending=ending, pepper=pepper, created=created, until=until)


def unknown(name: str) -> Misuse:
    """Return the error for a name that no key has."""
    return Misuse(f"there is no virtual key {name!r}: `understudy keys list` shows those that exist")


def taken(name: str) -> Misuse:
    """Return the error for a name that a key has already."""
    return Misuse(f"there is a virtual key {name!r} already: rotate it, or choose another name")


def check_change(key: VirtualKey) -> None:
    """Raise `Misuse` if a key was revoked."""
    if key.revoked is not None:
        raise Misuse(f"the virtual key {key.name!r} was revoked, and is not changed: create another one")


def check_rotation(key: VirtualKey) -> None:
    """Raise `Misuse` if a key was revoked."""
    if key.revoked is not None:
        raise Misuse(f"the virtual key {key.name!r} was revoked, and is not rotated: create another one")


def check_removal(key: VirtualKey, now: float) -> None:
    """Raise `Misuse` if a key is valid."""
    if key.state(now) is KeyState.VALID:
        raise Misuse(f"the virtual key {key.name!r} is valid: revoke it before you remove it")


def wholes_of(rows: Iterable[Sequence[Any]], tokens: Iterable[Sequence[Any]]) -> list[VirtualKey]:
    """Return keys with their values. `tokens`: rows of all their values, the current one of each key first."""
    by_key: dict[str, list[KeyToken]] = {}
    for each in tokens:
        by_key.setdefault(each[_KEY], []).append(token_of(each))
    keys = map(key_of, rows)
    return [replace(each, tokens=tuple(by_key.get(each.name, ()))) for each in keys]
