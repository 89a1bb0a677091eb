"""What the gateway is with one configuration. A reload makes another one, and requests under way stay with theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from understudy.config import Config
from understudy.domain.failures import Failure, FailureKind
from understudy.gateway.access import Access
from understudy.gateway.catalogue import Catalogue
from understudy.gateway.hosts import Hosts, is_loopback
from understudy.gateway.manager import GatewayManager
from understudy.gateway.names import Names
from understudy.gateway.sealing import Seals

if TYPE_CHECKING:
    from understudy.gateway.connection import Connection
    from understudy.ledger import LedgerSink, Observer
    from understudy.transport.base import Transport


class Site:
    """Providers, names and keys of one configuration. Raise `ConfigError` if they do not fit together."""

    __slots__ = (
        "_idle",
        "access",
        "catalogue",
        "config",
        "hosts",
        "is_draining",
        "manager",
        "names",
        "seals",
        "under_way",
    )

    def __init__(
        self,
        config: Config,
        *,
        transport: Transport | None = None,
        sink: LedgerSink | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.config = config
        self.access = Access(config.gateway.keys, open_=True)
        self.hosts = Hosts.of(config.gateway.host, config.gateway.hosts)
        self.seals = Seals(() if config.gateway.secret is None else (config.gateway.secret,))
        self.names = Names.of(config)
        self.manager = GatewayManager.of(config, transport=transport, sink=sink, observers=observers)
        self.catalogue = Catalogue(self.manager, self.names)
        self.under_way = 0
        """Requests that are being answered."""
        self.is_draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    def refusal(self, connection: Connection) -> Failure | None:
        """Return why a request is refused whoever sends it: it was meant for another server, or comes from another
        machine although there are no keys."""
        if (failure := self.hosts.refusal(connection.raw_headers, connection.http_version)) is not None:
            return failure
        if self.access.has_keys:
            return None
        if connection.peer is not None and not is_loopback(connection.peer):
            message = "this gateway has no keys, so it serves its own machine alone: add [[llm.gateway.keys]]"
            return Failure(kind=FailureKind.PERMISSION, message=message, status=403, sent=False)
        return self.hosts.foreign_page(connection.raw_headers)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count a request while it is answered."""
        self.under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.under_way -= 1
            if not self.under_way:
                self._idle.set()

    async def finished(self, seconds: float | None = None) -> None:
        """Wait until no request is under way, so many seconds at most."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)

    async def retire(self) -> None:
        """Close the connections to providers once the last request has ended."""
        try:
            await self.finished()
        finally:
            await self.manager.aclose()
