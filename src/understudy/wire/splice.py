"""JSON objects that are changed in their own bytes: members are replaced, inserted and removed one by one.

Decoding a body and encoding it again loses the order of repeated keys, the spelling of numbers (`1.0`, `1e400`,
integers of any length), escapes and white space. Here only the bytes of a member that really changes are new:

    {"model": "a",  "n": 1.0}   ->   {"model": "b",  "n": 1.0}

A removed member takes one comma with it, the one before it if a member remains there. New members come last.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any, NamedTuple

import msgspec

from understudy.domain.content import JsonObject
from understudy.wire.json import BOM, BadJson, JsonTooLarge, decode, encode
from understudy.wire.mending import mend_extremes

ROUTING = ("model", "stream")
"""Members that decide where a request goes and how it is answered."""

_FLAWS = (msgspec.DecodeError, RecursionError, UnicodeError, ValueError)
_members: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_objects: msgspec.json.Decoder[list[dict[str, msgspec.Raw]]] = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

_scan_once = json.JSONDecoder(parse_int=str, parse_float=str).scan_once  # type: ignore[attr-defined]  # undocumented
"""The only decoder at hand that states where a value ends: from a text and a position to the value and its end."""

_KEY = re.compile(rb'[ \t\r\n]*+[{,][ \t\r\n]*+"([^"\\]*+(?:\\.[^"\\]*+)*+)"[ \t\r\n]*+:[ \t\r\n]*+', re.S)
"""What stands ahead of a member's value."""
_ESCAPED = re.compile(rb"\\u00[2-7]")
_CLOSING = re.compile(rb"[ \t\r\n]*+\}[ \t\r\n]*+\Z")
_OPENING = re.compile("\ufeff?[ \t\r\n]*+[{\\[][ \t\r\n]*+")
_COLON = re.compile(r"[ \t\r\n]*+:[ \t\r\n]*+")
_COMMA = re.compile(r"[ \t\r\n]*+,[ \t\r\n]*+")
_BLANKS = " \t\r\n"


KEPT = 1 << 20
"""Bytes of a body up to which it is kept until the next one comes, so that its members are found only once."""


class RepeatedMember(BadJson):
    """A body names one of the `ROUTING` members twice: its readers may differ in which one they believe."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the body has more than one {name!r}; send it once")
        self.name = name


class Span(NamedTuple):
    """Where a member of an object, or an element of an array, is."""

    name: str
    """Its key; empty for an element."""
    start: int
    """Its first byte: the quote of the key."""
    value: int
    """The first byte of the value."""
    end: int
    """The position behind the value."""


_latest: tuple[bytes | None, list[Span]] = (None, [])
"""The body that was looked at last, and its members."""


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
    _check_routing(spans_of(text))
    return Received(value, text, flaws)


def may_hide_words(data: bytes) -> bool:
    """Check whether letters of ASCII are written as escapes, so that a search for words might miss one. No encoder
    writes these."""
    return b"\\u00" in data and _ESCAPED.search(data) is not None


def peek(data: bytes, *names: str) -> list[Any]:
    """Return top-level members of a body, `None` for those it lacks, without decoding the others.

    Raise `RepeatedMember`, and `BadJson` for anything that is not a JSON object.
    """
    body = SplicedObject(data)
    return [body.get(name) for name in names]


def spans_of(data: bytes) -> list[Span]:
    """Return the members of a JSON object, in their order, repeated ones included. Raise `BadJson`."""
    global _latest  # noqa: PLW0603 - what comes in is looked at several times on its way
    latest = _latest
    if latest[0] is not data:
        spans = _found_spans(data)
        latest = (data if len(data) <= KEPT else None, spans)
        _latest = latest
    return latest[1]


def _found_spans(data: bytes) -> list[Span]:
    start = len(BOM) if data.startswith(BOM) else 0
    try:
        values = _members.decode(data[start:] if start else data)
    except _FLAWS as flaw:
        return _spans_of_flawed(data, flaw)
    spans = _walk(data, start, values)
    return spans if spans is not None else list(_scan(data))


def _walk(data: bytes, at: int, values: dict[str, msgspec.Raw]) -> list[Span] | None:
    """Find the members by the length of their values; `None` if a key is repeated.

    Each value is compared with its place. A JSON value is delimited by itself, so the walk cannot get out of step:
    where a repeated key has left the value of another member, it ends.
    """
    spans: list[Span] = []
    for name, value in values.items():
        key = _KEY.match(data, at)
        if key is None or not _is_spelled(key[1], name):
            return None
        start, at = key.end(), key.end() + memoryview(value).nbytes
        if msgspec.Raw(data[start:at]) != value:
            return None
        spans.append(Span(name, key.start(1) - 1, start, at))
    return spans if not spans or _CLOSING.match(data, at) is not None else None


def _is_spelled(raw: bytes, name: str) -> bool:
    return raw == name.encode() or (b"\\" in raw and _any.decode(b'"%b"' % raw) == name)


def _spans_of_flawed(data: bytes, flaw: Exception) -> list[Span]:
    """Return the members of a text whose strings have lone surrogates, which is JSON. Raise `BadJson` for others."""
    mended = mend_extremes(data)
    if mended is None:
        raise JsonTooLarge("nested too deeply") if isinstance(flaw, RecursionError) else BadJson(str(flaw)) from flaw
    if not isinstance(decode(mended.data), dict):
        raise BadJson("expected a JSON object")
    return list(_scan(data))


def _scan(data: bytes) -> Iterator[Span]:
    """Yield the members of an object, or the elements of an array, of valid JSON. Raise `BadJson` if not UTF-8."""
    try:
        text = data.decode()
    except UnicodeDecodeError as flaw:
        raise BadJson(str(flaw)) from flaw
    opening = _OPENING.match(text)
    at = opening.end() if opening is not None else len(text)
    is_object = text[:at].rstrip(_BLANKS).endswith("{")
    done, size = 0, 0  # characters, and their bytes: for most texts the same
    while at < len(text) and text[at] not in "]}":
        start, name = at, ""
        if is_object:
            key, at = _end_of_value(text, at)
            colon = _COLON.match(text, at)
            name, at = _without_surrogates(key), colon.end() if colon is not None else at
        value, (_, at) = at, _end_of_value(text, at)
        places = []
        for place in (start, value, at):
            size, done = size + len(text[done:place].encode()), place
            places.append(size)
        yield Span(name, *places)
        comma = _COMMA.match(text, at)
        at = comma.end() if comma is not None else len(text)


def _end_of_value(text: str, at: int) -> tuple[Any, int]:
    """Return a value and the position behind it. Raise `BadJson`."""
    try:
        value, end = _scan_once(text, at)
    except (StopIteration, ValueError, RecursionError) as flaw:
        raise BadJson(f"invalid JSON at {at}") from flaw
    return value, end


def _without_surrogates(key: str) -> str:
    return key if key.isascii() else key.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _check_routing(spans: Sequence[Span]) -> None:
    """Raise `RepeatedMember`. Some readers, such as Go's, ignore the case of keys."""
    folded = [span.name.casefold() for span in spans]
    for name in ROUTING:
        if folded.count(name) > 1:
            raise RepeatedMember(name)


class SplicedObject(MutableMapping[str, Any]):
    """A JSON object over its bytes. A member is decoded when it is read; of a repeated key the last counts.

    `to_bytes` returns the bytes with what has changed since, also inside of values; if nothing has, the very same.
    """

    __slots__ = ("_data", "_names", "_removed", "_set", "_spans", "_values")

    def __init__(self, data: bytes) -> None:
        """Raise `RepeatedMember`, and `BadJson` for anything that is not a JSON object."""
        self._data = data
        self._spans = spans_of(data)
        _check_routing(self._spans)
        self._names = {span.name: span for span in self._spans}
        self._values: JsonObject = {}
        self._set: set[str] = set()
        self._removed: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        if name not in self:
            raise KeyError(name)
        value = self._values[name] = _decoded(self.raw(name))
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member, or the default: as `Mapping.get` does, without an exception for each that is missing."""
        if name not in self:
            return default
        return self[name]

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
        return name in self._values or (name in self._names and name not in self._removed)

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self._names if name not in self._removed)
        yield from (name for name in self._values if name not in self._names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def raw(self, name: str) -> bytes:
        """Return the bytes of a member's value as they came; empty for one that did not come."""
        span = self._names.get(name)
        return self._data[span.value : span.end] if span is not None else b""

    def may_mention(self, name: str, *words: str) -> bool:
        """Check, without decoding it, whether a member contains one of the words: false only if it surely does not."""
        raw = self.raw(name) if name not in self._set else encode(self._values[name])
        return may_hide_words(raw) or any(word.encode() in raw for word in words)

    def may_have(self, name: str, key: str) -> bool:
        """Check whether an object in a member, which is an array, has a key: false only if none surely has."""
        if not self.may_mention(name, key):
            return False
        try:
            return any(key in each for each in _objects.decode(self.raw(name)))
        except _FLAWS:
            return True

    def to_bytes(self) -> bytes:
        """Return the object as JSON, changed only where its values were."""
        changed = {name: new for name in self._values if (new := self._changed(name)) is not None}
        if not changed and not self._removed:
            return self._data
        return _spliced(self._data, self._spans, changed, self._removed)

    def _changed(self, name: str) -> bytes | None:
        """Return the new bytes of a value; `None` if they are the old ones."""
        value = self._values[name]
        if name not in self._names:
            return encode(value)
        if name not in self._set and not isinstance(value, dict | list):
            return None
        raw = self.raw(name)
        new = respliced(raw, value)
        return None if new == raw else new


def _decoded(raw: bytes) -> Any:
    try:
        return _any.decode(raw)
    except _FLAWS as flaw:
        mended = mend_extremes(raw)
        if mended is None:
            raise BadJson(str(flaw)) from flaw
        return decode(mended.data)


def respliced(raw: bytes, value: Any) -> bytes:
    """Return the bytes of a JSON value that has become `value`: the old ones, wherever it has not changed."""
    before = _decoded(raw)
    if is_same(before, value):
        return raw
    if isinstance(before, dict) and isinstance(value, dict):
        spans = list(_scan(raw))
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
    spans = list(_scan(raw))
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
    pieces: list[bytes] = []
    at = 0
    for start, end, new in edits:
        pieces += (data[at:start], new)
        at = end
    return b"".join((*pieces, data[at:]))
