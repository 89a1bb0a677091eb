"""By which index entries are found, and how many are looked at: a database would guess, and can be wrong by seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from understudy.ledger.entries import EntryState
from understudy.ledger.selection import LedgerSelection

_LOST = {each.value: each.value for each in (EntryState.FAILED, EntryState.ABORTED, EntryState.UNKNOWN)}
_STATES = {**_LOST, "recovered": EntryState.FAILED.value}
"""The states that an index finds, by states and by outcomes."""


class Base(NamedTuple):
    """What of a selection an index finds, in the order of ids."""

    by: str | None
    """`None`: entries are looked at one after another."""
    fields: Mapping[str, str]
    """What the index is asked for: fields of a selection."""
    is_all: bool
    """Whether it finds what is selected, and nothing else."""

    def of(self, span: LedgerSelection) -> LedgerSelection:
        """Return the selection of what it finds in a span."""
        return LedgerSelection(since=span.since, until=span.until, **self.fields)


def bases_of(selection: LedgerSelection) -> list[Base]:
    """Return what an index finds of a selection: one, or the one to prefer if it finds few, and then another one."""
    filters = selection.filters
    ended = selection.state or selection.outcome or ""
    if ended == EntryState.STARTED:
        return [Base("open_entries", {"state": ended}, is_all=True)]
    if selection.session is not None:
        return [Base("entries_of_session", {"session": selection.session}, len(filters) == 1)]
    found: list[Base] = []
    if selection.failure is not None:
        found.append(Base("entries_of_failure", {"failure": selection.failure}, len(filters) == 1))
    elif ended in _STATES:
        found.append(Base("lost_entries", {"state": _STATES[ended]}, filters.keys() == {"state"}))
    if selection.key is not None:
        found.append(Base("entries_of_key", {"key": selection.key}, len(filters) == 1))
    return found or [Base(None, {}, not filters)]
