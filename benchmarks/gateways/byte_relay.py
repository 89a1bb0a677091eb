"""The least that anything between caller and provider can cost in Python: bytes copied between two sockets.

A connection of a caller has one to the upstream, as long as it lasts. `python -m benchmarks.gateways.byte_relay PORT
UPSTREAM [AUTHORITY]` serves until it is terminated. With the path of an authority's certificate it speaks TLS with the
upstream, and checks the certificate of the upstream. Then it keeps the connections of callers that left for those that
come, as the pool of an HTTP client does: a handshake is no part of what a request costs.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any


class Upstream(asyncio.Protocol):
    """A connection to the upstream: what arrives goes to the caller."""

    def __init__(self, caller: asyncio.Transport) -> None:
        self.caller = caller

    def connection_made(self, transport: Any) -> None:  # uvloop's transports are no `asyncio.Transport`
        self.transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        self.caller.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.caller.close()


class Upstreams:
    """The connections to the upstream."""

    def __init__(self, port: int, authority: str | None) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=authority) if authority else None
        self._idle: list[Upstream] = []

    async def take(self, caller: asyncio.Transport) -> Upstream:
        """Return a connection for a caller: one that is kept, or a new one."""
        while self._idle:
            kept = self._idle.pop()
            if not kept.transport.is_closing():
                kept.caller = caller
                return kept
        loop = asyncio.get_running_loop()
        _, new = await loop.create_connection(lambda: Upstream(caller), "127.0.0.1", self._port, ssl=self._tls)
        return new

    def leave(self, upstream: Upstream) -> None:
        """Keep the connection of a caller that left after a whole answer, or close it if a new one is cheap."""
        if self._tls:
            self._idle.append(upstream)
        else:
            upstream.transport.close()


class Relay(asyncio.Protocol):
    """The connection of a caller."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._waiting: list[bytes] = []
        self._upstream: Upstream | None = None

    def connection_made(self, transport: Any) -> None:
        self._caller: asyncio.Transport = transport
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        try:
            self._upstream = await self._upstreams.take(self._caller)
        except OSError:
            self._caller.close()
            raise
        self._upstream.transport.writelines(self._waiting)

    def data_received(self, data: bytes) -> None:
        if self._upstream is None:
            self._waiting.append(data)
        else:
            self._upstream.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connecting.cancel()
        if self._upstream is not None:
            self._upstreams.leave(self._upstream)


async def main(port: int, upstream: int, authority: str | None = None) -> None:
    upstreams = Upstreams(upstream, authority)
    server = await asyncio.get_running_loop().create_server(lambda: Relay(upstreams), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
