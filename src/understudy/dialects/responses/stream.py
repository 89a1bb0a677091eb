"""Reads a stream: named SSE events, of which `response.completed`, `.incomplete` or `.failed` is the last.

There is no `[DONE]`; a stream that ends without one of the three was cut.
"""

from __future__ import annotations

import msgspec

from understudy.dialects.flaws import Flaws
from understudy.dialects.responses.decode import Fail, OutputReader, Step
from understudy.dialects.responses.errors import read_event_error
from understudy.dialects.responses.wire import EVENT, EVENT_TYPE, ResponseObject, StreamEvent
from understudy.domain.events import Frame
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.bounds import BOUNDS, Bounds
from understudy.wire.json import BadJson, decode_as
from understudy.wire.sse import SseDecoder, SseEvent

_STARTS = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_FAILED = ("failed", "cancelled")
_UNENDED = ("queued", "in_progress")
_PIECES = {
    "response.output_text.delta": OutputReader.text,
    "response.function_call_arguments.delta": OutputReader.arguments,
    "response.custom_tool_call_input.delta": OutputReader.arguments,
    "response.reasoning_summary_text.delta": OutputReader.summary,
    "response.reasoning_text.delta": OutputReader.reasoning,
    "response.refusal.delta": OutputReader.refusal,
    "response.output_text.annotation.added": OutputReader.cite,
    "response.output_item.added": OutputReader.add,
    "response.output_item.done": OutputReader.close_item,
}


class StreamReader:
    """Reads the body of a streamed response."""

    def __init__(self, fail: Fail, *, keep_wire: bool = False, bounds: Bounds = BOUNDS) -> None:
        self.finished = False
        self._fail = fail
        self._keep = keep_wire
        # An image that a tool makes is one line, as long as its event.
        self._sse = SseDecoder(keep_frames=keep_wire, max_line=bounds.event, max_event=bounds.event)
        self._decoded = bounds.decoded
        self._output = OutputReader(fail, bounds)
        self._flaws = Flaws()

    def feed(self, data: bytes) -> list[Step]:
        """Take bytes. A broken event fails the stream, after the events that came before it."""
        return [] if self.finished else self._read_all(self._sse.feed(data), cut=False)

    def close(self) -> list[Step]:
        """Take the clean end of the body."""
        if self.finished:
            return []
        steps = self._read_all(self._sse.close(), cut=True)
        if not self.finished:
            self.finished = True
            steps.append(_truncated())
        return steps

    def _read_all(self, frames: list[SseEvent], *, cut: bool) -> list[Step]:
        steps: list[Step] = []
        for frame in frames:
            try:
                try:
                    new = self._read(frame)
                except BadJson as error:
                    new = self._flaws.read(frame, self._read, error)
            except BadJson as error:
                self.finished = True
                message = f"an event of the stream is not valid: {error}"
                return [*steps, _truncated() if cut else Failure(kind=error.kind, message=message)]
            steps += _with_wire(new, frame.frame) if self._keep else new
            if self.finished:
                break
        return steps

    def _read(self, frame: SseEvent) -> list[Step]:
        if frame.data == b"[DONE]":
            return []  # Not of this wire, but some compatible servers end so; it proves nothing.
        kind = frame.name or decode_as(EVENT_TYPE, frame.data).type
        piece = _PIECES.get(kind)
        if piece is not None:
            return piece(self._output, decode_as(EVENT, frame.data, sliced=True, decoded=self._decoded))
        if kind in _STARTS or kind in _ENDS:
            return self._boundary(kind, decode_as(EVENT, frame.data, sliced=True, decoded=self._decoded))
        if kind in ("error", ""):
            error = read_event_error(frame.data)
            if error is not None:
                self.finished = True
                return [self._fail(error)]
            return []
        decode_as(EVENT_TYPE, frame.data)
        return []

    def _boundary(self, kind: str, event: StreamEvent) -> list[Step]:
        if event.response is None:
            raise BadJson(f"{kind} without a response")
        if kind in _STARTS:
            return self._output.start(event.response)
        self.finished = True
        return self._output.finish(event.response, _status(event.response, _ENDS[kind]))


def _status(response: ResponseObject, named: str) -> str | None:
    """Return how the response ended: its own status counts before the event's name, and a failure before both.

    A status that is missing, or left over from the beginning, says nothing of the end.
    """
    own = response.status
    return named if named in _FAILED or not isinstance(own, str) or own in _UNENDED else own


def _truncated() -> Failure:
    return Failure(kind=FailureKind.TRUNCATED, message="the stream ended before the response was complete")


def _with_wire(steps: list[Step], frame: bytes) -> list[Step]:
    """Hang the frame on the first of its events, and nothing on the others."""
    events = [step for step in steps if not isinstance(step, Failure)]
    if not events:
        return steps or [Frame(frame)]
    marked: list[Step] = [msgspec.structs.replace(events[0], wire=frame)]
    marked += [msgspec.structs.replace(event, wire=b"") for event in events[1:]]
    return marked + [step for step in steps if isinstance(step, Failure)]
