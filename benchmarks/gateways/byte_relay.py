"""The least that anything between caller and provider can cost in Python: bytes copied between two sockets.

A connection of a caller has one to the upstream, as long as it lasts. `python -m benchmarks.gateways.byte_relay PORT
UPSTREAM` serves until it is terminated.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any


class Upstream(asyncio.Protocol):
    """The connection to the upstream: what arrives goes to the caller."""

    def __init__(self, caller: asyncio.Transport) -> None:
        self._caller = caller

    def data_received(self, data: bytes) -> None:
        self._caller.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._caller.close()


class Relay(asyncio.Protocol):
    """The connection of a caller."""

    def __init__(self, upstream: int) -> None:
        self._port = upstream
        self._waiting: list[bytes] = []
        self._upstream: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:  # uvloop's transports are no `asyncio.Transport`
        self._caller: asyncio.Transport = transport
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._upstream, _ = await loop.create_connection(lambda: Upstream(self._caller), "127.0.0.1", self._port)
        self._upstream.writelines(self._waiting)

    def data_received(self, data: bytes) -> None:
        if self._upstream is None:
            self._waiting.append(data)
        else:
            self._upstream.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connecting.cancel()
        if self._upstream is not None:
            self._upstream.close()


async def main(port: int, upstream: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Relay(upstream), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), int(sys.argv[2])))
