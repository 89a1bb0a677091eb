"""Tunnels through forward proxies (RFC 9110 §9.3.6)."""

from __future__ import annotations

import asyncio
from typing import cast

from understudy.transport import proxy_words as words
from understudy.transport.http1.parsing import Malformed, ResponseParser
from understudy.transport.http1.requests import Target
from understudy.wire.proxies import Proxy

HEAD = 64 << 10
"""Bytes of a proxy's answer at most."""


class NoTunnel(Exception):
    """The proxy did not open a tunnel; the message is for the user."""


class Tunnel(asyncio.Protocol):
    """Asks a proxy for a tunnel, and reads its answer."""

    def __init__(self, proxy: Proxy, target: Target, loop: asyncio.AbstractEventLoop) -> None:
        self.transport: asyncio.Transport | None = None
        self._proxy = proxy
        self._target = target
        self._parser = ResponseParser(HEAD)
        self._opened: asyncio.Future[str | None] = loop.create_future()
        """What is wrong; `None` if the tunnel is open."""

    async def open(self) -> asyncio.Transport:
        """Return the transport once it leads to the target. Raise `NoTunnel`."""
        transport = self.transport
        assert transport is not None, "it is connected"  # noqa: S101
        self._parser.expect("CONNECT")
        transport.write(_question(self._target))
        try:
            flaw = await self._opened
        except asyncio.CancelledError:
            transport.abort()
            raise
        if flaw is None:
            return transport
        transport.abort()
        raise NoTunnel(flaw)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Receive the connection to the proxy."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Receive the proxy's answer. Nothing may follow it: the server on the other side does not speak first."""
        place = self._proxy.place
        try:
            self._parser.feed(data)
        except Malformed:
            self._settle(words.not_a_proxy(place))
            return
        head = self._parser.head
        if head is None:
            return
        if head.status == 407:
            self._settle(words.credentials_wanted(place, given=self._proxy.authorization is not None))
        elif head.status != 200:
            self._settle(words.refused_tunnel(place, self._target.host, self._target.port, head.status))
        else:
            self._settle(None if data.endswith(b"\r\n\r\n") else words.not_a_proxy(place))

    def eof_received(self) -> None:
        """Receive the end of the connection."""
        self._settle(words.hung_up(self._proxy.place))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Receive the end of the connection."""
        self._settle(words.hung_up(self._proxy.place))

    def _settle(self, flaw: str | None) -> None:
        if not self._opened.done():
            self._opened.set_result(flaw)


def _question(target: Target) -> bytes:
    """Return the request for a tunnel. No frame that waits keeps it: it may hold the proxy's password."""
    where, headers = target.authority, target.way.tunnel_headers()
    lines = [f"CONNECT {where} HTTP/1.1", f"host: {where}", *(f"{name}: {value}" for name, value in headers)]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()
