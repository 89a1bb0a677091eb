"""The writer of streamed answers: events to the server-sent events of the Messages API."""

from __future__ import annotations

from understudy.dialects.anthropic.citations import render_citation
from understudy.dialects.anthropic.render import render_error_body, render_part, render_stop
from understudy.dialects.anthropic.usage import render_usage
from understudy.domain import events as e
from understudy.domain.content import JsonObject, ToolCall
from understudy.domain.failures import Failure
from understudy.domain.fold import Facts
from understudy.wire.http import Headers
from understudy.wire.json import encode, is_object
from understudy.wire.sse import frame

_BEGINNINGS: dict[str, JsonObject] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}


class _Open:
    """A block that has begun. `pieces` gathers a tool call's arguments, to detect when they are complete."""

    __slots__ = ("index", "kind", "pieces")

    def __init__(self, index: int, kind: str) -> None:
        self.index = index
        self.kind = kind
        self.pieces: list[str] = []

    def may_close(self) -> bool:
        """Check whether the block can be complete: false if its arguments are not yet a JSON object."""
        return self.kind != "tool_use" or is_object("".join(self.pieces))


class StreamRenderer:
    """Writes one message. The frame of an event read from this same dialect is forwarded as it came.

    Blocks follow one another, as the service writes them; only a tool call whose arguments are still incomplete when
    another part begins (some providers interleave) stays open beside it.
    """

    headers: Headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))

    def __init__(self) -> None:
        self._forwards = False
        self._begun = False
        self._next = 0
        self._open: dict[int, _Open] = {}
        self._closed: set[int] = set()
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
                # Google's signatures may stand on empty text, which no client could send back here.
                return self._delta(index, "text", {"type": "text_delta", "text": text}) if text else b""
            case e.ThinkingDelta(index, ""):
                return self._ensure(index, "thinking")
            case e.ThinkingDelta(index, text):
                return self._delta(index, "thinking", {"type": "thinking_delta", "thinking": text})
            case e.ThinkingSigned(index, signature):
                return self._delta(index, "thinking", {"type": "signature_delta", "signature": signature})
            case e.ToolCallStarted(index, call_id, name):
                return self._start(index, {"type": "tool_use", "id": call_id, "name": name, "input": {}})
            case e.ToolCallDelta(index, arguments):
                return self._arguments(index, arguments)
            case e.CitationAdded(index, citation):
                raw = render_citation(citation)
                return b"" if raw is None else self._delta(index, "text", {"type": "citations_delta", "citation": raw})
            case e.PartAdded(index, ToolCall(id=call_id, name=name, arguments=arguments)):
                block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
                return self._start(index, block) + self._arguments(index, arguments) + self._close_blocks(force=False)
            case e.PartAdded(index, part):
                whole = render_part(part)
                return b"" if whole is None else self._whole(index, whole)
            case _:
                self._facts.add(event)
                return b""

    def close(self) -> bytes:
        """Render the end: open blocks close, then the reason and the final counts."""
        if self._forwards:
            return b""
        stop = render_stop(self._facts.ending.reason, self._facts.ending.raw, self._facts.extra)
        end: JsonObject = {"type": "message_delta", "delta": stop, "usage": render_usage(self._facts.usage, {})}
        end["usage"].pop("cache_creation", None)
        if "context_management" in self._facts.extra:
            end["context_management"] = self._facts.extra["context_management"]
        return b"".join((self._begin(), self._close_blocks(force=True), _event(end), _event({"type": "message_stop"})))

    def fail(self, failure: Failure) -> bytes:
        """Render an error; the message has no end then."""
        return frame(encode(render_error_body(failure)), "error")

    def _begin(self) -> bytes:
        """Render `message_start` once, as late as possible: counts that are known by then go with it."""
        if self._begun:
            return b""
        self._begun = True
        message: JsonObject = {
            "id": self._facts.started.id or "msg_understudy",
            "type": "message",
            "role": "assistant",
            "model": self._facts.started.model or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": render_usage(self._facts.usage, self._facts.extra),
        }
        return _event({"type": "message_start", "message": message})

    def _start(self, part: int, block: JsonObject) -> bytes:
        before = self._begin() + self._close_blocks(force=False)
        opened = self._open[part] = _Open(self._next, block["type"])
        self._next += 1
        return before + _event({"type": "content_block_start", "index": opened.index, "content_block": block})

    def _ensure(self, part: int, kind: str) -> bytes:
        """Begin the part's block unless it is open. Text that comes back after another part begins a new block."""
        return b"" if part in self._open else self._start(part, _BEGINNINGS[kind])

    def _delta(self, part: int, kind: str, delta: JsonObject) -> bytes:
        before = self._ensure(part, kind)
        return before + _event({"type": "content_block_delta", "index": self._open[part].index, "delta": delta})

    def _arguments(self, part: int, arguments: str) -> bytes:
        opened = self._open.get(part)
        if opened is None:
            return b""
        opened.pieces.append(arguments)
        delta = {"type": "input_json_delta", "partial_json": arguments}
        return _event({"type": "content_block_delta", "index": opened.index, "delta": delta})

    def _whole(self, part: int, block: JsonObject) -> bytes:
        """Render a part that arrives whole; the input of a call goes as a delta, as clients expect it."""
        match block:
            case {"type": "text", "text": str(text)}:
                written = self._start(part, {**block, "text": ""})
                written += self._delta(part, "text", {"type": "text_delta", "text": text})
            case {"input": dict(arguments)}:
                written = self._start(part, {**block, "input": {}})
                written += self._arguments(part, encode(arguments).decode())
            case _:
                written = self._start(part, block)
        return written + self._close_blocks(force=False)

    def _close_blocks(self, *, force: bool) -> bytes:
        done = [part for part, opened in self._open.items() if force or opened.may_close()]
        closed = [self._open.pop(part).index for part in done]
        return b"".join(_event({"type": "content_block_stop", "index": index}) for index in closed)


def _event(body: JsonObject) -> bytes:
    return frame(encode(body), body["type"])
