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
    from understudy.domain.secret import Secret
    from understudy.ledger import LastingLedger

_opened: dict[tuple[Path | Secret | None, Secret | None], LastingLedger] = {}
"""The ledgers of this process, which are closed with it: a chat asks for its own with every change of the model."""


def ledger_if_possible(config: Config) -> LastingLedger | None:
    """Open the ledger for one command; a warning if it cannot be opened, because the answer matters more."""
    from understudy.client.ledger import limits_url_of, open_ledger, place_of

    place = (place_of(config), limits_url_of(config))
    if any(place) and place not in _opened:
        try:
            ledger = open_ledger(config)
        except ConfigError as error:
            if config.allowance or config.ledger.on_ledger_down == "closed":
                raise  # without it, budgets would start anew with every command
            say(f"{error.message}\n  this command is not recorded", label="warning", style="warning")
            return None
        if ledger is not None:
            _opened[place] = ledger
    return _opened.get(place)


def user_data() -> Path | None:
    """Return understudy's folder of the user's data; `None` where there is no home folder."""
    return data_folder(os.environ, home_folder())
