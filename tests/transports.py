"""The built-in transports, for tests that hold for each of them. They are loaded by the tests that need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.transport.aiohttp_transport import AioTransport
    from understudy.transport.http1.transport import Http1Transport

NAMES = ("httptools", "aiohttp")
"""The values of `UNDERSTUDY_TRANSPORT`."""

Make = Callable[..., Any]
"""Makes a transport."""


def maker(name: str) -> type[AioTransport] | type[Http1Transport]:
    """Return a transport's class."""
    if name == "aiohttp":
        from understudy.transport.aiohttp_transport import AioTransport

        return AioTransport
    from understudy.transport.http1.transport import Http1Transport

    return Http1Transport
