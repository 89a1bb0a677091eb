"""The virtual keys as one process of the gateway knows them: read when they are used, and again every two seconds.

So a key that is made is valid at once, and one that is revoked is refused after two seconds, by every process. A value
is looked up by its keyed hash, of which a caller without the pepper can choose no part, so the duration of a lookup
reveals nothing; unknown, revoked and expired ones take the same way. While a database is away, what was read counts a
little longer, so that its restart is not noticed; then requests with virtual keys are refused.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import msgspec

from understudy.domain.bounded import BoundedDict
from understudy.domain.errors import ConfigError
from understudy.domain.patterns import matches
from understudy.domain.secret import Secret
from understudy.gateway.callers import LABEL, Caller, Refusal, unauthorized, unavailable
from understudy.gateway.key_lookup import KeyLookup
from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.keys import BEGINNING, FoundKey, KeyState, VirtualKey, digest_of
from understudy.settings.budgets import Allowance, Budget, Limit

log = logging.getLogger("understudy.gateway")

FRESH = 2.0
"""Seconds for which what was read counts."""
LASTING = 4.5
"""Seconds for which it counts if it cannot be read again: a revoked key must be refused after five."""
KNOWN = 10_000
"""Values that are remembered."""


class _Known(msgspec.Struct, frozen=True):
    """What was read of a value."""

    found: FoundKey | None
    caller: Caller | None
    read: float
    """When it was read, on the clock that never goes back."""


class Keyring:
    """Virtual keys."""

    def __init__(
        self,
        lookup: KeyLookup,
        pepper: Callable[[], Secret | None],
        *,
        reserved: Collection[str] = (),
        routes: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`pepper`: called once the first key exists. `reserved`: names of keys that the configuration has. `routes`:
        the names of the configured routes."""
        self._lookup = lookup
        self._find_pepper = pepper
        self._pepper: Secret | None = None
        self._reserved = frozenset(reserved)
        self._routes = tuple(routes)
        self._clock = clock
        self._wall = wall
        self._known: BoundedDict[bytes, _Known] = BoundedDict(KNOWN)
        self._unknown: BoundedDict[bytes, _Known] = BoundedDict(KNOWN)
        self._has_keys = False
        self._read = float("-inf")
        """When `_has_keys` was read."""
        self._in_trouble = False

    @property
    def has_keys(self) -> bool:
        """Whether there were virtual keys, revoked ones included, when that was last read."""
        return self._has_keys

    async def look(self, *, again: bool = False) -> bool:
        """Return whether there are virtual keys, revoked ones included: then callers need a key. It is read if that is
        some seconds ago, or `again`; then raise what forbids it."""
        now = self._clock()
        if now >= self._read + FRESH or again:
            try:
                self._has_keys = await self._lookup.has_keys()
                self._read = now
            except (LedgerUnavailable, ConfigError) as error:
                self._note(error)
                if again:
                    raise
                # A caller without a key must not get in because the ledger is away. An open gateway stays open.
                self._has_keys = self._has_keys or self._read == float("-inf")
        return self._has_keys

    def check(self) -> None:
        """Raise `ConfigError` if there are keys and no pepper to check them with. Block."""
        try:
            self._has_keys = self._lookup.has_keys_now()
        except LedgerUnavailable as error:
            self._has_keys = True
            self._note(error)
            return
        self._read = self._clock()
        if self._has_keys:
            self._pepper = self._needed_pepper()

    async def admit(self, key: str, where: str) -> Caller | Refusal:
        """Return whose request it is, or why it is refused. `where`: the header that holds the key."""
        try:
            pepper = await self._pepper_now(key)
            if pepper is None:
                return unauthorized(f"the key in {where} is unknown to this gateway")
            known = await self._known_now(digest_of(key, pepper))
        except (LedgerUnavailable, ConfigError) as error:
            self._note(error)
            return unavailable("the gateway cannot read its keys at the moment")
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

    async def _pepper_now(self, key: str) -> Secret | None:
        """Return the pepper; `None` if there are no keys. Raise `ConfigError` if it is missing."""
        if self._pepper is None and await self.look(again=key.startswith(BEGINNING)):
            self._pepper = self._needed_pepper()
        return self._pepper

    def _needed_pepper(self) -> Secret:
        found = self._find_pepper()
        if found is None:
            raise ConfigError("the pepper of the virtual keys is missing: restore its file, or key_pepper")
        return found

    async def _known_now(self, digest: bytes) -> _Known:
        """Return what is known of a value, read in the last seconds. Raise `LedgerUnavailable`."""
        now = self._clock()
        known = self._known.get(digest) or self._unknown.get(digest)
        if known is not None and now < known.read + FRESH:
            return known
        try:
            found = await self._lookup.find(digest)
        except LedgerUnavailable as error:
            if known is None or self._clock() >= known.read + LASTING:
                raise
            self._note(error)
            return known
        self._in_trouble = False
        known = _Known(found, self._caller_of(found), now)
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
            log.error("virtual keys cannot be read, and requests with them are refused until they can: %s", error)
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
