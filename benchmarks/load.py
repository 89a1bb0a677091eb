"""A load client that costs as little as Python can, so that the server beside it is not kept waiting."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Mapping

from benchmarks.bodies import numbered

_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"


class LoadError(Exception):
    """A server closed the connection, or answered with anything but a 200."""


class _Caller(asyncio.Protocol):
    """One connection: sends a request again and again, and notes how long each answer took until it was whole."""

    def __init__(self, request: bytes, count: int, numbers: Iterator[int] | None) -> None:
        self._request = request
        self._left = count
        self._numbers = numbers
        self._answer = bytearray()
        self._length: int | None = None
        self.took: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._answer.clear()
        self._length = None
        request = self._request if self._numbers is None else numbered(self._request, next(self._numbers))
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        answer += data
        if not self._is_whole():
            return
        self.took.append(time.perf_counter() - self._began)
        if not answer.startswith(b"HTTP/1.1 200 "):
            self._fail(LoadError(f"unexpected answer: {bytes(answer[:2000])!r}"))
            return
        self._left -= 1
        if self._left > 0:
            self._send()
        else:
            self._transport.close()
            self.done.set_result(None)

    def _is_whole(self) -> bool:
        if self._length is None:
            end = self._answer.find(_END)
            if end < 0:
                return False
            head = bytes(self._answer[:end]).lower()
            at = head.find(b"\r\ncontent-length:")
            self._length = end + 4 + int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        return len(self._answer) >= self._length if self._length else self._answer.endswith(_LAST_CHUNK)

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(f"the server closed the connection ({exc})"))


def request_of(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return a request as it is sent."""
    lines = {
        "host": f"127.0.0.1:{port}",
        "content-type": "application/json",
        "content-length": str(len(body)),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


_numbers = itertools.count(1)


async def load(port: int, request: bytes, *, count: int, concurrency: int, is_new: bool = False) -> list[float]:
    """Send a request on so many connections at once, `count` times on each, and return the seconds each took.

    `is_new`: each time as one of another conversation. Raise `LoadError` for anything but a 200.
    """
    loop = asyncio.get_running_loop()
    numbers = _numbers if is_new else None
    callers: list[_Caller] = []
    try:
        for _ in range(concurrency):
            _, caller = await loop.create_connection(lambda: _Caller(request, count, numbers), "127.0.0.1", port)
            callers.append(caller)
        await asyncio.gather(*(caller.done for caller in callers))
    except OSError as error:
        raise LoadError(str(error)) from error
    finally:
        for caller in callers:
            caller.done.cancel()
    return [took for caller in callers for took in caller.took]
