"""Items of answers that callers of the Responses API refer to by their ids, instead of sending them again.

OpenAI keeps what it answered unless a request says `store: false`, and Vercel's AI SDK relies on that: it sends an
`item_reference` for each text and each thought of the conversation. Other providers keep nothing. So the gateway
remembers the items that it answered with, each for its caller, and puts them in the place of their references.

A process holds the latest items up to a limit of bytes; with a `state_file` they are kept there too, sealed, and all
processes find them. An item that a native provider answered stays a reference on its way there.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from understudy.dialects.responses.errors import bad_request
from understudy.dialects.server import BadRequest, Inbound, ServerHalf
from understudy.domain.content import JsonObject
from understudy.domain.requests import GenerationRequest
from understudy.gateway.memory import Memory
from understudy.gateway.sealing import CannotOpen, Sealer
from understudy.wire.bounds import MIB
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson, as_objects, decode_object
from understudy.wire.splice import SplicedObject

LARGEST = MIB
"""Bytes of an item that is kept: more than any text or call that a model writes."""
_ENDS = (b'"response.completed"', b'"response.incomplete"')
_MARK = b'"item_reference"'


class Kept(msgspec.Struct, frozen=True):
    """An item, and whether its provider keeps it under the same id."""

    item: JsonObject
    is_native: bool


class Items:
    """What was answered, by caller and id."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def keep(self, data: bytes, caller: str, sealer: Sealer, *, is_native: bool) -> None:
        """Remember the items of an answer: a response, or the last events of a stream."""
        for item in as_objects(_response_in(data).get("output")):
            name = item.get("id")
            kept = msgspec.json.encode(Kept(item, is_native))
            if isinstance(name, str) and len(kept) <= LARGEST:
                self._memory.held.put(_name(caller, name), kept)
                if self._memory.is_shared:
                    self._memory.put("item", (_name(caller, name),), (caller, sealer.seal(kept, "item")), held=False)

    def find(self, name: str, caller: str, sealer: Sealer) -> Kept | None:
        """Return what was answered to a caller under an id; `None` if that is unknown."""
        kept = self._memory.held.get(_name(caller, name))
        if kept is None and self._memory.is_shared:
            found = self._memory.get("item", (_name(caller, name),), held=False)
            try:
                kept = sealer.open(found[_name(caller, name)][1], "item") if found else None
            except CannotOpen:
                return None  # with another secret
        return None if kept is None else msgspec.json.decode(kept, type=Kept)


def _name(caller: str, name: str) -> str:
    return f"{caller}\n{name}"


def _response_in(data: bytes) -> JsonObject:
    """Return the response in a body, or in the event that ends a stream; nothing if there is none."""
    if not data.lstrip().startswith(b"{"):
        lines = (line for line in data.split(b"\n") if line.startswith(b"data:") and any(end in line for end in _ENDS))
        data = next(lines, b"data:{}")[5:]
    try:
        body = decode_object(data)
    except BadJson:
        return {}
    response = body.get("response", body)
    return response if isinstance(response, dict) else {}


class Resolved(msgspec.Struct, frozen=True):
    """A body with items in the place of references."""

    body: bytes
    """With all that are known."""
    native: bytes
    """With those that a native provider does not know."""
    missing: str | None = None
    """Where the first reference to an unknown item stands."""


def resolved(body: bytes | None, items: Items, caller: str, sealer: Sealer) -> Resolved | None:
    """Return a body without references to items; `None` if it has none."""
    if body is None or _MARK not in body:
        return None
    try:
        whole, native = SplicedObject(body), SplicedObject(body)
        written = whole.get("input")
    except BadJson:
        return None  # refused where it is parsed
    if not isinstance(written, list):
        return None
    full: list[Any] = []
    half: list[Any] = []
    missing: str | None = None
    for position, item in enumerate(written):
        name = item.get("id") if isinstance(item, dict) and item.get("type") == "item_reference" else None
        kept = items.find(name, caller, sealer) if isinstance(name, str) else None
        if isinstance(name, str) and kept is None:
            missing = missing or f"input[{position}]"
        full.append(item if kept is None else kept.item)
        half.append(item if kept is None or kept.is_native else kept.item)
    if full != written:
        whole["input"] = full
    if half != written:
        native["input"] = half
    return Resolved(whole.to_bytes(), native.to_bytes(), missing)


def read(half: ServerHalf, request: HttpRequest, found: Resolved) -> Inbound:
    """Return a request, with items as they were answered; those that its own vendor keeps stay references there."""
    inbound = half.parse(replace(request, body=found.body))
    asked = inbound.request
    if not isinstance(asked, GenerationRequest) or asked.origin is None or found.native == found.body:
        return inbound
    return replace(inbound, request=replace(asked, origin=replace(asked.origin, body=found.native)))


def unknown(where: str) -> BadRequest:
    """Return the refusal of a reference to an item that is not kept, where no provider could know it."""
    return bad_request(
        "the item is not known here: answers of other providers are kept for a while only; send items whole, as most "
        "clients do with store: false",
        param=where,
    )
