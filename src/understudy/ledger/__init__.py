"""Where attempts are kept: in memory by default, in a file that lasts, or in a ledger of your own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.sinks import Ledger, LedgerSink

if TYPE_CHECKING:
    from understudy.ledger.entries import EntryState, LedgerEntry
    from understudy.ledger.lasting import LastingLedger, LedgerQueries
    from understudy.ledger.memory import MemoryLedger
    from understudy.ledger.postgres.reading import PostgresReader
    from understudy.ledger.postgres.store import PostgresLedger
    from understudy.ledger.selection import LedgerSelection
    from understudy.ledger.sqlite.reading import LedgerReader
    from understudy.ledger.sqlite.store import SqliteLedger
    from understudy.ledger.sums import UsageSums
    from understudy.ledger.valkey.store import ValkeyLimits

Observer = Callable[[AttemptRecord], Awaitable[object] | None]
"""Called with every attempt's record, on the event loop, so it must be quick. Its exceptions are logged, not
propagated. An asynchronous one runs in the background: the answer does not wait for it, and `aclose` does for a
second."""

_HOMES = {
    "EntryState": "entries",
    "LastingLedger": "lasting",
    "LedgerEntry": "entries",
    "LedgerQueries": "lasting",
    "LedgerReader": "sqlite.reading",
    "LedgerSelection": "selection",
    "MemoryLedger": "memory",
    "PostgresLedger": "postgres.store",
    "PostgresReader": "postgres.reading",
    "SqliteLedger": "sqlite.store",
    "UsageSums": "sums",
    "ValkeyLimits": "valkey.store",
}


def __getattr__(name: str) -> Any:
    """Import a name at its first use: every engine needs the protocols above, and few need SQLite."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'understudy.ledger' has no attribute {name!r}")
    return getattr(import_module(f"understudy.ledger.{_HOMES[name]}"), name)


__all__ = [
    "AttemptStart",
    "EntryState",
    "LastingLedger",
    "Ledger",
    "LedgerEntry",
    "LedgerQueries",
    "LedgerReader",
    "LedgerSelection",
    "LedgerSink",
    "MemoryLedger",
    "Observer",
    "PostgresLedger",
    "PostgresReader",
    "SqliteLedger",
    "UsageSums",
    "ValkeyLimits",
]
