"""The ledger that a configuration names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.config.discovery import home_folder, ledger_path
from understudy.domain.errors import ConfigError

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.ledger.sqlite.reading import LedgerReader
    from understudy.ledger.sqlite.store import SqliteLedger


def open_ledger(config: Config) -> SqliteLedger | None:
    """Open the ledger, or make it; `None` if none is to be kept. Raise `ConfigError` if it cannot be opened."""
    from understudy.ledger.sqlite.store import SqliteLedger

    path = path_of(config)
    return None if path is None else SqliteLedger(path)


def read_ledger(config: Config) -> LedgerReader:
    """Open the ledger to read it. Raise `ConfigError` if that fails, or if no ledger exists."""
    from understudy.ledger.sqlite.reading import LedgerReader

    path = path_of(config)
    if path is None:
        raise ConfigError("no ledger is kept: [llm.ledger] has enabled = false\n  remove that line")
    return LedgerReader(path)


def path_of(config: Config) -> Path | None:
    """Return the file of the ledger; `None` if none is to be kept, or if there is no folder for it."""
    return ledger_path(config.ledger, os.environ, home_folder())
