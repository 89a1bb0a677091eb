"""Finds a string that a regular expression matches, for the `pattern` keyword of JSON Schema.

Supports what schemas use: literals, classes, escapes, groups, alternatives and counts. Look-around and back references
are not supported; the caller checks the result.
"""

from __future__ import annotations

import re

_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_ANYTHING = "aA0-_. "


def sample(pattern: str) -> str | None:
    """Return a short string that matches, or `None` when none was found."""
    try:
        compiled = re.compile(pattern)
        text = _Reader(pattern).alternatives()
    except (re.error, IndexError, ValueError):
        return None
    return text if compiled.search(text) else None


class _Reader:
    """Reads a pattern from left to right and writes the simplest string along the way."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def _peek(self) -> str:
        return self._pattern[self._at] if self._at < len(self._pattern) else ""

    def _next(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def alternatives(self) -> str:
        """Read up to the end of a group and return its first alternative."""
        first = self._sequence()
        while self._peek() == "|":
            self._at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        text = ""
        while (character := self._peek()) and character not in "|)":
            piece = self._atom()
            text += piece * self._count()
        return text

    def _count(self) -> int:
        """Read the count after an atom; return its minimum, or one where that is zero and one is allowed."""
        least = 1
        if match := _COUNT.match(self._pattern, self._at):
            self._at = match.end()
            least = int(match.group(1))
            most = match.group(2)
            if least == 0 and most != "0" and most is not None:
                least = 1
        elif self._peek() in ("?", "*", "+"):
            self._at += 1
        else:
            return 1
        if self._peek() in ("?", "+"):
            self._at += 1
        return least

    def _atom(self) -> str:
        character = self._next()
        match character:
            case "^" | "$":
                return ""
            case ".":
                return "a"
            case "(":
                return self._group()
            case "[":
                return self._set()
            case "\\":
                return self._escape()
            case _:
                return character

    def _group(self) -> str:
        if self._peek() == "?":
            self._at += 1
            kind = self._next()
            if kind == "P":
                kind = self._next()
            if kind == "<" and self._peek() not in "=!":
                self._at = self._pattern.index(">", self._at) + 1
            elif kind != ":":
                raise ValueError("look-around is not supported")
        text = self.alternatives()
        self._next()
        return text

    def _escape(self) -> str:
        letter = self._next()
        if letter in "bBAZ":
            return ""
        if letter.isdigit():
            raise ValueError("back references are not supported")
        return _CLASSES.get(letter) or _CONTROLS.get(letter, letter)

    def _set(self) -> str:
        begin = self._at - 1
        negated = self._peek() == "^"
        if negated:
            self._at += 1
        first = self._next()
        first = self._escape() if first == "\\" else first
        while (character := self._next()) != "]":
            if character == "\\":
                self._at += 1
        if not negated:
            return first
        members = re.compile(self._pattern[begin : self._at])
        return next(candidate for candidate in _ANYTHING + "~" if members.match(candidate))
