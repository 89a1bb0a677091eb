"""Lists that may be long: searched and shown page by page, with what is not shown counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S")
T = TypeVar("T")

MOST = 50
"""Rows of a page."""
LONG = 20
"""Rows beyond which a list can be searched."""


class Listing(NamedTuple, Generic[T]):
    """One page of a list."""

    rows: Sequence[T]
    page: int
    """Its number, from 1."""
    found: int
    """Rows of all pages: what matches the search."""
    total: int
    """Rows without a search."""
    most: int = MOST
    """Rows of a page."""

    def of(self, made: Callable[[T], S]) -> Listing[S]:
        """Return the same page with another thing in place of each row."""
        return Listing([made(each) for each in self.rows], self.page, self.found, self.total, self.most)

    @property
    def first(self) -> int:
        """The number of the first row that is shown; 0 without rows."""
        return (self.page - 1) * self.most + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """The number of the last row that is shown."""
        return self.first + len(self.rows) - 1 if self.rows else 0

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.found // self.most))

    @property
    def is_long(self) -> bool:
        """Whether it has so many rows that it can be searched."""
        return self.total > LONG

    @property
    def is_whole(self) -> bool:
        """Whether all rows are shown."""
        return len(self.rows) == self.total


def listed(items: Iterable[T], page: int, *, total: int | None = None, most: int = MOST) -> Listing[T]:
    """Return a page of what matches a search; one beyond the last is the last. `total`: how much there is without the
    search."""
    found = list(items)
    number = min(max(1, page), max(1, -(-len(found) // most)))
    start = (number - 1) * most
    return Listing(found[start : start + most], number, len(found), len(found) if total is None else total, most)


def matching(items: Iterable[T], search: str, text: Callable[[T], str]) -> list[T]:
    """Return the items whose text contains each word of a search, in any case."""
    words = search.casefold().split()
    return [each for each in items if all(word in text(each).casefold() for word in words)]
