"""Reading streams of server-sent events that end with a mark of their own, as Anthropic's and Cohere's do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from understudy.dialects.base import Endpoint
from understudy.dialects.flaws import Flaws
from understudy.domain.events import Event
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.json import BadJson
from understudy.wire.sse import SseDecoder, SseEvent


class MarkedReader(ABC):
    """Reads events up to the end mark, at which `take` sets `finished`. What follows is passed over."""

    end_mark: ClassVar[str]
    """Its name, for the words of a failure."""

    def __init__(self, endpoint: Endpoint) -> None:
        bounds = endpoint.bounds
        self._keep_wire = endpoint.keep_wire
        self._sse = SseDecoder(keep_frames=endpoint.keep_wire, max_line=bounds.line, max_event=bounds.event)
        self._flaws = Flaws()
        self.finished = False

    @abstractmethod
    def take(self, sse: SseEvent) -> Sequence[Event | Failure]:
        """Read one event. Raises `BadJson`."""

    def feed(self, data: bytes) -> list[Event | Failure]:
        """Take bytes. Raises `TooLarge`; an event that is not valid ends the answer after those before it."""
        steps: list[Event | Failure] = []
        try:
            for event in self._sse.feed(data):
                if self.finished:
                    break
                try:
                    steps += self.take(event)
                except BadJson as error:
                    steps += self._flaws.read(event, self.take, error)
        except BadJson as error:
            self.finished = True
            steps.append(Failure(kind=error.kind, message=f"an event of the stream is not valid: {error}"))
        return steps

    def close(self) -> list[Event | Failure]:
        """Take the end of input; without the end mark the answer is cut off."""
        steps: list[Event | Failure] = []
        try:
            for event in self._sse.close():
                if not self.finished:
                    try:
                        steps += self.take(event)
                    except BadJson as error:
                        steps += self._flaws.read(event, self.take, error)
        except BadJson:
            pass  # The last event was cut: the same as a missing end mark.
        if not self.finished:
            self.finished = True
            steps.append(Failure(kind=FailureKind.TRUNCATED, message=f"the stream ended without {self.end_mark}"))
        return steps
