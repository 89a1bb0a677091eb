"""An exchange over ASGI 3: what any server hands over, and what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from understudy.gateway.exchange import ClientGone
from understudy.wire.http import Headers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AsgiExchange:
    """One request and its answer."""

    __slots__ = (
        *("_receive", "_send", "_watcher", "at_end", "headers", "http_version", "is_gone", "method", "path", "peer"),
        *("notes", "query", "refused"),
    )

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None
        self.method: str = scope["method"]
        written = (scope.get("raw_path") or scope["path"].encode()).decode("ascii", "replace")
        self.path: str = written.removeprefix(scope.get("root_path", ""))
        self.query: str = scope.get("query_string", b"").decode("ascii", "replace")
        self.headers = _joined(scope["headers"])
        self.http_version: str = scope.get("http_version", "1.1")
        self.peer: str | None = (scope.get("client") or (None,))[0]
        self.notes: dict[Any, Any] = {}
        self.at_end = False
        self.is_gone = False
        self.refused = 0

    def take_whole(self, cap: int) -> bytes | None:
        """Return `None`: what has arrived is unknown."""
        return None

    async def read(self, gather: int = 0) -> bytes:
        """Return the next part of the body, which may be empty. Raise `ClientGone`."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.is_gone = True
            raise ClientGone
        self.at_end = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    def notify(self, then: Callable[[], object] | None, after: asyncio.Event | None = None) -> None:
        """Have a task ask whether the caller has left."""
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        if then is not None:
            self._watcher = asyncio.get_running_loop().create_task(self._notice(then, after))

    async def _notice(self, then: Callable[[], object], after: asyncio.Event | None) -> None:
        """Wait until the caller leaves."""
        if after is not None:
            await after.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_gone = True
        then()

    async def start(self, status: int, headers: Headers, data: bytes = b"") -> None:
        """Send the status and the headers, and then a part of the body."""
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
        await self.write(data)

    def write_now(self, data: bytes) -> bool:
        """Send nothing: a server is always waited for."""
        return False

    async def write(self, data: bytes) -> None:
        """Send a part of the body."""
        if data and self.method != "HEAD":
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last part of the body."""
        body = b"" if self.method == "HEAD" else data
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        await self.start(status, (*headers, ("content-length", str(len(body)))))
        await self.end(body)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
