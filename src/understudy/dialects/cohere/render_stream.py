"""The writer of streamed answers: events to the server-sent events of Cohere's chat."""

from __future__ import annotations

from typing import Any

from understudy.dialects.cohere.citations import citations_of, write_citation
from understudy.dialects.cohere.render import (
    render_call,
    render_error_message,
    render_finish_reason,
    render_logprobs,
    render_part,
)
from understudy.dialects.cohere.usage import render_usage
from understudy.dialects.cohere.wire import NAME, PLAN, is_plan
from understudy.domain import events as e
from understudy.domain.content import AnyPart, JsonObject, Text, Thinking, ToolCall
from understudy.domain.failures import Failure
from understudy.domain.fold import Facts
from understudy.wire.http import Headers
from understudy.wire.json import encode, is_object
from understudy.wire.sse import frame

_DONE = frame(b"[DONE]")


class StreamRenderer:
    """Writes one answer. The frame of an event from the same dialect is forwarded as received.

    Content blocks follow one another; a block that another part interrupts goes on as a new one. So do tool calls, for
    clients that gather one at a time, such as LangChain's; only one whose arguments are still incomplete when another
    begins (some providers interleave) stays open beside it.
    """

    headers: Headers = (("content-type", "text/event-stream"), ("cache-control", "no-cache"))

    def __init__(self) -> None:
        self._forwards = False
        self._begun = False
        self._plans: set[int] = set()
        self._blocks = 0
        self._open: int | None = None
        self._texts: dict[int, list[str]] = {}
        self._places: dict[int, int] = {}
        self._calls: dict[int, int] = {}
        self._running: dict[int, list[str]] = {}
        """The calls that have not ended, and their arguments so far."""
        self._cited = 0
        self._facts = Facts()

    def feed(self, event: e.Event) -> bytes:
        """Render one event."""
        if event.wire is not None:
            self._forwards = True
            return event.wire
        if self._forwards:
            return b""
        match event:
            case e.TextDelta(index, text) | e.RefusalDelta(index, text):
                self._texts.setdefault(index, []).append(text)
                return self._delta(index, "text", text)
            case e.ThinkingDelta(index, text):
                return self._thought(index, text)
            case e.ToolCallStarted(index, call_id, name):
                return self._call(index, call_id, name)
            case e.ToolCallDelta(index, arguments):
                return self._arguments(index, arguments)
            case e.CitationAdded(index, citation):
                raw = write_citation(citation, "".join(self._texts.get(index, ())), self._places.get(index, 0))
                return b"" if raw is None else self._cite(raw)
            case e.PartExtra(index, dialect, fields) if dialect == NAME:
                return self._note(index, fields)
            case e.PartAdded(index, part):
                return self._part(index, part)
            case _:
                self._facts.add(event)
                return b""

    def close(self) -> bytes:
        """Render the end: close open blocks, then write the reason, the counts and the end mark."""
        if self._forwards:
            return _DONE
        delta: JsonObject = {"finish_reason": render_finish_reason(self._facts.ending.reason, self._facts.ending.raw)}
        if (usage := render_usage(self._facts.usage)) is not None:
            delta["usage"] = usage
        chances, calls = self._chances(), self._end_calls(list(self._running))
        return b"".join((self._begin(), chances, self._close_block(), calls, _event("message-end", delta=delta), _DONE))

    def fail(self, failure: Failure) -> bytes:
        """Write an error: on this wire it is how the message ends."""
        return _event("message-end", delta={"finish_reason": "ERROR", "error": render_error_message(failure)})

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        return _event("message-start", id=self._facts.started.id or "understudy", delta={"message": message})

    def _delta(self, part: int, kind: str, text: str) -> bytes:
        before = self._begin()
        if self._open != part:
            before += self._close_block() + self._open_block(part, {"type": kind, kind: ""})
        return before + _event("content-delta", index=self._places[part], delta=_content({kind: text}))

    def _open_block(self, part: int, block: JsonObject) -> bytes:
        self._open, self._places[part] = part, self._blocks
        self._blocks += 1
        return _event("content-start", index=self._places[part], delta=_content(block))

    def _close_block(self) -> bytes:
        if self._open is None:
            return b""
        index, self._open = self._places[self._open], None
        return _event("content-end", index=index)

    def _thought(self, part: int, text: str) -> bytes:
        if not text:
            return b""
        if part not in self._plans:
            return self._delta(part, "thinking", text)
        return self._begin() + _event("tool-plan-delta", delta={"message": {"tool_plan": text}})

    def _call(self, part: int, call_id: str, name: str) -> bytes:
        ended = self._end_calls([each for each, pieces in self._running.items() if is_object("".join(pieces))])
        number = self._calls[part] = len(self._calls)
        self._running[part] = []
        delta = {"message": {"tool_calls": render_call(call_id, name, "")}}
        return self._begin() + self._close_block() + ended + _event("tool-call-start", index=number, delta=delta)

    def _end_calls(self, parts: list[int]) -> bytes:
        for part in parts:
            del self._running[part]
        return b"".join(_event("tool-call-end", index=self._calls[part]) for part in parts)

    def _arguments(self, part: int, arguments: str) -> bytes:
        if part not in self._calls:
            return b""
        if part in self._running:
            self._running[part].append(arguments)
        delta = {"message": {"tool_calls": {"function": {"arguments": arguments}}}}
        return _event("tool-call-delta", index=self._calls[part], delta=delta)

    def _note(self, part: int, fields: JsonObject) -> bytes:
        if fields.get(PLAN):
            self._plans.add(part)
        # Each list of citations repeats those before it.
        new = (fields.get("citations") or [])[-1:]
        return b"".join(map(self._cite, new))

    def _cite(self, raw: JsonObject) -> bytes:
        number = self._cited
        self._cited += 1
        written = _event("citation-start", index=number, delta={"message": {"citations": raw}})
        return self._begin() + written + _event("citation-end", index=number)

    def _part(self, index: int, part: AnyPart) -> bytes:
        """Write a part that arrives whole."""
        match part:
            case ToolCall():
                return self._call(index, part.id, part.name) + self._arguments(index, part.arguments)
            case Thinking(text) if is_plan(part):
                self._plans.add(index)
                return self._thought(index, text) + b"".join(map(self._cite, citations_of(part)))
            case Text(text, citations=citations):
                self._texts[index] = [text]
                written = self._delta(index, "text", text)
                raws = [write_citation(citation, text, self._places[index]) for citation in citations]
                return written + b"".join(self._cite(raw) for raw in raws if raw is not None)
            case Thinking(text) if text:
                return self._delta(index, "thinking", text) + b"".join(map(self._cite, citations_of(part)))
        block = render_part(part)
        if block is None:
            return b""
        return self._begin() + self._close_block() + self._open_block(index, block) + self._close_block()

    def _chances(self) -> bytes:
        """Write log probabilities, which come at the end here, on deltas without text of the last text."""
        places = [self._places[part] for part in self._texts]
        chunks = render_logprobs(self._facts.extra.get("logprobs")) if places else ()
        return b"".join(
            _event("content-delta", index=places[-1], delta=_content({"text": ""}), logprobs=chunk) for chunk in chunks
        )


def _content(content: JsonObject) -> JsonObject:
    return {"message": {"content": content}}


def _event(kind: str, **fields: Any) -> bytes:
    return frame(encode({"type": kind, **fields}), kind)
