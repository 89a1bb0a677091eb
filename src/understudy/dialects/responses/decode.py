"""Output items to events: one path for streams and whole bodies.

A stream announces an item (`output_item.added`), sends its pieces and closes it with the whole item
(`output_item.done`). A whole body is read as nothing but closed items, so both fold to the same response. What a
stream left out of its pieces is taken from the closed item, and items that it never closed from its last event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from understudy.dialects.base import WireError
from understudy.dialects.logprobs import Logprobs
from understudy.dialects.responses.citations import read_citation
from understudy.dialects.responses.decode_parts import Item, Items, position_of
from understudy.dialects.responses.errors import decode_error, decode_inner_error
from understudy.dialects.responses.usage import decode_usage, read_hosted_tool
from understudy.dialects.responses.wire import CALL_TEXT, NAME, RESPONSE, ResponseObject, StreamEvent
from understudy.domain import events as e
from understudy.domain.content import JsonObject, Opaque
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.wire.bounds import BOUNDS, Bounds
from understudy.wire.json import BadJson, JsonTooLarge, as_objects, as_string, decode_as, parsed_or_text

Step = e.Event | Failure
Fail = Callable[[WireError], Failure]
"""Converts an error inside a success to a failure."""

_CALLS = CALL_TEXT.keys() | {"computer_call", "local_shell_call", "apply_patch_call"}
"""Items that wait for the caller to do something."""

_INCOMPLETE = {"max_output_tokens": FinishReason.LENGTH, "content_filter": FinishReason.CONTENT_FILTER}


_Place = tuple[Any, int, tuple[str, Any] | None]

_REASONING, _CALL, _WHOLE = "reasoning", "call", "whole"
"""Places of what an item is as a whole, beside the numbered contents of a message."""


class AnswerDecoder:
    """Decodes the output items of one response, from a stream or a whole body."""

    def __init__(self, fail: Fail, bounds: Bounds = BOUNDS, *, whole: bool = False) -> None:
        """`whole`: the response is one body, not a stream."""
        self._fail = fail
        self._whole = whole
        self._items = Items()
        self._next_part = 0
        self._place: tuple[Any, Any, Any] | None = None
        """Where the latest piece of text belonged, and the part that this is; `None` once an item begins or ends."""
        self._place_index = 0
        self._growing: Item | None = None
        self._growing_place: _Place | None = None
        """The call or the reasoning that the latest piece of one belonged to, and where that said that it belongs."""
        self._texts: dict[int, list[str]] = {}
        """The pieces of each part that is text."""
        self._said: list[str] = []
        """The pieces of the text at that place."""
        self.is_disordered = False
        """The numbers of the events have gaps or are out of order: texts are compared with those of closed items."""
        self._started = False
        self._called = False
        self._tools: set[tuple[str, Any]] = set()
        """The hosted tools that have a fee, each with what the fee is for."""
        self._logprobs = Logprobs(bounds)

    def start(self, response: ResponseObject) -> list[Step]:
        """Decode the head of the response; only the first one counts."""
        if self._started:
            return []
        self._started = True
        created = response.created_at if type(response.created_at) in (int, float) else None
        return [e.Started(id=as_string(response.id), model=as_string(response.model), created=created)]

    def add(self, event: StreamEvent) -> list[Step]:
        """Decode the announcement of an item."""
        self._place = None
        raw = event.item or {}
        item = self._items.begin(event.output_index, raw)
        item.about = {key: raw[key] for key in ("id", "phase") if raw.get(key) is not None}
        kind = item.kind
        if kind not in CALL_TEXT or _CALL in item.parts:
            return []
        if kind != "function_call":
            item.about["type"] = kind
        return self._begin_call(item, raw)

    def text(self, event: StreamEvent) -> list[Step]:
        """Decode more of a text."""
        if not event.delta:
            return []
        place = (event.item_id, event.output_index, event.content_index)
        if place == self._place:  # The fast path: most events of most streams.
            self._said.append(event.delta)
            return [e.TextDelta(self._place_index, event.delta)]
        steps, index = self._content(event)
        self._place, self._place_index = place, index
        self._said = self._texts.setdefault(index, [])
        self._said.append(event.delta)
        return [*steps, e.TextDelta(index, event.delta)]

    def more_text(self, event: StreamEvent) -> int | None:
        """Add to the latest text, as `text` does, and return its index; `None` if the event does not add to that."""
        if (event.item_id, event.output_index, event.content_index) != self._place or not event.delta:
            return None
        self._said.append(event.delta)
        return self._place_index

    def more_arguments(self, event: StreamEvent) -> int | None:
        """Add to the arguments of a call, as `arguments` does, and return its index; `None` if the event does not go on
        where the one before it stopped."""
        item = self._goes_on(event, None)
        if item is None or not event.delta:
            return None
        item.streamed.append(event.delta)
        return item.parts[_CALL]

    def more_summary(self, event: StreamEvent) -> int | None:
        """Return the index of the reasoning to whose summary an event adds; `None` as for `more_arguments`."""
        item = self._goes_on(event, ("summary", event.summary_index))
        return None if item is None else item.parts[_REASONING]

    def more_reasoning(self, event: StreamEvent) -> int | None:
        """Return the index of the reasoning to which an event adds; `None` as for `more_arguments`."""
        item = self._goes_on(event, ("content", event.content_index))
        return None if item is None else item.parts[_REASONING]

    def _goes_on(self, event: StreamEvent, place: tuple[str, Any] | None) -> Item | None:
        """Return the item of the event before, if this one adds to the same place of it."""
        return self._growing if _place_of(event, place) == self._growing_place is not None else None

    def refusal(self, event: StreamEvent) -> list[Step]:
        """Decode more of a refusal."""
        if not event.delta:
            return []
        steps, index = self._content(event)
        return [*steps, e.RefusalDelta(index, event.delta)]

    def summary(self, event: StreamEvent) -> list[Step]:
        """Decode more of a summary of the reasoning."""
        return self._think(event, ("summary", event.summary_index))

    def reasoning(self, event: StreamEvent) -> list[Step]:
        """Decode more of the reasoning itself, which open models show."""
        return self._think(event, ("content", event.content_index))

    def _think(self, event: StreamEvent, place: tuple[str, Any]) -> list[Step]:
        self._growing_place = None
        item = self._items.of(event, "reasoning")
        if event.delta:
            self._growing, self._growing_place = item, _place_of(event, place)
        return self._reason(item, place, event.delta)

    def arguments(self, event: StreamEvent) -> list[Step]:
        """Decode more of a call's arguments, or of a custom tool's input."""
        self._growing_place = None
        item = self._items.of(event, *CALL_TEXT)
        if not event.delta or _CALL not in item.parts:
            return []  # Without an announcement the closed item brings the call whole.
        self._growing, self._growing_place = item, _place_of(event, None)
        item.streamed.append(event.delta)
        return [e.ToolCallDelta(item.parts[_CALL], event.delta)]

    def cite(self, event: StreamEvent) -> list[Step]:
        """Decode a citation of a text."""
        item, place = self._items.of(event, "message"), position_of(event.content_index)
        part = item.parts.get(place)
        if not isinstance(event.annotation, dict) or part is None:
            return []  # A citation before its text comes again with the closed item.
        item.seen_citations[place] = item.seen_citations.get(place, 0) + 1
        return [e.CitationAdded(part, read_citation(event.annotation))]

    def close_item(self, event: StreamEvent) -> list[Step]:
        """Decode a whole item."""
        self._place = None
        if event.item is None:
            return []
        return self._close(self._items.closed_by(event.output_index, event.item), event.item)

    def finish(self, response: ResponseObject, status: str | None) -> list[Step]:
        """Decode the end: what is still missing of the output, the counts, and how it ended."""
        steps = self.start(response)
        output = response.output or []
        for item, raw in zip(self._items.match(output), output, strict=True):
            steps += self._close(item, raw)
        if self._logprobs.lists:
            steps.append(e.FactReported("logprobs", self._logprobs.lists))
        if isinstance(response.service_tier, str):
            steps.append(e.FactReported("service_tier", response.service_tier))
        if isinstance(response.usage, dict):
            usage = decode_usage(response.usage)
            tools = dict(Counter(tool for tool, _ in self._tools)) if self._tools else None
            steps.append(e.UsageReported(replace(usage, tools=tools) if tools else usage))
        steps.append(self._ending(response, status))
        return steps

    def _ending(self, response: ResponseObject, status: str | None) -> Step:
        match status:
            case "completed":
                return e.Finished(FinishReason.TOOL_CALLS if self._called else FinishReason.STOP, status)
            case "incomplete":
                details = response.incomplete_details
                reason = as_string(details.get("reason")) if isinstance(details, dict) else None
                return e.Finished(_INCOMPLETE.get(reason or "", FinishReason.UNKNOWN), reason or status)
            case "failed":
                return self._fail(decode_inner_error(response.error) or WireError(message="the response failed"))
            case "cancelled":
                return self._fail(WireError(message="the response was cancelled at the provider", code=status))
            case "queued" | "in_progress":
                return Failure(
                    kind=FailureKind.BAD_RESPONSE,
                    message=f"the response is still {status}: background responses are not supported",
                )
            case _:
                return e.Finished(FinishReason.UNKNOWN, as_string(status))

    def _close(self, item: Item, raw: JsonObject) -> list[Step]:
        if item.closed:
            return []
        item.closed = True
        kind = as_string(raw.get("type"))
        self._called = self._called or kind in _CALLS
        if kind == "message":
            return self._close_message(item, raw)
        if kind in CALL_TEXT:
            return self._close_call(item, raw, kind)
        if kind == "reasoning":
            return self._close_reasoning(item, raw)
        if (used := read_hosted_tool(raw)) is not None:
            tool, place = used
            self._tools.add((tool, place if isinstance(place, str) else len(self._tools)))
        return [e.PartAdded(self._part(item, _WHOLE), Opaque(NAME, raw))]

    def _close_message(self, item: Item, raw: JsonObject) -> list[Step]:
        if item.is_unplaced and len(as_objects(raw.get("content"))) > 1:
            raise BadJson("deltas of a message do not state to which of its content parts they belong")
        steps: list[Step] = []
        about = {key: value for key, value in raw.items() if key not in ("type", "role", "content")}
        for position, content in enumerate(as_objects(raw.get("content"))):
            new = position not in item.parts
            index = self._part(item, position)
            kind = content.get("type")
            if kind not in ("output_text", "refusal"):
                steps += [e.PartAdded(index, Opaque(NAME, {**raw, "content": [content]}))] if new else []
                continue
            if about:
                steps.append(e.PartExtra(index, NAME, {"item": about}))
            if kind == "refusal":
                steps += [e.RefusalDelta(index, as_string(content.get("refusal")) or "")] if new else []
                continue
            text = as_string(content.get("text")) or ""
            steps += [e.TextDelta(index, text)] if new else []
            if self.is_disordered and not new and "".join(self._texts.get(index, ())) != text:
                return [Failure(kind=FailureKind.TRUNCATED, message="events of the stream are missing or out of order")]
            annotations = as_objects(content.get("annotations"))[item.seen_citations.get(position, 0) :]
            steps += [e.CitationAdded(index, read_citation(annotation)) for annotation in annotations]
            if logprobs := as_objects(content.get("logprobs")):
                self._logprobs.add(logprobs, whole=self._whole)
        return steps

    def _close_call(self, item: Item, raw: JsonObject, kind: str) -> list[Step]:
        field = CALL_TEXT[kind]
        item.about = {key: value for key, value in raw.items() if key not in ("type", "call_id", "name", field)}
        if kind != "function_call":
            item.about["type"] = kind
        steps = self._noted(item, item.parts[_CALL]) if _CALL in item.parts else self._begin_call(item, raw)
        text, said = raw.get(field), "".join(item.streamed)
        if not isinstance(text, str) or text == said:
            return steps
        if not text.startswith(said):
            if parsed_or_text(text) != parsed_or_text(said):
                raise BadJson("the arguments of a call differ from its deltas")
            return steps
        return [*steps, e.ToolCallDelta(item.parts[_CALL], text[len(said) :])]

    def _close_reasoning(self, item: Item, raw: JsonObject) -> list[Step]:
        # The service takes its reasoning back only unchanged, so the whole item is kept.
        item.about = raw
        steps: list[Step] = [e.PartExtra(item.parts[_REASONING], NAME, raw)] if _REASONING in item.parts else []
        if _REASONING not in item.parts:
            for kind in ("summary", "content"):
                for position, piece in enumerate(as_objects(raw.get(kind))):
                    steps += self._reason(item, (kind, position), piece.get("text"))
        if _REASONING not in item.parts:
            steps = [*self._noted(item, self._part(item, _REASONING)), e.ThinkingDelta(item.parts[_REASONING], "")]
        if isinstance(encrypted := raw.get("encrypted_content"), str) and encrypted:
            steps.append(e.ThinkingSigned(item.parts[_REASONING], encrypted))
        return steps

    def _reason(self, item: Item, place: tuple[str, int], text: object) -> list[Step]:
        if not isinstance(text, str) or not text:
            return []
        gap = "\n\n" if item.last not in (None, place) else ""
        item.last = place
        new = _REASONING not in item.parts
        index = self._part(item, _REASONING)
        return [*(self._noted(item, index) if new else ()), e.ThinkingDelta(index, gap + text)]

    def _begin_call(self, item: Item, raw: JsonObject) -> list[Step]:
        call_id, name = raw.get("call_id"), raw.get("name")
        if not isinstance(call_id, str) or not isinstance(name, str):
            raise BadJson("a function call without call_id or name")
        index = self._part(item, _CALL)
        return [*self._noted(item, index), e.ToolCallStarted(index, call_id, name)]

    def _noted(self, item: Item, index: int) -> list[Step]:
        return [e.PartExtra(index, NAME, item.about)] if item.about else []

    def _content(self, event: StreamEvent) -> tuple[list[Step], int]:
        """Return the part that a piece of a message belongs to, and the events that begin a new one."""
        item = self._items.of(event, "message")
        place = event.content_index
        if type(place) is not int:
            place, item.is_unplaced = 0, True
        index = item.parts.get(place)
        if index is not None:
            return [], index
        index = self._part(item, place)
        return [e.PartExtra(index, NAME, {"item": item.about})] if item.about else [], index

    def _part(self, item: Item, place: int | str) -> int:
        index = item.parts.get(place)
        if index is None:
            index = item.parts[place] = self._next_part
            self._next_part += 1
        return index


def _place_of(event: StreamEvent, place: tuple[str, Any] | None) -> _Place | None:
    """Return where a piece belongs, as far as the event alone states it; `None` without a number, for then it depends
    on which items are open."""
    index = event.output_index
    return (event.item_id, index, place) if type(index) is int else None


def decode_whole(body: bytes, fail: Fail, bounds: Bounds = BOUNDS) -> list[Step]:
    """Decode a whole body. Raise `BadJson` if it is not a response."""
    response = decode_as(RESPONSE, body, sliced=True, decoded=bounds.decoded)
    if response.output is None:
        error = decode_error(body)
        if error is None:
            raise BadJson("`output` is missing")
        return [fail(error)]
    if len(response.output) > bounds.parts:
        raise JsonTooLarge(f"more than {bounds.parts} items")
    return AnswerDecoder(fail, bounds, whole=True).finish(response, response.status)
