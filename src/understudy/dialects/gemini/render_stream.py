"""Renders streamed answers: events to chunks, as server-sent events or as one JSON array that grows."""

from __future__ import annotations

from understudy.dialects.gemini.render import render_chunk, render_content, render_end, render_error_body, render_part
from understudy.dialects.gemini.wire import NAME, SIGNATURE
from understudy.domain import events as e
from understudy.domain.content import JsonObject, ToolCall
from understudy.domain.failures import Failure
from understudy.domain.fold import Facts
from understudy.wire.http import Headers
from understudy.wire.json import encode
from understudy.wire.sse import frame


class _Call:
    """A call while its arguments arrive."""

    __slots__ = ("call_id", "name", "pieces")

    def __init__(self, call_id: str, name: str) -> None:
        self.call_id = call_id
        self.name = name
        self.pieces: list[str] = []


class ChunkRenderer:
    """Writes one answer. The frame of an event read from this same dialect is forwarded as it came.

    A call is written whole, so calls wait for the next other part, or for the end. Facts of the whole answer, such as
    its grounding, are written with the finish reason.
    """

    def __init__(self, *, sse: bool = True) -> None:
        self._sse = sse
        kind = "text/event-stream" if sse else "application/json; charset=UTF-8"
        self.headers: Headers = (("content-type", kind), ("cache-control", "no-cache"))
        self._written = 0
        self._forwards = False
        self._facts = Facts()
        self._notes: dict[int, JsonObject] = {}
        self._calls: dict[int, _Call] = {}

    def feed(self, event: e.Event) -> bytes:
        """Write one event."""
        if event.wire is not None:
            self._forwards = True
            return self._forwarded(event.wire)
        if self._forwards:
            return b""
        match event:
            case e.TextDelta(index, text) | e.RefusalDelta(index, text):
                return self._piece({"text": text, **self._notes.pop(index, {})})
            case e.ThinkingDelta(index, text):
                return self._piece({"text": text, "thought": True, **self._notes.pop(index, {})}) if text else b""
            case e.ThinkingSigned(_, signature):
                return self._piece({"text": "", "thought": True, SIGNATURE: signature})
            case e.ToolCallStarted(index, call_id, name):
                self._calls[index] = _Call(call_id, name)
            case e.ToolCallDelta(index, arguments):
                if index in self._calls:
                    self._calls[index].pieces.append(arguments)
            case e.PartAdded(index, ToolCall() as call):
                self._calls[index] = _Call(call.id, call.name)
                self._calls[index].pieces.append(call.arguments)
                self._notes[index] = (call.extra or {}).get(NAME, {})
            case e.PartAdded(_, part):
                body = render_part(part)
                return b"" if body is None else self._piece(body)
            case e.PartExtra(index, dialect, fields) if dialect == NAME:
                self._notes[index] = {**self._notes.get(index, {}), **fields}
            case _:
                self._facts.add(event)
        return b""

    def close(self) -> bytes:
        """Write the end: calls that wait, then the reason, and for an array its last bracket."""
        if self._forwards:
            return self._end()
        calls = self._waiting_calls()
        end = render_end(self._facts.ending.reason, self._facts.ending.raw, self._facts.extra, [])
        return calls + self._chunk(end) + self._end()

    def fail(self, failure: Failure) -> bytes:
        """Write an error; like the service, as plain JSON between the events."""
        body = encode(render_error_body(failure))
        return body + b"\n\n" if self._sse else self._separator() + body + b"\n]\n"

    def _end(self) -> bytes:
        if self._sse:
            return b""
        return b"]\n" if self._written else b"[]\n"

    def _piece(self, part: JsonObject) -> bytes:
        """Write a part; empty text is dropped unless it is signed."""
        if part.get("text") == "" and SIGNATURE not in part:
            return b""
        return self._waiting_calls() + self._chunk(render_content([part]))

    def _waiting_calls(self) -> bytes:
        if not self._calls:
            return b""
        parts = []
        for index, call in self._calls.items():
            whole = ToolCall(
                id=call.call_id,
                name=call.name,
                arguments="".join(call.pieces) or "{}",
                extra={NAME: self._notes.pop(index, {})},
            )
            if (body := render_part(whole)) is not None:
                parts.append(body)
        self._calls = {}
        return self._chunk(render_content(parts))

    def _chunk(self, candidate: JsonObject) -> bytes:
        data = encode(render_chunk(candidate, self._facts))
        return frame(data) if self._sse else self._element(data)

    def _forwarded(self, wire: bytes) -> bytes:
        """Return a frame unchanged; for an array, the data of the frame."""
        if self._sse or not wire:
            return wire
        data = [line[5:].strip() for line in wire.split(b"\n") if line.startswith(b"data:")]
        return self._element(b" ".join(data)) if data else b""

    def _element(self, data: bytes) -> bytes:
        return self._separator() + data + b"\n"

    def _separator(self) -> bytes:
        self._written += 1
        return b"[" if self._written == 1 else b","
