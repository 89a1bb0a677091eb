"""The reader of event streams that all dialects share, and the frames that are kept for renderers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.flaws import REPEATED, Flaws, Step
from understudy.domain.events import Frame, Piece
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.json import BadJson
from understudy.wire.sse import SseDecoder, SseEvent

Steps = list[Step]


DROPPED: list[Step] = []
"""What `take` returns for an event that is not to be handed on at all, not even as a frame."""


class EventDecoder(Protocol):
    """Splits a stream into events."""

    def feed(self, data: bytes) -> list[SseEvent]:
        """Return the events that more bytes complete. May raise `TooLarge`, and `BadJson`."""
        ...

    def close(self) -> list[SseEvent]:
        """Return the last event, if the end of input left it open."""
        ...


class EventReader(ABC):
    """Reads a streamed answer, event by event.

    What came before a broken event is still returned, so that how the bytes were split never changes the result.
    """

    end_mark: ClassVar[str] = ""
    """An answer that ends without it is truncated; a dialect without an end mark overrides `end`."""

    def __init__(self, endpoint: Endpoint, decoder: EventDecoder | None = None) -> None:
        """`decoder`: decodes server-sent events if unset."""
        bounds = endpoint.bounds
        self._endpoint = endpoint
        self._keep_wire = endpoint.keep_wire
        self._decoder = decoder or SseDecoder(
            keep_frames=endpoint.keep_wire, max_line=bounds.line, max_event=bounds.event
        )
        self._flaws = Flaws()
        self._mark: object = None
        """The latest of the events that surround the pieces of an answer, each of which is sent once."""
        self.finished = False
        self.failed_event: bytes | None = None
        """The frame of the event that was a failure, if frames are kept."""

    is_plain = False
    """Whether the next event is expected to be one for `plain`; set by `take`."""

    def plain(self, event: SseEvent) -> Piece | None:
        """Read an event that adds to a part as the one before it did, and does nothing else: to what `take` makes of
        it, with its frame. `None` for any other, which `take` must read."""
        return None

    @abstractmethod
    def take(self, event: SseEvent) -> Sequence[Step]:
        """Read one event; set `finished` at the end mark. Raises `BadJson`."""

    def _once(self, mark: object) -> list[Step]:
        """Report an event that equals the one before it of those which are sent once."""
        if mark == self._mark:
            return self._flaws.once(REPEATED)
        self._mark = mark
        return []

    def end(self, *, cut: bool) -> Sequence[Step]:
        """Return what the end of input means; `cut` if it stands inside an event."""
        return [Failure(kind=FailureKind.TRUNCATED, message=f"the stream ended without {self.end_mark}")]

    def feed(self, data: bytes) -> Steps:
        """Read more bytes. Raises `TooLarge`."""
        steps: Steps = []
        if not self.finished:
            try:
                events = self._decoder.feed(data)
                if self.is_plain and len(events) == 1 and (delta := self.plain(events[0])) is not None:
                    return [delta]  # as most reads of a stream
                self._take_all(events, steps)
            except BadJson as error:
                steps.append(self._broken(error))
        return steps

    def close(self) -> Steps:
        """Read the end of input; a last event that is broken counts as cut. Raises `TooLarge`."""
        steps: Steps = []
        if self.finished:
            return steps
        cut = False
        try:
            last = self._decoder.close()
        except BadJson as error:
            return [self._broken(error)]
        try:
            self._take_all(last, steps)
        except BadJson:
            cut = True
        if not self.finished:
            self.finished = True
            ending = self.end(cut=cut)
            steps += stamped(ending, b"") if self._keep_wire else ending
        return steps

    def _take_all(self, events: list[SseEvent], steps: Steps) -> None:
        for event in events:
            if self.is_plain:
                if (delta := self.plain(event)) is not None:
                    steps.append(delta)
                    continue
                self.is_plain = False
            try:
                new = self.take(event)
            except BadJson as error:
                new = self._flaws.read(event, self.take, error)
            steps += stamped(new, event.frame) if self._keep_wire else new
            if self.finished or (new and isinstance(new[-1], Failure)):
                self.finished = True
                if self._keep_wire and len(new) == 1 and isinstance(new[0], Failure):
                    self.failed_event = event.frame
                break

    def _broken(self, error: BadJson) -> Failure:
        self.finished = True
        return Failure(kind=error.kind, message=f"the stream contains an invalid event: {error}")


def stamped(steps: Sequence[Step], frame: bytes) -> Steps:
    """Put the frame on the first event and an empty frame on the others; a frame without events becomes one."""
    if steps is DROPPED:
        return []
    if len(steps) == 1 and not isinstance(step := steps[0], Failure):
        return [msgspec.structs.replace(step, wire=frame)]
    found: Steps = []
    wire = frame
    for step in steps:
        if isinstance(step, Failure):
            found.append(step)
        else:
            found.append(msgspec.structs.replace(step, wire=wire))
            wire = b""
    return found or ([Frame(frame)] if frame else [])
