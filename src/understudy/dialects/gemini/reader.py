"""Reads streamed answers: server-sent events, or one JSON array that grows, where something left `alt=sse` out."""

from __future__ import annotations

from typing import Protocol

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.flaws import Flaws
from understudy.dialects.gemini.decode import Answer, Steps, read_chunk
from understudy.domain import events as e
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.json import BOM, BadJson
from understudy.wire.json_values import JsonValuesDecoder
from understudy.wire.sse import SseDecoder, SseEvent, frame


class _Decoder(Protocol):
    def feed(self, data: bytes) -> list[SseEvent]: ...

    def close(self) -> list[SseEvent]: ...


class _ArrayDecoder:
    """Gives the elements of an array as events. Their frames are written anew, as server-sent events."""

    def __init__(self, max_value: int) -> None:
        self._values = JsonValuesDecoder(max_value=max_value)

    def feed(self, data: bytes) -> list[SseEvent]:
        return [_event(value) for value in self._values.feed(data)]

    def close(self) -> list[SseEvent]:
        return [_event(value) for value in self._values.close()]


def _event(value: bytes) -> SseEvent:
    # A line end in JSON is never inside of a string.
    return SseEvent("", value, frame(value.replace(b"\r", b"").replace(b"\n", b"")))


class StreamReader:
    """Reads a streamed answer to its end: a finish reason, then the end of input."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._keep_wire = endpoint.keep_wire
        self._bounds = endpoint.bounds
        self._answer = Answer(endpoint)
        self._flaws = Flaws()
        self._decoder: _Decoder | None = None
        self._head = b""
        self.finished = False

    def feed(self, data: bytes) -> Steps:
        """Take bytes. Raises `TooLarge`; an event that is not valid ends the answer after those before it."""
        if self._decoder is None:
            self._head += data
            if (decoder := self._opened(self._head)) is None:
                # Of blanks, one is enough to know that no byte order mark can follow.
                self._head = self._head if BOM.startswith(self._head) else self._head[-1:]
                return []
            self._decoder, data, self._head = decoder, self._head.removeprefix(BOM), b""
        steps: Steps = []
        try:
            for event in self._decoder.feed(data):
                if self.finished:
                    break
                steps += self._read(event)
        except BadJson as error:
            steps += self._broken(error)
        return steps

    def close(self) -> Steps:
        """Take the end of input. A last event that is cut means that more was to come. May raise `BadJson`, `TooLarge`:
        a flaw behind the last event that was handed out."""
        if self.finished:
            return []
        try:
            last = self._decoder.close() if self._decoder is not None else []
        except BadJson as error:
            return self._broken(error)
        steps: Steps = []
        try:
            for event in last:
                steps += self._read(event)
        except BadJson:
            self.finished = True
            return [Failure(kind=FailureKind.TRUNCATED, message="the stream ended in the middle of an event")]
        if not self.finished:
            self.finished = True
            steps += self._stamped(self._answer.finish(), b"")
        return steps

    def _broken(self, error: BadJson) -> Steps:
        self.finished = True
        return [Failure(kind=error.kind, message=f"an event of the stream is not valid: {error}")]

    def _opened(self, head: bytes) -> _Decoder | None:
        """Choose by the first byte that says something; `None` while there is none."""
        if len(head) < len(BOM) and BOM.startswith(head):
            return None
        first = head.removeprefix(BOM).lstrip()[:1]
        if not first:
            return None
        if first in b"[{":
            return _ArrayDecoder(self._bounds.event)
        limit = self._bounds.event
        return SseDecoder(keep_frames=self._keep_wire, bare_data=True, max_line=limit, max_event=limit)

    def _read(self, event: SseEvent) -> Steps:
        try:
            return self._take(event)
        except BadJson as error:
            return self._flaws.read(event, self._take, error)

    def _take(self, event: SseEvent) -> Steps:
        steps = self._answer.add(read_chunk(event.data, self._bounds))
        if steps and isinstance(steps[-1], Failure):
            self.finished = True
        return self._stamped(steps, event.frame)

    def _stamped(self, steps: Steps, wire: bytes) -> Steps:
        """Put the frame on the first of its events, and the empty frame on the others."""
        if not self._keep_wire:
            return steps
        if not steps:
            return [e.Frame(wire)]
        return [
            step if isinstance(step, Failure) else msgspec.structs.replace(step, wire=wire if n == 0 else b"")
            for n, step in enumerate(steps)
        ]
