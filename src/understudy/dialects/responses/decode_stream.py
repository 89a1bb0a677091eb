"""Reads a stream: named SSE events, of which `response.completed`, `.incomplete` or `.failed` is the last.

There is no `[DONE]`; a stream that ends without one of the three was cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.event_reader import DROPPED, EventReader
from understudy.dialects.flaws import DISORDERED
from understudy.dialects.responses.decode import AnswerDecoder, Fail, Step
from understudy.dialects.responses.errors import decode_event_error
from understudy.dialects.responses.wire import EVENT, EVENT_TYPE, ResponseObject, StreamEvent
from understudy.domain.events import Piece, TextDelta, ThinkingDelta, ToolCallDelta
from understudy.wire.bounds import BOUNDS
from understudy.wire.json import BadJson, decode_as
from understudy.wire.sse import SseDecoder, SseEvent

KEPT = 64
"""The latest events, with which one is compared that has the number of an earlier one."""
_SHORT = 512
"""Bytes up to which an event may be one for `plain`."""
_TEXT = "response.output_text.delta"
_ARGUMENTS = "response.function_call_arguments.delta"
_INPUT = "response.custom_tool_call_input.delta"
_SUMMARY = "response.reasoning_summary_text.delta"
_REASONING = "response.reasoning_text.delta"
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
    _TEXT: AnswerDecoder.text,
    _ARGUMENTS: AnswerDecoder.arguments,
    _INPUT: AnswerDecoder.arguments,
    _SUMMARY: AnswerDecoder.summary,
    _REASONING: AnswerDecoder.reasoning,
    "response.refusal.delta": AnswerDecoder.refusal,
    "response.output_text.annotation.added": AnswerDecoder.cite,
    "response.output_item.added": AnswerDecoder.add,
    "response.output_item.done": AnswerDecoder.close_item,
}
_PLAIN: dict[str, tuple[Callable[[AnswerDecoder, StreamEvent], int | None], type[Piece]]] = {
    _TEXT: (AnswerDecoder.more_text, TextDelta),
    _ARGUMENTS: (AnswerDecoder.more_arguments, ToolCallDelta),
    _INPUT: (AnswerDecoder.more_arguments, ToolCallDelta),
    _SUMMARY: (AnswerDecoder.more_summary, ThinkingDelta),
    _REASONING: (AnswerDecoder.more_reasoning, ThinkingDelta),
}
"""How `plain` reads events, each behind one of the same name, and what they add."""


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
        self._expected: Any = None
        """The number of the next event, if events are numbered."""
        self._kept: deque[bytes] = deque(maxlen=KEPT)
        self._is_loose = False
        """An old number has stood on a new event, so that numbers identify nothing."""
        self._kind = _TEXT
        """The name of the events that continue what the latest did."""

    def plain(self, event: SseEvent) -> Piece | None:
        """Read an event that continues the text, the call or the reasoning of the latest, in its turn."""
        data = event.data
        if event.name != self._kind or len(data) > _SHORT or data.count(b"[") + data.count(b"{") > BOUNDS.depth:
            return None
        try:
            decoded = EVENT.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
            return None
        if self._expected is None or decoded.sequence_number != self._expected:
            return None
        more, kind = _PLAIN[event.name]
        index = more(self._output, decoded) if decoded.delta else None
        if index is None or decoded.delta is None:
            return None
        self._expected += 1
        self._kept.append(data)
        return kind(index, decoded.delta, event.frame or None)

    def take(self, event: SseEvent) -> list[Step]:
        """Decode one event; unknown names are ignored."""
        data = event.data
        if data == b"[DONE]":
            return []  # Not of this wire, but some compatible servers end so; it proves nothing.
        kind = event.name or decode_as(EVENT_TYPE, data).type
        piece = _PIECES.get(kind)
        if piece is None and kind not in _STARTS and kind not in _ENDS:
            return self._other(kind, data)
        decoded = decode_as(EVENT, data, sliced=True, decoded=self._decoded)
        if decoded.sequence_number == self._expected is not None:
            self._expected += 1
            self._kept.append(data)
            steps = piece(self._output, decoded) if piece is not None else self._boundary(kind, decoded)
            self.is_plain, self._kind = kind in _PLAIN, kind
            return steps
        flaws = self._unexpected(decoded.sequence_number, data)
        if flaws is DROPPED:
            return flaws
        return [*flaws, *(piece(self._output, decoded) if piece is not None else self._boundary(kind, decoded))]

    def _other(self, kind: str, data: bytes) -> list[Step]:
        """Read an event that is no part of the answer: an error, or one that is ignored."""
        if kind in ("error", ""):
            error = decode_event_error(data)
            return [self._fail(error)] if error is not None else []
        number = decode_as(EVENT_TYPE, data).sequence_number
        if number == self._expected is not None:
            self._expected += 1
            self._kept.append(data)
            return []
        return self._unexpected(number, data)

    def _unexpected(self, number: Any, data: bytes) -> list[Step]:
        """Judge an event whose number does not follow the one before it: `DROPPED` if it has been read already.

        Numbers alone prove nothing. Gateways that leave out events leave gaps (ENTERPILOT/GoModel#953), and some
        servers write 0 into some events (BerriAI/litellm#28899), so that an old number may stand on new content.
        """
        if type(number) is not int:
            return []
        if self._expected is None or (number >= self._expected and not self._kept):
            self._expected = number + 1
            self._kept.append(data)
            return []
        if number < self._expected and not self._is_loose:
            if data in self._kept:
                return DROPPED
            self._is_loose = True
        self._expected = max(self._expected, number + 1)
        self._kept.append(data)
        self._output.is_disordered = True
        return self._flaws.once(DISORDERED)

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
