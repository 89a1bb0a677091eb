"""Streamed answers in OpenAI's form: events in, chunks out."""

from __future__ import annotations

from typing import Any

from understudy.dialects.openai.render import render_error_body
from understudy.dialects.openai.wire import NAME
from understudy.domain import events as e
from understudy.domain.chat_completion import (
    annotation_object,
    audio_object,
    finish_reason,
    is_fact,
    like_openai,
    logprobs_object,
    tool_call_object,
    usage_object,
)
from understudy.domain.content import Audio, JsonObject, Opaque, Refusal, Text, ToolCall
from understudy.domain.failures import Failure
from understudy.domain.finish import FinishReason
from understudy.domain.usage import Usage
from understudy.wire.http import Headers
from understudy.wire.json import BadJson, decode, encode
from understudy.wire.sse import frame

SSE_HEADERS: Headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
DONE = b"data: [DONE]\n\n"


class ChunkRenderer:
    """Writes chunks: the role first, then content, the finish reason, usage if it was asked for, `[DONE]`.

    With `legacy` the one tool call goes out in the deprecated form that the caller's request had.
    """

    headers: Headers = SSE_HEADERS

    def __init__(self, *, include_usage: bool = False, legacy: bool = False) -> None:
        self._include_usage = include_usage
        self._legacy = legacy
        self._started = e.Started()
        self._facts: JsonObject = {}
        self._frame: tuple[bytes, bytes] | None = None
        self._has_role = False
        self._calls: dict[int, tuple[int, str]] = {}
        self._waiting: e.ToolCallStarted | None = None
        self._usage = Usage()
        self._forwards = False

    def feed(self, event: e.Event) -> bytes:
        """Render one event."""
        if event.wire is not None:
            return self._forward(event, event.wire)
        if self._waiting is not None and not isinstance(event, e.PartExtra):
            return self._begin_call("function") + self._write(event)
        return self._write(event)

    def close(self) -> bytes:
        """Render the usage chunk, if it was requested and is known, and the end mark."""
        out = self._begin_call("function")
        if self._forwards:
            return out  # the end mark, if there is one, was among the frames
        if self._include_usage and (usage := usage_object(self._usage)) is not None:
            out += self._bare({"choices": [], "usage": usage})
        return out + DONE

    def fail(self, failure: Failure) -> bytes:
        """Render an error, after which nothing follows."""
        return self._begin_call("function") + frame(encode(render_error_body(failure)))

    def _write(self, event: e.Event) -> bytes:
        match event:
            case e.TextDelta(_, text):
                return self._delta(b'{"content":%b}' % encode(text))
            case e.ThinkingDelta(_, text):
                return self._delta(b'{"reasoning":%b}' % encode(text)) if text else b""
            case e.ToolCallDelta(index, arguments):
                return self._arguments(index, arguments)
            case e.RefusalDelta(_, text):
                return self._delta(b'{"refusal":%b}' % encode(text))
            case e.Started():
                self._started = event
                self._frame = None
                return self._role()
            case e.ToolCallStarted():
                self._waiting = event
                return b""
            case e.PartExtra(_, dialect, fields):
                is_custom = dialect == "openai" and fields.get("type") == "custom"
                return self._begin_call("custom" if is_custom else "function")
            case _:
                return self._write_rarer(event)

    def _write_rarer(self, event: e.Event) -> bytes:
        match event:
            case e.Finished(reason):
                return self._finish(reason)
            case e.UsageReported(usage):
                self._usage = self._usage.followed_by(usage)
            case e.FactReported(key, value):
                return self._note(key, value)
            case e.CitationAdded(_, citation):
                if (annotation := annotation_object(citation, NAME)) is not None:
                    return self._delta(encode({"annotations": [annotation]}))
            case e.PartAdded(index, part):
                return self._part(index, part)
            case _:
                pass  # signatures and warnings have no place in this form
        return b""

    def _part(self, index: int, part: Any) -> bytes:
        match part:
            case Text(text):
                return self._delta(encode({"content": text}))
            case Refusal(text):
                return self._delta(encode({"refusal": text}))
            case Audio():
                return self._delta(encode({"audio": audio_object(part, NAME)}))
            case ToolCall():
                kind = tool_call_object(part, NAME)["type"]
                self._waiting = e.ToolCallStarted(index, part.id, part.name)
                return self._begin_call(kind) + self._arguments(index, part.arguments)
            case Opaque("openai", {"type": str()} as json):
                return self._delta(encode({"content": [json]}))
        return b""

    def _begin_call(self, kind: str) -> bytes:
        """Render the start of a call. It waits for the event after it, which may say that the tool is a custom one."""
        call = self._waiting
        if call is None:
            return b""
        self._waiting = None
        number = len(self._calls)
        self._calls[call.index] = (number, kind)
        if self._legacy:
            return self._delta(encode({"function_call": {"name": call.name, "arguments": ""}})) if number == 0 else b""
        inner = {"name": call.name, "input" if kind == "custom" else "arguments": ""}
        return self._delta(encode({"tool_calls": [{"index": number, "id": call.id, "type": kind, kind: inner}]}))

    def _arguments(self, index: int, text: str) -> bytes:
        number, kind = self._calls.get(index, (0, "function"))
        if self._legacy:
            return self._delta(encode({"function_call": {"arguments": text}})) if number == 0 else b""
        inner = {"input" if kind == "custom" else "arguments": text}
        return self._delta(encode({"tool_calls": [{"index": number, kind: inner}]}))

    def _note(self, key: str, value: Any) -> bytes:
        if key == "logprobs" and (logprobs := logprobs_object(value)) is not None:
            return self._choice({"index": 0, "delta": {}, "logprobs": logprobs, "finish_reason": None})
        if key == "moderation":
            return self._bare({"choices": [], "moderation": value})
        if is_fact(key, value):
            self._facts[key] = value
            self._frame = None
        return b""

    def _finish(self, reason: FinishReason) -> bytes:
        word = finish_reason(reason)
        if self._legacy and word == "tool_calls":
            word = "function_call"
        return self._role() + self._choice({"index": 0, "delta": {}, "logprobs": None, "finish_reason": word})

    def _role(self) -> bytes:
        if self._has_role:
            return b""
        self._has_role = True
        return self._delta(b'{"role":"assistant","content":"","refusal":null}')

    def _delta(self, delta: bytes) -> bytes:
        role = b"" if self._has_role else self._role()
        if self._frame is None:
            self._frame = self._template()
        return b"%b%b%b%b" % (role, self._frame[0], delta, self._frame[1])

    def _template(self) -> tuple[bytes, bytes]:
        """Return what precedes and follows the delta: the same in every chunk."""
        choice = {"index": 0, "delta": 0, "logprobs": None, "finish_reason": None}
        before, after = self._choice(choice).split(b'"delta":0', 1)
        return before + b'"delta":', after

    def _choice(self, choice: JsonObject) -> bytes:
        return self._bare({"choices": [choice]} | ({"usage": None} if self._include_usage else {}))

    def _bare(self, fields: JsonObject) -> bytes:
        chunk = {
            "id": self._started.id or "chatcmpl-understudy",
            "object": "chat.completion.chunk",
            "created": int(self._started.created or 0),
            "model": self._started.model or "",
            **{key: value for key, value in self._facts.items() if key != "moderation"},
            **fields,
        }
        return frame(encode(chunk))

    def _forward(self, event: e.Event, wire: bytes) -> bytes:
        """Pass a frame of this dialect on as it came, but for usage that the caller did not ask for."""
        self._has_role = self._forwards = True
        if self._include_usage or type(event) is e.TextDelta or isinstance(event, e.CONTENT_EVENTS) or not wire:
            return wire
        return b"" if _holds_only_usage(wire) else wire


class ChunkObjects:
    """The same chunks as objects, for code in this process that reads OpenAI's: nothing that its types refuse."""

    def __init__(self) -> None:
        self._renderer = ChunkRenderer(include_usage=True)

    def feed(self, event: e.Event) -> list[JsonObject]:
        """Return the chunks of one event."""
        return _objects(self._renderer.feed(event))

    def close(self) -> list[JsonObject]:
        """Return the last chunks, usage among them where it is known."""
        return _objects(self._renderer.close())


def _objects(frames: bytes) -> list[JsonObject]:
    chunks = [decode(line[6:]) for line in frames.splitlines() if line.startswith(b"data: {")]
    for chunk in chunks:
        like_openai(chunk)
    return chunks


def _holds_only_usage(wire: bytes) -> bool:
    """Check whether a frame is the chunk without choices that `include_usage` asks for. Azure's filter results come in
    such chunks too, but without usage."""
    if b'"usage"' not in wire:
        return False
    data = b"".join(line[5:] for line in wire.splitlines() if line.startswith(b"data:"))
    try:
        chunk = decode(data)
    except BadJson:
        return False
    return isinstance(chunk, dict) and not chunk.get("choices") and chunk.get("usage") is not None
