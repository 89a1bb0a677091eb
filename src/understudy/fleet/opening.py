"""Which store the processes of a configuration share."""

from __future__ import annotations

from pathlib import Path

from understudy.client.ledger import place_of
from understudy.config import Config
from understudy.fleet.memory import MemoryFleet
from understudy.fleet.sqlite import SUFFIX, SqliteFleet
from understudy.fleet.store import FleetStore


def open_fleet(config: Config, *, file: Path | None = None, makes_file: bool = True) -> FleetStore:
    """Return the store of a configuration: where its ledger is. Nothing is opened before it is used.

    `file`: the one to use if no ledger is kept; without it, one process remembers by itself. `makes_file`: whether a
    file that is missing is made. Raise `ConfigError` if the driver of a database is missing.
    """
    match place_of(config):
        case None:
            return SqliteFleet(file) if file is not None else MemoryFleet()
        case Path() as path:
            return SqliteFleet(path.with_name(path.name + SUFFIX), makes_file=makes_file)
        case url:
            from understudy.fleet.postgres import PostgresFleet

            return PostgresFleet(url.reveal())
