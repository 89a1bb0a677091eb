"""A row of the tables: a rule with its source."""

from __future__ import annotations

import re
from collections.abc import Mapping

from understudy.dialects.classification.sources import Source
from understudy.dialects.quirks import NO_HEADERS, ErrorRule
from understudy.domain.failures import FailureKind


class Row(ErrorRule, frozen=True, kw_only=True):
    """A rule of the library's own. Every condition that is set must match."""

    source: Source
    statuses: frozenset[int] = frozenset()
    """Any of these, if not empty; 200 is an error in the middle of a stream."""
    pattern: re.Pattern[str] | None = None
    """Found in the message, in lower case."""
    header: tuple[str, str] | None = None
    """A response header, in lower case, and its value."""
    last: bool = False
    """Counts only if neither the code nor the message of an error is recognised."""

    @property
    def is_last(self) -> bool:
        """Whether the row counts only for errors that no other row recognises."""
        return self.last

    @property
    def is_of_status(self) -> bool:
        """Whether the status is the only condition."""
        return self.code is None and self.text is None and self.pattern is None and self.header is None

    def matches(
        self, status: int, names: tuple[str, ...], message: str, headers: Mapping[str, str] = NO_HEADERS
    ) -> bool:
        """Check whether this row matches a status, codes and types, message and headers."""
        if not super().matches(status, names, message, headers):
            return False
        if self.header is not None and headers.get(self.header[0]) != self.header[1]:
            return False
        return self.pattern is None or self.pattern.search(message) is not None

    def is_possible(self, status: int, names: tuple[str, ...]) -> bool:
        """Check the conditions on status, codes and types alone."""
        return (not self.statuses or status in self.statuses) and super().is_possible(status, names)


def codes(kind: FailureKind, source: Source, *names: str, status: int | None = None) -> tuple[Row, ...]:
    """Return a row for each code or type, in which a `*` at either end matches any prefix or suffix."""
    return tuple(Row(kind=kind, source=source, code=name, status=status) for name in names)


def words(kind: FailureKind, source: Source, statuses: tuple[int, ...], *phrases: str) -> tuple[Row, ...]:
    """Return a row for each phrase, a regular expression, at the statuses at which servers write it."""
    at = frozenset(statuses)
    return tuple(Row(kind=kind, source=source, statuses=at, pattern=re.compile(phrase)) for phrase in phrases)


def texts(kind: FailureKind, source: Source, *said: str, status: int | None = None) -> tuple[Row, ...]:
    """Return a row for each part of a message, in lower case."""
    return tuple(Row(kind=kind, source=source, text=text, status=status) for text in said)
