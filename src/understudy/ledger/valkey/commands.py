"""What is sent to the server: scripts with their keys and arguments. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from understudy.ledger.accounts import BalanceKey, key_of
from understudy.ledger.holds import MINUTE, Claim, Unit
from understudy.ledger.valkey import scripts
from understudy.ledger.valkey.scripts import Script

PREFIX = "{understudy}"
"""How all keys begin. In braces, so that a cluster keeps them together:
https://valkey.io/topics/cluster-spec/#hash-tags"""
KEPT = 5 * MINUTE * 1_000
"""Milliseconds for which the count of a minute is kept: it is read in the minute after, too."""


class Command(NamedTuple):
    """One call of a script."""

    script: Script
    keys: list[str]
    arguments: list[str]


class State(NamedTuple):
    """All that a process holds and has spent."""

    attempts: list[str]
    balances: list[tuple[BalanceKey, int, int]]
    """With what is spent and what is reserved."""


class Commands:
    """Makes the commands of one process."""

    def __init__(self, prefix: str, process: str, lease: float) -> None:
        """`lease`: seconds."""
        self._prefix = prefix
        self._process = process
        self._lease = round(lease * 1_000)
        self._own = [f"{prefix}:processes", f"{prefix}:session:{process}", f"{prefix}:holds:{process}"]
        self.session = 0
        """The number of the present session; each that joins has a greater one."""

    def reserve(self, attempt_id: str, claims: Sequence[Claim], *, forced: bool = False) -> Command:
        """Hold the claims of an attempt; `forced`: whether there is room or not."""
        keys, arguments = list(self._own), [*self._who(), attempt_id, str(self._lease)]
        for claim in claims:
            key = key_of(claim)
            keys += (self._key(key), self._key(key._replace(start=key.start - MINUTE)))
            ceiling = "" if claim.ceiling is None or forced else str(claim.ceiling)
            arguments += (str(claim.amount), ceiling, str(claim.previous_share), _is_window(key), self._kept(key))
        return Command(scripts.RESERVE, keys, arguments)

    def settle(self, attempt_id: str, claims: Sequence[Claim], charges: Sequence[int]) -> Command:
        """Spend what an attempt has used instead of what it held."""
        keys, arguments = list(self._own), [*self._who(), attempt_id]
        for claim, charged in zip(claims, charges, strict=True):
            key = key_of(claim)
            keys.append(self._key(key))
            arguments += (str(claim.amount), str(charged), self._kept(key))
        return Command(scripts.SETTLE, keys, arguments)

    def release(self, attempt_id: str, claims: Sequence[Claim]) -> Command:
        """Give back what an attempt held."""
        keys = [*self._own, *(self._key(key_of(claim)) for claim in claims)]
        return Command(scripts.RELEASE, keys, [*self._who(), attempt_id, *(str(claim.amount) for claim in claims)])

    def renew(self, under_way: Iterable[BalanceKey]) -> Command:
        """Renew the lease."""
        return Command(scripts.RENEW, [*self._own, *map(self._key, under_way)], [*self._who(), str(self._lease)])

    def join(self, state: State) -> Command:
        """Begin the session."""
        keys, arguments = list(self._own), [*self._who(), str(self._lease), str(len(state.attempts)), *state.attempts]
        for key, spent, reserved in state.balances:
            keys.append(self._key(key))
            arguments += (str(spent), str(reserved), self._kept(key))
        return Command(scripts.JOIN, keys, arguments)

    def leave(self) -> Command:
        """End the session."""
        return Command(scripts.LEAVE, list(self._own), self._who())

    def read(self, balances: Sequence[BalanceKey]) -> Command:
        """Return what is spent and reserved."""
        keys = [*self._own, *map(self._key, balances)]
        return Command(scripts.READ, keys, [*self._who(), *map(_is_window, balances)])

    def _who(self) -> list[str]:
        return [self._process, str(self.session)]

    def _key(self, key: BalanceKey) -> str:
        return f"{self._prefix}:{key.unit}:{_named(key.budget)}:{_named(key.subject)}:{key.start}"

    def _kept(self, key: BalanceKey) -> str:
        return str(KEPT if _is_window(key) == "1" else self._lease * 4)


@lru_cache(4_096)
def _named(name: str) -> str:
    """Return a name without the characters that separate names; any string has one of its own."""
    return quote(name, safe="", errors="surrogatepass")


def _is_window(key: BalanceKey) -> str:
    return "0" if key.unit == Unit.CONCURRENT.value else "1"
