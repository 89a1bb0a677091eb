"""What all connections of a server share."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol

from understudy.gateway.exchange import Exchange
from understudy.gateway.serving.limits import Limits

if TYPE_CHECKING:
    from understudy.gateway.serving.protocol import HttpProtocol


class Served(Protocol):
    """What is served, as a `Gateway` is."""

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request."""
        ...

    def leave(self) -> None:
        """Fail the readiness check, and go on serving."""
        ...

    async def drain(self, seconds: float) -> None:
        """Accept no more requests, let those under way end within some seconds, and end the others."""
        ...

    async def aclose(self) -> None:
        """Close what is still open."""
        ...


class Shared:
    """The application, its limits, and what is open."""

    __slots__ = ("application", "connections", "date", "limits", "tasks")

    def __init__(self, application: Served, limits: Limits) -> None:
        self.application = application
        self.limits = limits
        self.connections: set[HttpProtocol] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        """Requests that are being answered."""
        self.date = b""
        self.tick()

    def tick(self) -> None:
        """Write the `Date` of the answers of this second."""
        self.date = b"date: %b\r\n" % formatdate(time.time(), usegmt=True).encode()
