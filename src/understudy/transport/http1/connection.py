"""One connection: idle, or with one request under way.

A server may send bytes on a connection that no request is on. Such a connection is closed: no byte that was received
before a request was written becomes part of its answer.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import sys
from typing import Protocol, cast

from understudy.domain.failures import Failure, FailureKind
from understudy.transport import failure_words as words
from understudy.transport.http1.parsing import HeadTooLarge, Malformed, OddStatus, ResponseParser, SpeaksTls
from understudy.transport.http1.requests import Target
from understudy.transport.http1.response import Response
from understudy.transport.http1.writing import Valve, is_long, write_body
from understudy.wire.http import HttpRequest

SETTLING = 8
"""Turns of the event loop in which what the kernel holds for a connection must be read, before a request goes out."""


class Owner(Protocol):
    """The pool of a connection."""

    def give_back(self, connection: Connection) -> None:
        """Receive a connection that can serve another request."""
        ...

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed. Harmless if repeated."""
        ...

    def distrust(self, origin: str) -> None:
        """Close the idle connections to a server that closed one out of turn; they may be in the same state."""
        ...


class Connection(asyncio.Protocol):
    """A connection that reads only while a request is on it."""

    __slots__ = (
        *("_broken_by", "_loop", "_owner", "_parser", "_poll", "_response", "_spoke", "_target", "_valve", "_writer"),
        *("_is_paused", "_written", "idle_since", "is_reused", "origin", "transport"),
    )

    def __init__(self, target: Target, owner: Owner, loop: asyncio.AbstractEventLoop, head_limit: int) -> None:
        self.origin = target.origin
        self.is_reused = False
        """Whether a request was answered on it before."""
        self.idle_since = 0.0
        self.transport: asyncio.Transport | None = None
        self._target = target
        self._owner = owner
        self._loop = loop
        self._parser = ResponseParser(head_limit)
        self._poll: select.poll | None = None
        self._response: Response | None = None
        self._valve = Valve()
        self._writer: asyncio.Task[None] | None = None
        self._written = False
        self._is_paused = False
        self._spoke = False
        self._broken_by: BaseException | None = None

    # ---- before a request ----

    def is_clear(self) -> bool:
        """Check whether the connection is open, and holds nothing unread, in the kernel neither."""
        transport = self.transport
        return (
            transport is not None and not transport.is_closing() and not (self._poll is not None and self._poll.poll(0))
        )

    async def settle(self) -> bool:
        """Let the loop read what the kernel holds: over TLS it may be a session ticket, no data."""
        for _ in range(SETTLING):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                self.discard()
                raise
            if self.is_clear():
                return True
            if self._spoke or self._broken_by is not None:
                break
        self.discard()
        if self.is_reused:
            self._owner.distrust(self.origin)
        return False

    def not_usable(self) -> Failure:
        """Return why no request was written: the connection was closed, or had received data."""
        refusal = words.refusal_of_client(self._broken_by)
        if self.is_reused:
            kind, message = FailureKind.STALE_CONNECTION, words.CLOSED_UNSENT
        elif refusal is not None:
            kind, message = FailureKind.TLS, refusal
        elif self._spoke:
            kind, message = FailureKind.PROTOCOL, words.SPOKE_FIRST
        else:
            kind, message = FailureKind.DISCONNECTED, words.CLOSED_UNSENT
        return Failure(kind=kind, message=message, sent=False)

    def begin(self, head: bytes, request: HttpRequest) -> Response:
        """Write a request, or the part of it that is written at once; what arrives from here on is its response."""
        transport = self.transport
        assert transport is not None, "checked by `is_clear`"  # noqa: S101
        self._parser.expect(request.method)
        response = self._response = Response(self, self._loop)
        if is_long(request):
            self._written = False
            transport.write(head)
            self._writer = self._loop.create_task(self._write_body(request, transport))
        else:
            self._written = True
            transport.write(head + request.body if request.body else head)
        return response

    async def _write_body(self, request: HttpRequest, transport: asyncio.Transport) -> None:
        try:
            await write_body(request, transport.write, self._valve)
            self._written = True
        except Exception:  # noqa: BLE001  (whatever the pieces of an upload raise, their source reports itself)
            self.fail(Failure(kind=FailureKind.WRITE_FAILED, message=words.CUT_SHORT))

    # ---- what the response needs ----

    def resume(self) -> None:
        """Receive more, after the reader of the response was slow."""
        if self._is_paused and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        self._is_paused = False

    def discard(self) -> None:
        """Close at once, which signals the server to stop. What was not written yet is dropped."""
        self._response = None
        if self._writer is not None:
            self._writer.cancel()
            self._writer = None
        if self.transport is not None:
            self.transport.abort()
        self._owner.remove(self)

    def fail(self, failure: Failure, *, at_once: bool = False) -> None:
        """End the request under way, if there is one, and close."""
        response = self._response
        self.discard()
        if response is not None:
            response.fail(failure, at_once=at_once)

    # ---- what asyncio calls ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to ask whether the kernel holds something unread."""
        self.transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sys.platform != "win32" and sock is not None:
            self._poll = select.poll()
            self._poll.register(sock.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Receive a part of the response. Without a request any byte is one too many."""
        response, parser = self._response, self._parser
        if response is None:
            self._spoke = True
            self.discard()
            return
        flaw: Malformed | None = None
        try:
            parser.feed(data)
        except Malformed as error:
            flaw = error
        if parser.head is not None:
            response.head = parser.head
        if parser.pieces:
            response.add(parser.pieces)
            parser.pieces.clear()
        if flaw is not None:
            self.fail(self._malformed(flaw))
        elif parser.is_complete:
            self._complete(response)
        else:
            response.wake()
            if response.is_full and not self._is_paused and self.transport is not None:
                self._is_paused = True
                self.transport.pause_reading()

    def _complete(self, response: Response) -> None:
        """Return the connection if the whole request has left: an answer may come before its end."""
        response.complete()
        self._response = None
        parser, transport = self._parser, self.transport
        if (
            self._written
            and parser.keeps_alive
            and not parser.is_followed
            and transport is not None
            and not transport.get_write_buffer_size()
            and not transport.is_closing()
        ):
            self._writer = None
            self.is_reused = True
            self.resume()
            self._owner.give_back(self)
        else:
            self.discard()

    def eof_received(self) -> None:
        """Receive the end of the connection."""
        self._end(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Receive the end of the connection, or how it broke."""
        self._end(exc)

    def _end(self, error: BaseException | None) -> None:
        response = self._response
        self._broken_by = error or self._broken_by or EOFError()
        if response is None:
            self.discard()
        elif (error is None or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)) and self._parser.end():
            response.complete()
            self.discard()
        else:
            self.fail(self._lost(error))

    def pause_writing(self) -> None:
        """Stop writing: the server is slow."""
        self._valve.shut()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._valve.open()

    # ---- failures ----

    def _lost(self, error: BaseException | None) -> Failure:
        """Return how a request under way failed with its connection."""
        if self._parser.head is not None:
            return Failure(kind=FailureKind.DISCONNECTED, message=words.BROKE_IN_BODY)
        if self.is_reused and not self._parser.has_begun:
            self._owner.distrust(self.origin)
            return Failure(kind=FailureKind.STALE_CONNECTION, message=words.STALE)
        if (refusal := words.refusal_of_client(error)) is not None:
            return Failure(kind=FailureKind.TLS, message=refusal, sent=False)
        if not self._written:
            return Failure(kind=FailureKind.WRITE_FAILED, message=words.CUT_SHORT)
        message = words.NO_ANSWER if error is None else words.broke(error)
        return Failure(kind=FailureKind.DISCONNECTED, message=message)

    def _malformed(self, flaw: Malformed) -> Failure:
        """Return what is wrong with what arrived, without a word of it."""
        status: int | None = None
        match flaw:
            case OddStatus(status=status):
                message = words.odd_status(status)
            case HeadTooLarge():
                message = words.HEAD_TOO_LARGE
            case SpeaksTls():
                message = words.speaks_tls(self._target.host, self._target.port, self._target.authority)
            case _:
                message = words.NOT_HTTP if self._parser.head is None else words.BAD_FRAMING
        return Failure(kind=FailureKind.PROTOCOL, message=message, status=status)
