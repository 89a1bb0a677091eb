"""Which output item an event belongs to.

OpenAI numbers its items (`output_index`) and names them (`item_id`). Servers that are compatible leave one or the other
out, count every item as 0, or give an item another id in every event. So an id that is known counts first, then the
number, then the only item that it can be; an event that could belong to several is an error, never a guess.
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.responses.wire import CALL_TEXT, StreamEvent
from understudy.domain.content import JsonObject
from understudy.wire.json import BadJson, nonempty


class Item:
    """An output item while it arrives. `parts` maps its contents, or itself, to part indexes."""

    __slots__ = (
        "about", "call_id", "closed", "id", "is_unplaced", "kind", "last", "parts", "seen_citations", "streamed",
    )  # fmt: skip

    def __init__(self, item_id: str | None, kind: str | None, call_id: str | None) -> None:
        self.id = item_id
        self.kind = kind
        self.call_id = call_id
        self.about: JsonObject = {}
        self.parts: dict[int | str, int] = {}
        self.seen_citations: dict[int, int] = {}
        self.last: tuple[str, int] | None = None
        self.streamed: list[str] = []
        """Pieces of a call's arguments."""
        self.is_unplaced = False
        """Pieces of its text came that do not say to which content they belong."""
        self.closed = False


class Items:
    """The items of one response, by id and by position."""

    __slots__ = ("_all", "_by_id", "_by_position")

    def __init__(self) -> None:
        self._all: list[Item] = []
        self._by_id: dict[str, Item] = {}
        self._by_position: dict[int, Item] = {}

    def begin(self, index: Any, raw: JsonObject) -> Item:
        """Return the item that is announced: a new one, unless the same is announced again."""
        kind, call_id = nonempty(raw.get("type")), nonempty(raw.get("call_id"))
        known = self._named(raw, index)
        if known is None and raw.get("id") is None and type(index) is int:
            known = self._by_position.get(index)
        if known is not None and known.kind in (kind, None) and known.call_id in (call_id, None):
            return known
        return self._new(index, raw)

    def of(self, event: StreamEvent, *kinds: str) -> Item:
        """Return the item of a piece, which may begin it. Raise `BadJson` if it could belong to several."""
        item_id, index = event.item_id, event.output_index
        if type(item_id) is str and (item := self._of_id(item_id, index)) is not None:
            return item
        begun: JsonObject = {"id": item_id, "type": kinds[0]}
        if type(index) is int:
            item = self._by_position.get(index)
            return item if item is not None and item.kind in kinds else self._new(index, begun)
        open_items = [item for item in self._all if not item.closed and item.kind in kinds]
        if len(open_items) > 1:
            raise BadJson("a delta of the answer could belong to several of its items")
        return open_items[0] if open_items else self._new(None, begun)

    def closed_by(self, index: Any, raw: JsonObject) -> Item:
        """Return the item that arrives whole, which may have come in pieces before."""
        item = self._named(raw, index)
        if item is None and type(index) is int:
            item = self._by_position.get(index)
            return item if item is not None and _may_be(item, raw) else self._new(index, raw)
        if item is None:
            item = next((one for one in self._all if not one.closed and _may_be(one, raw)), None)
        return item if item is not None else self._new(index, raw)

    def match(self, output: list[JsonObject]) -> list[Item]:
        """Return the item of each that stands in the whole response: those that are known by name first.

        Raise `BadJson` if a call came in pieces and the response has others in its place.
        """
        found = {n: item for n, raw in enumerate(output) if (item := self._named(raw, n)) is not None}
        taken = list(found.values())
        for n, raw in enumerate(output):
            if n in found:
                continue
            free = [one for one in self._all if one not in taken and _may_be(one, raw)]
            there = self._by_position.get(n)
            item = there if there in free else free[0] if free else None
            found[n] = item if item is not None else self._new(n, raw)
            taken.append(found[n])
        if any(nonempty(raw.get("type")) in CALL_TEXT for raw in output) and any(
            item.streamed and not item.closed and item not in taken for item in self._all
        ):
            raise BadJson("the calls of the final response differ from the streamed ones")
        return [found[n] for n in range(len(output))]

    def _named(self, raw: JsonObject, index: Any) -> Item | None:
        """Return the item with the same id or, of a call, with the same call id."""
        item_id, call_id = nonempty(raw.get("id")), nonempty(raw.get("call_id"))
        if item_id and (item := self._of_id(item_id, index)) is not None:
            return item
        return next((item for item in self._all if call_id and item.call_id == call_id), None)

    def _of_id(self, item_id: str, index: Any) -> Item | None:
        """Return the item of an id; of several with the same, the one at the position."""
        item = self._by_id.get(item_id)
        if item is None or type(index) is not int:
            return item
        there = self._by_position.get(index)
        return there if there is not None and there.id == item_id else item

    def _new(self, index: Any, raw: JsonObject) -> Item:
        item = Item(
            nonempty(raw.get("id")),
            nonempty(raw.get("type")),
            nonempty(raw.get("call_id")),
        )
        self._all.append(item)
        if item_id := nonempty(raw.get("id")):
            self._by_id[item_id] = item
        if type(index) is int:
            self._by_position[index] = item
        return item


def _may_be(item: Item, raw: JsonObject) -> bool:
    """Whether an item of unknown name can be this one: of the same kind, and not another call."""
    call_id = nonempty(raw.get("call_id"))
    return item.kind == nonempty(raw.get("type")) and (call_id is None or item.call_id in (call_id, None))


def position_of(value: Any) -> int:
    """Return the number of a content, the first where none is given."""
    return value if type(value) is int else 0
