"""Gathers everything that is wrong with a configuration text, so that one run shows it all: where, what, what to do.

Lines are shown only as far as they are certainly harmless, and masked otherwise: errors get logged, and a key in the
wrong place is still a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from understudy.config.lines import KeyPath, key_lines
from understudy.config.model import Notice, NoticeKind
from understudy.domain.errors import ConfigError
from understudy.domain.regexes import regex
from understudy.settings.checking import FOREIGN_NAMES

MASK = "…"
_WIDTH = 120
"""Characters of a line that are shown, at most."""

_HEADER = regex(r"\s*(\[{1,2}[^\[\]=#]{1,80}\]{0,2})\s*(?:#.*)?")
_NAME = r"""(?:[A-Za-z0-9_-]+|"[A-Za-z0-9_. -]+"|'[A-Za-z0-9_. -]+')"""
_PAIR = regex(rf"\s*(?P<key>{_NAME}(?:\s*\.\s*{_NAME})*)\s*=\s*(?P<value>.*)")
"""Only a whole key: what is left of a damaged one may resemble a harmless key."""
_PLAIN = regex(r"(?:[+-]?[\d_.eE+-]+|true|false|[+-]?inf|[+-]?nan)(?=\s*(?:#|$|,|\}))")
_TEXT = regex(r""""(?:\\.|[^"\\])*"(?=\s*(?:#|$))|'[^']*'(?=\s*(?:#|$))""")
_SECRET_WORD = regex(r"key|token|secret|passw|auth|cred|cookie|bearer|header", re.IGNORECASE)
_SECRET_LIKE = regex(r"\b(?:sk|pk|rk|gsk|hf|r8|xai|co|AIza)[-_]\w|://[^/\s]*@|://\S*#|\?|(?<![\w/.:-])[^\s/$.]{32,}")
_SECRETS = frozenset({"api_key", "proxy", "headers", "header", "key_variable", "prefix", "key", "secret", "url"})
"""Keys whose values are secrets, or that are easily mistaken for such keys."""


class Source:
    """A configuration text and the name of its file."""

    def __init__(self, name: str | None, text: str, known: Iterable[str]) -> None:
        """`known` are the keys that a configuration may have; values of unknown keys are not shown."""
        self.name = name
        self._lines = text.splitlines()
        self._text = text
        self._known = frozenset(known)
        self._numbers: dict[KeyPath, int] | None = None

    def number(self, path: KeyPath) -> int | None:
        """Return the line of a key, else that of the table to which it would belong."""
        numbers = self._found()
        for length in range(len(path), 0, -1):
            if number := numbers.get(path[:length]):
                return number
        return None

    def end(self, *, unfinished: bool) -> int:
        """Return the last line that is not blank; with `unfinished`, the line on which the last key begins."""
        if unfinished and (found := self._found()):
            return max(found.values())
        return max((number for number, line in enumerate(self._lines, start=1) if line.strip()), default=1)

    def where(self, path: KeyPath = ()) -> str:
        """Return `file:line`, as far as known."""
        return self.at(self.number(path))

    def at(self, number: int | None) -> str:
        """Return `file:line` for a line number."""
        if number is None:
            return self.name or "the configuration"
        return f"{self.name}:{number}" if self.name else f"line {number}"

    def excerpt(self, path: KeyPath) -> str | None:
        """Return the line on which a key is written, masked; `None` if it is not written at all."""
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
            except RecursionError:  # nested too deeply for the parser
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
        # A line that only looks like a pair may be the inside of a long string, with an `=` at the end of a key.
        return f"{key} = {MASK}" if len(key) <= 32 else MASK

    def _is_harmless(self, key: str) -> bool:
        """Check whether a key is known, or clearly a misspelling of a known one, and does not hold a secret."""
        if key in self._known:
            return key not in _SECRETS
        guess = nearest(key, self._known, cutoff=0.85 if _SECRET_WORD.search(key) else 0.6)
        return guess is not None and guess not in _SECRETS


class Report:
    """The errors and notices of one configuration text."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._errors: list[tuple[int, str]] = []
        self._notices: list[Notice] = []

    def error(self, path: KeyPath, what: str, suggestion: str) -> None:
        """Record an error at a key, or at the table that lacks the key."""
        excerpt = self.source.excerpt(path)
        text = f"{self.source.where(path)}: {what}"
        if excerpt and not excerpt.startswith("["):
            text += f": {excerpt}"
        self._errors.append((self.source.number(path) or 0, f"{text}\n  {suggestion}"))

    def unknown_keys(self, table: Iterable[str], path: KeyPath, title: str, known: Mapping[str, object]) -> None:
        """Record an error for each unknown key of a table."""
        for key in table:
            if key not in known:
                self.error((*path, key), f'unknown key "{key}" in {title}', did_you_mean(key, known))

    def notice(self, kind: NoticeKind, path: KeyPath, what: str, suggestion: str | None = None) -> None:
        """Record something that the user should know, but that is not an error."""
        self._notices.append(Notice(kind=kind, what=what, where=self.source.where(path), suggestion=suggestion))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """The notices, in the order in which they were recorded."""
        return tuple(self._notices)

    @property
    def has_errors(self) -> bool:
        """Whether anything is wrong so far."""
        return bool(self._errors)

    def check(self) -> None:
        """Raise `ConfigError` with all errors, in the order of their lines, if there are any."""
        if self._errors:
            raise ConfigError("\n".join(text for _, text in sorted(self._errors, key=lambda error: error[0])))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the suggestion for a word that is not among `known`: the most similar one, else all of them."""
    known = list(known)
    guess = nearest(word, known)
    return f'did you mean "{guess}"?' if guess else f"expected one of {', '.join(known)}"


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word most similar to `word`, at least by `cutoff` (0 to 1), or the one that `word` is another
    tool's name for."""
    from difflib import get_close_matches  # only mistakes pay for this import

    known = list(known)
    lower = word.lower().replace("-", "_")
    if FOREIGN_NAMES.get(lower) in known:
        return FOREIGN_NAMES[lower]
    found = get_close_matches(lower, known, n=1, cutoff=cutoff)
    return found[0] if found else None
