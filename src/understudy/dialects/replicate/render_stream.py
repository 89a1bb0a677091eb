"""Renders streamed output: events to the server-sent events of a prediction's stream."""

from __future__ import annotations

from understudy.dialects.replicate.render import render_error_body
from understudy.domain import events as e
from understudy.domain.content import Refusal, Text
from understudy.domain.failures import Failure
from understudy.wire.http import Headers
from understudy.wire.json import encode


class StreamRenderer:
    """Writes the text of one answer, piece by piece. Everything else is in the prediction, not in its stream.

    The text is written to `data` lines unchanged, so that its carriage returns are read as line feeds. The frame of an
    event that was read from this same dialect is forwarded unchanged.
    """

    headers: Headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))

    def __init__(self) -> None:
        self._forwards = False
        self._number = 0
        self._created = 0

    def feed(self, event: e.Event) -> bytes:
        """Write one event."""
        if event.wire is not None:
            self._forwards = True
            return event.wire
        if self._forwards:
            return b""
        match event:
            case e.TextDelta(text=text) | e.RefusalDelta(text=text) if text:
                return self._event("output", text)
            case e.PartAdded(part=Text(text) | Refusal(text)):
                return self._event("output", text)
            case e.Started(created=created):
                self._created = int(created or 0)
        return b""

    def close(self) -> bytes:
        """Write the end mark."""
        return b"" if self._forwards else self._event("done", "{}")

    def fail(self, failure: Failure) -> bytes:
        """Write an error, after which nothing follows."""
        return self._event("error", encode(render_error_body(failure)).decode())

    def _event(self, name: str, data: str) -> bytes:
        lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        written = "\n".join(f"data: {line}" for line in lines)
        number, self._number = self._number, self._number + 1
        return f"event: {name}\nid: {self._created}:{number}\n{written}\n\n".encode()
