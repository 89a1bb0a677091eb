"""The schema, as the steps that lead to it: each is applied once, in order, all that are missing in one transaction.

A step that has been released is never changed. The version is a row of its own, and a process that changes it holds an
advisory lock until the commit, so of many processes that start at once one applies the steps, and the others wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.domain.errors import ConfigError

if TYPE_CHECKING:
    import asyncpg

SCHEMA = "understudy"
"""The namespace of the tables, so that a database may hold other things too."""
LOCK = 0x756E6465_72737479
"""The advisory lock of a process that changes the tables."""
PATIENCE = 600.0
"""Seconds for the steps, and for another process that applies them: an index takes a second for each million
entries."""

_ENTRIES = """
CREATE TABLE entries (
    id BYTEA PRIMARY KEY, request BYTEA NOT NULL, number BIGINT NOT NULL, batch BIGINT,
    state TEXT NOT NULL, owner BIGINT NOT NULL, opens BOOLEAN NOT NULL, started BIGINT NOT NULL,
    operation TEXT NOT NULL, provider TEXT NOT NULL, provider_type TEXT NOT NULL, model TEXT,
    streamed BOOLEAN NOT NULL, route TEXT, task TEXT, session TEXT, key TEXT, agent TEXT, tags TEXT,
    details TEXT NOT NULL, duration BIGINT, first_event BIGINT, answered_model TEXT, dialect TEXT,
    failure TEXT, input BIGINT, cache_read BIGINT, cache_read_audio BIGINT, cache_write BIGINT, cache_write_1h BIGINT,
    output BIGINT, reasoning BIGINT, audio_input BIGINT, audio_output BIGINT,
    cost BIGINT, cost_basis TEXT, price_source TEXT, price_date TEXT, tagged TEXT[]
);
CREATE INDEX entries_of_request ON entries (request);
CREATE UNIQUE INDEX first_of_request ON entries (request) WHERE opens;
CREATE INDEX entries_of_session ON entries (session, id) WHERE session IS NOT NULL;
CREATE INDEX open_entries ON entries (owner) WHERE state = 'started';
CREATE TABLE owners (
    id BIGINT PRIMARY KEY, host TEXT NOT NULL, pid BIGINT NOT NULL, until TIMESTAMPTZ NOT NULL
);
CREATE TABLE days (
    day INTEGER NOT NULL, dimension TEXT NOT NULL, value TEXT NOT NULL,
    requests NUMERIC NOT NULL, attempts NUMERIC NOT NULL,
    succeeded NUMERIC NOT NULL, failed NUMERIC NOT NULL, aborted NUMERIC NOT NULL, unknown NUMERIC NOT NULL,
    input NUMERIC NOT NULL, cached NUMERIC NOT NULL, output NUMERIC NOT NULL, uncounted NUMERIC NOT NULL,
    cost NUMERIC NOT NULL, unpriced NUMERIC NOT NULL,
    duration NUMERIC NOT NULL, first_event NUMERIC NOT NULL, streams NUMERIC NOT NULL,
    PRIMARY KEY (day, dimension, value)
) WITH (fillfactor = 50);
"""
# `first_of_request`: of processes that write attempts of one request at the same time, one opens it. `tagged`: what a
# tag counts for, `name=value`. Sums are NUMERIC because no provider's report may make them overflow. Rows of days are
# updated with every transaction, in place while their page has room.

_BUDGETS = """
CREATE TABLE balances (
    budget TEXT COLLATE "C" NOT NULL, subject TEXT COLLATE "C" NOT NULL, unit TEXT COLLATE "C" NOT NULL,
    start BIGINT NOT NULL, spent NUMERIC NOT NULL, reserved NUMERIC NOT NULL, overrun NUMERIC NOT NULL,
    PRIMARY KEY (budget, subject, unit, start)
) WITH (fillfactor = 50);
CREATE TABLE holds (
    attempt BYTEA NOT NULL, budget TEXT NOT NULL, subject TEXT NOT NULL, unit TEXT NOT NULL, start BIGINT NOT NULL,
    amount BIGINT NOT NULL, if_unknown BIGINT NOT NULL, is_bound BOOLEAN NOT NULL, charged BIGINT,
    PRIMARY KEY (attempt, budget, subject, unit, start)
);
"""
"""Balances of budgets and limits; and what attempts hold of them, or were charged."""

_KEYS = """
CREATE TABLE keys (
    name TEXT COLLATE "C" PRIMARY KEY, created DOUBLE PRECISION NOT NULL, expires DOUBLE PRECISION,
    revoked DOUBLE PRECISION, grants TEXT NOT NULL
);
CREATE TABLE key_tokens (
    digest BYTEA PRIMARY KEY, key TEXT COLLATE "C" NOT NULL REFERENCES keys (name), ending TEXT NOT NULL,
    pepper BYTEA NOT NULL, created DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION
);
CREATE INDEX tokens_of_key ON key_tokens (key);
"""
"""Virtual keys, and what is kept of their values."""

_ANSWERS = """
CREATE TABLE answers (
    scope BYTEA PRIMARY KEY, request BYTEA NOT NULL, owner BIGINT, until TIMESTAMPTZ NOT NULL, turn BYTEA NOT NULL,
    status INTEGER, headers TEXT, size BIGINT NOT NULL DEFAULT 0, body BYTEA
);
ALTER TABLE answers ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX answers_by_age ON answers (until);
CREATE INDEX answers_under_way ON answers (owner) WHERE owner IS NOT NULL;
"""
"""Answers that are kept for repeated requests, and requests whose answers are under way, each with its owner."""

_CAPTURED = """
CREATE TABLE captured (
    attempt BYTEA PRIMARY KEY, request BYTEA NOT NULL, started BIGINT NOT NULL, document BYTEA NOT NULL
);
ALTER TABLE captured ALTER COLUMN document SET STORAGE EXTERNAL;
CREATE INDEX captured_by_age ON captured (started);
"""
"""Prompts and answers of attempts, which come compressed."""

_CLASSES = "ALTER TABLE entries ADD COLUMN class TEXT;"
"""What a request of a coding agent was for."""

_SOUGHT = """
ALTER TABLE days DROP CONSTRAINT days_pkey, ADD PRIMARY KEY (dimension, day, value);
CREATE INDEX entries_of_key ON entries (key, id) WHERE key IS NOT NULL;
"""
"""Sums of all are found without those of every session; and entries are found by their keys."""

_LOST = """
CREATE INDEX lost_entries ON entries (state, id) WHERE state IN ('failed', 'aborted', 'unknown');
CREATE INDEX entries_of_failure ON entries (failure, id) WHERE failure IS NOT NULL;
"""
"""What did not succeed is found, by how it ended and by the kind of failure. Others are not in these indexes."""

_FLEET = """
CREATE TABLE fleet_members (
    worker TEXT PRIMARY KEY, instance TEXT NOT NULL, heard TIMESTAMPTZ NOT NULL, filed BIGINT NOT NULL,
    ended BOOLEAN NOT NULL, document BYTEA NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE fleet_removed (instance TEXT PRIMARY KEY, document BYTEA NOT NULL);
CREATE TABLE fleet_gone (worker TEXT PRIMARY KEY, instance TEXT NOT NULL);
CREATE TABLE fleet_orders (number BIGINT PRIMARY KEY, document BYTEA NOT NULL);
CREATE TABLE fleet_history (start BIGINT PRIMARY KEY, document BYTEA NOT NULL) WITH (fillfactor = 50);
"""
"""What the processes of a gateway share. What they report is logged although they report it anew every second: if a
server that crashed had forgotten it, totals would fall, and a monitor takes that for counters that began anew."""

_PERIODS = "CREATE INDEX balances_of_period ON balances (budget, start) WHERE unit = 'money';"
"""Balances of one period of a budget are found without those of former ones."""

_PLACES = """
CREATE TABLE places (
    day INTEGER NOT NULL, place BYTEA NOT NULL, provider TEXT NOT NULL, model TEXT, key TEXT, agent TEXT, class TEXT,
    route TEXT, task TEXT, tags TEXT, tagged TEXT[],
    requests NUMERIC NOT NULL, attempts NUMERIC NOT NULL,
    succeeded NUMERIC NOT NULL, failed NUMERIC NOT NULL, aborted NUMERIC NOT NULL, unknown NUMERIC NOT NULL,
    input NUMERIC NOT NULL, cached NUMERIC NOT NULL, output NUMERIC NOT NULL, uncounted NUMERIC NOT NULL,
    cost NUMERIC NOT NULL, unpriced NUMERIC NOT NULL,
    duration NUMERIC NOT NULL, first_event NUMERIC NOT NULL, streams NUMERIC NOT NULL,
    PRIMARY KEY (day, place)
) WITH (fillfactor = 50);
CREATE TABLE rolled (until BYTEA NOT NULL);
INSERT INTO rolled VALUES ('');
"""
"""Sums of each day by all that entries belong to but their session, and the id before which entries are in them."""

STEPS: tuple[str, ...] = (
    _ENTRIES,
    _BUDGETS,
    _KEYS,
    _ANSWERS,
    _CAPTURED,
    _CLASSES,
    _SOUGHT,
    _LOST,
    _FLEET,
    _PERIODS,
    _PLACES,
)


async def migrate(connection: asyncpg.Connection, steps: tuple[str, ...] = STEPS) -> None:
    """Bring a database to the newest schema. Raise `ConfigError` if a newer understudy wrote it."""
    done = await _version(connection)
    if done < len(steps):
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout TO '{PATIENCE:.0f}s'")
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK, timeout=PATIENCE)
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            done = await _version(connection)
            for step in steps[done:]:
                await connection.execute(step, timeout=PATIENCE)
            if done < len(steps):
                await _set_version(connection, done, len(steps))
    _check(done, len(steps))


async def exists(connection: asyncpg.Connection) -> bool:
    """Check whether a database has a ledger, which is brought to the newest schema. Raise `ConfigError` if a newer
    understudy wrote it."""
    if not await _version(connection):
        return False
    await migrate(connection)
    return True


def _check(done: int, known: int) -> None:
    """Raise `ConfigError` if a database has seen more steps than are known."""
    if done > known:
        raise ConfigError(
            f"a newer version of understudy wrote it (schema {done}; this one knows {known})\n"
            "  upgrade understudy, or write another url in [llm.ledger]"
        )


async def _version(connection: asyncpg.Connection) -> int:
    if await connection.fetchval("SELECT to_regclass('ledger_version')") is None:
        return 0
    return await connection.fetchval("SELECT version FROM ledger_version") or 0


async def _set_version(connection: asyncpg.Connection, done: int, version: int) -> None:
    if not done:
        await connection.execute("CREATE TABLE ledger_version (version INTEGER NOT NULL)")
        await connection.execute("INSERT INTO ledger_version VALUES ($1)", version)
    else:
        await connection.execute("UPDATE ledger_version SET version = $1", version)
