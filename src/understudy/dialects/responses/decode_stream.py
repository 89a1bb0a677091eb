"""Reads a stream: named SSE events, of which `response.completed`, `.incomplete` or `.failed` is the last.

There is no `[DONE]`; a stream that ends without one of the three was cut.
"""

from __future__ import annotations

from understudy.dialects.base import Endpoint
from understudy.dialects.event_reader import EventReader
from understudy.dialects.responses.decode import AnswerDecoder, Fail, Step
from understudy.dialects.responses.errors import decode_event_error
from understudy.dialects.responses.wire import EVENT, EVENT_TYPE, ResponseObject, StreamEvent
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
    "response.output_text.delta": AnswerDecoder.text,
    "response.function_call_arguments.delta": AnswerDecoder.arguments,
    "response.custom_tool_call_input.delta": AnswerDecoder.arguments,
    "response.reasoning_summary_text.delta": AnswerDecoder.summary,
    "response.reasoning_text.delta": AnswerDecoder.reasoning,
    "response.refusal.delta": AnswerDecoder.refusal,
    "response.output_text.annotation.added": AnswerDecoder.cite,
    "response.output_item.added": AnswerDecoder.add,
    "response.output_item.done": AnswerDecoder.close_item,
}


class StreamReader(EventReader):
    """Reads the body of a streamed response."""

    end_mark = "response.completed"

    def __init__(self, endpoint: Endpoint, fail: Fail) -> None:
        bounds = endpoint.bounds
        # An image that a tool makes is one line, as long as its event.
        decoder = SseDecoder(keep_frames=endpoint.keep_wire, max_line=bounds.event, max_event=bounds.event)
        super().__init__(endpoint, decoder)
        self._fail = fail
        self._decoded = bounds.decoded
        self._output = AnswerDecoder(fail, bounds)

    def take(self, event: SseEvent) -> list[Step]:
        """Decode one event; unknown names are ignored."""
        if event.data == b"[DONE]":
            return []  # Not of this wire, but some compatible servers end so; it proves nothing.
        kind = event.name or decode_as(EVENT_TYPE, event.data).type
        piece = _PIECES.get(kind)
        if piece is not None:
            return piece(self._output, decode_as(EVENT, event.data, sliced=True, decoded=self._decoded))
        if kind in _STARTS or kind in _ENDS:
            return self._boundary(kind, decode_as(EVENT, event.data, sliced=True, decoded=self._decoded))
        if kind in ("error", ""):
            error = decode_event_error(event.data)
            return [self._fail(error)] if error is not None else []
        decode_as(EVENT_TYPE, event.data)
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

    A status that is missing, or left over from the beginning, does not state the end.
    """
    own = response.status
    return named if named in _FAILED or not isinstance(own, str) or own in _UNENDED else own
