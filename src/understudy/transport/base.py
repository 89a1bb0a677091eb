"""The seam to the network: a request goes out, a head comes back, then the body piece by piece.

`understudy.transport.aiohttp_transport` is the real one; a test's fake is as short as the interface. Whatever goes
wrong is a `TransportError` that carries a `Failure`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from understudy.domain.failures import Failure
from understudy.wire.http import HttpHead, HttpRequest


class TransportError(Exception):
    """The connection failed; `failure` states how, and whether anything was sent."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Upload(HttpRequest, frozen=True):
    """A request whose body is sent as it arrives, by transports that have `uploads`."""

    pieces: AsyncIterator[bytes] | None = None


class Incoming(Protocol):
    """A response whose body is still arriving."""

    head: HttpHead

    async def read(self) -> bytes:
        """Return the next piece of the body, of about 16 KiB at most; empty at its clean end.

        Raise `TransportError`.
        """
        ...

    def release(self) -> None:
        """Return the connection for reuse; only after the clean end."""
        ...

    def close(self) -> None:
        """Close the connection at once, which signals the provider to stop. Harmless after `release`."""
        ...


class Transport(Protocol):
    """Sends requests."""

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Send a request and return its response's head. `connect` is in seconds. Raise `TransportError`."""
        ...

    async def aclose(self) -> None:
        """Close all connections of the running event loop."""
        ...
