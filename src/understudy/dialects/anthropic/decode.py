"""Answers of the Messages API to events. A whole body takes the path of a stream: start, blocks, stop."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.anthropic.citations import read_citation
from understudy.dialects.anthropic.errors import RULES, decode_error
from understudy.dialects.anthropic.usage import CREDITED, EXECUTION, decode_usage, is_redeemed
from understudy.dialects.anthropic.wire import NAME, NOTED, STOP_REASONS, Body, Count, Delta, ToolInput
from understudy.dialects.base import Endpoint
from understudy.dialects.errors import failure_in_answer
from understudy.dialects.flaws import NO_FINAL_USAGE
from understudy.domain import events as e
from understudy.domain.content import JsonObject, Opaque, Provenance, Thinking
from understudy.domain.failures import Failure
from understudy.domain.finish import FinishReason
from understudy.domain.responses import TokenCount
from understudy.domain.usage import token_count
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.json import (
    BadJson,
    as_objects,
    as_string,
    decode_as,
    decode_object,
    encode,
    extend,
    parsed_or_text,
)

_BODY: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)
_INPUT: msgspec.json.Decoder[ToolInput] = msgspec.json.Decoder(ToolInput)
_COUNT: msgspec.json.Decoder[Count] = msgspec.json.Decoder(Count)

_TYPED = ("text", "thinking", "tool_use")


class _Block:
    """A content block while its pieces arrive. `part` is its number among the parts, once it has one."""

    __slots__ = ("has_arguments", "json", "kind", "part", "pieces")

    def __init__(self, json: JsonObject) -> None:
        kind = json.get("type")
        self.kind = kind if kind in _TYPED else "opaque"
        self.json = json
        self.part = -1
        self.has_arguments = False
        """Arguments of this call have come."""
        self.pieces: list[str] = []
        """The input of a block that only this dialect knows."""


class AnswerDecoder:
    """Decodes the pieces of one answer, from a stream or a whole body."""

    def __init__(self) -> None:
        self._blocks: dict[int | None, _Block] = {}
        self._highest = -1
        """The highest index of a block so far."""
        self._parts = 0
        self._calls: set[str] = set()
        self._usage: JsonObject = {}
        self._is_counted = False
        """The final counts have come; those at the beginning are of a few tokens of the answer."""
        self._model: str | None = None
        self._stop: str | None = None
        self._executions = 0
        """Calls of the hosted code execution."""

    def start(self, body: Body) -> list[e.Event]:
        """Decode what is known when the answer begins."""
        self._model = as_string(body.model)
        self._stop = as_string(body.stop_reason)
        events: list[e.Event] = [e.Started(id=as_string(body.id), model=self._model)]
        return [*events, *self._count(body.usage, final=self._stop is not None)]

    def whole(self, index: int, block: msgspec.Raw) -> list[e.Event]:
        """Decode a whole block."""
        json = decode_object(block)
        if json.get("type") != "tool_use":
            return [*self.begin(index, json), *self.end(index)]
        # The arguments as the model wrote them, as a stream gives them.
        arguments = Delta(partial_json=bytes(decode_as(_INPUT, block).input).decode())
        return [*self.begin(index, {**json, "input": {}}), *self.grow(index, arguments, b""), *self.end(index)]

    def begin(self, index: Any, json: JsonObject) -> list[e.Event]:
        """Decode the beginning of a block, which in a whole body is all of it. One that is open under its index ends.

        Raise `BadJson` for a call that has begun already.
        """
        place = index if type(index) is int else None
        before = self._end(self._blocks.pop(place)) if place in self._blocks else []
        block = self._blocks[place] = _Block(json)
        return [*before, *self._begin(block, json)]

    def skips_to(self, index: Any) -> bool:
        """Note the index of a block that begins; return whether one before it never did. Indexes count up from 0."""
        if type(index) is not int:
            return False
        before, self._highest = self._highest, max(self._highest, index)
        return index > before + 1

    def _begin(self, block: _Block, json: JsonObject) -> list[e.Event]:
        match block.kind:
            case "text":
                return self._begin_text(block)
            case "thinking":
                part = self._part(block)
                events: list[e.Event] = [e.ThinkingDelta(part, _string(json, "thinking"))]
                if signature := _string(json, "signature"):
                    events.append(e.ThinkingSigned(part, signature))
            case "tool_use":
                call_id = _string(json, "id")
                if call_id and call_id in self._calls:
                    raise BadJson(f"the call {call_id} started twice")
                self._calls.add(call_id)
                events = [e.ToolCallStarted(self._part(block), call_id, _string(json, "name"))]
                caller = json.get("caller")
                if isinstance(caller, dict) and caller.get("type") != "direct":
                    # Called from hosted code: the call must go back with its caller. A direct one is the default.
                    events.append(e.PartExtra(block.part, NAME, {"caller": caller}))
            case _:
                self._part(block)
                return []
        return events

    def _begin_text(self, block: _Block) -> list[e.Event]:
        events: list[e.Event] = []
        if text := _string(block.json, "text"):
            events.append(e.TextDelta(self._part(block), text))
        cited = map(read_citation, as_objects(block.json.get("citations")))
        return [*events, *(e.CitationAdded(self._part(block), citation) for citation in cited)]

    def grow(self, index: Any, delta: Delta, data: bytes) -> list[e.Event]:
        """Decode more of a block. `data` is the event itself, for blocks that only this dialect knows."""
        block = self._blocks.get(index) if type(index) is int else self._only()
        if block is None:
            raise BadJson(f"content block {index} was never started")
        if delta.text and block.kind == "text":  # The fast path: most events of most streams.
            return [e.TextDelta(self._part(block), delta.text)]
        match block.kind, delta:
            case "text", Delta(citation=dict(citation)):
                return [e.CitationAdded(self._part(block), read_citation(citation))]
            case "tool_use", Delta(partial_json=str(arguments)):
                if arguments:
                    block.has_arguments = True
                    return [e.ToolCallDelta(block.part, arguments)]
            case "thinking", Delta(thinking=str(text)):
                return [e.ThinkingDelta(block.part, text)] if text else []
            case "thinking", Delta(signature=str(signature)):
                return [e.ThinkingSigned(block.part, signature)] if signature else []
            case "opaque", Delta(partial_json=str(arguments)):
                block.pieces.append(arguments)
            case "opaque", _:
                more = decode_object(data).get("delta")
                extend(block.json, more if isinstance(more, dict) else {})
            case "text" | "thinking" | "tool_use", _ if delta.text or delta.thinking or delta.partial_json:
                raise BadJson(f"a delta of another type arrived for a {block.kind} block")
            case _:
                pass
        return []

    def _only(self) -> _Block | None:
        """Return the block that is open, for events that name none; `None` if it could be several."""
        return next(iter(self._blocks.values())) if len(self._blocks) == 1 else None

    def end(self, index: Any) -> list[e.Event]:
        """Decode the end of a block."""
        if type(index) is int:
            block = self._blocks.pop(index, None)
        elif (block := self._only()) is not None:
            self._blocks = {}
        return self._end(block) if block is not None else []

    def _end(self, block: _Block) -> list[e.Event]:
        match block.kind:
            case "tool_use":
                whole = block.json.get("input")
                return (
                    [e.ToolCallDelta(block.part, encode(whole).decode())] if whole and not block.has_arguments else []
                )
            case "text" | "thinking":
                return []
        if block.json.get("type") == "redacted_thinking":
            redacted = _string(block.json, "data")
            part = Thinking(redacted=redacted, provenance=Provenance(NAME, self._model))
            return [e.PartAdded(block.part, part)]
        if arguments := "".join(block.pieces):
            block.json["input"] = parsed_or_text(arguments)
        if block.json.get("type") == "server_tool_use" and _string(block.json, "name") in EXECUTION:
            self._executions += 1
        return [e.PartAdded(block.part, Opaque(NAME, block.json))]

    def stop(self, delta: Body | Delta, usage: Any, context_management: Any = None) -> list[e.Event]:
        """Decode why the answer stopped, and its final counts."""
        self._stop = as_string(delta.stop_reason) or self._stop
        # In a whole body the counts come before the blocks.
        events = self._count(self._usage if self._executions and not usage else usage, final=True)
        for name in NOTED:
            value = context_management if name == "context_management" else getattr(delta, name, None)
            if value is not None:
                events.append(e.FactReported(name, value))
        tier = self._usage.get("service_tier")
        if isinstance(tier, str):
            events.append(e.FactReported("service_tier", tier))
        return events

    def finish(self) -> list[e.Event]:
        """Decode the end of the answer, and with it of the blocks that are still open."""
        events = [event for index in list(self._blocks) for event in self._end(self._blocks.pop(index))]
        if self._usage and not self._is_counted:
            events.append(e.Warned(NO_FINAL_USAGE))
        if (credit := self._usage.get("fallback_credit")) and is_redeemed(credit):
            events.append(e.Warned(CREDITED))
        return [*events, e.Finished(STOP_REASONS.get(self._stop or "", FinishReason.UNKNOWN), self._stop)]

    def _part(self, block: _Block) -> int:
        if block.part < 0:
            block.part = self._parts
            self._parts += 1
        return block.part

    def _count(self, usage: Any, *, final: bool) -> list[e.Event]:
        """Report the counts so far. They are cumulative over the events of a stream, each of which may omit some.

        Only the final counts include the whole answer.
        """
        if not usage or not isinstance(usage, dict):
            return []
        self._usage = {**self._usage, **{key: value for key, value in usage.items() if value is not None}}
        self._is_counted = self._is_counted or (final and usage.get("output_tokens") is not None)
        counts = decode_usage(self._usage, executions=self._executions, refused=self._stop == "refusal")
        return [
            e.UsageReported(
                counts if self._is_counted else msgspec.structs.replace(counts, output=None, reasoning=None)
            )
        ]


def decode_whole(data: bytes, endpoint: Endpoint) -> list[e.Event | Failure]:
    """Decode a whole answer. Raise `BadJson` if it is not a message."""
    body = decode_as(_BODY, data)
    if body.type == "error" and (error := decode_error(data)) is not None:
        return [failure_in_answer(error, endpoint=endpoint, rules=RULES)]
    if body.content is None:
        raise BadJson("the body is not a message: `content` is missing")
    answer = AnswerDecoder()
    steps: list[e.Event | Failure] = [*answer.start(body)]
    for index, block in enumerate(body.content):
        steps += answer.whole(index, block)
    steps += answer.stop(body, None, body.context_management)
    return [*steps, *answer.finish()]


def decode_count(data: bytes, model: str | None, warnings: tuple[Warning, ...] = ()) -> list[TokenCount | Failure]:
    """Decode a token count; `warnings` say what was not counted. Raise `BadJson`."""
    count = token_count(decode_as(_COUNT, data).input_tokens)
    if count is None:
        raise BadJson("`input_tokens` is not a token count")
    return [TokenCount(input_tokens=count, model=model, warnings=warnings)]


def _string(json: JsonObject, key: str) -> str:
    value = json.get(key)
    return value if isinstance(value, str) else ""
