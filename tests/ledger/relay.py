"""A relay between a ledger and its server: the connection is cut or refused."""

from __future__ import annotations

import asyncio
import threading
from typing import Self
from urllib.parse import urlsplit

from tests.servers.running import free_port


class Relay:
    """Forwards connections to a server while it is `up`; runs in a thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = (parts.hostname, parts.port)
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None
        self.port = free_port()
        self.url = url.replace(f":{parts.port}", f":{self.port}")
        self.connections = 0
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def up(self) -> None:
        """Accept connections."""

        async def listen() -> None:
            self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

        asyncio.run_coroutine_threadsafe(listen(), self._loop).result()

    def down(self) -> None:
        """Cut every connection, and refuse new ones."""

        async def cut() -> None:
            if self._listener is not None:
                self._listener.close()
                self._listener = None
            for writer in list(self._writers):
                writer.transport.abort()
            while self._writers:
                await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, out = await asyncio.open_connection(*self._server)
        self._writers |= {writer, out}
        await asyncio.wait([asyncio.create_task(_copy(reader, out)), asyncio.create_task(_copy(there, writer))])
        self._writers -= {writer, out}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.transport.abort()
