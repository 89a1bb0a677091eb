"""The virtual keys of a configuration: where they are kept, and under which pepper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.client.ledger import path_of
from understudy.domain.errors import ConfigError
from understudy.ledger.pepper import made_pepper, pepper_file, read_pepper
from understudy.settings.budgets import Budget

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.config import Config
    from understudy.domain.secret import Secret
    from understudy.ledger.sqlite.keys import SqliteKeys


def open_keys(config: Config) -> SqliteKeys:
    """Open the virtual keys, which are in the file of the ledger. Raise `ConfigError` if it has no file."""
    from understudy.ledger.sqlite.keys import SqliteKeys

    return SqliteKeys(_ledger_of(config))


def has_keys(config: Config) -> bool:
    """Check whether there are virtual keys, revoked ones included. Raise `ConfigError` if the ledger cannot be read."""
    path = path_of(config)
    if path is None or not path.exists():
        return False
    with open_keys(config) as keys:
        return not keys.is_empty()


def budgets_of_keys(config: Config) -> tuple[Budget, ...]:
    """Return the budgets of all virtual keys, under the names that their balances have in the ledger."""
    path = path_of(config)
    if path is None or not path.exists():
        return ()
    with open_keys(config) as keys:
        return tuple(
            Budget(**{**fields, "name": f"{key.owner}/{fields['name']}"})
            for key in keys.listed()
            for fields in key.budgets
        )


def pepper_of(config: Config) -> Secret | None:
    """Return the pepper: that of the configuration, else the one in its file; `None` if neither exists.

    Raise `ConfigError` if the file may be read by others, or cannot be read.
    """
    return config.gateway.key_pepper or read_pepper(pepper_file(_ledger_of(config)))


def pepper_to_use(config: Config) -> Secret:
    """Return the pepper; its file is made if it is missing. Raise `ConfigError` as `pepper_of` does."""
    return config.gateway.key_pepper or made_pepper(pepper_file(_ledger_of(config)))


def _ledger_of(config: Config) -> Path:
    path = path_of(config)
    if path is None and config.ledger.url is not None:
        raise ConfigError(
            "virtual keys are kept in the file of a ledger, and [llm.ledger] has a url\n"
            "  write keys into [[llm.gateway.keys]]"
        )
    if path is None:
        raise ConfigError(
            "virtual keys are kept in the file of the ledger, and no ledger is kept\n"
            "  remove enabled = false from [llm.ledger]"
        )
    return path
