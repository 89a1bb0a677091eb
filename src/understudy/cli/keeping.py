"""The ledger of the command line: which file it is, and what happens if it cannot be opened."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.cli.terminal import say
from understudy.config.discovery import data_folder, home_folder, ledger_path
from understudy.domain.errors import ConfigError

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.ledger.sqlite.store import SqliteLedger


def open_ledger(config: Config) -> SqliteLedger | None:
    """Open the ledger, which is closed with the process. Raise `ConfigError` if it cannot be opened."""
    path = ledger_path(config.ledger, os.environ, home_folder())
    return None if path is None else _opened(path.absolute())


def ledger_if_possible(config: Config) -> SqliteLedger | None:
    """Open the ledger for one command; a warning if it cannot be opened, because the answer matters more."""
    try:
        return open_ledger(config)
    except ConfigError as error:
        say(f"{error.message}\n  this command is not recorded", label="warning", style="warning")
        return None


@cache
def _opened(path: Path) -> SqliteLedger:
    """Open a file once for the whole process: a chat asks for it with every change of the model."""
    from understudy.ledger.sqlite.store import SqliteLedger

    return SqliteLedger(path)


def user_data() -> Path | None:
    """Return understudy's folder of the user's data; `None` where there is no home folder."""
    return data_folder(os.environ, home_folder())
