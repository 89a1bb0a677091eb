"""An emulated provider as a transport: the real wire formats without a socket, so that time may be virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

from understudy.domain.failures import Failure, FailureKind
from understudy.emulator.server import ProviderServer, RecordedRequest
from understudy.emulator.staging import Act, Close, Head, Reset, Wait, Write
from understudy.transport.base import Incoming, TransportError
from understudy.wire.http import HttpHead, HttpRequest


class InMemoryTransport:
    """A `Transport` to an emulated provider; of an address only the path counts."""

    def __init__(self, server: ProviderServer, *, always_open: bool = False) -> None:
        """`always_open`: answer although no port is open."""
        self._server = server
        self._always_open = always_open

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Answer a request; see `Transport`."""
        await asyncio.sleep(0)
        if not (self._always_open or self._server.is_open):
            message = "the emulator's port is closed"
            raise TransportError(Failure(kind=FailureKind.CONNECT, message=message, sent=False))
        address = urlsplit(request.url)
        path = address.path + (f"?{address.query}" if address.query else "")
        origin = (("host", address.netloc), ("x-forwarded-proto", address.scheme))
        line = HttpRequest(request.method, path, (*request.headers, *origin), request.body)
        record, acts = self._server.receive(line)
        return await self._begun(acts, record)

    async def _begun(self, acts: Iterator[Act], record: RecordedRequest) -> Incoming:
        """Perform what comes before the head, and return the answer from there on."""
        for act in acts:
            match act:
                case Head():
                    record.status = act.status
                    return _Answer(HttpHead(act.status, self._server.headers_of(act, record.number)), acts, record)
                case Wait(seconds):
                    await _pause(seconds)
                case _:
                    break
        record.outcome = "reset"
        raise _lost("the connection was reset before the status line")

    async def aclose(self) -> None:
        """Do nothing: nothing is open."""


class _Answer:
    """The body of an answer, as it is staged."""

    def __init__(self, head: HttpHead, acts: Iterator[Act], record: RecordedRequest) -> None:
        self.head = head
        self._acts = acts
        self._record = record
        self._closed = asyncio.Event()

    async def read(self) -> bytes:
        """Return the next piece; see `Incoming`."""
        if self._closed.is_set():
            raise _lost("the connection was closed")
        await asyncio.sleep(0)
        for act in self._acts:
            match act:
                case Write(data):
                    if data:
                        return data
                case Wait(seconds):
                    await self._wait(seconds)
                case Close() | Reset():
                    self._record.outcome = "cut" if isinstance(act, Close) else "reset"
                    raise _lost("the connection was closed in the middle of the answer")
                case Head():
                    raise AssertionError("an answer has one head")
        self._record.outcome = "answered"
        return b""

    async def _wait(self, seconds: float | None) -> None:
        """Wait, until the connection is closed at the latest."""
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return
        raise _lost("the connection was closed")

    def release(self) -> None:
        """Do nothing; see `Incoming`."""

    def close(self) -> None:
        """End the answer; see `Incoming`."""
        if self._record.outcome == "open":
            self._record.outcome = "client_left"
        self._closed.set()


async def _pause(seconds: float | None) -> None:
    await (asyncio.sleep(seconds) if seconds is not None else asyncio.get_running_loop().create_future())


def _lost(message: str) -> TransportError:
    return TransportError(Failure(kind=FailureKind.DISCONNECTED, message=message))
