"""The reader of streamed answers: server-sent events, up to `message_stop`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from understudy.dialects.anthropic.decode import AnswerDecoder
from understudy.dialects.anthropic.errors import RULES, decode_error
from understudy.dialects.anthropic.wire import (
    Body,
    Delta,
    PlainArguments,
    PlainEvent,
    PlainText,
    PlainThinking,
    StreamEvent,
)
from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.error_bodies import read_event
from understudy.dialects.errors import failure_in_answer
from understudy.dialects.event_reader import EventReader
from understudy.dialects.flaws import REPEATED, SKIPPED
from understudy.domain import events as e
from understudy.domain.failures import Failure
from understudy.wire.bounds import BOUNDS
from understudy.wire.json import BadJson, decode_as
from understudy.wire.sse import SseEvent

_PLAIN: dict[type[e.Piece], Callable[[bytes], PlainEvent[Any]]] = {
    e.TextDelta: msgspec.json.Decoder(PlainEvent[PlainText]).decode,
    e.ThinkingDelta: msgspec.json.Decoder(PlainEvent[PlainThinking]).decode,
    e.ToolCallDelta: msgspec.json.Decoder(PlainEvent[PlainArguments]).decode,
}
"""How an event of the usual form is decoded, by what it adds."""
_SHORT = 512
"""Bytes up to which an event may be one of the usual form."""
_EVENT: msgspec.json.Decoder[StreamEvent] = msgspec.json.Decoder(StreamEvent)


class StreamReader(EventReader):
    """Reads the server-sent events of a streamed answer, up to `message_stop`."""

    end_mark = "message_stop"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._answer = AnswerDecoder()
        self._has_started = False
        self._block, self._part = 0, 0
        """The block that the stream continues, and the part that this is."""
        self._kind: type[e.Piece] = e.TextDelta
        """What the stream adds to it."""

    def plain(self, event: SseEvent) -> e.Piece | None:
        """Read an event that continues the block of the latest."""
        data = event.data
        if len(data) > _SHORT or data.count(b"[") + data.count(b"{") > BOUNDS.depth:
            return None
        try:
            found = _PLAIN[self._kind](data)
        except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
            return None
        return self._kind(self._part, found.delta.piece, event.frame or None) if found.index == self._block else None

    def take(self, event: SseEvent) -> Sequence[e.Event | Failure]:
        """Decode one event."""
        try:
            decoded = decode_as(_EVENT, event.data)
        except BadJson:
            # Servers of other makes end a stream with an error in a form of their own, without a `type`.
            if (error := read_event(event)) is None:
                raise
            return self._failed(error)
        if decoded.type == "error":
            return self._failed(decode_error(event.data) or read_event(event))
        return self._read(decoded, event.data)

    def _failed(self, error: WireError | None) -> list[e.Event | Failure]:
        if error is None:
            raise BadJson("an error event without an error")
        return [failure_in_answer(error, endpoint=self._endpoint, rules=RULES)]

    def _read(self, event: StreamEvent, data: bytes) -> Sequence[e.Event | Failure]:
        match event:
            case StreamEvent(type="content_block_delta", delta=Delta() as delta):
                steps = self._answer.grow(event.index, delta, data)
                if len(steps) == 1 and isinstance(step := steps[0], e.PIECES) and type(event.index) is int:
                    self.is_plain, self._kind, self._block, self._part = True, type(step), event.index, step.index
                return steps
            case StreamEvent(type="content_block_start", content_block=dict(block)):
                flaws = self._once(event)
                flaws += self._flaws.once(SKIPPED) if self._answer.skips_to(event.index) else ()
                return [*flaws, *self._answer.begin(event.index, block)]
            case StreamEvent(type="content_block_stop"):
                return [*self._once(event), *self._answer.end(event.index)]
            case StreamEvent(type="message_start", message=Body() as message):
                events: list[e.Event | Failure] = [*self._answer.start(message)]
                if self._has_started:
                    events += self._flaws.once(REPEATED)
                self._has_started = True
                for index, whole in enumerate(message.content or ()):
                    events += self._answer.whole(index, whole)
                return events
            case StreamEvent(type="message_delta", delta=Delta() as delta):
                return [*self._once(event), *self._answer.stop(delta, event.usage, event.context_management)]
            case StreamEvent(type="message_stop"):
                self.finished = True
                return self._answer.finish()
            case _:
                return []  # `ping`, and whatever may come to be
