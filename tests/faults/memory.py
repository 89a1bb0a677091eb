"""A provider's server in memory: a transport that does to its client what a script says, on any clock.

It shares nothing with the emulators or with the real transport: what a socket would bring is written down as steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import msgspec

from tests.hostile.server import Request
from understudy.domain.failures import Failure, FailureKind
from understudy.transport.base import Incoming, TransportError
from understudy.virtual_time import VirtualTimeLoop
from understudy.wire.http import HttpHead, HttpRequest


class Lose(msgspec.Struct, frozen=True):
    """Fail as a transport does: before the head of a response, or in the middle of its body."""

    kind: FailureKind
    sent: bool = True


class NoConnection(msgspec.Struct, frozen=True):
    """Let the time allowed for connecting pass, then fail."""

    kind: FailureKind = FailureKind.CONNECT_TIMEOUT


class Head(msgspec.Struct, frozen=True):
    """The status and the headers of a response."""

    status: int
    media_type: str = "application/json"
    headers: Mapping[str, str] = {}


class Wait(msgspec.Struct, frozen=True):
    """Say nothing for some seconds; for ever if they are `None`."""

    seconds: float | None = None


class Repeat(msgspec.Struct, frozen=True):
    """Say the same again and again, for ever."""

    data: bytes
    every: float


class Block(msgspec.Struct, frozen=True):
    """Keep the event loop from its timers for some seconds."""

    seconds: float


class Raise(msgspec.Struct, frozen=True):
    """Raise what no transport may raise: a bug."""

    error: Exception


Step = bytes | Lose | NoConnection | Head | Wait | Repeat | Block | Raise
Script = tuple[Step, ...]
Respond = Callable[[Request], Script]


class Visit:
    """One request, and what became of it."""

    def __init__(self, request: Request, at: float) -> None:
        self.request = request
        self.at = at
        self.left_at: float | None = None
        """When the client closed the connection before the answer was whole."""
        self.whole = False
        self.pieces = 0
        """How many pieces of the body were read."""


class Party:
    """One provider's server, as the `Transport` of an entry."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.visits: list[Visit] = []

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        address = urlsplit(request.url)
        arrived = Request(
            method=request.method,
            path=address.path + (f"?{address.query}" if address.query else ""),
            headers={name.lower(): value for name, value in request.headers},
            body=request.body or b"",
            home=f"{address.scheme}://{address.netloc}",
            connection=len(self.visits) + 1,
            nth=1,
        )
        visit = Visit(arrived, asyncio.get_running_loop().time())
        self.visits.append(visit)
        steps = iter(self.respond(arrived))
        try:
            for step in steps:
                match step:
                    case Head(status, media_type, headers):
                        named = {"content-type": media_type, **headers}
                        return _Body(HttpHead(status, named), list(steps), visit)
                    case NoConnection(kind):
                        await asyncio.sleep(connect)
                        raise TransportError(Failure(kind=kind, message="no connection in time", sent=False))
                    case Lose(kind, sent):
                        raise TransportError(Failure(kind=kind, message=f"lost: {kind}", sent=sent))
                    case Wait(None):
                        await asyncio.get_running_loop().create_future()
                    case Wait(seconds):
                        await asyncio.sleep(seconds or 0.0)
                    case Block(seconds):
                        cast("VirtualTimeLoop", asyncio.get_running_loop()).advance(seconds)
                    case Raise(error):
                        raise error
                    case _:
                        raise AssertionError(f"{step!r} comes before the head")
        except asyncio.CancelledError:
            visit.left_at = asyncio.get_running_loop().time()
            raise
        raise AssertionError("a script without a head")

    async def aclose(self) -> None:
        pass


class _Body:
    """The body of a response, as it is played."""

    def __init__(self, head: HttpHead, steps: list[Step], visit: Visit) -> None:
        self.head = head
        self._steps = steps
        self._visit = visit
        self._closed = asyncio.Event()

    async def read(self) -> bytes:
        while self._steps:
            if self._closed.is_set():
                raise _closed()
            match step := self._steps[0]:
                case Repeat(data, every):
                    await self._wait(every)
                    self._visit.pieces += 1
                    return data
                case Lose(kind, _):
                    raise TransportError(Failure(kind=kind, message=f"lost: {kind}"))
                case Raise(error):
                    raise error
                case _:
                    del self._steps[0]
            match step:
                case bytes():
                    if step:
                        self._visit.pieces += 1
                        return step
                case Wait(seconds):
                    await self._wait(seconds)
                case Block(seconds):
                    cast("VirtualTimeLoop", asyncio.get_running_loop()).advance(seconds)
        self._visit.whole = True
        return b""

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return
        raise _closed()

    def release(self) -> None:
        pass

    def close(self) -> None:
        if not self._visit.whole and self._visit.left_at is None:
            self._visit.left_at = asyncio.get_running_loop().time()
        self._closed.set()


def _closed() -> TransportError:
    return TransportError(Failure(kind=FailureKind.DISCONNECTED, message="closed here"))
