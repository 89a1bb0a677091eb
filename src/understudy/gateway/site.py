"""What the gateway is with one configuration. A reload makes another one, and requests under way stay with theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.client.keys import keys_at, pepper_of
from understudy.config import Config
from understudy.domain.errors import ConfigError
from understudy.domain.secret import Secret
from understudy.gateway.access import Access
from understudy.gateway.callers import ANYONE, Caller, Refusal
from understudy.gateway.catalogue import Catalogue
from understudy.gateway.classes import Classes
from understudy.gateway.hosts import Hosts, is_loopback
from understudy.gateway.idempotency import Repeats
from understudy.gateway.items import Items
from understudy.gateway.key_lookup import KeyLookup
from understudy.gateway.keyring import Keyring
from understudy.gateway.manager import GatewayManager
from understudy.gateway.memory import Memory
from understudy.gateway.names import Names
from understudy.gateway.owners import Owners
from understudy.gateway.sealing import Seals
from understudy.gateway.signers import Signers
from understudy.ledger.sqlite.replays import SqliteReplays

if TYPE_CHECKING:
    from understudy.gateway.connection import Connection
    from understudy.ledger import LedgerSink, Observer
    from understudy.ledger.replays import Replays
    from understudy.transport.base import Transport


class Lasting:
    """What outlives a reload of the configuration."""

    __slots__ = ("keys", "memory", "repeats", "seals")

    def __init__(self, memory: Memory | None = None, ledger: Path | Secret | None = None) -> None:
        """`ledger`: its file, or the URL of its database. Raise `ConfigError` if it cannot be used."""
        self.memory = memory or Memory()
        self.keys = None if ledger is None else KeyLookup(keys_at(ledger))
        """The virtual keys, if any may be used."""
        self.repeats = None if ledger is None else Repeats(_replays_at(ledger))
        """What is answered once, if answers can be kept."""
        self.seals = Seals()
        """What seals, if the configuration has no secret."""

    def close(self) -> None:
        """Close the files, which the next use opens again."""
        self.memory.close()
        for each in (self.keys, self.repeats):
            if each is not None:
                each.close()


class Site:
    """Providers, names and keys of one configuration. Raise `ConfigError` if they do not fit together."""

    __slots__ = (
        *(
            "_keyring",
            "_sink",
            "_waiting",
            "access",
            "catalogue",
            "classes",
            "config",
            "hosts",
            "is_draining",
            "is_leaving",
            "items",
        ),
        *("manager", "names", "owners", "repeats", "seals", "signers", "under_way"),
    )

    def __init__(
        self,
        config: Config,
        *,
        transport: Transport | None = None,
        sink: LedgerSink | None = None,
        observers: Sequence[Observer] = (),
        lasting: Lasting | None = None,
    ) -> None:
        """`lasting`: what outlives a reload."""
        lasting = lasting or Lasting()
        self.config = config
        self._sink = sink
        self.hosts = Hosts.of(config.gateway.host, config.gateway.hosts)
        keyring = _keyring(config, lasting.keys) if lasting.keys is not None else None
        self._keyring = keyring
        self.access = Access(config.gateway.keys, open_=is_loopback(config.gateway.host), keyring=keyring)
        self.names = Names.of(config)
        self.classes = Classes.of(config, self.names)
        self.manager = GatewayManager.of(config, transport=transport, sink=sink, observers=observers)
        secret = config.gateway.secret
        former = config.gateway.former_secrets
        if secret is None and former:
            raise ConfigError("former_secrets needs secret: the one that seals now")
        self.seals = Seals((secret, *former)) if secret is not None else lasting.seals
        memory = lasting.memory
        self.items = Items(memory)
        self.owners = Owners(memory, shared=lambda: self.access.has_several_callers)
        self.signers = Signers(self.manager, memory)
        self.repeats = lasting.repeats
        self.catalogue = Catalogue(self.manager, self.names)
        self.under_way = 0
        """Requests that are being answered."""
        self.is_leaving = False
        """Whether load balancers should send no more requests. Those that come are served."""
        self.is_draining = False
        """Whether requests are refused."""
        self._waiting: asyncio.Event | None = None
        """Set once no request is under way; made only if that is waited for."""

    @property
    def has_damaged_ledger(self) -> bool:
        """Whether the file of the ledger was found to be damaged since it is in use."""
        return getattr(self._sink, "damage", None) is not None

    @property
    def ledger_works(self) -> bool | None:
        """Whether the ledger takes entries; `None` if there is no ledger, or one that cannot say."""
        why = getattr(self._sink, "unwritable", self)
        return None if why is self else why is None

    @property
    def ledger_trouble(self) -> str | None:
        """What is wrong with the ledger, or what happened to its file lately, on one line; `None` if nothing."""
        why = getattr(self._sink, "unwritable", None)
        if why is None:
            notice: str | None = getattr(self._sink, "notice", None)
            return notice
        what = "is damaged" if self.has_damaged_ledger else "cannot be written"
        return " ".join(f"the ledger {what}: {why}".split())[:300]

    def check(self) -> None:
        """Raise `ConfigError` if there are virtual keys that cannot be checked. Block."""
        if self._keyring is not None:
            self._keyring.check()

    async def admit(self, connection: Connection) -> Caller | Refusal:
        """Return whose request it is, or why it is refused. Without keys, requests of web pages are."""
        caller = await self.access.admit(connection.headers, connection.query, connection.exchange.peer)
        if caller is ANYONE and (page := self.hosts.foreign_page(connection.headers)) is not None:
            return Refusal(page)
        return caller

    def enter(self) -> None:
        """Count a request, which is answered from now on."""
        self.under_way += 1

    def exit(self) -> None:
        """Count a request no more: its answer has ended."""
        self.under_way -= 1
        if not self.under_way and self._waiting is not None:
            self._waiting.set()
            self._waiting = None

    async def finished(self, seconds: float | None = None) -> None:
        """Wait until no request is under way, so many seconds at most."""
        if not self.under_way:
            return
        if self._waiting is None:
            self._waiting = asyncio.Event()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._waiting.wait(), seconds)

    async def retire(self) -> None:
        """Close the connections to providers once the last request has ended."""
        try:
            await self.finished()
        finally:
            await self.manager.aclose()


def _replays_at(place: Path | Secret) -> Replays:
    if isinstance(place, Secret):
        from understudy.ledger.postgres.replays import PostgresReplays

        return PostgresReplays(place.reveal())
    return SqliteReplays(place)


def _keyring(config: Config, keys: KeyLookup) -> Keyring:
    reserved, routes = [key.name for key in config.gateway.keys], [route.name for route in config.routes]
    return Keyring(keys, partial(pepper_of, config), reserved=reserved, routes=routes)
