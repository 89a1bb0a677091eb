"""A caller of an ASGI application in this process, written after the ASGI specification."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.gateway.application import Gateway


class Answer(msgspec.Struct):
    """What a caller gets."""

    status: int
    headers: dict[str, str]
    body: bytes
    pieces: list[bytes]
    is_complete: bool = False
    """Whether the end of the body was sent; without it a server cuts the connection."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def events(self) -> list[Any]:
        """The data of the server-sent events that are JSON."""
        lines = (line.removeprefix("data:").strip() for line in self.text.splitlines() if line.startswith("data:"))
        return [json.loads(line) for line in lines if line.startswith("{")]


class Asgi:
    """Sends requests to a gateway, and may leave before the end."""

    def __init__(self, gateway: Gateway, headers: Mapping[str, str] | None = None) -> None:
        self._gateway = gateway
        self._headers = {"host": "localhost", **(headers or {})}
        self.peer: str | None = None
        """The address of the caller, if the server is to state one."""
        self.root = ""
        """The path at which the application is mounted."""

    async def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        """Send a request without a body."""
        return await self.send(method, path, b"", headers)

    async def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a body, as JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.send("POST", path, data, headers)

    async def send(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        leave: asyncio.Event | None = None,
        pieces: list[bytes] | None = None,
    ) -> Answer:
        """Send a request; leave as soon as the event is set. `pieces` gets those of the body as they arrive."""
        answer = Answer(0, {}, b"", [] if pieces is None else pieces)
        pending = [{"type": "http.request", "body": body, "more_body": False}]
        left = leave or asyncio.Event()

        async def receive() -> dict[str, Any]:
            if pending:
                return pending.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            else:
                answer.pieces += filter(None, [message.get("body", b"")])
                answer.is_complete = not message.get("more_body", False)

        route, _, query = path.partition("?")
        given = {**self._headers, **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": route,
            "raw_path": route.encode(),
            "root_path": self.root,
            "query_string": query.encode(),
            "client": None if self.peer is None else (self.peer, 50_000),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        }
        await self._gateway(scope, receive, send)
        answer.body = b"".join(answer.pieces)
        return answer
