"""What a batch of attempts changes in a ledger that lasts, given what its store knows of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.entries import OUTCOME_OF, STATE_OF, EntryState, kept
from understudy.ledger.sums import AddedSums, sums_of, sums_of_unknown

_STARTED = EntryState.STARTED


class Known(msgspec.Struct, frozen=True):
    """What is known of an attempt."""

    state: EntryState
    opens: bool
    """Whether it is the first of its request."""


class Begun(msgspec.Struct, frozen=True):
    """An attempt that begins in a batch, and does not end in it."""

    start: AttemptStart
    opens: bool


class Ended(msgspec.Struct, frozen=True):
    """An attempt that ends in a batch."""

    record: AttemptRecord
    opens: bool
    is_new: bool
    """Whether the store has no entry of it yet."""


class Changes:
    """Entries that begin or end, and what they add to the sums: each attempt once, whatever a batch says of it."""

    def __init__(self, sums: AddedSums, known: Mapping[str, Known], opened: Iterable[str]) -> None:
        """`sums`: where the sums are added. `known`: attempts that the store has, by their ids. `opened`: requests of
        which it has an attempt."""
        self.begun: dict[str, Begun] = {}
        self.ended: dict[str, Ended] = {}
        self._sums = sums
        self._known = dict(known)
        self._opened = set(opened)

    def knows(self, start: AttemptStart) -> bool:
        """Check whether an attempt is known already."""
        return start.attempt_id in self._known

    def add(self, item: AttemptStart) -> bool:
        """Add the beginning or the end of an attempt. What has ended stays as it is. Return whether that changed
        anything."""
        return self._end(kept(item)) if isinstance(item, AttemptRecord) else self._start(item)

    def _start(self, start: AttemptStart) -> bool:
        attempt = start.attempt_id
        if attempt in self._known:
            return False
        opens = self._opens(start.request_id)
        self._known[attempt] = Known(_STARTED, opens)
        self.begun[attempt] = Begun(start, opens)
        return True

    def _end(self, record: AttemptRecord) -> bool:
        attempt = record.attempt_id
        known = self._known.get(attempt)
        if known is not None and known.state in OUTCOME_OF:
            return False
        opens = known.opens if known is not None else self._opens(record.request_id)
        is_new = known is None or self.begun.pop(attempt, None) is not None
        self._known[attempt] = Known(STATE_OF[record.outcome], opens)
        self.ended[attempt] = Ended(record, opens, is_new)
        self._sums.add(record, sums_of(record, opens=opens))
        if known is not None and known.state is EntryState.UNKNOWN:
            self._sums.add(record, -sums_of_unknown(opens=opens))
        return True

    def _opens(self, request_id: str) -> bool:
        """Check whether no attempt of a request is known yet."""
        opens = request_id not in self._opened
        self._opened.add(request_id)
        return opens
