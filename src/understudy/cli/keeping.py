"""The ledger of the command line: opened once, and never in the way of an answer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.cli.terminal import say
from understudy.config.discovery import data_folder, home_folder
from understudy.domain.errors import ConfigError

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.ledger.sqlite.store import SqliteLedger

_opened: dict[Path, SqliteLedger] = {}
"""The ledgers of this process, which are closed with it: a chat asks for its own with every change of the model."""


def ledger_if_possible(config: Config) -> SqliteLedger | None:
    """Open the ledger for one command; a warning if it cannot be opened, because the answer matters more."""
    from understudy.client.ledger import open_ledger, path_of

    path = path_of(config)
    if path is not None and path not in _opened:
        try:
            ledger = open_ledger(config)
        except ConfigError as error:
            say(f"{error.message}\n  this command is not recorded", label="warning", style="warning")
            return None
        if ledger is not None:
            _opened[path] = ledger
    return _opened.get(path) if path is not None else None


def user_data() -> Path | None:
    """Return understudy's folder of the user's data; `None` where there is no home folder."""
    return data_folder(os.environ, home_folder())
