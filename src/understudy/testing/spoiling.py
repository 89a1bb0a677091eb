"""Faults of the emulators at providers without a wire: what a caller of such a provider sees of each.

`Fault` is the one vocabulary of scripted faults. An emulator performs them on the bytes of an answer, this module on
its events, so that the same list of faults serves both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from itertools import cycle

import msgspec

from understudy.dialects.errors import kind_of_status
from understudy.domain import events as e
from understudy.domain.errors import LLMError, error_of
from understudy.domain.events import CONTENT_EVENTS, Event
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.emulator.faults import Fault, FaultKind

Events = AsyncIterator[Event]

_K = FailureKind
_UNSENT = frozenset({_K.DNS, _K.CONNECT, _K.CONNECT_TIMEOUT, _K.TLS, _K.PROXY, _K.POOL, _K.NOT_SIGNED})
"""Failures before anything was sent."""


def error_for(fault: Fault) -> LLMError:
    """Return the error of a fault, with which a provider without a wire reports it."""
    kind = _kind_of(fault)
    what = f"status {fault.code}" if fault.kind is FaultKind.STATUS else str(kind)
    return error_of(
        Failure(
            kind=kind,
            message=fault.message or f"scripted fault: {what}",
            status=fault.code if fault.kind is FaultKind.STATUS else None,
            code=fault.error_code,
            type=fault.error_type,
            retry_after=fault.retry_after,
            sent=kind not in _UNSENT,
        )
    )


def _kind_of(fault: Fault) -> FailureKind:
    match fault.kind:
        case FaultKind.STATUS:
            return kind_of_status(fault.code)
        case FaultKind.ERROR | FaultKind.ERROR_EVENT:
            return fault.failure
        case FaultKind.CUT if fault.clean:
            return _K.TRUNCATED
        case kind:
            return _KINDS[kind]


_KINDS = {
    FaultKind.REDIRECT: _K.REDIRECT,
    FaultKind.CUT: _K.DISCONNECTED,
    FaultKind.RESET: _K.DISCONNECTED,
    FaultKind.MALFORMED_EVENT: _K.BAD_RESPONSE,
    FaultKind.TRUNCATED_JSON: _K.BAD_RESPONSE,
    FaultKind.WRONG_CONTENT_TYPE: _K.BAD_RESPONSE,
    FaultKind.HUGE_LINE: _K.TOO_LARGE,
}

_AT_ONCE = frozenset({FaultKind.STATUS, FaultKind.ERROR, FaultKind.REDIRECT, FaultKind.WRONG_CONTENT_TYPE})
"""Faults instead of an answer."""
_WAITS = frozenset({FaultKind.STALL, FaultKind.SLOW_FIRST_EVENT, FaultKind.PINGS})
_STRIKES = _WAITS | {FaultKind.ERROR_EVENT, *_KINDS} - _AT_ONCE
"""Faults at one place of an answer."""


async def wait(seconds: float | None) -> None:
    """Wait for some seconds, or forever."""
    await (asyncio.sleep(seconds) if seconds is not None else asyncio.get_running_loop().create_future())


async def begin(fault: Fault | None) -> None:
    """Perform what a fault does before there is an answer. Raise its error."""
    match fault:
        case Fault(kind=kind) if kind in _AT_ONCE or (kind is FaultKind.RESET and fault.after is None):
            raise error_for(fault)
        case Fault(kind=FaultKind.SLOW_HEADERS, seconds=seconds):
            await wait(seconds)


async def strike(fault: Fault) -> None:
    """Perform what a fault does in the middle of an answer. Raise its error, or return after a wait."""
    match fault.kind:
        case FaultKind.PINGS:
            await wait(None)
        case kind if kind in _WAITS:
            await wait(fault.seconds)
        case _:
            raise error_for(fault)


async def spoil_whole(fault: Fault | None) -> None:
    """Perform a fault on something that is not streamed, such as vectors. Raise its error, or return after a wait."""
    await begin(fault)
    match fault:
        case Fault(kind=kind) if kind in _STRIKES:
            await strike(fault)
        case Fault(kind=FaultKind.SLOW_EVENTS, seconds=seconds):
            await wait(seconds)
        case Fault(kind=FaultKind.ENDLESS):
            await wait(None)


async def spoil(answer: Callable[[], Events], fault: Fault | None, *, streamed: bool) -> AsyncGenerator[Event, None]:
    """Yield the events of an answer as they are with a fault. `answer` is called only if the fault lets it begin."""
    await begin(fault)
    events = answer()
    if fault is None:
        spoiled = events
    elif fault.kind in _STRIKES:
        spoiled = _struck(events, fault, streamed=streamed)
    elif fault.kind is FaultKind.ENDLESS:
        spoiled = _endless(events, fault, streamed=streamed)
    else:
        spoiled = _altered(events, fault)
    try:
        async for event in spoiled:
            yield event
    finally:
        for each in (spoiled, events):
            if (close := getattr(each, "aclose", None)) is not None:
                await close()


async def _struck(events: Events, fault: Fault, *, streamed: bool) -> Events:
    """Yield the events, and strike before the content event that follows `after` others, at the latest at the end."""
    after = 0 if fault.kind is FaultKind.SLOW_FIRST_EVENT else 1 if fault.after is None else fault.after
    left: float = after if streamed else 0
    async for event in events:
        if isinstance(event, (*CONTENT_EVENTS, e.Finished)) and left >= 0:
            if left == 0 or isinstance(event, e.Finished):
                await strike(fault)
                left = -1
            else:
                left -= 1
        yield event


async def _endless(events: Events, fault: Fault, *, streamed: bool) -> Events:
    content: list[Event] = []
    async for event in events:
        if isinstance(event, e.Finished):
            break
        if isinstance(event, CONTENT_EVENTS):
            content.append(event)
        yield event
    if not streamed or not content:
        await wait(None)
    for event in cycle(content):
        await asyncio.sleep(fault.seconds or 0.0)
        yield event


async def _altered(events: Events, fault: Fault) -> Events:
    """Yield the events with what a fault changes in them."""
    told = False
    async for event in events:
        is_content = isinstance(event, CONTENT_EVENTS)
        match fault.kind:
            case FaultKind.SLOW_EVENTS:
                await wait(fault.seconds)
            case FaultKind.EMPTY | FaultKind.REFUSAL if is_content:
                continue
            case FaultKind.REFUSAL if isinstance(event, e.Finished):
                event = e.Finished(FinishReason.CONTENT_FILTER)  # noqa: PLW2901 - the one that takes its place
            case FaultKind.MISSING_USAGE if isinstance(event, e.UsageReported):
                continue
            case FaultKind.BAD_OUTPUT if is_content:
                if isinstance(event, e.TextDelta) and not told:
                    told = True
                    yield msgspec.structs.replace(event, text='{"broken": ')
                elif isinstance(event, e.ToolCallDelta):
                    yield msgspec.structs.replace(event, arguments='{"broken": ')
                elif not isinstance(event, e.TextDelta):
                    yield event
                continue
            case FaultKind.DRIP if isinstance(event, e.TextDelta):
                for at in range(0, len(event.text), fault.size):
                    yield msgspec.structs.replace(event, text=event.text[at : at + fault.size])
                continue
        yield event
