"""The members of a JSON object, found in its bytes without decoding them: once for all who look at a body on its way.

A body is looked at for its model, cut into an outline, searched for what a target refuses, and changed. So what was
found in the latest bodies is kept for a while.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from understudy.wire.bounds import MIB
from understudy.wire.json import BOM, BadJson, JsonTooLarge, decode
from understudy.wire.mending import mend_extremes
from understudy.wire.places import Entry, Places, may_hide_words, places_of
from understudy.wire.shape import BadShape, check_shape

ROUTING = ("model", "stream")
"""Members that decide where a request goes and how it is answered."""
KEPT = 4 << 20
"""Bytes up to which a body is kept, and only one of more than `LONG`."""
LONG = 1 << 20
SHORT = 8 << 10
"""Bytes up to which a body is searched for words as a whole, long texts included. In a longer one it is quicker to walk
over the members, whose lengths are known, and to skip their texts."""
LATEST = 4
"""How many are kept at most: a body, its outline, and what becomes of it on its way."""

_FLAWS = (msgspec.DecodeError, RecursionError, UnicodeError, ValueError)
_members: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_entries: msgspec.json.Decoder[list[Entry]] = msgspec.json.Decoder(list[Entry])
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

_view: Callable[[msgspec.Raw], memoryview] = memoryview

_scan_once = json.JSONDecoder(parse_int=str, parse_float=str).scan_once  # type: ignore[attr-defined]  # undocumented
"""The only decoder at hand that states where a value ends: from a text and a position to the value and its end."""

_KEY = re.compile(rb'[ \t\r\n]*+[{,][ \t\r\n]*+"([^"\\]*+(?:\\.[^"\\]*+)*+)"[ \t\r\n]*+:[ \t\r\n]*+', re.S)
"""What stands ahead of a member's value."""
_AFTER_KEY = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")
_CLOSING = re.compile(rb"[ \t\r\n]*+\}[ \t\r\n]*+\Z")
_OPENING = re.compile("\ufeff?[ \t\r\n]*+[{\\[][ \t\r\n]*+")
_COLON = re.compile(r"[ \t\r\n]*+:[ \t\r\n]*+")
_COMMA = re.compile(r"[ \t\r\n]*+,[ \t\r\n]*+")
_BLANKS = " \t\r\n"
_BLANK_BYTES = b" \t\r\n"
_QUOTE = ord('"')
_MODEL, _STREAM = b'"model"', b'"stream"'
_LEAST_ROUTING = len(b'"model":0,')
"""The fewest bytes of a `ROUTING` member."""
_USUAL = frozenset({*ROUTING, "messages", "tools", "temperature", "max_tokens", "max_completion_tokens"})
"""Names that are no other spelling of a `ROUTING` member."""


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


class Members:
    """The members of an object, with what was found in them so far. Their places are looked for if they are needed."""

    __slots__ = ("_entries", "_is_checked", "_outside", "_spans", "data", "named")

    def __init__(self, data: bytes, named: Mapping[str, msgspec.Raw], spans: list[Span] | None = None) -> None:
        self.data = data
        self.named = named
        """The values by name, unread; of a repeated key the last counts."""
        self._spans = spans
        self._is_checked = False
        self._entries: dict[str, list[Entry]] = {}
        self._outside: dict[str, tuple[Places, ...]] = {}

    @property
    def spans(self) -> list[Span]:
        """All members in their order, repeated ones included. Raise `BadJson` if the object is not UTF-8."""
        if self._spans is None:
            self._spans = even_spans(self.data, self.named)
        if self._spans is None:
            found = _walk(self.data, len(BOM) if self.data.startswith(BOM) else 0, self.named)
            self._spans = found if found is not None else list(scan(self.data))
        return self._spans

    def check_routing(self) -> None:
        """Raise `RepeatedMember`; and `BadJson` as `spans` does."""
        if not self._is_checked:
            self._check_routing()
            self._is_checked = True

    def _check_routing(self) -> None:
        if (_excess(self.data, self.named) < _LEAST_ROUTING or self._mentions_routing_once()) and (
            self.named.keys() <= _USUAL or not _has_variants(self.named)
        ):
            return  # each is written in one way only, and that occurs at most once
        if (repeated := _repeated(self.spans)) is not None:
            raise RepeatedMember(repeated)

    def _mentions_routing_once(self) -> bool:
        """Check whether the names of the `ROUTING` members occur at most once in a short body, and without escapes."""
        data = self.data
        if len(data) > SHORT or data.count(_MODEL) > 1 or data.count(_STREAM) > 1:
            return False
        return not _may_spell_ascii(data)

    def raw(self, name: str) -> bytes:
        """Return the bytes of a member's value; empty for one that is missing."""
        value = self.named.get(name)
        return b"" if value is None else bytes(value)

    def place_of(self, name: str) -> tuple[int, int] | None:
        """Return where the value of a member begins and ends; `None` if its key may be repeated, or occurs elsewhere
        too, so that `spans` must be asked."""
        data = self.data
        if self._spans is not None or len(data) > SHORT:
            places = [(span.value, span.end) for span in self.spans if span.name == name]
            return places[0] if len(places) == 1 else None
        key = b'"%b"' % name.encode()
        at = data.find(key)
        if at < 0 or not name.isascii() or data.find(key, at + 1) >= 0 or _may_spell_ascii(data):
            return None
        colon = _AFTER_KEY.match(data, at + len(key))
        if colon is None:
            return None
        return colon.end(), colon.end() + memoryview(self.named[name]).nbytes

    def entries(self, name: str) -> list[Entry]:
        """Return the objects in an array. Raise `BadJson` if it is none, or has other elements."""
        found = self._entries.get(name)
        if found is None:
            value = self.named.get(name)
            if value is None:
                raise BadJson(f"the body has no {name!r}")
            try:
                found = _entries.decode(value)
            except _FLAWS as flaw:
                raise BadJson(str(flaw)) from flaw
            self._entries[name] = found
        return found

    def outside_texts(self, name: str) -> tuple[Places, ...]:
        """Return the names and values of all objects in an array, but for their long strings. Raise `BadJson` as
        `entries` does."""
        found = self._outside.get(name)
        if found is None:
            found = self._outside[name] = (places_of(self.entries(name)),)
        return found

    def know(self, name: str, entries: list[Entry], outside: tuple[Places, ...]) -> None:
        """Note what is known of an array of objects before it was read."""
        self._entries[name], self._outside[name] = entries, outside

    def mentions(self, name: str, *words: str) -> bool:
        """Check whether a member contains one of the words: false only if it surely does not."""
        value = self.raw(name)
        return may_hide_words(value) or any(word.encode() in value for word in words)

    def has_token(self, name: str, *words: str) -> bool:
        """Check whether one of the words is a key or a kind in a member that has objects, whose own long texts are not
        searched: false only if none surely is."""
        data = self.data
        if len(data) <= SHORT and not _may_spell_ascii(data) and not any(map(data.__contains__, _quoted(words))):
            return False
        try:
            outside = self.outside_texts(name)
        except BadJson:
            return self.mentions(name, *(f'"{word}"' for word in words))
        quoted = _quoted(words)
        return any(places.may_have(quoted) for places in outside)


_latest: tuple[Members, ...] = ()
"""What was found in the bodies that were looked at last."""


def members_of(data: bytes) -> Members:
    """Return the members of a JSON object. Raise `BadJson`."""
    return latest_of(data) or keep(_found(data))


def latest_of(data: bytes) -> Members | None:
    """Return the members of one of the bodies that were looked at last."""
    for each in _latest:
        if each.data is data:
            return each
    return None


def keep(found: Members) -> Members:
    """Keep the members of a body for those who look at it next, and return them."""
    global _latest  # noqa: PLW0603 - what comes in is looked at several times on its way
    size = len(found.data)
    if size <= LONG:
        _latest = (found, *_latest[: LATEST - 1])
    elif size <= KEPT:
        _latest = (found,)
    return found


def spans_of(data: bytes) -> list[Span]:
    """Return the members of a JSON object, in their order, repeated ones included. Raise `BadJson`."""
    return members_of(data).spans


def _may_spell_ascii(data: bytes) -> bool:
    """Check whether a character of ASCII may be written by its number."""
    return b"\\" in data and b"\\u00" in data  # the first search is the quicker one by far


def _excess(data: bytes, named: Mapping[str, msgspec.Raw]) -> int:
    """Return how many bytes an object has besides its members, if each is written once, as short as can be: for blanks,
    escapes in keys, other characters than ASCII in them, and repeated members."""
    return len(data) - sum(map(len, named)) - sum(map(len, map(_view, named.values()))) - 4 * len(named) - 1


def _repeated(spans: Sequence[Span]) -> str | None:
    """Return which of the `ROUTING` members is repeated, if one is. Some readers, such as Go's, ignore the case of
    keys."""
    folded = [span.name.casefold() for span in spans]
    return next((name for name in ROUTING if folded.count(name) > 1), None)


def _has_variants(names: Collection[str]) -> bool:
    """Check whether one of the `ROUTING` members may have another spelling, in another case. One that is repeated is
    among the names once."""
    folded = ",".join(names).casefold()
    return any(folded.count(name) > (name in names) for name in ROUTING)


@lru_cache(maxsize=256)
def _quoted(words: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(b'"%b"' % word.encode() for word in words)


def _found(data: bytes) -> Members:
    if len(data) > MIB:
        try:
            check_shape(data)  # members take more memory than their text, and a short text can only hold so many
        except BadShape as flaw:
            raise JsonTooLarge(str(flaw)) from None
    try:
        return Members(data, _members.decode(data[len(BOM) :] if data.startswith(BOM) else data))
    except _FLAWS as flaw:
        spans = _spans_of_flawed(data, flaw)
    return Members(data, {span.name: msgspec.Raw(data[span.value : span.end]) for span in spans}, spans)


def even_spans(data: bytes, named: Mapping[str, msgspec.Raw]) -> list[Span] | None:
    """Find the members of an object with no blanks, or with one behind each colon and comma; `None` for any other.

    Where a key and its colon are found in their place, and no blank follows, a value begins, whose length is known. So
    each place follows from the one before it. Of a repeated key only one value is known, so the end is not met then.
    """
    spans: list[Span] = []
    opening, colon, comma = b"{", b'":', b","
    end = 0
    for name, value in named.items():
        before = b'%b"%b%b' % (opening, name.encode(), colon)
        start = end + len(before)
        if not spans and data[start : start + 1] == b" ":
            colon, comma, before, start = b'": ', b", ", before + b" ", start + 1
        if not data.startswith(before, end) or data[start] in _BLANK_BYTES:
            return None
        begin, end, opening = end + len(opening), start + len(_view(value)), comma
        spans.append(Span(name, begin, start, end))
    return spans if spans and data[end:] == b"}" else None


def _walk(data: bytes, at: int, values: Mapping[str, msgspec.Raw]) -> list[Span] | None:
    """Find the members by the length of their values; `None` if a key is repeated.

    Each value is compared with its place. A JSON value is delimited by itself, so the walk cannot get out of step:
    where a repeated key has left the value of another member, it ends.
    """
    spans: list[Span] = []
    view = memoryview(data)
    for name, value in values.items():
        key = _KEY.match(data, at)
        if key is None or not _is_spelled(key[1], name):
            return None
        start, at = key.end(), key.end() + memoryview(value).nbytes
        if msgspec.Raw(view[start:at]) != value:
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
    return list(scan(data))


def scan(data: bytes) -> Iterator[Span]:
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
