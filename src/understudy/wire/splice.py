"""JSON objects that are changed in their own bytes: members are replaced, inserted and removed one by one.

Decoding a body and encoding it again loses the order of repeated keys, the spelling of numbers (`1.0`, `1e400`,
integers of any length), escapes and white space. Here only the bytes of a member that really changes are new:

    {"model": "a",  "n": 1.0}   ->   {"model": "b",  "n": 1.0}

A removed member takes one comma with it, the one before it if a member remains there. New members come last.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any, NamedTuple

import msgspec

from understudy.domain.content import JsonObject
from understudy.wire.json import BadJson, JsonTooLarge, decode, encode
from understudy.wire.members import Members, Span, members_of, scan
from understudy.wire.mending import mend_extremes
from understudy.wire.places import may_hide_words

_FLAWS = (msgspec.DecodeError, RecursionError, UnicodeError, ValueError)
_CONTAINERS = (dict, list)
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Received(NamedTuple):
    """A body as it was read, for those who need its values."""

    value: JsonObject
    text: bytes
    """The text that has that value: the body, or its mended form."""
    flaws: tuple[str, ...] = ()
    """What had to be mended, as in `wire.mending`: the body itself can be forwarded all the same."""


def receive(data: bytes) -> Received:
    """Read the body of a request. Raise `RepeatedMember`, and `BadJson` for anything that is not a JSON object.

    Lone surrogates and numbers out of range are valid JSON, so they are no reason to refuse a body.
    """
    flaws: tuple[str, ...] = ()
    text = data
    try:
        value = decode(data)
    except JsonTooLarge:
        raise
    except BadJson:
        mended = mend_extremes(data)
        if mended is None:
            raise
        text, flaws = mended.data, mended.flaws
        value = decode(text)
    if not isinstance(value, dict):
        raise BadJson(f"expected a JSON object, got {type(value).__name__}")
    members_of(text).check_routing()
    return Received(value, text, flaws)


def peek(data: bytes, *names: str) -> list[Any]:
    """Return top-level members of a body, `None` for those it lacks, without decoding the others.

    Raise `RepeatedMember`, and `BadJson` for anything that is not a JSON object.
    """
    body = SplicedObject(data)
    return [body.get(name) for name in names]


class SplicedObject(MutableMapping[str, Any]):
    """A JSON object over its bytes. A member is decoded when it is read; of a repeated key the last counts.

    `to_bytes` returns the bytes with what has changed since, also inside of values; if nothing has, the very same.
    """

    __slots__ = ("_members", "_removed", "_set", "_values")

    def __init__(self, data: bytes) -> None:
        """Raise `RepeatedMember`, and `BadJson` for anything that is not a JSON object."""
        self._members = members_of(data)
        self._members.check_routing()
        self._values: JsonObject = {}
        self._set: set[str] = set()
        self._removed: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return self.get(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member, or the default: as `Mapping.get` does, without an exception for each that is missing."""
        values = self._values
        if name in values:
            return values[name]
        raw = self._members.named.get(name)
        if raw is None or name in self._removed:
            return default
        value = values[name] = _decoded(raw)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[name] = value
        self._set.add(name)
        self._removed.discard(name)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._values.pop(name, None)
        self._set.discard(name)
        self._removed.add(name)

    def __contains__(self, name: object) -> bool:
        return name in self._values or (name in self._members.named and name not in self._removed)

    def __iter__(self) -> Iterator[str]:
        named, values, removed = self._members.named, self._values, self._removed
        if not values and not removed:
            return iter(named)
        return iter([*(name for name in named if name not in removed), *(name for name in values if name not in named)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def raw(self, name: str) -> bytes:
        """Return the bytes of a member's value as they came; empty for one that did not come."""
        return self._members.raw(name)

    def may_mention(self, name: str, *words: str) -> bool:
        """Check, without decoding it, whether a member contains one of the words: false only if it surely does not."""
        if name not in self._set:
            return self._members.mentions(name, *words)
        raw = encode(self._values[name])
        return may_hide_words(raw) or any(word.encode() in raw for word in words)

    def may_have(self, name: str, *words: str) -> bool:
        """Check whether one of the words is a key or a kind of a member that is an array of objects, or in what they
        hold but for their own long texts: false only if none surely is."""
        if name not in self._set:
            return self._members.has_token(name, *words)
        return self.may_mention(name, *(f'"{word}"' for word in words))

    def may_have_key(self, name: str, key: str) -> bool:
        """Check whether an object in a member, which is an array, has a key: false only if none surely has."""
        if name in self._set:
            return any(isinstance(each, dict) and key in each for each in self._values[name] or ())
        if not self.may_have(name, key):
            return False
        try:
            return any(key in each for each in self._members.entries(name))
        except BadJson:
            return True

    def to_bytes(self) -> bytes:
        """Return the object as JSON, changed only where its values were."""
        changed = {name: new for name in self._values if (new := self._changed(name)) is not None}
        if not changed and not self._removed:
            return self._members.data
        edits = None if self._removed else _plain_edits(self._members, changed)
        if edits is not None:
            return _edited(self._members.data, edits)
        return _spliced(self._members.data, self._members.spans, changed, self._removed)

    def _changed(self, name: str) -> bytes | None:
        """Return the new bytes of a value; `None` if they are the old ones."""
        value = self._values[name]
        if name not in self._members.named:
            return encode(value)
        is_plain = not isinstance(value, _CONTAINERS)
        if is_plain and (name not in self._set or msgspec.Raw(encode(value)) == self._members.named[name]):
            return None
        raw = self.raw(name)
        new = respliced(raw, value)
        return None if new == raw else new


def _decoded(raw: bytes | msgspec.Raw) -> Any:
    try:
        return _any.decode(raw)
    except _FLAWS as flaw:
        mended = mend_extremes(bytes(raw))
        if mended is None:
            raise BadJson(str(flaw)) from flaw
        return decode(mended.data)


def respliced(raw: bytes, value: Any) -> bytes:
    """Return the bytes of a JSON value that has become `value`: the old ones, wherever it has not changed."""
    before = _decoded(raw)
    if is_same(before, value):
        return raw
    if isinstance(before, dict) and isinstance(value, dict):
        spans = list(scan(raw))
        last = {span.name: raw[span.value : span.end] for span in spans}
        changed = {
            name: respliced(last[name], new) if name in last else encode(new)
            for name, new in value.items()
            if name not in before or not is_same(before[name], new)
        }
        return _spliced(raw, spans, changed, before.keys() - value.keys())
    if isinstance(before, list) and isinstance(value, list):
        return _respliced_array(raw, before, value)
    return encode(value)


def _respliced_array(raw: bytes, before: list[Any], value: list[Any]) -> bytes:
    """Return an array with the old bytes of its elements. If there are fewer or more, what stands between is new."""
    spans = list(scan(raw))
    olds = [raw[span.value : span.end] for span in spans]
    if len(before) == len(value):
        edits = [(span.value, span.end, respliced(old, new)) for span, old, new in zip(spans, olds, value, strict=True)]
        return _edited(raw, edits)
    found, at = [], 0
    for new in value:
        place = next((n for n in range(at, len(before)) if is_same(before[n], new)), None)
        found.append(encode(new) if place is None else olds[place])
        at = at if place is None else place + 1
    return b"[%b]" % b",".join(found)


def is_same(one: Any, other: Any) -> bool:
    """Check whether two JSON values are equal, however numbers are spelled. Unlike in Python, `true` is not 1."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(is_same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        same_size = isinstance(other, list) and len(one) == len(other)
        return same_size and all(map(is_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def with_value(members: Members, name: str, new: bytes) -> bytes | None:
    """Return an object with another value of one of its members; `None` where its place is not known without looking
    for the places of all."""
    place = members.place_of(name)
    return None if place is None else _edited(members.data, ((*place, new),))


def _plain_edits(members: Members, changed: dict[str, bytes]) -> list[tuple[int, int, bytes]] | None:
    """Return the edits that change values and add members, without looking for the places of all; `None` where that is
    needed: a key may be repeated, or occurs in other places too."""
    data, edits, new = members.data, [], []
    if not members.named:
        return None
    for name, value in changed.items():
        if name not in members.named:
            new.append(b"%b:%b" % (encode(name), value))
        elif (place := members.place_of(name)) is not None:
            edits.append((*place, value))
        else:
            return None
    edits.sort()
    if new:
        end = data.rindex(b"}")
        while data[end - 1] in _BLANKS:
            end -= 1
        edits.append((end, end, b"," + b",".join(new)))
    return edits


_BLANKS = b" \t\r\n"


def _spliced(data: bytes, spans: Sequence[Span], changed: dict[str, bytes], removed: set[str]) -> bytes:
    """Return an object with changed and new values, and without the removed members.

    Of a repeated key only the last remains if its value changes, so that every reader finds the same.
    """
    last = {span.name: number for number, span in enumerate(spans)}
    edits: list[tuple[int, int, bytes]] = []
    kept = False
    for number, span in enumerate(spans):
        if span.name in removed or (span.name in changed and last[span.name] != number):
            following = spans[number + 1].start if number + 1 < len(spans) else span.end
            edits.append((spans[number - 1].end, span.end, b"") if kept else (span.start, following, b""))
            continue
        kept = True
        if span.name in changed:
            edits.append((span.value, span.end, changed[span.name]))
    new = [b"%b:%b" % (encode(name), value) for name, value in changed.items() if name not in last]
    if new:
        place = spans[-1].end if spans else data.rindex(b"}")
        edits.append((place, place, (b"," if kept else b"") + b",".join(new)))
    return _edited(data, edits)


def _edited(data: bytes, edits: Sequence[tuple[int, int, bytes]]) -> bytes:
    view = memoryview(data)  # long texts are copied once, into the result
    pieces: list[bytes | memoryview] = []
    at = 0
    for start, end, new in edits:
        pieces += (view[at:start], new)
        at = end
    return b"".join((*pieces, view[at:]))
