"""Reads streamed answers: server-sent events, or one JSON array that grows, if a proxy dropped `alt=sse`."""

from __future__ import annotations

from understudy.dialects.base import Endpoint
from understudy.dialects.event_reader import EventDecoder, EventReader
from understudy.dialects.gemini.decode import AnswerDecoder, Steps, decode_chunk
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.json import BOM
from understudy.wire.json_values import JsonValuesDecoder
from understudy.wire.sse import SseDecoder, SseEvent, frame


class StreamReader(EventReader):
    """Reads a streamed answer to its end: a finish reason, then the end of input."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint, _Decoder(endpoint))
        self._answer = AnswerDecoder(endpoint)

    def take(self, event: SseEvent) -> Steps:
        """Read one chunk."""
        return self._answer.add(decode_chunk(event.data, self._endpoint.bounds))

    def end(self, *, cut: bool) -> Steps:
        """Finish the answer. A last event that is cut means that the answer was not complete."""
        if cut:
            return [Failure(kind=FailureKind.TRUNCATED, message="the stream ended in the middle of an event")]
        return self._answer.finish()


class _Decoder:
    """Chooses the decoder by the first byte after blanks and a byte order mark."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._chosen: EventDecoder | None = None
        self._head = b""

    def feed(self, data: bytes) -> list[SseEvent]:
        if self._chosen is None:
            self._head += data
            if (chosen := self._choose(self._head)) is None:
                # One blank is enough to know that no byte order mark can follow.
                self._head = self._head if BOM.startswith(self._head) else self._head[-1:]
                return []
            self._chosen, data, self._head = chosen, self._head.removeprefix(BOM), b""
        return self._chosen.feed(data)

    def close(self) -> list[SseEvent]:
        return self._chosen.close() if self._chosen is not None else []

    def _choose(self, head: bytes) -> EventDecoder | None:
        if len(head) < len(BOM) and BOM.startswith(head):
            return None
        first = head.removeprefix(BOM).lstrip()[:1]
        if not first:
            return None
        limit = self._endpoint.bounds.event
        if first in b"[{":
            return _ArrayDecoder(limit)
        return SseDecoder(keep_frames=self._endpoint.keep_wire, bare_data=True, max_line=limit, max_event=limit)


class _ArrayDecoder:
    """Returns the elements of an array as events. Their frames are written anew, as server-sent events."""

    def __init__(self, max_value: int) -> None:
        self._values = JsonValuesDecoder(max_value=max_value)

    def feed(self, data: bytes) -> list[SseEvent]:
        return [_event(value) for value in self._values.feed(data)]

    def close(self) -> list[SseEvent]:
        return [_event(value) for value in self._values.close()]


def _event(value: bytes) -> SseEvent:
    # A line end in JSON is never inside a string.
    return SseEvent("", value, frame(value.replace(b"\r", b"").replace(b"\n", b"")))
