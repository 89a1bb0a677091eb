"""What a ledger holds of an attempt: one entry, which begins as `started` and ends in one of four states."""

from __future__ import annotations

import enum

import msgspec
from msgspec.structs import replace

from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis, Outcome


class EntryState(enum.StrEnum):
    """How far an attempt has come. All but `started` are final; `unknown` gives way to the truth if it is learned."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"
    """The process ended, or was cut off from the ledger, before it could say. It may have cost something."""


STATE_OF = {Outcome.WON: EntryState.SUCCEEDED, Outcome.FAILED: EntryState.FAILED, Outcome.ABORTED: EntryState.ABORTED}
OUTCOME_OF = {state: outcome for outcome, state in STATE_OF.items()}

KEY, AGENT, CLASS = "key", "client", "request_class"
"""Labels that the gateway writes: the name of the caller's key, the program that calls, and what it calls for. All
others are tags."""
NO_TAGS = (KEY, AGENT, CLASS)


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt."""

    state: EntryState
    start: AttemptStart
    record: AttemptRecord | None = None
    """How it ended; `None` while it is `started`, and if that is `unknown`."""


ABSURD = 2**53
"""Nano-USD: nine million dollars. With this bound and that of token counts (`MAX_TOKENS`), the sums of a thousand
attempts fit into 64 bits, whatever providers report."""


def kept(record: AttemptRecord) -> AttemptRecord:
    """Return a record as it is kept: a cost that cannot be, because the counts cannot be, is unknown."""
    if record.cost is None or record.cost.amount.nano_usd <= ABSURD:
        return record
    return replace(record, cost=None, cost_basis=CostBasis.UNKNOWN)
