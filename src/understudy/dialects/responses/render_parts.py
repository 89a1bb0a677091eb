"""Output items while they grow: the events that announce, extend and close each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from understudy.dialects.responses.citations import render_citation
from understudy.dialects.responses.render import render_content
from understudy.dialects.responses.wire import CALL_TEXT
from understudy.domain.content import Citation, JsonObject, Refusal, Text

Events = tuple[str, JsonObject]
"""One event to write: its type and its fields."""


_EARLY = ("phase", "namespace")
"""Fields that an item has from its beginning."""


class Live(ABC):
    """The base of all: an item at a position of the output."""

    def __init__(self, position: int, item_id: str, about: JsonObject) -> None:
        """`about`: the fields of this dialect that are known so far."""
        self.position = position
        self.item_id = item_id
        self.closed = False
        self.status = "in_progress"
        self.signature: str | None = None
        """The signature of reasoning; other items have none."""
        self._about = about
        self._pieces: list[str] = []

    @abstractmethod
    def item(self) -> JsonObject:
        """Return the item as far as it has come."""

    @abstractmethod
    def begin(self) -> list[Events]:
        """Announce it."""

    @abstractmethod
    def add(self, piece: str) -> list[Events]:
        """Add more of it."""

    @abstractmethod
    def end(self) -> list[Events]:
        """Close it."""

    def cite(self, citation: Citation) -> list[Events]:
        """Add a citation; only texts have any."""
        return []

    def note(self, fields: JsonObject) -> None:
        """Add fields of this dialect."""
        self._about = {**self._about, **fields}

    def fields(self, kind: str) -> JsonObject:
        """Return the item's fields but its contents. Reported fields override generated ones at the end."""
        base: JsonObject = {"id": self.item_id, "type": kind, "status": self.status}
        noted = self._about if self.closed else {key: self._about[key] for key in _EARLY if key in self._about}
        return {**base, **noted, "id": self.item_id}

    def grown(self, piece: str) -> None:
        """Add a piece."""
        self._pieces.append(piece)

    def text(self) -> str:
        """Return all pieces so far."""
        return "".join(self._pieces)

    def announce(self, item: JsonObject) -> Events:
        """Return the event that the item begins."""
        return "response.output_item.added", {"output_index": self.position, "item": item}

    def conclude(self) -> Events:
        """Return the event that the item is complete."""
        return "response.output_item.done", {"output_index": self.position, "item": self.item()}

    def here(self, **fields: object) -> JsonObject:
        """Return the fields that place an event at this item."""
        return {"item_id": self.item_id, "output_index": self.position, **fields}


class LiveMessage(Live):
    """A content of a message. `before` is the content that precedes it in the same message."""

    prefix: ClassVar[str] = "msg"

    def __init__(self, position: int, item_id: str, about: JsonObject, before: LiveMessage | None = None) -> None:
        super().__init__(position, item_id, about)
        self._before = before
        self.place = 0
        self.continued = False
        self._begun = False
        if before is not None:
            before.continued = True
            self.place = before.place + 1

    @abstractmethod
    def content(self) -> JsonObject:
        """Return the content as far as it has come."""

    def contents(self) -> list[JsonObject]:
        """Return the message's contents up to here."""
        before = self._before.contents() if self._before is not None else []
        return [*before, self.content()] if self._begun else before

    def item(self) -> JsonObject:
        """Return the message."""
        return {**self.fields("message"), "role": "assistant", "content": self.contents()}

    def begin(self) -> list[Events]:
        """Announce the message, unless its first content did, then this content."""
        announced = [self.announce(self.item())] if self._before is None else []
        self._begun = True
        return [*announced, ("response.content_part.added", self.within(part=self.content()))]

    def conclusion(self) -> list[Events]:
        """Close the content, and with its last content the message."""
        done: Events = ("response.content_part.done", self.within(part=self.content()))
        return [done] if self.continued else [done, self.conclude()]

    def within(self, **fields: object) -> JsonObject:
        """Return the fields that place an event at this content."""
        return self.here(content_index=self.place, **fields)


class LiveText(LiveMessage):
    """A text."""

    def __init__(self, position: int, item_id: str, about: JsonObject, before: LiveMessage | None = None) -> None:
        super().__init__(position, item_id, about, before)
        self._citations: list[Citation] = []

    def content(self) -> JsonObject:
        """Return the text with its annotations."""
        return render_content(Text(self.text(), citations=tuple(self._citations)))

    def add(self, piece: str) -> list[Events]:
        """Add more text."""
        self.grown(piece)
        return [("response.output_text.delta", self.within(delta=piece, logprobs=[]))]

    def cite(self, citation: Citation) -> list[Events]:
        """Add a citation."""
        written = render_citation(citation)
        if written is None:
            return []
        place = self.within(annotation_index=len(self._citations), annotation=written)
        self._citations.append(citation)
        return [("response.output_text.annotation.added", place)]

    def end(self) -> list[Events]:
        """Close the text."""
        done = self.within(text=self.text(), logprobs=[])
        return [("response.output_text.done", done), *self.conclusion()]


class LiveRefusal(LiveMessage):
    """A refusal."""

    def content(self) -> JsonObject:
        """Return the refusal."""
        return render_content(Refusal(self.text()))

    def add(self, piece: str) -> list[Events]:
        """Add more of the refusal."""
        self.grown(piece)
        return [("response.refusal.delta", self.within(delta=piece))]

    def end(self) -> list[Events]:
        """Close the refusal."""
        return [("response.refusal.done", self.within(refusal=self.text())), *self.conclusion()]


class LiveThinking(Live):
    """Reasoning, shown as a summary of one piece."""

    prefix: ClassVar[str] = "rs"

    def item(self) -> JsonObject:
        """Return the reasoning; its signature is what the caller sends back unread."""
        if self.closed and self._about.get("type") == "reasoning":
            return {**self._about, "id": self.item_id}
        summary = [self._summary()] if self._pieces else []
        item: JsonObject = {"id": self.item_id, "type": "reasoning", "summary": summary}
        if self.signature is not None:
            item["encrypted_content"] = self.signature
        return item

    def _summary(self) -> JsonObject:
        return {"type": "summary_text", "text": self.text()}

    def begin(self) -> list[Events]:
        """Announce the reasoning. Its summary is announced with its first text, because it may have none."""
        return [self.announce(self.item())]

    def add(self, piece: str) -> list[Events]:
        """Add more of the summary."""
        events: list[Events] = []
        if not self._pieces:
            empty = {"type": "summary_text", "text": ""}
            events.append(("response.reasoning_summary_part.added", self.here(summary_index=0, part=empty)))
        self.grown(piece)
        events.append(("response.reasoning_summary_text.delta", self.here(summary_index=0, delta=piece)))
        return events

    def end(self) -> list[Events]:
        """Close summary and reasoning."""
        events: list[Events] = []
        if self._pieces:
            text = self.here(summary_index=0, text=self.text())
            events.append(("response.reasoning_summary_text.done", text))
            events.append(("response.reasoning_summary_part.done", self.here(summary_index=0, part=self._summary())))
        return [*events, self.conclude()]


class LiveCall(Live):
    """A call of a function, or of a custom tool if that was reported before."""

    def __init__(self, position: int, item_id: str, about: JsonObject, call: tuple[str, str]) -> None:
        super().__init__(position, item_id, about)
        self._kind: str = "custom_tool_call" if about.get("type") == "custom_tool_call" else "function_call"
        self._field = CALL_TEXT[self._kind]
        self._events = f"response.{'custom_tool_call_input' if self._field == 'input' else 'function_call_arguments'}"
        self._call = {"call_id": call[0], "name": call[1]}

    def item(self) -> JsonObject:
        """Return the call."""
        return {**self.fields(self._kind), "type": self._kind, **self._call, self._field: self.text()}

    def begin(self) -> list[Events]:
        """Announce the call."""
        return [self.announce(self.item())]

    def add(self, piece: str) -> list[Events]:
        """Add more of the arguments."""
        self.grown(piece)
        return [(f"{self._events}.delta", self.here(delta=piece))]

    def end(self) -> list[Events]:
        """Close the call. A function call without arguments has the empty object, as everywhere."""
        if not self.text() and self._field == "arguments":
            self.grown("{}")
        name = {"name": self._call["name"]} if self._field == "arguments" else {}
        return [(f"{self._events}.done", self.here(**name, **{self._field: self.text()})), self.conclude()]


class LiveItem(Live):
    """An item that arrives whole."""

    def __init__(self, position: int, item: JsonObject) -> None:
        super().__init__(position, str(item.get("id") or ""), {})
        self._item = item

    def item(self) -> JsonObject:
        """Return the item as it came."""
        return self._item

    def begin(self) -> list[Events]:
        """Announce it."""
        return [self.announce(self._item)]

    def add(self, piece: str) -> list[Events]:
        """Do nothing: the item is whole."""
        return []

    def end(self) -> list[Events]:
        """Close it."""
        return [self.conclude()]
