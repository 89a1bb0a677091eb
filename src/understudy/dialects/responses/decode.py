"""From the wire to events: one reading of output items serves streams and whole bodies.

A stream announces an item (`output_item.added`), sends its pieces and closes it with the whole item
(`output_item.done`). A whole body is read as nothing but closed items, so both fold to the same response. What a
stream left out of its pieces is taken from the closed item, and items that it never closed from its last event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from understudy.dialects.base import WireError
from understudy.dialects.responses.errors import read_error, read_error_object
from understudy.dialects.responses.wire import CALL_TEXT, NAME, RESPONSE, ResponseObject, StreamEvent, read_usage
from understudy.domain import events as e
from understudy.domain.content import Citation, JsonObject, Opaque
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.responses import FinishReason
from understudy.wire.bounds import BOUNDS
from understudy.wire.json import BadJson, JsonTooLarge, decode_as

Step = e.Event | Failure
Fail = Callable[[WireError], Failure]
"""Makes a failure of an error that came inside a success."""

_CALLS = CALL_TEXT.keys() | {"computer_call", "local_shell_call", "apply_patch_call"}
"""Items that wait for the caller to do something."""

_INCOMPLETE = {"max_output_tokens": FinishReason.LENGTH, "content_filter": FinishReason.CONTENT_FILTER}


_REASONING, _CALL, _WHOLE = "reasoning", "call", "whole"
"""Places of what an item is as a whole, beside the numbered contents of a message."""


class _Item:
    """An output item while it arrives. `parts` maps its contents, or itself, to part indexes."""

    __slots__ = ("about", "closed", "last", "parts", "seen_citations", "streamed")

    def __init__(self) -> None:
        self.about: JsonObject = {}
        self.parts: dict[int | str, int] = {}
        self.seen_citations: dict[int, int] = {}
        self.last: tuple[str, int] | None = None
        self.streamed = False
        self.closed = False


class OutputReader:
    """Turns the output items of one response into events, whichever way they come."""

    def __init__(self, fail: Fail) -> None:
        self._fail = fail
        self._items: dict[int, _Item] = {}
        self._next_part = 0
        self._started = False
        self._called = False
        self._logprobs: list[Any] = []

    def start(self, response: ResponseObject) -> list[Step]:
        """Take what the response says of itself; only the first time counts."""
        if self._started:
            return []
        self._started = True
        return [e.Started(id=response.id, model=response.model, created=response.created_at)]

    def add(self, event: StreamEvent) -> list[Step]:
        """Take the announcement of an item."""
        raw = event.item or {}
        item = self._item(event.output_index)
        item.about = {key: raw[key] for key in ("id", "phase") if raw.get(key) is not None}
        kind = _text(raw.get("type"))
        if kind not in CALL_TEXT:
            return []
        if kind != "function_call":
            item.about["type"] = kind
        return self._begin_call(item, raw)

    def text(self, event: StreamEvent) -> list[Step]:
        """Take more of a text."""
        if not event.delta:
            return []
        steps, index = self._content(event)
        return [*steps, e.TextDelta(index, event.delta)]

    def refusal(self, event: StreamEvent) -> list[Step]:
        """Take more of a refusal."""
        if not event.delta:
            return []
        steps, index = self._content(event)
        return [*steps, e.RefusalDelta(index, event.delta)]

    def summary(self, event: StreamEvent) -> list[Step]:
        """Take more of a summary of the reasoning."""
        return self._reason(self._item(event.output_index), ("summary", event.summary_index), event.delta)

    def reasoning(self, event: StreamEvent) -> list[Step]:
        """Take more of the reasoning itself, which open models show."""
        return self._reason(self._item(event.output_index), ("content", event.content_index), event.delta)

    def arguments(self, event: StreamEvent) -> list[Step]:
        """Take more of a call's arguments, or of a custom tool's input."""
        item = self._item(event.output_index)
        if not event.delta or _CALL not in item.parts:
            return []  # Without an announcement the closed item brings the call whole.
        item.streamed = True
        return [e.ToolCallDelta(item.parts[_CALL], event.delta)]

    def cite(self, event: StreamEvent) -> list[Step]:
        """Take a citation of a text."""
        item = self._item(event.output_index)
        part = item.parts.get(event.content_index)
        if event.annotation is None or part is None:
            return []  # A citation ahead of its text comes again with the closed item.
        item.seen_citations[event.content_index] = item.seen_citations.get(event.content_index, 0) + 1
        return [e.CitationAdded(part, read_citation(event.annotation))]

    def close_item(self, event: StreamEvent) -> list[Step]:
        """Take a whole item."""
        return self._close(event.output_index, event.item) if event.item is not None else []

    def finish(self, response: ResponseObject, status: str | None) -> list[Step]:
        """Take the end: what is still missing of the output, the counts, and how it ended."""
        steps = self.start(response)
        for position, item in enumerate(response.output or ()):
            steps += self._close(position, item)
        if self._logprobs:
            steps.append(e.Noted("logprobs", {"content": self._logprobs}))
        if response.service_tier is not None:
            steps.append(e.Noted("service_tier", response.service_tier))
        if response.usage is not None:
            steps.append(e.UsageReported(read_usage(response.usage)))
        steps.append(self._ending(response, status))
        return steps

    def _ending(self, response: ResponseObject, status: str | None) -> Step:
        match status:
            case "completed":
                return e.Finished(FinishReason.TOOL_CALLS if self._called else FinishReason.STOP, status)
            case "incomplete":
                reason = (response.incomplete_details or {}).get("reason")
                return e.Finished(_INCOMPLETE.get(reason or "", FinishReason.UNKNOWN), reason or status)
            case "failed":
                return self._fail(read_error_object(response.error or {}) or WireError(message="the response failed"))
            case "cancelled":
                return Failure(kind=FailureKind.SERVER_ERROR, message="the response was cancelled at the provider")
            case "queued" | "in_progress":
                return Failure(
                    kind=FailureKind.BAD_RESPONSE,
                    message=f"the response is still {status}: background responses are not supported",
                )
            case _:
                return e.Finished(FinishReason.UNKNOWN, status)

    def _close(self, position: int, raw: JsonObject) -> list[Step]:
        item = self._item(position)
        if item.closed:
            return []
        item.closed = True
        kind = _text(raw.get("type"))
        self._called = self._called or kind in _CALLS
        if kind == "message":
            return self._close_message(item, raw)
        if kind in CALL_TEXT:
            return self._close_call(item, raw, kind)
        if kind == "reasoning":
            return self._close_reasoning(item, raw)
        return [e.PartAdded(self._part(item, _WHOLE), Opaque(NAME, raw))]

    def _close_message(self, item: _Item, raw: JsonObject) -> list[Step]:
        steps: list[Step] = []
        about = {key: value for key, value in raw.items() if key not in ("type", "role", "content")}
        for position, content in enumerate(objects(raw.get("content"))):
            new = position not in item.parts
            index = self._part(item, position)
            kind = content.get("type")
            if kind not in ("output_text", "refusal"):
                steps += [e.PartAdded(index, Opaque(NAME, {**raw, "content": [content]}))] if new else []
                continue
            if about:
                steps.append(e.PartNoted(index, NAME, {"item": about}))
            if kind == "refusal":
                steps += [e.RefusalDelta(index, _text(content.get("refusal")) or "")] if new else []
                continue
            steps += [e.TextDelta(index, _text(content.get("text")) or "")] if new else []
            annotations = objects(content.get("annotations"))[item.seen_citations.get(position, 0) :]
            steps += [e.CitationAdded(index, read_citation(annotation)) for annotation in annotations]
            self._logprobs += objects(content.get("logprobs"))
        return steps

    def _close_call(self, item: _Item, raw: JsonObject, kind: str) -> list[Step]:
        field = CALL_TEXT[kind]
        item.about = {key: value for key, value in raw.items() if key not in ("type", "call_id", "name", field)}
        if kind != "function_call":
            item.about["type"] = kind
        steps = self._noted(item, item.parts[_CALL]) if _CALL in item.parts else self._begin_call(item, raw)
        if not item.streamed and isinstance(text := raw.get(field), str) and text:
            steps.append(e.ToolCallDelta(item.parts[_CALL], text))
        return steps

    def _close_reasoning(self, item: _Item, raw: JsonObject) -> list[Step]:
        # The service takes its reasoning back only unchanged, so the whole item is kept.
        item.about = raw
        steps: list[Step] = [e.PartNoted(item.parts[_REASONING], NAME, raw)] if _REASONING in item.parts else []
        if _REASONING not in item.parts:
            for kind in ("summary", "content"):
                for position, piece in enumerate(objects(raw.get(kind))):
                    steps += self._reason(item, (kind, position), piece.get("text"))
        if _REASONING not in item.parts:
            steps = [*self._noted(item, self._part(item, _REASONING)), e.ThinkingDelta(item.parts[_REASONING], "")]
        if isinstance(encrypted := raw.get("encrypted_content"), str) and encrypted:
            steps.append(e.ThinkingSigned(item.parts[_REASONING], encrypted))
        return steps

    def _reason(self, item: _Item, place: tuple[str, int], text: object) -> list[Step]:
        if not isinstance(text, str) or not text:
            return []
        gap = "\n\n" if item.last not in (None, place) else ""
        item.last = place
        new = _REASONING not in item.parts
        index = self._part(item, _REASONING)
        return [*(self._noted(item, index) if new else ()), e.ThinkingDelta(index, gap + text)]

    def _begin_call(self, item: _Item, raw: JsonObject) -> list[Step]:
        call_id, name = raw.get("call_id"), raw.get("name")
        if not isinstance(call_id, str) or not isinstance(name, str):
            raise BadJson("a function call without call_id or name")
        index = self._part(item, _CALL)
        return [*self._noted(item, index), e.ToolCallStarted(index, call_id, name)]

    def _noted(self, item: _Item, index: int) -> list[Step]:
        return [e.PartNoted(index, NAME, item.about)] if item.about else []

    def _content(self, event: StreamEvent) -> tuple[list[Step], int]:
        """Return the part that a piece of a message belongs to, and what is to be said when it is new."""
        item = self._item(event.output_index)
        index = item.parts.get(event.content_index)
        if index is not None:
            return [], index
        index = self._part(item, event.content_index)
        return [e.PartNoted(index, NAME, {"item": item.about})] if item.about else [], index

    def _item(self, position: int) -> _Item:
        item = self._items.get(position)
        if item is None:
            item = self._items[position] = _Item()
        return item

    def _part(self, item: _Item, place: int | str) -> int:
        index = item.parts.get(place)
        if index is None:
            index = item.parts[place] = self._next_part
            self._next_part += 1
        return index


def read_whole(body: bytes, fail: Fail) -> list[Step]:
    """Read a whole body. Raises `BadJson` when it is no response."""
    response = decode_as(RESPONSE, body, sliced=True)
    if response.output is None:
        error = read_error(body)
        if error is None:
            raise BadJson("a response without output")
        return [fail(error)]
    if len(response.output) > BOUNDS.parts:
        raise JsonTooLarge(f"more than {BOUNDS.parts} items")
    return OutputReader(fail).finish(response, response.status)


def read_citation(annotation: JsonObject) -> Citation:
    """Read an annotation of a text. Files are named by `filename`, pages by `title`."""
    start, end = annotation.get("start_index"), annotation.get("end_index")
    return Citation(
        url=_text(annotation.get("url")),
        title=_text(annotation.get("title")) or _text(annotation.get("filename")),
        start=start if isinstance(start, int) else None,
        end=end if isinstance(end, int) else None,
        raw=annotation,
        dialect=NAME,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def objects(value: object) -> list[JsonObject]:
    """Return the objects of a list; what is neither is ignored."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
