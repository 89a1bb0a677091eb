"""The ledger that a configuration names."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.config.discovery import home_folder, ledger_path, spool_folder
from understudy.domain.capture import Capture
from understudy.domain.errors import ConfigError
from understudy.domain.secret import Secret
from understudy.ledger.spool import unusable
from understudy.settings.capture import secrets_in

log = logging.getLogger("understudy")

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.ledger import LastingLedger, LedgerQueries
    from understudy.settings.ledger import LedgerConfig


class LimitsServer(msgspec.Struct, frozen=True, kw_only=True):
    """The server that keeps the limits, as `understudy check` finds it."""

    place: str
    """Host and port, or the path of a socket."""
    reachable: bool
    latency: float | None = None
    """Seconds until it answered; `None` if it did not."""
    detail: str | None = None
    """What is wrong."""


def open_ledger(config: Config, *, processes: int = 1, checks: bool = False) -> LastingLedger | None:
    """Open the ledger, or make it, and what keeps the limits if that is another server; `None` if nothing is to be
    kept. Raise `ConfigError` if it cannot be opened.

    `processes`: how many of this machine share the limits. `checks`: whether a file is checked for damage: a small one
    before it is opened for writing (`ConfigError` if it is damaged), a large one in the background.
    """
    ledger, url = _open(config, checks=checks), limits_url_of(config)
    if url is None:
        return ledger
    from understudy.ledger.valkey.store import ValkeyLimits

    try:
        return ValkeyLimits(url.reveal(), ledger, processes=config.ledger.limits_processes or processes)
    except ConfigError:
        if ledger is not None:
            ledger.close()
        raise


def _open(config: Config, *, checks: bool) -> LastingLedger | None:
    match place_of(config):
        case None:
            return None
        case Path() as path:
            return _in_file(path, config, checks=checks)
        case Secret() as url:
            return _in_database(url, config.ledger, capture_of(config))


def _in_file(path: Path, config: Config, *, checks: bool) -> LastingLedger:
    from understudy.ledger.sqlite.integrity import refuse_damaged
    from understudy.ledger.sqlite.store import SqliteLedger

    refuse_to_change(config)
    is_checked = not checks or refuse_damaged(path)
    ledger = SqliteLedger(
        path,
        keep_days=config.ledger.keep_days,
        capture=capture_of(config),
        must_keep=config.ledger.on_ledger_down == "closed",
        reserve_bytes=config.ledger.reserve_mb * 2**20,
        allow_network_filesystem=True,  # or it was refused above
    )
    if not is_checked:
        ledger.check_in_background()
    return ledger


def capture_of(config: Config) -> Capture:
    """Return which prompts and answers are kept: without any secret of the configuration."""
    return config.ledger.capturing(secrets_in(config))


def _in_database(url: Secret, settings: LedgerConfig, capture: Capture) -> LastingLedger:
    from understudy.ledger.postgres.connecting import cannot
    from understudy.ledger.postgres.connecting import place_of as place_of_url
    from understudy.ledger.postgres.connecting import why as what_states
    from understudy.ledger.postgres.store import PostgresLedger

    folder = spool_folder(settings, os.environ, home_folder())
    is_wanted = settings.spool is not None or settings.on_ledger_down == "spool"
    if folder is None and is_wanted:
        raise ConfigError("there is no folder for the spool of the ledger\n  write spool in [llm.ledger]")
    if settings.spool is None and folder is not None:  # what waits for one database is not for another
        folder /= hashlib.sha256(place_of_url(url.reveal()).encode()).hexdigest()[:16]
    if not is_wanted and folder is not None and (why := unusable(folder)) is not None:
        log.warning("without a spool, entries wait in memory while the database of the ledger is away: %s", why)
        folder = None
    must_keep = settings.on_ledger_down == "closed"
    ledger = PostgresLedger(
        url.reveal(), spool=folder, keep_days=settings.keep_days, capture=capture, must_keep=must_keep
    )
    if not is_wanted and ledger.trouble is not None:
        ledger.close()
        raise cannot(url.reveal(), what_states(ledger.trouble))
    return ledger


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
    """Return what may damage the ledger although it works, or keeps it from being written, each with what to do."""
    match place_of(config):
        case Path() as path:
            from understudy.ledger.sqlite.hazards import hazards

            return hazards(path)
        case _:
            return ()


def trouble_of(config: Config) -> str | None:
    """Return why the database of the ledger cannot be read; `None` if it can, if it has no ledger yet, or if the ledger
    is a file. Raise `ConfigError` if the package is missing that speaks to it."""
    match place_of(config):
        case Secret() as url:
            from understudy.ledger.postgres.connecting import driver
            from understudy.ledger.postgres.reading import trouble_of

            driver()
            return trouble_of(url.reveal())
        case _:
            return None


def limits_server(config: Config) -> LimitsServer | None:
    """Ask the server that keeps the limits to run a script; `None` if none is configured. Raise `ConfigError` if its
    URL is invalid or the package is missing that speaks to it."""
    url = limits_url_of(config)
    if url is None:
        return None
    from understudy.ledger.valkey.commands import PREFIX, Commands
    from understudy.ledger.valkey.limiter import LEASE, PATIENCE
    from understudy.ledger.valkey.link import CONNECTING, Link, LinkFailed, place_of

    place, link = place_of(url.reveal()), Link(url.reveal(), CONNECTING)
    try:
        link.connect()
        begins = time.monotonic()
        link.run([Commands(PREFIX, "check", LEASE).read([])])
        latency = time.monotonic() - begins
    except LinkFailed as error:
        return LimitsServer(place=place, reachable=False, detail=str(error))
    finally:
        link.drop()
    slow = f"requests wait {PATIENCE * 1_000:.0f} ms for it at most" if latency > PATIENCE else None
    return LimitsServer(place=place, reachable=True, latency=latency, detail=slow)


def limits_url_of(config: Config) -> Secret | None:
    """Return the URL of the server that keeps the limits; `None` if the ledger does."""
    url = config.ledger.limits_url
    return Secret(url) if isinstance(url, str) else url


def place_of(config: Config) -> Path | Secret | None:
    """Return the file of the ledger, or the URL of its database; `None` if none is to be kept, or if there is no folder
    for it."""
    settings = config.ledger
    if settings.enabled and settings.url is not None:
        return settings.url if isinstance(settings.url, Secret) else Secret(settings.url)
    return path_of(config)


def refuse_to_change(config: Config) -> None:
    """Raise `ConfigError` if the file of the ledger may be read only, because it is on a network file system."""
    path = path_of(config)
    if path is not None and not config.ledger.allow_network_filesystem:
        from understudy.ledger.sqlite.hazards import refuse_network

        refuse_network(path)


def path_of(config: Config) -> Path | None:
    """Return the file of the ledger; `None` if nothing is kept, or if it is kept in a database."""
    return ledger_path(config.ledger, os.environ, home_folder())
