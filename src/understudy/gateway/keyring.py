"""The virtual keys as one process of the gateway knows them: read when they are used, and again every two seconds.

So a key that is made is valid at once, and one that is revoked is refused after two seconds, by every process. A value
is looked up by its keyed hash, of which a caller without the pepper can choose no part, so the duration of a lookup
reveals nothing; unknown, revoked and expired ones take the same way.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import msgspec

from understudy.domain.bounded import BoundedDict
from understudy.domain.errors import ConfigError
from understudy.domain.patterns import matches
from understudy.domain.secret import Secret
from understudy.gateway.callers import LABEL, Caller, Refusal, unauthorized, unavailable
from understudy.ledger.keys import BEGINNING, FoundKey, KeyState, KeyStore, VirtualKey, digest_of
from understudy.settings.budgets import Allowance, Budget, Limit

log = logging.getLogger("understudy.gateway")

FRESH = 2.0
"""Seconds for which what was read counts."""
KNOWN = 10_000
"""Values that are remembered."""


class _Known(msgspec.Struct, frozen=True):
    """What was read of a value."""

    found: FoundKey | None
    caller: Caller | None
    due: float
    """When it is read again, on the clock that never goes back."""


class Keyring:
    """Virtual keys."""

    def __init__(
        self,
        store: KeyStore,
        pepper: Callable[[], Secret | None],
        *,
        reserved: Collection[str] = (),
        routes: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`pepper`: called once the first key exists. `reserved`: names of keys that the configuration has. `routes`:
        the names of the configured routes."""
        self._store = store
        self._find_pepper = pepper
        self._pepper: Secret | None = None
        self._reserved = frozenset(reserved)
        self._routes = tuple(routes)
        self._clock = clock
        self._wall = wall
        self._known: BoundedDict[bytes, _Known] = BoundedDict(KNOWN)
        self._unknown: BoundedDict[bytes, _Known] = BoundedDict(KNOWN)
        self._has_keys = False
        self._due = 0.0
        self._in_trouble = False

    @property
    def has_keys(self) -> bool:
        """Whether there are virtual keys, revoked ones included: then callers need a key."""
        return self._look()

    def _look(self, *, again: bool = False) -> bool:
        """Return whether there are keys, as it was seen in the last seconds, or `again`."""
        now = self._clock()
        if now >= self._due or again:
            try:
                self._has_keys = not self._store.is_empty()
            except sqlite3.Error as error:
                self._note(error)
                return True  # a caller without a key must not get in because the file is missing
            self._due = now + FRESH
        return self._has_keys

    def check(self) -> None:
        """Raise `ConfigError` if there are keys and no pepper to check them with."""
        if self.has_keys:
            self._pepper = self._needed_pepper()

    def admit(self, key: str, where: str) -> Caller | Refusal:
        """Return whose request it is, or why it is refused. `where`: the header that holds the key."""
        try:
            pepper = self._pepper_now(key)
            if pepper is None:
                return unauthorized(f"the key in {where} is unknown to this gateway")
            known = self._read(digest_of(key, pepper))
        except (sqlite3.Error, ConfigError) as error:
            self._note(error)
            return unavailable("the gateway cannot read its keys at the moment")
        self._in_trouble = False
        now = self._wall()
        if (
            known.found is None
            or known.caller is None
            or ((until := known.found.token.until) is not None and now >= until)
        ):
            return unauthorized(f"the key in {where} is unknown to this gateway")
        state = known.found.key.state(now)
        if state is KeyState.VALID:
            return known.caller
        return unauthorized(_refused(known.found, state))

    def _pepper_now(self, key: str) -> Secret | None:
        """Return the pepper; `None` if there are no keys. Raise `ConfigError` if it is missing."""
        if self._pepper is None and self._look(again=key.startswith(BEGINNING)):
            self._pepper = self._needed_pepper()
        return self._pepper

    def _needed_pepper(self) -> Secret:
        found = self._find_pepper()
        if found is None:
            raise ConfigError("the pepper of the virtual keys is missing: restore its file, or key_pepper")
        return found

    def _read(self, digest: bytes) -> _Known:
        now = self._clock()
        known = self._known.get(digest) or self._unknown.get(digest)
        if known is not None and now < known.due:
            return known
        found = self._store.find(digest)
        known = _Known(found, self._caller_of(found), now + FRESH)
        (self._known if found is not None else self._unknown)[digest] = known
        (self._unknown if found is not None else self._known).pop(digest, None)
        return known

    def _caller_of(self, found: FoundKey | None) -> Caller | None:
        if found is None:
            return None
        key = found.key
        if key.name in self._reserved:
            log.error("the virtual key %r is refused: a key of the configuration has the same name", key.name)
            return None
        named = tuple(each for each in self._routes if any(matches(pattern, each) for pattern in key.routes))
        labels = {**key.labels, LABEL: key.name}
        routes = named if key.routes else None
        return Caller(name=key.name, labels=labels, models=key.models, routes=routes, allowances=_allowances(key))

    def _note(self, error: Exception) -> None:
        if not self._in_trouble:
            log.error("virtual keys cannot be checked, and requests with them are refused: %s", error)
        self._in_trouble = True


def _allowances(key: VirtualKey) -> tuple[Allowance, ...]:
    """Return what a key may spend, and how often it may ask."""
    budgets = tuple(Budget(**each) for each in key.budgets)
    limits = tuple(Limit(**each) for each in key.limits)
    return (Allowance(budgets=budgets, limits=limits, owner=key.owner),) if budgets or limits else ()


def _refused(found: FoundKey, state: KeyState) -> str:
    """Return what is wrong with a key, for its owner: only the owner can send it."""
    name, expires = found.key.name, found.key.expires
    if state is KeyState.EXPIRED and expires is not None:
        return f"the key {name!r} expired at {datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M} UTC"
    return f"the key {name!r} was revoked"
