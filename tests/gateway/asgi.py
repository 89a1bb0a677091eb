"""A caller of an ASGI application in this process, written after the ASGI specification."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
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

    async def send_raw(
        self,
        method: str,
        path: bytes,
        query: bytes = b"",
        pieces: Iterable[bytes] = (b"",),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request whose path and query are exactly these bytes, without a body unless its pieces are given."""
        return await self._send(method, path, query, pieces, {**self._headers, **(headers or {})})

    async def send_pieces(
        self,
        method: str,
        path: str,
        pieces: Iterable[bytes] | AsyncIterator[bytes],
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a body piece by piece, without a length."""
        given = {**self._headers, "transfer-encoding": "chunked", **(headers or {})}
        return await self._send(method, path.encode(), b"", pieces, given)

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
        route, _, query = path.partition("?")
        given = {**self._headers, **(headers or {})}
        left = leave or asyncio.Event()
        return await self._send(method, route.encode(), query.encode(), [body], given, left, answer)

    async def _send(
        self,
        method: str,
        path: bytes,
        query: bytes,
        pieces: Iterable[bytes] | AsyncIterator[bytes],
        headers: Mapping[str, str],
        left: asyncio.Event | None = None,
        answer: Answer | None = None,
    ) -> Answer:
        answer, left = answer or Answer(0, {}, b"", []), left or asyncio.Event()
        pending = pieces if isinstance(pieces, AsyncIterator) else _given(pieces)
        at_end = False

        async def receive() -> dict[str, Any]:
            nonlocal at_end
            if not at_end:
                piece = await anext(pending, None)
                at_end = piece is None
                return {"type": "http.request", "body": piece or b"", "more_body": not at_end}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            else:
                answer.pieces += filter(None, [message.get("body", b"")])
                answer.is_complete = not message.get("more_body", False)

        scope = {
            "type": "http",
            "method": method,
            "path": path.decode("utf-8", "replace"),
            "raw_path": path,
            "root_path": self.root,
            "query_string": query,
            "client": None if self.peer is None else (self.peer, 50_000),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        await self._gateway(scope, receive, send)
        answer.body = b"".join(answer.pieces)
        return answer


async def _given(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
