"""Bodies that begin as an earlier one did: an agent sends its whole conversation at every step, with a little more.

What was found in the beginning of a body, up to a few messages before its end, holds for every body that begins with
the same bytes. So a later one is compared with it, which takes a tenth of the time of reading it, and only the rest is
read. That the whole is valid JSON follows: the beginning ends in front of an element of an array that is a member of
the body, and the rest, behind the beginning of such an array, is valid.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from understudy.wire.bounds import BOUNDS, KIB, MIB
from understudy.wire.members import KEPT, Members, Span, even_spans, keep, latest_of, members_of
from understudy.wire.places import Entry, Places, places_of
from understudy.wire.shape import BadShape, check_shape, weight_of

LEAST = 32 * KIB
"""Bytes of a beginning that is kept, and by which it must have grown for the next one to be kept instead: fewer are
read as quickly as they are found."""
TOTAL = 16 * MIB
"""Bytes of the bodies of which beginnings are kept: an agent's grow to a few hundred thousand."""
LAST = 4
"""Elements at the end of an array that are left out of its beginning: clients move marks of caches among these."""

_ENTRY = 400
"""Bytes of memory for each object of an array."""
_WORD = 48
"""Bytes of a body by which its beginning is looked up, before these are compared as a whole."""
_ELEMENT = b'{"role"'
"""How messages begin as almost all clients write them. These bytes occur in no string, where quotes are escaped."""
_FLAWS = (msgspec.DecodeError, RecursionError, UnicodeError, ValueError)

_members: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_entries: msgspec.json.Decoder[list[Entry]] = msgspec.json.Decoder(list[Entry])


def _marks() -> tuple[int, ...]:
    """Return the lengths by which beginnings are looked up, the longest first."""
    found = [LEAST]
    while found[-1] < KEPT:
        found.append(found[-1] * 5 // 4)
    return tuple(found[::-1])


_MARKS = _marks()


class Beginning(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The beginning of a body, up to an element of an array that is one of its members."""

    body: bytes
    cut: int
    """The position of that element."""
    spans: tuple[Span, ...]
    """The members up to this one. Where it ends is not known."""
    named: Mapping[str, msgspec.Raw]
    """The values of those ahead of it."""
    entries: list[Entry]
    """The elements before the cut, which are objects."""
    outside: Places
    """Where words are searched for in them, and in some that followed."""

    @property
    def weight(self) -> int:
        """Bytes of memory that it takes, about."""
        return len(self.body) + _ENTRY * len(self.entries) + len(self.outside.text)


class Beginnings:
    """The latest beginnings, by what they hold at the last mark ahead of their cut."""

    def __init__(self, total: int = TOTAL) -> None:
        self.total = total
        self.weight = 0
        self._found: OrderedDict[tuple[str, int, bytes], Beginning] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def of(self, data: bytes, name: str) -> Beginning | None:
        """Return the longest beginning with which a body begins."""
        size = len(data)
        if size < LEAST or size > KEPT or not self._found:
            return None
        for mark in _MARKS:
            if mark > size:
                continue
            key = name, mark, data[mark - _WORD : mark]
            found = self._found.get(key)
            if found is not None and data.startswith(memoryview(found.body)[: found.cut]):
                self._found.move_to_end(key)
                return found
        return None

    def add(self, name: str, new: Beginning, old: Beginning | None) -> None:
        """Keep a beginning, instead of the one with which it begins."""
        if old is not None:
            self._drop(self._key(name, old), old)
        key = self._key(name, new)
        if (same := self._found.get(key)) is not None:
            self._drop(key, same)
        self._found[key] = new
        self.weight += new.weight
        while self.weight > self.total and self._found:
            self._drop(*next(iter(self._found.items())))

    @staticmethod
    def _key(name: str, each: Beginning) -> tuple[str, int, bytes]:
        mark = next(mark for mark in _MARKS if mark <= each.cut)
        return name, mark, each.body[mark - _WORD : mark]

    def _drop(self, key: tuple[str, int, bytes], each: Beginning) -> None:
        if self._found.get(key) is each:
            del self._found[key]
            self.weight -= each.weight


_kept = Beginnings()


def growing_members(data: bytes, name: str) -> tuple[Members, Beginning | None]:
    """Return the members of a JSON object in UTF-8, of which one is an array of objects that grows from body to body,
    and the beginning that was known.

    Raise `BadJson`, and `UnicodeError` for other bytes than UTF-8.
    """
    begun = _kept.of(data, name)
    if begun is not None and latest_of(data) is None and (found := _continued(data, begun, name)) is not None:
        return keep(found), begun
    _check_utf8(data)
    return members_of(data), begun


def remember(members: Members, name: str, begun: Beginning | None) -> None:
    """Keep the beginning of a body whose array of objects was read, if it is written evenly and has grown."""
    least = LEAST if begun is None else begun.cut + LEAST
    if not least <= len(members.data) <= KEPT:
        return
    place = next((span for span in members.spans if span.name == name), None)
    if place is None or place.end < least:
        return
    new = _beginning_of(members, name, least)
    if new is not None:
        _kept.add(name, new, begun)


def _check_utf8(data: bytes) -> None:
    if not data.isascii():
        data.decode()


def _continued(data: bytes, begun: Beginning, name: str) -> Members | None:
    """Return the members of a body with a known beginning, of which only the rest is read; `None` for one whose rest is
    not written evenly or is invalid: it is read as a whole."""
    if len(data) > MIB >= len(begun.body):
        return None  # nobody has looked how deep a short body is nested
    rest = data[begun.cut :]
    key = begun.spans[-1]
    head = data[key.start : key.value]
    text = b"{%b[%b" % (head, rest)
    try:
        if not rest.startswith(b"{"):
            return None
        _check_utf8(rest)
        if len(data) > MIB:
            _check_shape(data, text)
        after = _members.decode(text)
        spans = even_spans(text, after)
        if spans is None:
            return None
        entries = _entries.decode(after[name])
    except _FLAWS:
        return None
    moved = begun.cut - len(head) - 2
    end = spans[0].end + moved
    array = msgspec.Raw(memoryview(data)[key.value : end])
    behind = [Span(each.name, each.start + moved, each.value + moved, each.end + moved) for each in spans[1:]]
    places = [*begun.spans[:-1], key._replace(end=end), *behind]
    found = Members(data, {**begun.named, **after, name: array}, places)
    found.know(name, [*begun.entries, *entries], (begun.outside, places_of(entries)))
    return found


def _check_shape(data: bytes, text: bytes) -> None:
    """Raise `BadShape` for a body that may be too heavy, and for a rest that is nested too deeply: `text`."""
    if weight_of(data) > BOUNDS.decoded:
        raise BadShape("its values may take too much memory")
    check_shape(text)


def _beginning_of(members: Members, name: str, least: int) -> Beginning | None:
    """Return the beginning of a body; `None` for one that is not written evenly, is shorter than `least`, or has few
    elements."""
    data, entries = members.data, members.entries(name)
    spans = even_spans(data, members.named)
    place = next((number for number, span in enumerate(spans or ()) if span.name == name), None)
    if spans is None or place is None or len(entries) <= LAST:
        return None
    begin, cut = spans[place].value, spans[place].end
    for _ in range(LAST):
        cut = data.rfind(_ELEMENT, begin, cut)
        if cut < least:
            return None
    try:
        last = _entries.decode(b"[" + data[cut : spans[place].end])
    except _FLAWS:
        return None  # it begins within an element
    if not last or len(last) == len(entries):
        return None
    ahead = spans[: place + 1]
    named = {span.name: members.named[span.name] for span in ahead[:-1]}
    outside = Places.joined(members.outside_texts(name))
    return Beginning(data, cut, tuple(ahead), named, entries[: -len(last)], outside)
