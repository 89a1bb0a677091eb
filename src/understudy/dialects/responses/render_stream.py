"""The writer of a stream: announced items, their pieces, closed items, and the whole response at the end.

Source: the event types of OpenAI's Python SDK (2.54.0) and the order in which its stream helper expects them.
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.openai.render import render_error_body
from understudy.dialects.responses.render import Ending, ResponseHead, ending_of, head_of, render_item, render_response
from understudy.dialects.responses.render_parts import (
    Live,
    LiveCall,
    LiveItem,
    LiveMessage,
    LiveRefusal,
    LiveText,
    LiveThinking,
)
from understudy.dialects.responses.wire import CALL_PREFIX, NAME
from understudy.dialects.server import Inbound
from understudy.domain import events as e
from understudy.domain.content import AnyPart, JsonObject
from understudy.domain.failures import Failure
from understudy.domain.fold import Facts
from understudy.domain.usage import Usage
from understudy.wire.http import Headers
from understudy.wire.json import encode
from understudy.wire.sse import frame

_ENDS = {"completed": "response.completed", "incomplete": "response.incomplete", "failed": "response.failed"}


class ResponsesRenderer:
    """Writes a streamed answer. Frames of this dialect are passed on as they came.

    Parts open an item each. Calls stay open to the end, because their pieces may interleave; everything else is closed
    as soon as the next part begins.
    """

    headers: Headers = (("content-type", "text/event-stream"), ("cache-control", "no-cache"))

    def __init__(self, inbound: Inbound) -> None:
        self._options: dict[str, Any] = inbound.options
        self._head: ResponseHead = head_of(None, None, None, inbound.options)
        self._begun = False
        self._sequence = 0
        self._forwards = False
        self._lives: dict[int, Live] = {}
        self._order: list[Live] = []
        self._notes: dict[int, JsonObject] = {}
        self._facts = Facts()

    def feed(self, event: e.Event) -> bytes:
        """Render one event; empty if the wire has nothing for it yet."""
        if event.wire is not None:
            self._forwards = True
            self._sequence += bool(event.wire)
            return event.wire
        if isinstance(event, e.CONTENT_EVENTS):
            return self._begin(e.Started()) + self._content(event)
        match event:
            case e.Started():
                return self._begin(event)
            case e.CitationAdded(index, citation):
                return self._write(*self._lives[index].cite(citation)) if index in self._lives else b""
            case e.PartExtra(index, dialect, extra):
                if dialect == NAME:
                    fields = extra.get("item", extra)
                    self._notes[index] = {**self._notes.get(index, {}), **fields}
                    if index in self._lives:
                        self._lives[index].note(fields)
            case _:
                self._facts.add(event)
        return b""

    def close(self) -> bytes:
        """Close what is open, and write the last event with the whole response."""
        if self._forwards:
            return b""
        out = self._begin(e.Started())
        ending = ending_of(self._facts.ending.reason)
        status = "completed" if ending.status == "completed" else "incomplete"
        for live in self._order:
            out += self._end(live, status)
        output = [live.item() for live in self._order]
        return out + self._write(
            (_ENDS[ending.status], {"response": self._response(output, ending, self._facts.usage)})
        )

    def fail(self, failure: Failure) -> bytes:
        """Render an `error` event.

        Its fields stand at the top level, as documented, and once more in `error`, without which OpenAI's own client
        takes the event for one of many and the broken answer for a whole one.
        """
        error = render_error_body(failure)["error"]
        error["code"] = error["code"] or failure.kind.value
        top = {key: error[key] for key in ("code", "message", "param")}
        return self._write(("error", {**top, "error": error}))

    def _begin(self, started: e.Started) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        self._head = head_of(started.id, started.model, started.created, self._options)
        response = self._response([], Ending("in_progress"), Usage())
        return self._write(
            ("response.created", {"response": response}), ("response.in_progress", {"response": response})
        )

    def _response(self, output: list[JsonObject], ending: Ending, usage: Usage) -> JsonObject:
        return render_response(self._head, output, ending, usage, self._facts.extra)

    def _content(self, event: e.Content) -> bytes:
        match event:
            case e.TextDelta(index, text):
                return self._piece(LiveText, index, text)
            case e.RefusalDelta(index, text):
                return self._piece(LiveRefusal, index, text)
            case e.ThinkingDelta(index, text):
                return self._piece(LiveThinking, index, text)
            case e.ThinkingSigned(index, signature):
                out = self._piece(LiveThinking, index, "") if index not in self._lives else b""
                live = self._lives[index]
                live.signature = (live.signature or "") + signature
                return out
            case e.ToolCallStarted(index, call_id, name):
                prefix = CALL_PREFIX.get(self._notes.get(index, {}).get("type", ""), "fc")
                return self._open(index, LiveCall(*self._place(prefix, index), (call_id, name)))
            case e.ToolCallDelta(index, arguments):
                return self._write(*self._lives[index].add(arguments)) if index in self._lives else b""
            case e.PartAdded(index, part):
                return self._add_whole(index, part)

    def _piece(self, kind: type[LiveText | LiveRefusal | LiveThinking], index: int, text: str) -> bytes:
        live = self._lives.get(index)
        opening = b""
        if live is None or live.closed or not isinstance(live, kind):
            opening = self._open_piece(kind, index)
        return opening + self._write(*self._lives[index].add(text)) if text else opening

    def _open_piece(self, kind: type[LiveText | LiveRefusal | LiveThinking], index: int) -> bytes:
        before = self._message_of(index)
        if before is None or issubclass(kind, LiveThinking):
            return self._open(index, kind(*self._place(kind.prefix, index)))
        live = kind(before.position, before.item_id, self._notes[index], before)
        self._order[-1] = self._lives[index] = live
        return self._end(before, "completed") + self._write(*live.begin())

    def _message_of(self, index: int) -> LiveMessage | None:
        """Return the open message that a new content belongs to, by the id that was reported for both."""
        last = self._order[-1] if self._order else None
        own = self._notes.get(index, {}).get("id")
        return last if isinstance(last, LiveMessage) and not last.closed and last.item_id == own else None

    def _add_whole(self, index: int, part: AnyPart) -> bytes:
        position = len(self._order)
        item = render_item(part, self._head, position)
        if item is None:
            return b""
        live = LiveItem(position, item)
        return self._open(index, live) + self._end(live, "completed")

    def _place(self, prefix: str, index: int) -> tuple[int, str, JsonObject]:
        """Return position, id and known fields for a new item. No two items get the same id."""
        position, about = len(self._order), self._notes.get(index, {})
        own = about.get("id")
        taken = not isinstance(own, str) or any(live.item_id == own for live in self._order)
        return position, self._head.item_id(prefix, position) if taken else str(own), about

    def _open(self, index: int, live: Live) -> bytes:
        out = b"".join(self._end(other, "completed") for other in self._order if not isinstance(other, LiveCall))
        self._lives[index] = live
        self._order.append(live)
        return out + self._write(*live.begin())

    def _end(self, live: Live, status: str) -> bytes:
        if live.closed:
            return b""
        live.closed = True
        live.status = status
        return self._write(*live.end())

    def _write(self, *events: tuple[str, JsonObject]) -> bytes:
        frames = []
        for kind, fields in events:
            frames.append(frame(encode({"type": kind, "sequence_number": self._sequence, **fields}), kind))
            self._sequence += 1
        return b"".join(frames)
