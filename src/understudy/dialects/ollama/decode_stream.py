"""The reader of streamed chats: newline-delimited JSON."""

from __future__ import annotations

from understudy.dialects.base import Endpoint
from understudy.dialects.event_reader import EventReader
from understudy.dialects.ollama.decode import LINE, AnswerDecoder
from understudy.domain.events import Event
from understudy.domain.failures import Failure
from understudy.wire.json import decode_as
from understudy.wire.ndjson import NdjsonDecoder
from understudy.wire.sse import SseEvent


class StreamReader(EventReader):
    """Reads a streamed chat, a line at a time."""

    end_mark = "`done: true`"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint, NdjsonDecoder(keep_frames=endpoint.keep_wire, max_line=endpoint.bounds.event))
        self._at_once = endpoint.bounds.at_once
        self._answer = AnswerDecoder(endpoint)

    def take(self, event: SseEvent) -> list[Event | Failure]:
        """Read one line."""
        steps = self._answer.read(decode_as(LINE, event.data, decoded=self._at_once))
        self.finished = self._answer.finished
        return steps
