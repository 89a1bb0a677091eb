"""Requests through a served gateway, without sockets: what `benchmarks.instructions --gateway` counts.

The protocol of a connection gets the bytes of a request as the loop would hand them to it, in pieces as large as
uvloop reads; the provider is a transport in memory, in the wire format of the caller. So the whole of the gateway
counts, with a key, an access log and a ledger, and neither sockets nor an HTTP client do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.bodies import body_of, messages_of

KEY = "count-key-0123456789abcdef0123456789abcdef"
CHAT = "/v1/chat/completions"
PIECE = 256 << 10
"""Bytes that uvloop reads at once, at most."""
CONCURRENCY = 20
"""Requests that are under way at once: so many attempts end between two transactions of the ledger, or more."""


class _Socket(asyncio.Transport):
    """The caller's end of a connection: takes what is written, and notes the end of an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = bytearray()
        self.reads = asyncio.Event()
        self.reads.set()

    def write(self, data: Any) -> None:
        self.answer += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        raise AssertionError(f"the connection was closed after {bytes(self.answer[-500:])!r}")

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.reads.clear()

    def resume_reading(self) -> None:
        self.reads.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 50_000)}.get(name, default)


class Served:
    """A gateway, and connections of its server."""

    def __init__(self, transport: object, folder: Path, *, keys: int = 1) -> None:
        from understudy.config import read_given
        from understudy.gateway import app
        from understudy.gateway.serving.protocol import HttpProtocol
        from understudy.gateway.serving.server import Server
        from understudy.gateway.serving.writing import LineWriter
        from understudy.ledger import SqliteLedger, writing

        self._gather = writing.GATHER, writing.GATHER_BUSY
        writing.GATHER = writing.GATHER_BUSY = 600.0  # the same entries are in each transaction, however slow this is
        self.ledger = SqliteLedger(folder / "ledger.db")
        entry = {"provider": "openai", "api_key": "sk-count", "text_model": "gpt-4o-mini"}
        entries = [{"name": name, **entry, "base_url": f"https://{name}.test/v1"} for name in ("primary", "backup")]
        others = ({"name": f"key-{number}", "key": f"{number:08}{KEY}"} for number in range(1, keys))
        secret = f"secret-{KEY}"
        llm = {"gateway": {"secret": secret, "keys": [{"name": "count", "key": KEY}, *others]}, "providers": entries}
        given: Any = read_given({"llm": llm})
        own: Any = transport
        gateway = app(given, transport=own, sink=self.ledger)
        gateway.access_log = LineWriter(folder / "access.log").record
        server = Server(gateway, drain=1.0)
        server.shared.date = b"date: Sun, 29 Nov 2026 12:00:00 GMT\r\n"

        class Protocol(HttpProtocol):
            def answered(self, *, keep_alive: bool) -> None:
                super().answered(keep_alive=keep_alive)
                ended[self].set()

        ended: dict[object, asyncio.Event] = {}
        self._connections: list[tuple[HttpProtocol, _Socket, asyncio.Event]] = []
        for _ in range(CONCURRENCY):
            protocol, socket = Protocol(server.shared), _Socket()
            ended[protocol] = asyncio.Event()
            protocol.connection_made(socket)
            self._connections.append((protocol, socket, ended[protocol]))

    def close(self) -> None:
        """Write what is left, and let other ledgers of the process gather for as long as before."""
        from understudy.ledger import writing

        self.ledger.close()
        writing.GATHER, writing.GATHER_BUSY = self._gather

    async def ask(self, body: bytes, path: str = CHAT) -> None:
        """Send a request on each connection, and read the answers to their ends."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:8000\r\nauthorization: Bearer {KEY}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode()
        await asyncio.gather(*(self._exchange(head + body, *each) for each in self._connections))

    async def _exchange(self, request: bytes, protocol: Any, socket: _Socket, ended: asyncio.Event) -> None:
        socket.answer.clear()
        ended.clear()
        for at in range(0, len(request), PIECE):
            await socket.reads.wait()
            protocol.data_received(request[at : at + PIECE])
        await ended.wait()
        assert socket.answer.startswith(b"HTTP/1.1 200"), bytes(socket.answer[:500])


SIZES: Mapping[str, Callable[[], bytes]] = {
    "1 KB": lambda: body_of(1_000),
    "40 KB": lambda: body_of(40_000),
    "1 MB": lambda: body_of(1_000_000),
    "stream": lambda: body_of(1_000, stream=True),
    "tool stream": lambda: body_of(1_000, stream=True),
    "other wire": lambda: messages_of(1_000),
    "other wire, stream": lambda: messages_of(1_000, stream=True),
}
"""The requests that are sent: in the provider's wire format, but for those of another, which are translated."""


def path_of(size: str) -> str:
    """Return the path to which a request is sent."""
    return "/v1/messages" if size.startswith("other wire") else CHAT
