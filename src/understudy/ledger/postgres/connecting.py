"""Connects to the server: how long that may take, how durable a commit is, and what is wrong if it fails."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from understudy.domain.errors import ConfigError
from understudy.ledger.postgres.schema import SCHEMA

if TYPE_CHECKING:
    import asyncpg

CONNECTING = 5.0
"""Seconds to wait for a connection."""
ANSWERING = 10.0
"""Seconds to wait for the answer to a statement: a server that is cut off does not say so."""
_SETTINGS = f"""
SET search_path TO {SCHEMA};
SET lock_timeout TO '{ANSWERING / 2:.0f}s';
SET jit TO off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
"""
# To compile a sum of a month takes longer than to add it up. A database may ask for more than `on`, as for
# `remote_apply`, and keeps that.


async def connect(url: str) -> asyncpg.Connection:
    """Connect. Raise `ConfigError` if the URL cannot be used, and errors of `failures()` if the server cannot."""
    import asyncpg

    try:
        connection: asyncpg.Connection = await asyncpg.connect(
            url, timeout=CONNECTING, command_timeout=ANSWERING, server_settings={"application_name": "understudy"}
        )
    except ValueError as error:  # its message may repeat what the URL holds
        raise cannot(url, "the URL is invalid") from error
    try:
        await connection.execute(_SETTINGS)
    except BaseException:
        connection.terminate()
        raise
    return connection


def failures() -> tuple[type[Exception], ...]:
    """Return the errors of a server that cannot be reached, or that refuses."""
    import asyncpg

    return (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def driver() -> None:
    """Raise `ConfigError` if the package is missing that speaks to the server."""
    if find_spec("asyncpg") is None:
        raise ConfigError("a ledger in PostgreSQL needs the package asyncpg\n  pip install 'understudy[postgres]'")


def cannot(url: str, why: object, help_: str = "") -> ConfigError:
    """Return the error that states why the ledger cannot be opened; what is secret in the URL is left out."""
    help_ = help_ or "correct url in [llm.ledger], or set enabled = false there"
    return ConfigError(f"the ledger at {place_of(url)} cannot be opened: {why}\n  {help_}")


def place_of(url: str) -> str:
    """Return host and database of a URL, without user and password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "PostgreSQL"
    return f"{host}{f':{port}' if port else ''}{parts.path}" or "PostgreSQL"


def why(error: BaseException) -> str:
    """Return what an error states, on one line; a time-out states nothing."""
    return " ".join(str(error).split()) or ("no answer in time" if isinstance(error, TimeoutError) else repr(error))
