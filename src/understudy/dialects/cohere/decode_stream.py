"""The reader of streamed answers: server-sent events, up to `message-end`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.cohere.decode import AnswerDecoder
from understudy.dialects.cohere.errors import decode_error, decode_failure
from understudy.dialects.cohere.wire import EVENTS, CallWire, Delta, Piece, StreamEvent
from understudy.dialects.error_bodies import read_event
from understudy.dialects.event_reader import EventReader
from understudy.domain import events as e
from understudy.domain.failures import Failure
from understudy.wire.json import BadJson, decode_as, decode_object
from understudy.wire.sse import SseEvent

_EVENT: msgspec.json.Decoder[StreamEvent] = msgspec.json.Decoder(StreamEvent)

_DONE = b"[DONE]"


class StreamReader(EventReader):
    """Reads the server-sent events of a streamed answer, up to `message-end`."""

    end_mark = "message-end"

    def __init__(self, endpoint: Endpoint, model: str | None) -> None:
        super().__init__(endpoint)
        self._answer = AnswerDecoder(endpoint, model)

    def take(self, event: SseEvent) -> Sequence[e.Event | Failure]:
        """Read one event."""
        return [] if event.data == _DONE else self._read(event)

    def _read(self, sse: SseEvent) -> Sequence[e.Event | Failure]:
        data = sse.data
        try:
            event = decode_as(_EVENT, data, sliced=True)
        except BadJson:
            if sse.name == "error":
                return self._failed(sse)
            kind = decode_object(data).get("type", "")
            if not isinstance(kind, str) or kind in EVENTS:
                raise
            return []  # An event of a later version, in an unknown form.
        match event:
            case StreamEvent(type="content-delta", delta=Delta(message=Piece(content=dict(content)))):
                return self._answer.grow(event.index, content, event.logprobs)
            case StreamEvent(type="message-end"):
                self.finished = True
                delta = event.delta or Delta()
                return self._answer.finish(delta, delta.error)
            case StreamEvent(type="message-start"):
                return [*self._once(event), *self._answer.start(event.id)]
            case StreamEvent(type="" | "error"):
                return self._failed(sse)
            case StreamEvent(delta=Delta(message=Piece() as piece)):
                return self._grow(event, piece)
            case StreamEvent(type="content-end"):
                return [*self._once(event), *self._answer.end(event.index)]
            case _:
                return []  # Ends of other things, and events of later versions.

    def _failed(self, sse: SseEvent) -> list[e.Event | Failure]:
        """Read an error in this service's form or in another; return nothing for any other body."""
        error = decode_error(sse.data) or read_event(sse)
        if error is None:
            return []
        return [decode_failure(error, self._endpoint)]

    def _grow(self, event: StreamEvent, piece: Piece) -> Sequence[e.Event | Failure]:
        match event.type, piece:
            case "content-start", Piece(content=dict(content)):
                return [*self._once(event), *self._answer.begin(event.index, content)]
            case "tool-plan-delta", Piece(tool_plan=plan):
                return self._answer.plan(plan)
            case "tool-call-start", Piece(tool_calls=CallWire() as call):
                return [*self._once(event), *self._answer.call(event.index, call)]
            case "tool-call-delta", Piece(tool_calls=CallWire() as call):
                return self._answer.grow_call(event.index, call)
            case "citation-start", Piece(citations=dict(citation)):
                return self._answer.cite(citation)
            case _:
                return []
