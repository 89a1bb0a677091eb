"""The state of alerts in the database of the ledger, for all machines. Times are those of the server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from understudy.domain.errors import ConfigError
from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.postgres.blocking import BlockingLink
from understudy.telemetry.alerts.store import AlertsUnavailable

if TYPE_CHECKING:
    import asyncpg

_LOCK = 0x616C6572_74737361
"""The advisory lock under which the table is made: two that make it at once would collide."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS alert_state (id smallint PRIMARY KEY CHECK (id = 1), owner text NOT NULL, "
    "until timestamptz NOT NULL, document bytea NOT NULL)"
)
_CLAIM = (
    "INSERT INTO alert_state VALUES (1, $1, clock_timestamp() + INTERVAL '1 second' * $2::float8, '') "
    "ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, until = excluded.until "
    "WHERE alert_state.owner = excluded.owner OR alert_state.until <= clock_timestamp() RETURNING document"
)


class PostgresAlerts:
    """Keeps the state of alerts; see `AlertStore`. The connection is made at the first use."""

    def __init__(self, url: str) -> None:
        """Raise `ConfigError` if the driver is missing."""
        self._link = BlockingLink(url, "understudy-alerts")
        self._is_made = False

    def claim(self, owner: str, seconds: float) -> bytes | None:
        """Return the document if it may be changed; see `AlertStore`."""

        async def claim(connection: asyncpg.Connection) -> bytes | None:
            if not self._is_made:
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                await connection.execute(_TABLE)
            found = await connection.fetchval(_CLAIM, owner, seconds)
            return None if found is None else bytes(found)

        with _available():
            found = self._link.transact(claim)
        self._is_made = True
        return found

    def keep(self, owner: str, document: bytes) -> bool:
        """Keep a document; see `AlertStore`."""
        query = "UPDATE alert_state SET document = $2 WHERE owner = $1 AND until > clock_timestamp()"
        with _available():
            done = self._link.transact(lambda connection: connection.execute(query, owner, document))
        return str(done) == "UPDATE 1"

    def release(self, owner: str) -> None:
        """Let another process take over at once."""
        query = "UPDATE alert_state SET until = clock_timestamp() WHERE owner = $1"
        with _available():
            self._link.transact(lambda connection: connection.execute(query, owner))

    def close(self) -> None:
        """Disconnect, until the next use."""
        self._link.close()


@contextlib.contextmanager
def _available() -> Iterator[None]:
    """Raise `AlertsUnavailable` for what the database cannot do."""
    try:
        yield
    except (LedgerUnavailable, ConfigError, OSError, TimeoutError) as error:
        raise AlertsUnavailable(str(error)) from error
