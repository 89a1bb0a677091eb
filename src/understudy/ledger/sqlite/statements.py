"""Statements that read or write many rows at once.

Each step of a statement gives up the interpreter's lock and takes it again, which costs more than the step itself while
an event loop is busy. So a batch is few steps: rows go in pieces of 32, 16, 8, 4, 2 and 1, for each of which there is
one statement, which stays prepared; and an answer of several rows comes back as one text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any, TypeVar

from understudy.ledger.rows import COLUMNS
from understudy.ledger.sums import FIELDS

T = TypeVar("T")

AT_ONCE = 32
"""Rows of the largest statement."""
_ASKED = (1, 8, AT_ONCE)
"""Ids of a question, of attempts and of requests: what is missing is filled up with what is no id."""
_OF_END = frozenset({"state", *COLUMNS[COLUMNS.index("details") :]})
"""The columns that the end of an entry changes."""
_REQUIRED = frozenset(
    {"id", "request", "number", "state", "owner", "opens", "started", "operation", "provider", "provider_type"}
    | {"streamed", "details"}
)
"""Columns without NULL."""
_KEPT = 64
"""Statements that are kept, of each kind: entries of a batch have few sets of columns."""
_NULL = float("nan")
"""Is stored as NULL (https://www.sqlite.org/floatingpoint.html), and bound at once."""


def pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split rows into pieces for which there are statements."""
    at, size = 0, AT_ONCE
    while left := len(rows) - at:
        while size > left:
            size //= 2
        yield rows[at : at + size]
        at += size


@lru_cache(_KEPT)
def begin(columns: Sequence[str], rows: int) -> str:
    """Return the statement that writes entries that begin."""
    return f"INSERT INTO entries ({', '.join(columns)}) VALUES {_marks(len(columns), rows)}"


@lru_cache(_KEPT)
def end(columns: Sequence[str], rows: int) -> str:
    """Return the statement that writes entries that have ended; of one that is there already, how it ended."""
    ending = ", ".join(f"{name} = excluded.{name}" for name in columns if name in _OF_END)
    return f"{begin(columns, rows)} ON CONFLICT (id) DO UPDATE SET {ending}"


@cache
def add(rows: int) -> str:
    """Return the statement that adds to sums: day, dimension, value, and what is added."""
    return (
        f"INSERT INTO days (day, dimension, value, {', '.join(FIELDS)}) VALUES {_marks(3 + len(FIELDS), rows)} "
        f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in FIELDS)}"
    )


def questions(attempts: Sequence[bytes], requests: Sequence[bytes]) -> Iterator[tuple[str, list[bytearray]]]:
    """Yield questions, with their values: what is known of attempts, and of which requests an attempt is known.

    Each is answered by two texts, or NULL, with commas between what was found: of an attempt its id, its state, whether
    it opens its request and whether it holds anything, with spaces between; of a request its id.
    """
    for at in range(0, max(len(attempts), len(requests)), AT_ONCE):
        some, others = attempts[at : at + AT_ONCE], requests[at : at + AT_ONCE]
        size = next(each for each in _ASKED if each >= max(len(some), len(others)))
        values = [bytearray(each) for ids in (some, others) for each in (*ids, *(b"",) * (size - len(ids)))]
        yield _question(size), values


@cache
def _question(size: int) -> str:
    marks = _marks(size, 1)
    return (
        "SELECT (SELECT group_concat(hex(id) || ' ' || state || ' ' || opens || ' ' || "
        f"EXISTS (SELECT 1 FROM holds WHERE attempt = id)) FROM entries WHERE id IN {marks}), "
        f"(SELECT group_concat(DISTINCT hex(request)) FROM entries WHERE request IN {marks})"
    )


def bound(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[tuple[str, ...], list[Any]]:
    """Return the columns in which rows of entries have values, and those values, row by row, as they are bound.

    Python looks for an adapter of a value that is not exactly an `int`, a `float`, a `str` or a `bytearray`, which
    takes ten times as long as to bind it. So ids become a `bytearray`, and `None` is avoided.
    """
    names: list[str] = []
    bindings: list[Iterable[Any]] = []
    for name, values in zip(columns, zip(*rows, strict=True), strict=True):
        missing = 0 if name in _REQUIRED else values.count(None)
        if missing < len(values):
            names.append(name)
            bindings.append([_NULL if value is None else value for value in values] if missing else values)
    bindings[:2] = (map(bytearray, ids) for ids in bindings[:2])
    return tuple(names), list(chain.from_iterable(zip(*bindings, strict=True)))


def _marks(columns: int, rows: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)
