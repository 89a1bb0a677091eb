"""The line of each key of a TOML text, which the standard library's parser does not report."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

from understudy.domain.regexes import regex

KeyPath = tuple[str | int, ...]
"""Keys and array indexes from the top, such as `("llm", "providers", 0, "name")`."""

_BLANK = regex(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = regex(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_SPACE = regex(r"[ \t]*")
_DOT = regex(r"[ \t]*\.[ \t]*")
_EQUALS = regex(r"[ \t]*=[ \t]*")
_CLOSE = regex(r"[ \t]*\]{1,2}")
_ATOM = regex(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|[^,\]}\n#]+",  # numbers, booleans and dates, which may hold a space
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, of every key, table and array element of a valid TOML text.

    If the text is not valid, the keys before the error are returned.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._elements: dict[KeyPath, int] = {}
        """How many elements each array of tables has so far."""

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath | None = ()
        while table is not None:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                break
            if self._text[self._at] == "[":
                table = self._header()
            elif not self._pair(table):
                break
        return self._lines

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self._text, self._at)
        if match is None:
            return False
        self._at = match.end()
        return True

    def _next(self, character: str) -> bool:
        self._skip(_BLANK)
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def _note(self, base: KeyPath, keys: KeyPath, line: int) -> KeyPath:
        for length in range(1, len(keys) + 1):
            self._lines.setdefault(base + keys[:length], line)
        return base + keys

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1

    def _header(self) -> KeyPath | None:
        line = self._line()
        array = self._text.startswith("[[", self._at)
        self._at += 2 if array else 1
        keys = self._keys()
        if not keys or not self._skip(_CLOSE):
            return None
        path: KeyPath = ()
        for number, key in enumerate(keys, start=1):
            path = self._note(path, (key,), line)
            if array and number == len(keys):
                self._elements[path] = self._elements.get(path, 0) + 1
            if path in self._elements:
                path = self._note(path, (self._elements[path] - 1,), line)
        # A header wins over an earlier mention of the same table in a longer path.
        self._lines[path] = line
        return path

    def _keys(self) -> tuple[str, ...]:
        keys: list[str] = []
        self._skip(_SPACE)
        while match := _KEY.match(self._text, self._at):
            self._at = match.end()
            word = match[0]
            keys.append(tomllib.loads(f"{word} = 0").popitem()[0] if word[0] in "\"'" else word)
            if not self._skip(_DOT):
                break
        return tuple(keys)

    def _pair(self, table: KeyPath) -> bool:
        line = self._line()
        keys = self._keys()
        if not keys or not self._skip(_EQUALS):
            return False
        return self._value(self._note(table, keys, line))

    def _value(self, path: KeyPath) -> bool:
        if self._next("["):
            return self._array(path)
        if self._next("{"):
            return self._inline_table(path)
        return self._skip(_ATOM)

    def _array(self, path: KeyPath) -> bool:
        index = 0
        while not self._next("]"):
            element = self._note(path, (index,), self._line())
            if not self._value(element):
                return False
            self._next(",")
            index += 1
        return True

    def _inline_table(self, path: KeyPath) -> bool:
        while not self._next("}"):
            if not self._pair(path):
                return False
            self._next(",")
        return True
