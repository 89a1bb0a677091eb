"""What a batch of entries changes, given what the database knows of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import add
from typing import Any, NamedTuple

from msgspec.structs import astuple

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.entries import NO_TAGS, OUTCOME_OF, STATE_OF, EntryState, kept
from understudy.ledger.rows import COLUMNS, ending_of, id_of, row_of, row_of_start
from understudy.ledger.sql import without_nul
from understudy.ledger.sums import UsageSums, belongings, day_of, sums_of, sums_of_unknown

STORED = (*COLUMNS, "tagged")
"""The columns of an entry."""
ENDING = ("state", *COLUMNS[COLUMNS.index("details") :])
"""The columns that the end of an entry changes."""


class Known(NamedTuple):
    """What is known of an attempt."""

    state: EntryState
    opens: bool


class Changes:
    """Rows to insert, rows to end, and sums to add: each attempt once, whatever a batch says of it."""

    def __init__(self, owner: int, known: Mapping[bytes, Known], opened: Iterable[bytes]) -> None:
        """`known`: attempts that the database has; `opened`: requests of which it has an attempt."""
        self._owner = owner
        self._known = dict(known)
        self._opened = set(opened)
        self._inserts: dict[bytes, tuple[Any, ...]] = {}
        self._endings: dict[bytes, tuple[Any, ...]] = {}
        self._sums: dict[tuple[int, str, str], tuple[int, ...]] = {}

    @property
    def inserts(self) -> list[tuple[Any, ...]]:
        """Rows of entries that are new, sorted by id."""
        return [row for _, row in sorted(self._inserts.items())]

    @property
    def endings(self) -> list[tuple[Any, ...]]:
        """Values of `ENDING` and the id, of entries that end, sorted by id."""
        return [(*values, each) for each, values in sorted(self._endings.items())]

    @property
    def sums(self) -> list[tuple[Any, ...]]:
        """Day, dimension, value and what is added there, sorted: locks are taken in this order."""
        return [(*key, *sums) for key, sums in sorted(self._sums.items())]

    def knows(self, start: AttemptStart) -> bool:
        """Check whether an attempt is known already."""
        return id_of(start.attempt_id) in self._known

    def add(self, item: AttemptStart) -> bool:
        """Add the beginning or the end of an attempt. What has ended stays as it is. Return whether that changed
        anything."""
        return self._end(kept(item)) if isinstance(item, AttemptRecord) else self._start(item)

    def give_up(self, start: AttemptStart, *, opens: bool) -> None:
        """Add what an attempt adds whose end is `unknown`."""
        self._add(start, sums_of_unknown(opens=opens))

    def _start(self, start: AttemptStart) -> bool:
        key = id_of(start.attempt_id)
        if key in self._known:
            return False
        opens = self._opens(start.request_id)
        self._known[key] = Known(EntryState.STARTED, opens)
        self._inserts[key] = _stored(start, row_of_start(start, self._owner, opens=opens))
        return True

    def _end(self, record: AttemptRecord) -> bool:
        key = id_of(record.attempt_id)
        known = self._known.get(key)
        if known is not None and known.state in OUTCOME_OF:
            return False
        opens = known.opens if known is not None else self._opens(record.request_id)
        state = STATE_OF[record.outcome]
        if known is None or key in self._inserts:
            self._inserts[key] = _stored(record, row_of(record, self._owner, opens=opens))
        else:
            self._endings[key] = tuple(map(clean, (state.value, *ending_of(record))))
        self._known[key] = Known(state, opens)
        self._add(record, sums_of(record, opens=opens))
        if known is not None and known.state is EntryState.UNKNOWN:
            self._add(record, sums_of_unknown(opens=opens), sign=-1)
        return True

    def _opens(self, request_id: str) -> bool:
        """Check whether no attempt of a request is known yet."""
        key = id_of(request_id)
        opens = key not in self._opened
        self._opened.add(key)
        return opens

    def _add(self, start: AttemptStart, sums: UsageSums, sign: int = 1) -> None:
        day, added = day_of(start.started), tuple(sign * each for each in astuple(sums))
        for dimension, value in belongings(start):
            key = (day, dimension, clean(value))
            known = self._sums.get(key)
            self._sums[key] = added if known is None else tuple(map(add, known, added))


def clean(value: Any) -> Any:
    """Return a value as PostgreSQL stores it: a text cannot hold NUL characters, and has a replacement for each."""
    return without_nul(value) if isinstance(value, str) else value


def _stored(start: AttemptStart, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row with what its tags count for."""
    tagged = [clean(f"{name}={value}") for name, value in start.labels.items() if name not in NO_TAGS]
    return (*map(clean, row), tagged or None)
