"""The schema, as the steps that lead to it: each is applied once, in order, in a transaction of its own.

A step that has been released is never changed; `PRAGMA user_version` is the number of steps that a file has seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from understudy.domain.errors import ConfigError

Migration = Callable[[sqlite3.Connection], None]

_DAYS = """
CREATE TABLE days (
    day INTEGER NOT NULL, dimension TEXT NOT NULL, value TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL,
    succeeded INTEGER NOT NULL, failed INTEGER NOT NULL, aborted INTEGER NOT NULL, unknown INTEGER NOT NULL,
    input INTEGER NOT NULL, cached INTEGER NOT NULL, output INTEGER NOT NULL, uncounted INTEGER NOT NULL,
    cost INTEGER NOT NULL, unpriced INTEGER NOT NULL,
    duration INTEGER NOT NULL, first_event INTEGER NOT NULL, streams INTEGER NOT NULL,
    PRIMARY KEY ({})
) WITHOUT ROWID
"""


def _entries(connection: sqlite3.Connection) -> None:
    """Entries, sorted by id and thereby by time; the processes that write them; and sums by day."""
    connection.execute(
        """
        CREATE TABLE entries (
            id BLOB PRIMARY KEY, request BLOB NOT NULL, number INTEGER NOT NULL, batch INTEGER,
            state TEXT NOT NULL, owner INTEGER NOT NULL, opens INTEGER NOT NULL, started INTEGER NOT NULL,
            operation TEXT NOT NULL, provider TEXT NOT NULL, provider_type TEXT NOT NULL, model TEXT,
            streamed INTEGER NOT NULL, route TEXT, task TEXT, session TEXT, key TEXT, agent TEXT, tags TEXT,
            details TEXT NOT NULL, duration INTEGER, first_event INTEGER, answered_model TEXT, dialect TEXT,
            failure TEXT, input INTEGER, cache_read INTEGER, cache_write INTEGER, cache_write_1h INTEGER,
            output INTEGER, reasoning INTEGER, audio_input INTEGER, audio_output INTEGER,
            cost INTEGER, cost_basis TEXT, price_source TEXT, price_date TEXT
        ) WITHOUT ROWID
        """
    )
    connection.execute("CREATE INDEX entries_of_request ON entries (request)")
    connection.execute("CREATE INDEX entries_of_session ON entries (session, id) WHERE session IS NOT NULL")
    connection.execute("CREATE INDEX open_entries ON entries (owner) WHERE state = 'started'")
    connection.execute("CREATE TABLE owners (id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, until INTEGER NOT NULL)")
    connection.execute(_DAYS.format("day, dimension, value"))


def _keys(connection: sqlite3.Connection) -> None:
    """Virtual keys, and what is kept of their values."""
    connection.execute(
        """
        CREATE TABLE keys (
            name TEXT PRIMARY KEY, created REAL NOT NULL, expires REAL, revoked REAL, grants TEXT NOT NULL
        ) WITHOUT ROWID
        """
    )
    connection.execute(
        """
        CREATE TABLE key_tokens (
            digest BLOB PRIMARY KEY, key TEXT NOT NULL, ending TEXT NOT NULL, pepper BLOB NOT NULL,
            created REAL NOT NULL, until REAL
        ) WITHOUT ROWID
        """
    )
    connection.execute("CREATE INDEX tokens_of_key ON key_tokens (key)")


def _cached_audio(connection: sqlite3.Connection) -> None:
    """Audio tokens that were read from a cache, which some models count and price apart."""
    connection.execute("ALTER TABLE entries ADD COLUMN cache_read_audio INTEGER")


def _answers(connection: sqlite3.Connection) -> None:
    """Answers that are kept for repeated requests, and requests whose answers are under way, each with its owner."""
    connection.execute(
        """
        CREATE TABLE answers (
            scope BLOB NOT NULL UNIQUE, request BLOB NOT NULL, owner INTEGER, until REAL NOT NULL,
            status INTEGER, headers TEXT, size INTEGER NOT NULL DEFAULT 0, body BLOB
        )
        """
    )
    connection.execute("CREATE INDEX answers_by_age ON answers (until, size, owner)")


def _budgets(connection: sqlite3.Connection) -> None:
    """Balances of budgets and limits; and what attempts hold of them, or were charged."""
    connection.execute(
        """
        CREATE TABLE balances (
            budget TEXT NOT NULL, subject TEXT NOT NULL, unit TEXT NOT NULL, start INTEGER NOT NULL,
            spent INTEGER NOT NULL, reserved INTEGER NOT NULL, overrun INTEGER NOT NULL,
            PRIMARY KEY (budget, subject, unit, start)
        ) WITHOUT ROWID
        """
    )
    connection.execute(
        """
        CREATE TABLE holds (
            attempt BLOB NOT NULL, budget TEXT NOT NULL, subject TEXT NOT NULL, unit TEXT NOT NULL,
            start INTEGER NOT NULL, amount INTEGER NOT NULL, if_unknown INTEGER NOT NULL, is_bound INTEGER NOT NULL,
            charged INTEGER,
            PRIMARY KEY (attempt, budget, subject, unit, start)
        ) WITHOUT ROWID
        """
    )


def _captured(connection: sqlite3.Connection) -> None:
    """Prompts and answers of attempts, compressed."""
    connection.execute(
        "CREATE TABLE captured "
        "(attempt BLOB PRIMARY KEY, request BLOB NOT NULL, started INTEGER NOT NULL, document BLOB NOT NULL)"
    )
    connection.execute("CREATE INDEX captured_by_age ON captured (started)")


def _classes(connection: sqlite3.Connection) -> None:
    """What a request of a coding agent was for."""
    connection.execute("ALTER TABLE entries ADD COLUMN class TEXT")


def _sought(connection: sqlite3.Connection) -> None:
    """Sums of all are found without those of every session; and entries are found by their keys."""
    connection.execute("ALTER TABLE days RENAME TO days_by_day")
    connection.execute(_DAYS.format("dimension, day, value"))
    connection.execute("INSERT INTO days SELECT * FROM days_by_day ORDER BY dimension, day, value")
    connection.execute("DROP TABLE days_by_day")
    connection.execute("CREATE INDEX entries_of_key ON entries (key, id) WHERE key IS NOT NULL")


def _lost(connection: sqlite3.Connection) -> None:
    """What did not succeed is found, by how it ended and by the kind of failure. Others are not in these indexes."""
    connection.execute(
        "CREATE INDEX lost_entries ON entries (state, id) WHERE state IN ('failed', 'aborted', 'unknown')"
    )
    connection.execute("CREATE INDEX entries_of_failure ON entries (failure, id) WHERE failure IS NOT NULL")


def _periods(connection: sqlite3.Connection) -> None:
    """Balances of one period of a budget are found without those of former ones."""
    connection.execute("CREATE INDEX balances_of_period ON balances (budget, start) WHERE unit = 'money'")


def _places(connection: sqlite3.Connection) -> None:
    """Sums of each day by all that entries belong to but their session, and the id before which entries are in them."""
    connection.execute(
        """
        CREATE TABLE places (
            day INTEGER NOT NULL, place BLOB NOT NULL, provider TEXT NOT NULL, model TEXT, key TEXT, agent TEXT,
            class TEXT, route TEXT, task TEXT, tags TEXT,
            requests INTEGER NOT NULL, attempts INTEGER NOT NULL,
            succeeded INTEGER NOT NULL, failed INTEGER NOT NULL, aborted INTEGER NOT NULL, unknown INTEGER NOT NULL,
            input INTEGER NOT NULL, cached INTEGER NOT NULL, output INTEGER NOT NULL, uncounted INTEGER NOT NULL,
            cost INTEGER NOT NULL, unpriced INTEGER NOT NULL,
            duration INTEGER NOT NULL, first_event INTEGER NOT NULL, streams INTEGER NOT NULL,
            PRIMARY KEY (day, place)
        ) WITHOUT ROWID
        """
    )
    connection.execute("CREATE TABLE rolled (until BLOB NOT NULL)")
    connection.execute("INSERT INTO rolled VALUES (x'')")


MIGRATIONS: tuple[Migration, ...] = (
    _entries,
    _keys,
    _cached_audio,
    _answers,
    _budgets,
    _captured,
    _classes,
    _sought,
    _lost,
    _periods,
    _places,
)


PATIENCE = 600.0
"""Seconds to wait for another process that applies a step: an index takes a second for each million entries."""


def migrate(connection: sqlite3.Connection, steps: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring a file to the newest schema. Raise `ConfigError` if a newer understudy wrote it."""
    while (done := _version(connection)) < len(steps):
        with _patience(connection):
            connection.execute("BEGIN IMMEDIATE")  # of several processes that open a file, one applies the step
        try:
            if _version(connection) == done:
                steps[done](connection)
                connection.execute(f"PRAGMA user_version = {done + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    if done > len(steps):
        raise ConfigError(
            f"a newer version of understudy wrote it (schema {done}; this one knows {len(steps)})\n"
            "  upgrade understudy, or write another path in [llm.ledger]"
        )


@contextmanager
def _patience(connection: sqlite3.Connection) -> Iterator[None]:
    """Wait longer than usual for other processes."""
    (usual,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1_000:.0f}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {usual:d}")


def is_older(connection: sqlite3.Connection) -> bool:
    """Check whether a file has yet to see some of the steps."""
    return _version(connection) < len(MIGRATIONS)


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
