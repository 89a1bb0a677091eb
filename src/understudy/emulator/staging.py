"""Stages an answer with its faults: as a list of acts, which the server then performs.

Pure: an act is data, so every fault can be tested without a socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import msgspec

from understudy.emulator.faults import Fault, FaultKind
from understudy.wire.http import Headers, HttpReply


class Head(msgspec.Struct, frozen=True):
    """Send status line and headers; without `length` the body is chunked."""

    status: int
    headers: Headers
    length: int | None = None


class Write(msgspec.Struct, frozen=True):
    """Send bytes of the body."""

    data: bytes


class Wait(msgspec.Struct, frozen=True):
    """Do nothing for some seconds, or until the client disconnects."""

    seconds: float | None


class Close(msgspec.Struct, frozen=True):
    """Close the connection in the middle of the message."""


class Reset(msgspec.Struct, frozen=True):
    """Reset the connection."""


Act = Head | Write | Wait | Close | Reset


class Frame(msgspec.Struct, frozen=True):
    """A piece of a stream; `content` marks pieces of the answer itself."""

    data: bytes
    content: bool = False


class StreamedAnswer(msgspec.Struct, frozen=True):
    """An answer as a stream. `error` is what the dialect writes when an error ends it."""

    headers: Headers
    frames: tuple[Frame, ...]
    error: bytes = b""


EmulatedAnswer = HttpReply | StreamedAnswer

_PAGE = b"<!doctype html><html><head><title>Please sign in</title></head><body><h1>Network access</h1></body></html>"
_BROKEN = b'{"broken": '


def stage(answer: EmulatedAnswer, fault: Fault | None = None, *, pace: float = 0.0) -> Iterator[Act]:
    """Return the acts of an answer. `pace` is the time between the events of a healthy stream, in seconds."""
    match fault:
        case Fault(kind=FaultKind.REDIRECT, location=location):
            answer = HttpReply(307, (("location", location), ("content-type", "text/plain")), b"moved")
        case Fault(kind=FaultKind.WRONG_CONTENT_TYPE):
            answer = HttpReply(200, (("content-type", "text/html; charset=utf-8"),), _PAGE)
        case Fault(kind=FaultKind.SLOW_HEADERS, seconds=seconds):
            yield Wait(seconds)
        case Fault(kind=FaultKind.RESET, after=None):
            yield Reset()
            return
    if isinstance(answer, StreamedAnswer):
        yield from _stream(answer, fault, pace)
    else:
        yield from _whole(answer, fault)


def _whole(reply: HttpReply, fault: Fault | None) -> Iterator[Act]:
    body = reply.body
    half = len(body) // 2
    match fault.kind if fault else None:
        case FaultKind.MALFORMED_EVENT:
            body = body[:half] + _BROKEN
        case FaultKind.TRUNCATED_JSON:
            body = body[:half]
        case FaultKind.HUGE_LINE if fault:
            body = b" " * fault.size + body
    endless = fault is not None and fault.kind in (FaultKind.PINGS, FaultKind.ENDLESS)
    clean_cut = fault is not None and fault.kind is FaultKind.CUT and fault.clean
    yield Head(reply.status, reply.headers, None if endless or clean_cut else len(body))
    match fault:
        case Fault(kind=FaultKind.STALL | FaultKind.SLOW_FIRST_EVENT, seconds=seconds):
            yield from (Write(body[:half]), Wait(seconds), Write(body[half:]))
        case Fault(kind=FaultKind.CUT):
            yield Write(body[:half])
            if not fault.clean:
                yield Close()
        case Fault(kind=FaultKind.RESET):
            yield from (Write(body[:half]), Reset())
        case Fault(kind=FaultKind.PINGS | FaultKind.ENDLESS, seconds=seconds):
            while True:
                yield from (Write(b"\n"), Wait(seconds or 0.0))
        case Fault(kind=FaultKind.DRIP):
            yield from _drip(body, fault.size)
        case Fault(kind=FaultKind.SLOW_EVENTS, seconds=seconds):
            yield from (Wait(seconds), Write(body[:half]), Wait(seconds), Write(body[half:]))
        case _:
            yield Write(body)


def _stream(answer: StreamedAnswer, fault: Fault | None, pace: float) -> Iterator[Act]:
    yield Head(200, answer.headers)
    if fault is None or fault.kind not in _STRIKES:
        yield from _pace(answer.frames, fault, pace)
        return
    after = 0 if fault.kind is FaultKind.SLOW_FIRST_EVENT else 1 if fault.after is None else fault.after
    before, rest = _split(answer.frames, after)
    yield from (Write(frame.data) for frame in before)
    yield from _strike(fault, rest, answer)


_STRIKES = frozenset(
    {
        FaultKind.SLOW_FIRST_EVENT,
        FaultKind.STALL,
        FaultKind.PINGS,
        FaultKind.CUT,
        FaultKind.RESET,
        FaultKind.MALFORMED_EVENT,
        FaultKind.ERROR_EVENT,
        FaultKind.HUGE_LINE,
        FaultKind.TRUNCATED_JSON,
    }
)
"""Faults that strike at one place of a stream."""


def _strike(fault: Fault, rest: tuple[Frame, ...], answer: StreamedAnswer) -> Iterator[Act]:
    """Act where the fault occurs; `rest` is what a healthy stream would still have sent."""
    following = rest[0].data if rest else b""
    match fault.kind:
        case FaultKind.STALL | FaultKind.SLOW_FIRST_EVENT:
            yield Wait(fault.seconds)
            yield from (Write(frame.data) for frame in rest)
        case FaultKind.PINGS:
            ping = b": ping\n\n" if is_sse(answer.headers) else b"\n"
            while True:
                yield from (Write(ping), Wait(fault.seconds or 0.0))
        case FaultKind.CUT if not fault.clean:
            yield Close()
        case FaultKind.RESET:
            yield Reset()
        case FaultKind.MALFORMED_EVENT:
            yield Write(_frame(_BROKEN, answer))
            yield from (Write(frame.data) for frame in rest)
        case FaultKind.ERROR_EVENT:
            yield Write(answer.error)
        case FaultKind.HUGE_LINE:
            yield Write(_frame(b'"' + b"x" * fault.size + b'"', answer))
            yield from (Write(frame.data) for frame in rest)
        case FaultKind.TRUNCATED_JSON:
            yield Write(following[: max(1, len(following) * 2 // 3)])
        case _:
            pass


def _pace(frames: tuple[Frame, ...], fault: Fault | None, pace: float) -> Iterator[Act]:
    match fault:
        case Fault(kind=FaultKind.ENDLESS, seconds=seconds):
            begin, _ = _split(frames, 0)
            content = [frame for frame in frames if frame.content]
            yield from (Write(frame.data) for frame in begin)
            for frame in cycle(content or frames):
                yield from (Write(frame.data), Wait(seconds or 0.0))
        case Fault(kind=FaultKind.DRIP, size=size):
            yield from _drip(b"".join(frame.data for frame in frames), size)
        case Fault(kind=FaultKind.SLOW_EVENTS, seconds=seconds):
            for frame in frames:
                yield from (Wait(seconds), Write(frame.data))
        case _:
            for frame in frames:
                if pace and frame.content:
                    yield Wait(pace)
                yield Write(frame.data)


def _split(frames: tuple[Frame, ...], after: int) -> tuple[tuple[Frame, ...], tuple[Frame, ...]]:
    """Split before the content frame that follows `after` others, so that all frames before it are still sent."""
    # Where nothing is marked (some dialects write whole tool calls at the end), all but the terminal frame counts.
    content = [at for at, frame in enumerate(frames) if frame.content] or list(range(len(frames) - 1))
    place = content[after] if after < len(content) else content[-1] + 1 if content else 0
    return frames[:place], frames[place:]


def _drip(data: bytes, size: int) -> Iterator[Act]:
    for at in range(0, len(data), max(1, size)):
        yield from (Write(data[at : at + max(1, size)]), Wait(0.0))


def is_sse(headers: Headers) -> bool:
    """Check whether a stream consists of server-sent events; otherwise it is JSON lines."""
    return any(name.lower() == "content-type" and value.startswith("text/event-stream") for name, value in headers)


def _frame(data: bytes, answer: StreamedAnswer) -> bytes:
    return b"data: %b\n\n" % data if is_sse(answer.headers) else data + b"\n"
