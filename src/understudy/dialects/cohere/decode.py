"""Decoding Cohere's answers to events. A whole body takes the path of a stream: plan, blocks, calls, citations, end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.cohere.citations import read_citation
from understudy.dialects.cohere.errors import decode_error_value, decode_failure
from understudy.dialects.cohere.usage import decode_usage
from understudy.dialects.cohere.wire import FAILED, FINISH, NAME, PLAN, Body, CallWire, Delta
from understudy.dialects.logprobs import Logprobs
from understudy.domain import events as e
from understudy.domain.content import JsonObject, Opaque
from understudy.domain.failures import Failure
from understudy.domain.finish import FinishReason
from understudy.wire.json import BadJson, as_string, decode_as, decode_object

_BODY: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)
_KINDS = ("text", "thinking")


class _Block:
    """A content block while its pieces arrive. `part` is its number among the parts, once it has one."""

    __slots__ = ("ended", "json", "kind", "part")

    def __init__(self, kind: str, json: JsonObject) -> None:
        self.kind = kind if kind in _KINDS else "opaque"
        self.json = json
        self.part = -1
        self.ended = False


class AnswerDecoder:
    """Decodes the pieces of one answer, streamed or whole, to events."""

    def __init__(self, endpoint: Endpoint, model: str | None) -> None:
        self._endpoint = endpoint
        self._model = model
        self._parts = 0
        self._plan = -1
        self._blocks: dict[int | None, _Block] = {}
        self._calls: dict[int | None, int] = {}
        self._call_ids: set[str] = set()
        self._cited: dict[int, list[JsonObject]] = {}
        self._logprobs = Logprobs(endpoint.bounds)

    def start(self, id_: object) -> list[e.Event]:
        """Decode the start. The wire does not name the model; it is the requested one."""
        return [e.Started(id=as_string(id_), model=self._model)]

    def plan(self, text: str | None) -> list[e.Event]:
        """Decode more of the plan that precedes tool calls."""
        if not text:
            return []
        if self._plan >= 0:
            return [e.ThinkingDelta(self._plan, text)]
        self._plan = self._next()
        return [e.PartExtra(self._plan, NAME, {PLAN: True}), e.ThinkingDelta(self._plan, text)]

    def begin(self, index: object, json: JsonObject) -> list[e.Event]:
        """Decode the start of a content block, which in a whole body is all of it. An open block of the same index
        ends."""
        kind, place = json.get("type"), _place(index)
        before = self.end(place) if place in self._blocks else []
        block = self._blocks[place] = _Block(kind if isinstance(kind, str) else "text", json)
        if block.kind == "opaque":
            block.part = self._next()
            return before
        return [*before, *self.grow(place, json, None)]

    def grow(self, index: object, json: JsonObject, logprobs: object) -> list[e.Event]:
        """Decode more of a content block. Raise `BadJson` for a piece of another kind."""
        if isinstance(logprobs, dict):
            self._logprobs.add([logprobs])
        block = self._blocks.get(index) if type(index) is int else self._blocks.get(_latest(self._blocks))
        if block is None:
            block = self._blocks[_place(index)] = _Block("thinking" if "thinking" in json else "text", json)
        if block.kind == "opaque":
            _extend(block.json, json)
            return []
        text = json.get(block.kind)
        if not text or not isinstance(text, str):
            if any(json.get(kind) for kind in _KINDS):
                raise BadJson(f"a delta of another type arrived for a {block.kind} block")
            return []
        if block.part < 0:
            block.part = self._next()
        return [e.TextDelta(block.part, text) if block.kind == "text" else e.ThinkingDelta(block.part, text)]

    def end(self, index: object) -> list[e.Event]:
        """Decode the end of a content block."""
        block = self._blocks.get(_place(index))
        if block is None or block.kind != "opaque" or block.ended:
            return []
        block.ended = True
        return [e.PartAdded(block.part, Opaque(NAME, block.json))]

    def call(self, index: object, call: CallWire) -> list[e.Event]:
        """Decode the start of a tool call, or all of it. Raise `BadJson` for one that has already begun."""
        call_id = as_string(call.id) or ""
        if call_id and call_id in self._call_ids:
            raise BadJson(f"the tool call {call_id} started twice")
        self._call_ids.add(call_id)
        part = self._calls[_place(index)] = self._next()
        function = call.function
        begun: list[e.Event] = [e.ToolCallStarted(part, call_id, (function and function.name) or "")]
        if function is not None and function.arguments:
            begun.append(e.ToolCallDelta(part, function.arguments))
        return begun

    def grow_call(self, index: object, call: CallWire) -> list[e.Event]:
        """Decode more of a tool call's arguments: the latest call's if there is no index. Raise `BadJson` for a call
        that has not begun."""
        place = index if type(index) is int else _latest(self._calls)
        if place not in self._calls:
            raise BadJson(f"tool call {index} was never started")
        arguments = call.function.arguments if call.function else None
        return [e.ToolCallDelta(self._calls[place], arguments)] if arguments else []

    def cite(self, raw: JsonObject) -> list[e.Event]:
        """Decode a citation. Those of thinking and plans are kept as they are, beside the part."""
        part = self._cited_part(raw)
        if part < 0:
            return [e.FactReported("citations", [raw], append=True)]
        if any(block.part == part and block.kind == "text" for block in self._blocks.values()):
            return [e.CitationAdded(part, read_citation(raw))]
        cited = self._cited.setdefault(part, [])
        cited.append(raw)
        return [e.PartExtra(part, NAME, {"citations": [*cited]})]

    def finish(self, end: Body | Delta, error: object = None) -> list[e.Event | Failure]:
        """Decode the end of the answer, and its usage."""
        steps: list[e.Event | Failure] = []
        if entries := self._logprobs.lists.get("content"):
            steps.append(e.FactReported("logprobs", {"content": [*map(_logprob, entries)]}))
        if end.usage and isinstance(end.usage, dict):
            steps.append(e.UsageReported(decode_usage(end.usage)))
        reason = as_string(end.finish_reason)
        if error or reason in FAILED:
            words = error if isinstance(error, str) else f"the answer ended with {reason}"
            body = {"finish_reason": reason, "error": error}
            failed = WireError(message=words, code=reason if reason in FAILED else None, body=body)
            steps.append(decode_failure(failed, self._endpoint))
        else:
            steps.append(e.Finished(FINISH.get(reason or "", FinishReason.UNKNOWN), reason))
        return steps

    def weigh(self, logprobs: Iterable[object]) -> None:
        """Decode the log probabilities of a whole answer."""
        self._logprobs.add([item for item in logprobs if isinstance(item, dict)], whole=True)

    def _cited_part(self, raw: JsonObject) -> int:
        """Return the part that a citation belongs to; without a number, the first of its kind."""
        if raw.get("type") == "PLAN":
            return self._plan
        block = self._blocks.get(index) if type(index := raw.get("content_index")) is int else None
        if block is not None and block.part >= 0:
            return block.part
        kind = "thinking" if raw.get("type") == "THINKING_CONTENT" else "text"
        return next((b.part for b in self._blocks.values() if b.kind == kind and b.part >= 0), -1)

    def _next(self) -> int:
        self._parts += 1
        return self._parts - 1


def decode_whole(data: bytes, endpoint: Endpoint, model: str | None) -> list[e.Event | Failure]:
    """Decode a whole answer. Raise `BadJson` if it is invalid."""
    body = decode_as(_BODY, data, sliced=True, decoded=endpoint.bounds.decoded)
    if isinstance(body.message, str):
        error = decode_error_value(decode_object(data))
        return [decode_failure(error, endpoint)] if error is not None else []
    if body.message is None:
        raise BadJson("the body is not an answer: `message` is missing")
    said, answer = body.message, AnswerDecoder(endpoint, model)
    steps: list[e.Event | Failure] = [*answer.start(body.id), *answer.plan(said.tool_plan)]
    content = [{"type": "text", "text": said.content}] if isinstance(said.content, str) else said.content
    for index, block in enumerate(content or ()):
        steps += answer.begin(index, block)
        steps += answer.end(index)
    for index, call in enumerate(said.tool_calls or ()):
        steps += answer.call(index, call)
    for citation in said.citations if isinstance(said.citations, list) else ():
        steps += answer.cite(citation) if isinstance(citation, dict) else ()
    answer.weigh(body.logprobs if isinstance(body.logprobs, list) else ())
    return steps + answer.finish(body)


def _extend(block: JsonObject, delta: JsonObject) -> None:
    """Merge a delta into an unknown block: strings are joined, everything else is replaced."""
    for key, value in delta.items():
        if key != "type":
            old = block.get(key)
            block[key] = old + value if isinstance(old, str) and isinstance(value, str) else value


def _place(index: object) -> int | None:
    return index if type(index) is int else None


def _latest(places: dict[int | None, Any]) -> int | None:
    """Return the index of what began last, for events without one."""
    return next(reversed(places), None)


def _logprob(item: JsonObject) -> JsonObject:
    """Return a chunk's log probabilities in OpenAI's form; the chunk's is the sum of its tokens'."""
    chances: Any = item.get("logprobs")
    numbers = [chance for chance in chances if isinstance(chance, int | float)] if isinstance(chances, list) else []
    total = sum(numbers) if not chances or chances == numbers else None
    return {"token": item.get("text", ""), "logprob": total, "top_logprobs": [], **item}
