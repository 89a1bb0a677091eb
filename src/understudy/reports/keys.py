"""Reports of virtual keys: whose they are and what they may do, never what they are."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.ledger.keys import VirtualKey


class TokenResult(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a key."""

    ending: str
    """Its last characters."""
    created: float
    """Unix seconds."""
    until: float | None
    """When it becomes invalid because it was replaced; `None` for the current one."""


class KeyResult(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual key."""

    name: str
    state: str
    """valid, expired or revoked."""
    ending: str | None
    """The last characters of its current value."""
    models: tuple[str, ...]
    routes: tuple[str, ...]
    labels: dict[str, str]
    budgets: tuple[dict[str, Any], ...]
    """The fields of each."""
    limits: tuple[dict[str, Any], ...]
    created: float
    """Unix seconds, as all times here."""
    expires: float | None
    revoked: float | None
    tokens: tuple[TokenResult, ...]
    """Its values that are kept, the current one first."""
    other_pepper: bool
    """Whether its current value was made under another pepper than the one in use, and so is not accepted."""


def report_key(key: VirtualKey, now: float, mark: bytes | None) -> KeyResult:
    """Report a key at a time in Unix seconds. `mark`: that of the pepper in use; `None` if it is missing."""
    return KeyResult(
        name=key.name,
        state=key.state(now),
        ending=key.tokens[0].ending if key.tokens else None,
        models=key.models,
        routes=key.routes,
        labels=dict(key.labels),
        budgets=tuple(map(dict, key.budgets)),
        limits=tuple(map(dict, key.limits)),
        created=key.created,
        expires=key.expires,
        revoked=key.revoked,
        tokens=tuple(TokenResult(ending=each.ending, created=each.created, until=each.until) for each in key.tokens),
        other_pepper=bool(key.tokens) and key.tokens[0].pepper != mark,
    )
