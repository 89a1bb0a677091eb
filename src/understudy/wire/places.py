"""Where words are searched for in an array of objects, such as messages: everywhere but in their own long texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

Entry = dict[str, msgspec.Raw]
"""An object in an array, such as a message: its members, unread."""

_ESCAPED = re.compile(rb"\\u00(?:2[dD]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF])")
"""A letter, a digit, `-` or `_` as an escape."""
_QUOTE = ord('"')
_WORD = 64
"""Bytes of a string beyond which it is taken for a text, not for a name or kind."""

_view: Callable[[msgspec.Raw], memoryview] = memoryview


class Places:
    """The names and values of the objects in an array, but for their long strings: where words are searched for."""

    __slots__ = ("_found", "text")

    def __init__(self, text: bytes, found: Mapping[tuple[bytes, ...], bool] | None = None) -> None:
        self.text = text
        self._found = {**found} if found else {}

    @classmethod
    def joined(cls, places: Sequence[Places]) -> Places:
        """Return all of them as one, with what is known of words in each."""
        if len(places) == 1:
            return places[0]
        asked = set.intersection(*(set(each._found) for each in places))  # noqa: SLF001 - its own
        found = {words: any(each._found[words] for each in places) for words in asked}  # noqa: SLF001 - its own
        return cls(b",".join(each.text for each in places), found)

    def may_have(self, words: tuple[bytes, ...]) -> bool:
        """Check whether one of the words is here: false only if none surely is."""
        found = self._found.get(words)
        if found is None:
            text = self.text
            found = self._found[words] = any(word in text for word in words) or may_hide_words(text)
        return found


def places_of(entries: Sequence[Entry]) -> Places:
    """Return where words are searched for in the objects of an array."""
    names: set[str] = set().union(*entries)
    views: Iterator[memoryview] = map(_view, chain.from_iterable(map(dict.values, entries)))
    values = [view for view in views if len(view) <= _WORD or view[0] != _QUOTE]
    return Places(b",".join((*(b'"%b"' % each.encode() for each in names), *values)))


def may_hide_words(data: bytes, start: int = 0, end: int | None = None) -> bool:
    """Check whether what words are made of (letters, digits, `-` and `_`) is written as escapes, so that a search for
    words might miss one. No encoder writes these."""
    end = len(data) if end is None else end
    at = data.find(b"\\u00", start, end)
    return at >= 0 and _ESCAPED.search(data, at, end) is not None
