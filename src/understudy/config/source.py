"""The text of a configuration file: where its keys stand, and which of its lines may be shown.

What is not certainly harmless is masked: errors show lines and get logged, and a key in the wrong place is still a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from understudy.config.lines import KeyPath, key_lines
from understudy.config.suggest import nearest

MASK = "…"
_WIDTH = 120
"""Characters of a line that are shown."""

_HEADER = re.compile(r"\s*(\[{1,2}[^\[\]=#]{1,80}\]{0,2})\s*(?:#.*)?")
_PAIR = re.compile(r"""[\s{\[]*(?P<key>[A-Za-z0-9_\-. "']{1,60}?)\s*=\s*(?P<value>.*)""")
_PLAIN = re.compile(r"(?:[+-]?[\d_.eE+-]+|true|false|[+-]?inf|[+-]?nan)(?=\s*(?:#|$|,|\}))")
_TEXT = re.compile(r""""(?:\\.|[^"\\])*"(?=\s*(?:#|$))|'[^']*'(?=\s*(?:#|$))""")
_SECRET_WORD = re.compile(r"key|token|secret|passw|auth|cred|cookie|bearer|header", re.IGNORECASE)
_SECRET_LIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|r8|xai|co|AIza)[-_]\w|://[^/\s]*@|://\S*#|\?|(?<![\w/.:-])[^\s/$.]{32,}"
)
_SECRETS = frozenset({"api_key", "proxy", "headers", "header", "key_variable", "prefix"})
"""Keys that hold one, or in whose place one is easily put."""


class Source:
    """A configuration text and the name of its file."""

    def __init__(self, name: str | None, text: str, known: Iterable[str]) -> None:
        """`known` are the keys that a configuration may have; the values of unknown ones are not shown."""
        self.name = name
        self._lines = text.splitlines()
        self._text = text
        self._known = frozenset(known)
        self._numbers: dict[KeyPath, int] | None = None

    def number(self, path: KeyPath) -> int | None:
        """Return the line of a key, else that of the table that would hold it."""
        numbers = self._found()
        for length in range(len(path), 0, -1):
            if number := numbers.get(path[:length]):
                return number
        return None

    def end(self, *, unfinished: bool) -> int:
        """Return the last line that is not blank; with `unfinished`, the line of the key that was begun last."""
        if unfinished and (found := self._found()):
            return max(found.values())
        return max((number for number, line in enumerate(self._lines, start=1) if line.strip()), default=1)

    def where(self, path: KeyPath = ()) -> str:
        """Return `file:line`, as far as they are known."""
        return self.at(self.number(path))

    def at(self, number: int | None) -> str:
        """Return `file:line` for a line number."""
        if number is None:
            return self.name or "the configuration"
        return f"{self.name}:{number}" if self.name else f"line {number}"

    def excerpt(self, path: KeyPath) -> str | None:
        """Return the line on which a key is written, masked; `None` when it is not written at all."""
        number = self.number(path)
        if number is None or path not in self._found():
            return None
        return self.line(number, secret=any(part in _SECRETS for part in path))

    def line(self, number: int, *, secret: bool = False) -> str | None:
        """Return a line as far as it may be shown; with `secret`, without any value."""
        if not 0 < number <= len(self._lines):
            return None
        return self._shown(self._lines[number - 1], secret)[:_WIDTH]

    def _found(self) -> dict[KeyPath, int]:
        if self._numbers is None:
            try:
                self._numbers = key_lines(self._text)
            except RecursionError:  # nested so deeply that the parser gives up as well
                self._numbers = {}
        return self._numbers

    def _shown(self, line: str, secret: bool) -> str:
        if header := _HEADER.fullmatch(line):
            return header[1]
        pair = _PAIR.match(line)
        if pair is None:
            return MASK
        key, value = pair["key"].strip(), pair["value"]
        if not secret and self._is_harmless(key.split(".")[-1].strip("\"' ")):
            literal = _PLAIN.match(value) or _TEXT.match(value)
            if literal and literal[0].isprintable() and not _SECRET_LIKE.search(literal[0]):
                return f"{key} = {literal[0]}"
        # A line that is no pair may be the inside of a long string, with an `=` at the end of a key.
        return f"{key} = {MASK}" if len(key) <= 32 else MASK

    def _is_harmless(self, key: str) -> bool:
        """Tell whether a key is a known one, or clearly meant to be one, that holds no secret."""
        if key in self._known:
            return key not in _SECRETS
        meant = nearest(key, self._known, cutoff=0.85 if _SECRET_WORD.search(key) else 0.6)
        return meant is not None and meant not in _SECRETS
