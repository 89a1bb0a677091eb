"""Which store processes with the same ledger share."""

from __future__ import annotations

from pathlib import Path

from understudy.domain.secret import Secret
from understudy.fleet.memory import MemoryFleet
from understudy.fleet.sqlite import SUFFIX, SqliteFleet
from understudy.fleet.store import FleetStore


def open_fleet(ledger: Path | Secret | None, *, file: Path | None = None, makes_file: bool = True) -> FleetStore:
    """Return the store of the processes with a ledger: beside its file, or in its database. Nothing is opened before
    it is used.

    `ledger`: its file, or the URL of its database; `None` if none is kept. `file`: the one to use then; without it,
    one process remembers by itself. `makes_file`: whether a file that is missing is made. Raise `ConfigError` if the
    driver of a database is missing.
    """
    match ledger:
        case None:
            return SqliteFleet(file) if file is not None else MemoryFleet()
        case Path() as path:
            return SqliteFleet(path.with_name(path.name + SUFFIX), makes_file=makes_file)
        case url:
            from understudy.fleet.postgres import PostgresFleet

            return PostgresFleet(url.reveal())
