"""The virtual keys of a configuration: where they are kept, and under which pepper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from understudy.client.ledger import place_of
from understudy.domain.errors import ConfigError
from understudy.domain.secret import Secret
from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.pepper import made_pepper, pepper_file, read_pepper
from understudy.settings.budgets import Budget

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.ledger.keys import KeyRegistry


def open_keys(config: Config, *, only_reads: bool = False) -> KeyRegistry:
    """Open the virtual keys, which are where the ledger is. `only_reads`: they are looked at, and a file is opened to
    read it. Raise `ConfigError` if none is kept, or if its file cannot be opened."""
    return keys_at(_place_of(config), only_reads=only_reads)


def keys_at(place: Path | Secret, *, only_reads: bool = False) -> KeyRegistry:
    """Open the virtual keys in a file, or at the URL of a database. `only_reads`: as for `open_keys`. Raise
    `ConfigError` as it does."""
    if isinstance(place, Secret):
        from understudy.ledger.postgres.keys import PostgresKeys

        return PostgresKeys(place.reveal())
    from understudy.ledger.sqlite.keys import SqliteKeys

    return SqliteKeys(place, only_reads=only_reads)


def has_keys(config: Config) -> bool:
    """Check whether there are virtual keys, revoked ones included, or whether there may be some, because the database
    is away. Raise `ConfigError` if the ledger cannot be read."""
    if not _may_have_keys(config):
        return False
    with open_keys(config, only_reads=True) as keys:
        try:
            return keys.read().has_keys
        except LedgerUnavailable:
            return True


def budgets_of_keys(config: Config) -> tuple[Budget, ...]:
    """Return the budgets of all virtual keys, under the names that their balances have in the ledger."""
    if not _may_have_keys(config):
        return ()
    alike: dict[bytes, Budget] = {}

    def budget(owner: str, fields: Mapping[str, Any]) -> Budget:
        name = f"{owner}/{fields['name']}"
        kind = msgspec.json.encode({**fields, "name": ""})
        if (known := alike.get(kind)) is None:
            known = alike[kind] = Budget(**{**fields, "name": name})
        return replace(known, name=name)  # thousands of keys have the same: checking each anew takes longest

    with open_keys(config, only_reads=True) as keys:
        return tuple(budget(key.owner, fields) for key in keys.listed() for fields in key.budgets)


def pepper_of(config: Config) -> Secret | None:
    """Return the pepper: that of the configuration, else the one in a file beside the ledger; `None` if neither exists.

    Raise `ConfigError` if the file may be read by others, or cannot be read.
    """
    file = _pepper_file(config)
    return config.gateway.key_pepper or (None if file is None else read_pepper(file))


def pepper_to_use(config: Config) -> Secret:
    """Return the pepper; its file is made if it is missing. Raise `ConfigError` as `pepper_of` does, and if the ledger
    is in a database and the configuration has no pepper: all machines need the same."""
    if config.gateway.key_pepper is not None:
        return config.gateway.key_pepper
    if (file := _pepper_file(config)) is not None:
        return made_pepper(file)
    raise ConfigError(
        "virtual keys in a database need key_pepper in [llm.gateway], the same on all machines\n"
        '  write key_pepper = "${UNDERSTUDY_KEY_PEPPER}", with a random value such as that of `openssl rand -hex 32`'
    )


def _pepper_file(config: Config) -> Path | None:
    """Return the file of the pepper; `None` if the ledger is in a database."""
    place = _place_of(config)
    return None if isinstance(place, Secret) else pepper_file(place)


def _may_have_keys(config: Config) -> bool:
    place = place_of(config)
    return place is not None and (isinstance(place, Secret) or place.exists())


def _place_of(config: Config) -> Path | Secret:
    place = place_of(config)
    if place is None:
        raise ConfigError(
            "virtual keys are kept where the ledger is, and no ledger is kept\n"
            "  remove enabled = false from [llm.ledger]"
        )
    return place
