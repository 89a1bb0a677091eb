"""The user's interruption of an agent, and how long the vendor's connection outlives the agent's own."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from understudy.emulator import Emulator, RecordedRequest

PIECE = 1 << 16


class Interruption:
    """Interrupts an agent, as Ctrl-C does, while a vendor is silent."""

    def __init__(self, emulator: Emulator, relay: Relay) -> None:
        self._emulator = emulator
        self._relay = relay
        self.seconds: float | None = None
        """From the end of the agent's connection until the end of the vendor's."""

    async def strike(self, process: asyncio.subprocess.Process) -> None:
        while not (silent := [each for each in self._received() if each.fault and each.outcome == "open"]):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        asked = self._relay.last
        os.killpg(process.pid, signal.SIGINT)  # Ctrl-C goes to all processes in the foreground
        while silent[0].outcome == "open":
            await asyncio.sleep(0.01)
        left = time.monotonic()
        if asked is not None and asked.closed is not None:
            self.seconds = round(left - asked.closed, 3)

    def _received(self) -> list[RecordedRequest]:
        return [each for vendor in self._emulator.providers for each in self._emulator.requests(vendor)]


class Crossing:
    """A connection of the agent's."""

    closed: float | None = None
    """When the agent closed it."""


class Relay:
    """Passes the agent's connections on to the gateway, and notes when the agent closes them."""

    def __init__(self, url: str) -> None:
        self._port = urlsplit(url).port
        self.last: Crossing | None = None
        """The connection on which the agent asked last."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        crossing = Crossing()
        answers, gateway = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(_copy(answers, writer))
        with suppress(ConnectionError):
            while data := await reader.read(PIECE):
                self.last = crossing
                gateway.write(data)
                await gateway.drain()
        crossing.closed = time.monotonic()
        gateway.close()
        await asyncio.wait([back])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(PIECE):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relayed(url: str) -> AsyncIterator[tuple[str, Relay]]:
    """Run a relay before the gateway, and yield its address."""
    relay = Relay(url)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", relay
