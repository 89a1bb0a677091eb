"""A load client that costs as little as Python can, so that the server beside it is not kept waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

_END = b"\r\n\r\n"


class _Caller(asyncio.Protocol):
    """One connection: sends a request again and again, and counts the answers that are whole."""

    def __init__(self, request: bytes, count: int) -> None:
        self._request = request
        self._left = count
        self._answer = bytearray()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        answer += data
        if not _is_whole(answer):
            return
        if not answer.startswith(b"HTTP/1.1 200 "):
            self.done.set_exception(RuntimeError(f"unexpected answer: {bytes(answer[:2000])!r}"))
            return
        answer.clear()
        self._left -= 1
        if self._left > 0:
            self._transport.write(self._request)
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or RuntimeError("the server closed the connection"))


def _is_whole(answer: bytearray) -> bool:
    head = answer.find(_END)
    if head < 0:
        return False
    at = answer.find(b"content-length: ", 0, head)
    if at < 0:
        return answer.endswith(b"0\r\n\r\n")
    return len(answer) >= head + 4 + int(answer[at + 16 : answer.find(b"\r", at)])


def request_of(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return a request as it is sent."""
    lines = {"host": f"127.0.0.1:{port}", "content-length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def load(port: int, request: bytes, *, count: int, concurrency: int) -> None:
    """Send a request on so many connections at once, `count` times on each. Raise for anything but a 200."""
    loop = asyncio.get_running_loop()
    callers = [
        (await loop.create_connection(lambda: _Caller(request, count), "127.0.0.1", port))[1]
        for _ in range(concurrency)
    ]
    await asyncio.gather(*(caller.done for caller in callers))
