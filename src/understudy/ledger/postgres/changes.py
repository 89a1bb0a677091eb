"""What a batch changes, as rows of the tables. Pure."""

from __future__ import annotations

from typing import Any

from understudy.domain.attempts import AttemptStart
from understudy.ledger.changes import Changes
from understudy.ledger.entries import NO_TAGS
from understudy.ledger.rows import COLUMNS, ending_of, id_of, row_of, row_of_start, state_of
from understudy.ledger.sql import without_nul

STORED = (*COLUMNS, "tagged")
"""The columns of an entry."""
ENDING = ("state", *COLUMNS[COLUMNS.index("details") :])
"""The columns that the end of an entry changes."""
_TRUTHS = COLUMNS.index("opens"), COLUMNS.index("streamed")


def inserts(changes: Changes, owner: int) -> list[tuple[Any, ...]]:
    """Return rows of entries that are new, sorted by id."""
    begun = [_stored(each.start, row_of_start(each.start, owner, opens=each.opens)) for each in changes.begun.values()]
    ended = [
        _stored(each.record, row_of(each.record, owner, opens=each.opens))
        for each in changes.ended.values()
        if each.is_new
    ]
    return sorted(begun + ended, key=_id)


def endings(changes: Changes) -> list[tuple[Any, ...]]:
    """Return values of `ENDING` and the id, of known entries that end, sorted by id."""
    known = [each.record for each in changes.ended.values() if not each.is_new]
    return sorted(
        [(*map(clean, (state_of(record), *ending_of(record))), id_of(record.attempt_id)) for record in known],
        key=lambda row: row[-1],
    )


def clean(value: Any) -> Any:
    """Return a value as PostgreSQL stores it: a text cannot hold NUL characters, and has a replacement for each."""
    return without_nul(value) if isinstance(value, str) else value


def with_nul(_: str, value: str) -> str:
    """Return a value of a dimension that has NUL characters, as it is stored."""
    return without_nul(value)


def _stored(start: AttemptStart, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row with what its tags count for."""
    tagged = [clean(f"{name}={value}") for name, value in start.labels.items() if name not in NO_TAGS]
    values = [*map(clean, row), tagged or None]
    for at in _TRUTHS:
        values[at] = bool(values[at])
    return tuple(values)


def _id(row: tuple[Any, ...]) -> bytes:
    found: bytes = row[0]
    return found
