"""Gathers everything that is wrong with a configuration, so that one run shows it all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from understudy.config.lines import KeyPath
from understudy.config.model import Notice, NoticeKind
from understudy.config.source import Source
from understudy.config.suggest import nearest
from understudy.domain.errors import ConfigError


class Report:
    """The errors and notices of one configuration text."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._errors: list[tuple[int, str]] = []
        self._notices: list[Notice] = []

    def error(self, path: KeyPath, what: str, suggestion: str) -> None:
        """Note an error at a key, or at the table that lacks one."""
        excerpt = self.source.excerpt(path)
        text = f"{self.source.where(path)}: {what}"
        if excerpt and not excerpt.startswith("["):
            text += f": {excerpt}"
        self._errors.append((self.source.number(path) or 0, f"{text}\n  {suggestion}"))

    def unknown_keys(self, table: Iterable[str], path: KeyPath, title: str, known: Mapping[str, object]) -> None:
        """Note each key of a table that it should not have."""
        for key in table:
            if key not in known:
                self.error((*path, key), f'unknown key "{key}" in {title}', meant(key, known))

    def notice(self, kind: NoticeKind, path: KeyPath, what: str, suggestion: str | None = None) -> None:
        """Note something that does not stop anything."""
        self._notices.append(Notice(kind=kind, what=what, where=self.source.where(path), suggestion=suggestion))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What was noted, in the order of the text."""
        return tuple(self._notices)

    def check(self) -> None:
        """Raise `ConfigError` with all errors, in the order of their lines, when there are any."""
        if self._errors:
            raise ConfigError("\n".join(text for _, text in sorted(self._errors, key=lambda error: error[0])))


def meant(word: str, known: Iterable[str]) -> str:
    """Return the suggestion for a word that is none of `known`."""
    known = list(known)
    guess = nearest(word, known)
    return f'did you mean "{guess}"?' if guess else f"there are {', '.join(known)}"
