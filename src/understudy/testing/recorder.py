"""Records real exchanges at the seam to the network, and replays them without one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

import msgspec

from understudy.dialects.errors import clean
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.misuse import Misuse
from understudy.domain.secret import Secret
from understudy.domain.suggestions import suggestion
from understudy.testing.cassette import Body, Exchange, RecordedAnswer, RecordedCall, body_of, load, pieces_of, save
from understudy.testing.comparing import explained, nearest, same
from understudy.testing.scrubbing import REQUEST_HEADERS, RESPONSE_HEADERS, Scrubber
from understudy.testing.streamed_text import scrub_lines
from understudy.transport.base import Incoming, Transport, TransportError
from understudy.transport.bodies import decoded
from understudy.wire.bounds import BOUNDS
from understudy.wire.http import HttpHead, HttpRequest

STREAMS = frozenset({"text/event-stream", "application/x-ndjson"})
"""Types of bodies that are recorded as lines."""

RecordMode = Literal["none", "once", "new_episodes", "all"]
"""`none`: only replay. `once`: record if there is no file, else only replay. `new_episodes`: replay what is in the
file, and record what is not. `all`: record everything anew. The names are those of VCR."""


def recording(
    path: str | os.PathLike[str],
    *,
    mode: RecordMode = "once",
    secrets: Iterable[str | Secret] = (),
    timing: bool = False,
    transport: Transport | None = None,
) -> Recorder:
    """Return a transport that records real exchanges into a file, and replays them from it.

        provider = create_provider("openai", transport=recording("cassettes/greeting.json"))

    Keys, cookies and organisation ids are removed, wherever they stand; `secrets` are further strings to remove.
    Requests are matched by method, address and JSON body; equal ones are answered in the recorded order. `timing` also
    records how long the provider took, which is then replayed. `transport` is what reaches the network. Raise
    `ConfigError` for a file that is not a recording.
    """
    return Recorder(Path(path), mode=mode, secrets=secrets, timing=timing, transport=transport)


class Recorder:
    """A `Transport` that records and replays; see `recording`."""

    def __init__(
        self,
        path: Path,
        *,
        mode: RecordMode,
        secrets: Iterable[str | Secret],
        timing: bool,
        transport: Transport | None,
    ) -> None:
        if mode not in get_args(RecordMode):
            raise Misuse(f"unknown mode {mode!r}; {suggestion(str(mode), get_args(RecordMode))}")
        self.path = path
        self.mode = mode
        self.advice = f"the mode is {mode!r}; to record it, use {{mode!r}}"
        """What to do about a request that is not in the file; `{mode}` stands for the mode that records it."""
        self.missing: list[str] = []
        """The messages about requests that are not in the file."""
        self._secrets = tuple(secrets)
        self._scrubber = Scrubber(self._secrets)
        self._cleaned = self._scrubber.learned
        """How many times secrets had become known when everything was cleaned last."""
        self._timing = timing
        self._transport = transport
        exists = path.exists()
        self._may_record = mode in ("new_episodes", "all") or (mode == "once" and not exists)
        self._recorded: list[Exchange | None] = [*load(path)] if exists and mode != "all" else []
        """In the order of the requests; `None` while the answer is arriving."""
        self._replayable = dict.fromkeys(range(len(self._recorded)))
        """The positions of exchanges that were in the file and are not replayed yet, in their order."""

    @property
    def unused(self) -> int:
        """The number of exchanges in the file that no request has asked for."""
        return len(self._replayable)

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Replay the answer to a request, or record it; see `Transport`."""
        self._scrubber.learn(request.headers, request.url)
        sent = _call_of(request, self._scrubber)
        answer = self._take(sent)
        if answer is None and self._replayable:
            # A key that is a placeholder may be a word of the prompt.
            answer = self._take(_call_of(request, Scrubber(self._secrets)))
        if answer is not None:
            return await _Replayed.of(answer)
        if not self._may_record:
            raise self._not_recorded(sent)
        return await self._record(request, sent, connect)

    def _take(self, sent: RecordedCall) -> RecordedAnswer | None:
        """Return the first answer to a request that is not replayed yet."""
        for at in self._replayable:
            exchange = self._recorded[at]
            if exchange is not None and same(exchange.request, sent):
                del self._replayable[at]
                return exchange.response
        return None

    async def _record(self, request: HttpRequest, sent: RecordedCall, connect: float) -> Incoming:
        at = len(self._recorded)
        self._recorded.append(None)
        began = asyncio.get_running_loop().time()
        incoming = await self._network().send(request, connect=connect)
        try:
            plain = decoded(incoming, BOUNDS)
        except TransportError:
            incoming.close()
            raise
        return _Recording(plain, Reading(began, asyncio.get_running_loop().time()), partial(self._keep, at, sent))

    def _network(self) -> Transport:
        if self._transport is None:
            from understudy.transport.choice import built_in

            self._transport = built_in()
        return self._transport

    def _keep(self, at: int, sent: RecordedCall, head: HttpHead, read: Reading, lost: bool) -> None:
        """Write an exchange that has ended into the file."""
        scrubber = self._scrubber
        scrubber.learn(head.headers)
        body = read.body(streamed=head.content_type in STREAMS)
        if body is not None:
            scrubber.learn_body(body.json)
        answer = RecordedAnswer(
            status=head.status,
            headers=scrubber.headers(head.headers, RESPONSE_HEADERS),
            body=body,
            lost=lost,
            seconds=read.waits(body) if self._timing else None,
        )
        self._recorded[at] = self._clean(Exchange(sent, answer))
        while self._cleaned != scrubber.learned:
            # What became known as a secret only now may stand in earlier exchanges, too.
            self._cleaned = scrubber.learned
            self._recorded = [each and self._clean(each) for each in self._recorded]
        save(self.path, [each for each in self._recorded if each is not None])

    def _clean(self, exchange: Exchange) -> Exchange:
        scrubber, request, response = self._scrubber, exchange.request, exchange.response
        headers = {name: scrubber.text(value) for name, value in response.headers.items()}
        return Exchange(
            msgspec.structs.replace(request, url=scrubber.text(request.url), body=_scrubbed(request.body, scrubber)),
            msgspec.structs.replace(response, headers=headers, body=_scrubbed(response.body, scrubber)),
        )

    def _not_recorded(self, sent: RecordedCall) -> TransportError:
        known = [each.request for each in self._recorded if each is not None]
        found = nearest(known, sent)
        message = f"{self.path} has no answer to {sent.method} {sent.url}"
        if found is None:
            why = "the file does not exist" if not self.path.exists() else "it is empty"
            message += f": {why}"
        elif not found[1]:
            times = sum(same(each, sent) for each in known)
            message += f": it was recorded {times} times, and is sent once more"
        else:
            message += f"; recorded request {found[0] + 1} of {len(known)} is the nearest, and differs in "
            message += explained(found[1])
        wanted = "once" if found is None else "new_episodes"
        message = clean(f"{message}; {self.advice.format(mode=wanted)}")
        self.missing.append(message)
        return TransportError(Failure(kind=FailureKind.LOCAL, message=message, sent=False))

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        if self._transport is not None:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path} mode {self.mode}, {self.unused} unused>"


def _call_of(request: HttpRequest, scrubber: Scrubber) -> RecordedCall:
    """Return a request as it is recorded and compared."""
    body = body_of(request.body)
    if body is not None:
        scrubber.learn_body(body.json)
    headers = scrubber.headers(request.headers, REQUEST_HEADERS)
    return RecordedCall(request.method, scrubber.url(request.url), headers, _scrubbed(body, scrubber))


def _scrubbed(body: Body | None, scrubber: Scrubber) -> Body | None:
    if body is None:
        return None
    if body.base64 is not None:
        return body_of(scrubber.text(body.data().decode("latin-1")).encode("latin-1"))
    if body.text is not None:
        return Body(text=scrub_lines(body.text, scrubber))
    return Body(json=scrubber.value(body.json))


Keep = Callable[[HttpHead, "Reading", bool], None]
"""Writes down a head, what was read, and whether the connection was lost."""


class Reading:
    """The pieces of a body, and when they arrived."""

    def __init__(self, began: float, answered: float) -> None:
        self._began = began
        self._answered = answered
        self._pieces: list[tuple[float, bytes]] = []

    def add(self, data: bytes) -> None:
        """Add a piece that has arrived now."""
        self._pieces.append((asyncio.get_running_loop().time(), data))

    def body(self, *, streamed: bool) -> Body | None:
        """Return the body so far."""
        return body_of(b"".join(data for _, data in self._pieces), streamed=streamed)

    def waits(self, body: Body | None) -> list[float]:
        """Return the seconds before the head, and before each piece as it will be replayed had arrived."""
        found = [round(self._answered - self._began, 3)]
        whole = body is None or body.text is None
        last, end, arrived, pieces = self._answered, 0, 0, iter(self._pieces)
        now = last
        for piece in pieces_of(b"".join(data for _, data in self._pieces)):
            end += len(piece)
            while arrived < end:
                now, data = next(pieces)
                arrived += len(data)
            if not whole:
                found.append(round(now - last, 3))
                last = now
        return found if not whole else [*found, round(now - last, 3)]


class _Recording:
    """A response that is written down while it is read."""

    def __init__(self, incoming: Incoming, reading: Reading, keep: Keep) -> None:
        headers = {name: value for name, value in incoming.head.headers.items() if name != "content-encoding"}
        self.head = HttpHead(incoming.head.status, headers)
        self._incoming = incoming
        self._reading = reading
        self._keep: Keep | None = keep

    async def read(self) -> bytes:
        """Return the next piece; see `Incoming`."""
        try:
            data = await self._incoming.read()
        except TransportError:
            self._end(lost=True)
            raise
        self._reading.add(data)
        if not data:
            self._end(lost=False)
        return data

    def release(self) -> None:
        """Return the connection; see `Incoming`."""
        self._incoming.release()

    def close(self) -> None:
        """Close the connection; see `Incoming`."""
        self._end(lost=False)
        self._incoming.close()

    def _end(self, *, lost: bool) -> None:
        keep, self._keep = self._keep, None
        if keep is not None:
            keep(self.head, self._reading, lost)


class _Replayed:
    """A response from a file."""

    def __init__(self, answer: RecordedAnswer) -> None:
        self.head = HttpHead(answer.status, answer.headers)
        self._pieces = pieces_of(answer.body.data() if answer.body is not None else b"")
        self._waits = iter((answer.seconds or [0.0])[1:])
        self._lost = answer.lost
        self._closed = False

    @classmethod
    async def of(cls, answer: RecordedAnswer) -> Self:
        """Return an answer once its head would have come."""
        await asyncio.sleep((answer.seconds or [0.0])[0])
        return cls(answer)

    async def read(self) -> bytes:
        """Return the next piece; see `Incoming`."""
        await asyncio.sleep(next(self._waits, 0.0))
        piece = next(self._pieces, b"")
        if not piece and self._lost:
            message = "the recorded connection was lost here"
            raise TransportError(Failure(kind=FailureKind.DISCONNECTED, message=message))
        return b"" if self._closed else piece

    def release(self) -> None:
        """Do nothing; see `Incoming`."""

    def close(self) -> None:
        """End the answer; see `Incoming`."""
        self._closed = True
