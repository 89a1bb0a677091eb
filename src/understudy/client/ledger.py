"""The ledger that a configuration names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.config.discovery import home_folder, ledger_path, spool_folder
from understudy.domain.capture import Capture
from understudy.domain.errors import ConfigError
from understudy.domain.secret import Secret
from understudy.settings.capture import secrets_in

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.ledger import LastingLedger, LedgerQueries


def open_ledger(config: Config) -> LastingLedger | None:
    """Open the ledger, or make it; `None` if none is to be kept. Raise `ConfigError` if it cannot be opened."""
    match place_of(config):
        case None:
            return None
        case Path() as path:
            from understudy.ledger.sqlite.store import SqliteLedger

            return SqliteLedger(path, keep_days=config.ledger.keep_days, capture=capture_of(config))
        case Secret() as url:
            from understudy.ledger.postgres.store import PostgresLedger

            spool = spool_folder(config.ledger, home_folder())
            return PostgresLedger(url.reveal(), spool=spool, capture=capture_of(config))


def capture_of(config: Config) -> Capture:
    """Return which prompts and answers are kept: without any secret of the configuration."""
    return config.ledger.capturing(secrets_in(config))


def read_ledger(config: Config) -> LedgerQueries:
    """Open the ledger to read it. Raise `ConfigError` if that fails, or if no ledger exists."""
    match place_of(config):
        case None:
            raise ConfigError("no ledger is kept: [llm.ledger] has enabled = false\n  remove that line")
        case Path() as path:
            from understudy.ledger.sqlite.reading import LedgerReader

            return LedgerReader(path)
        case Secret() as url:
            from understudy.ledger.postgres.reading import PostgresReader

            return PostgresReader(url.reveal())


def hazards_of(config: Config) -> tuple[str, ...]:
    """Return what may damage the ledger although it works, each with what to do."""
    match place_of(config):
        case Path() as path:
            from understudy.ledger.sqlite.hazards import hazards

            return hazards(path)
        case _:
            return ()


def place_of(config: Config) -> Path | Secret | None:
    """Return the file of the ledger, or the URL of its database; `None` if none is to be kept, or if there is no folder
    for it."""
    settings = config.ledger
    if settings.enabled and settings.url is not None:
        return settings.url if isinstance(settings.url, Secret) else Secret(settings.url)
    return path_of(config)


def path_of(config: Config) -> Path | None:
    """Return the file of the ledger; `None` if nothing is kept, or if it is kept in a database."""
    return ledger_path(config.ledger, os.environ, home_folder())
