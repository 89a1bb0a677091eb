"""Any ASGI application behind the server of `understudy serve`, which speaks to a gateway without ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol
from urllib.parse import unquote

from understudy.gateway.asgi import Message, Receive, Send
from understudy.gateway.exchange import ClientGone, Exchange


class Application(Protocol):
    """An ASGI application that can be drained."""

    def __call__(self, scope: Message, receive: Receive, send: Send, /) -> Awaitable[None]: ...

    def leave(self) -> None: ...

    async def drain(self, seconds: float) -> None: ...


class Behind:
    """What the server serves."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self.leave = app.leave
        self.drain = app.drain

    async def aclose(self) -> None:
        """Nothing is to be closed."""

    def note_refusal(self, method: str, status: int, seconds: float) -> None:
        """Nothing is noted."""

    async def serve(self, exchange: Exchange) -> None:
        """Hand a request to the application."""
        gone, started = asyncio.Event(), dict[str, Any]()

        async def receive() -> Message:
            if exchange.at_end:
                exchange.notify(gone.set)
                await gone.wait()
            try:
                body = await exchange.read()
            except ClientGone:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": body, "more_body": not exchange.at_end}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
                return
            data, more = message.get("body", b""), message.get("more_body", False)
            if started:
                headers = tuple((name.decode(), value.decode("latin-1")) for name, value in started["headers"])
                status = started["status"]
                started.clear()
                await exchange.start(status, headers, data)
                data = b""
            if data:
                await exchange.write(data)
            if not more:
                gone.set()
                await exchange.end()

        scope: Message = {
            "type": "http",
            "http_version": exchange.http_version,
            "method": exchange.method,
            "path": unquote(exchange.path),
            "raw_path": exchange.path.encode(),
            "query_string": exchange.query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in exchange.headers.items()],
            "client": None if exchange.peer is None else (exchange.peer, 0),
        }
        await self._app(scope, receive, send)
