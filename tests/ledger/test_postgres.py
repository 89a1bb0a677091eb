"""The ledger in PostgreSQL: what only a server can do to it."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from tests.ledger.contract.stores import Postgres
from tests.ledger.made import NOON, ended, start
from tests.ledger.relay import Relay
from understudy.domain.attempts import Outcome
from understudy.domain.errors import ConfigError
from understudy.ledger.entries import EntryState
from understudy.ledger.postgres import connecting, schema
from understudy.ledger.postgres.reading import PostgresReader
from understudy.ledger.postgres.store import PostgresLedger

DAY = "2026-11-29"


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.05)


def version_of(store: Postgres) -> int:
    (row,) = store.execute("SELECT version FROM understudy.ledger_version")
    version: int = row["version"]
    return version


def attempts(store: Postgres) -> int:
    with store.read() as reader:
        return sum(sums.attempts for sums in reader.usage("day").values())


def test_a_connection_that_was_cut_while_idle_is_not_noticed(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = postgres.open()
    ledger.record(ended(start(1)))
    ledger.flush()
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'understudy' "
        "AND datname = current_database()"
    )
    ledger.record(ended(start(2)))
    ledger.flush()
    assert attempts(postgres) == 2
    assert "cannot be written" not in caplog.text


def test_a_server_that_is_away_for_a_while_loses_nothing(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    with Relay(postgres.url) as relay:
        ledger = PostgresLedger(relay.url)
        ledger.begin(start(1))
        ledger.flush()
        relay.down()
        for seed in range(1, 50):
            ledger.record(ended(start(seed)))
        with pytest.raises(OSError, match=r"."):
            ledger.flush()
        relay.up()
        eventually(lambda: attempts(postgres) == 49)
        ledger.close()
    assert caplog.text.count("the ledger cannot be written") == 1


def test_what_is_left_at_the_end_without_a_spool_is_said(
    postgres: Postgres, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.ledger.postgres.store.CLOSING", 0.3)
    with Relay(postgres.url) as relay:
        ledger = PostgresLedger(relay.url)
        relay.down()
        ledger.record(ended(start(1)))
        ledger.close()
        assert "closed before 1 entries could be written" in caplog.text
        relay.up()
        eventually(lambda: not ledger._writer._thread.is_alive())


def test_a_spool_keeps_what_a_process_leaves(postgres: Postgres, tmp_path: Path) -> None:
    with Relay(postgres.url) as relay:
        ledger = PostgresLedger(relay.url, spool=tmp_path)
        ledger.begin(start(1))
        ledger.flush()
        relay.down()
        ledger.record(ended(start(1)))
        ledger.begin(start(2))
        ledger.record(ended(start(3, labels={"team": "ü"}), Outcome.FAILED))
        ledger.flush()
        ledger.begin(start(4))
        ledger.close()
        assert len(list(tmp_path.iterdir())) == 1

        another = PostgresLedger(relay.url, spool=tmp_path)
        another.record(ended(start(5)))
        another.flush()
        assert len(list(tmp_path.iterdir())) == 2, "the server is away for this one too"
        relay.up()
        eventually(lambda: attempts(postgres) == 3)
        another.flush()
        assert list(tmp_path.iterdir()) == []
        another.close()
    postgres.pass_time(31)
    later = postgres.open()
    later.record(ended(start(6)))
    later.flush()
    with postgres.read() as reader:
        states = [each.state for each in reader.entries()]
        (other,) = reader.usage("tag").values()
    assert states == [
        EntryState.SUCCEEDED,
        EntryState.SUCCEEDED,
        EntryState.UNKNOWN,
        EntryState.FAILED,
        EntryState.UNKNOWN,
        EntryState.SUCCEEDED,
    ]
    assert other.failed == 1


def test_a_spool_of_before_there_were_classes_is_read(postgres: Postgres, tmp_path: Path) -> None:
    labels = {"client": "codex", "request_class": "auxiliary"}
    with Relay(postgres.url) as relay:
        ledger = PostgresLedger(relay.url, spool=tmp_path)
        ledger.flush()
        relay.down()
        ledger.record(ended(start(1, labels=labels)))
        ledger.flush()
        ledger.close()
    (file,) = tmp_path.iterdir()
    row = json.loads(file.read_bytes())
    assert row.count("auxiliary") == 1
    row.remove("auxiliary")
    file.write_text(json.dumps(row) + "\n")
    later = PostgresLedger(postgres.url, spool=tmp_path)
    later.record(ended(start(2)))
    eventually(lambda: attempts(postgres) == 2)
    later.close()
    with postgres.read() as reader:
        assert [each.start.labels for each in reader.entries()] == [{}, {"client": "codex"}]


def test_a_spool_gives_an_entry_on_once_however_often_it_must(postgres: Postgres, tmp_path: Path) -> None:
    with Relay(postgres.url) as relay:
        ledger = PostgresLedger(relay.url, spool=tmp_path)
        relay.down()
        for seed in range(1, 20):
            ledger.record(ended(start(seed)))
        ledger.flush()
        (file,) = tmp_path.iterdir()
        kept = file.read_bytes()
        ledger.close()
        for torn in (b"", kept[:25]):
            file.write_bytes(kept + torn)
            relay.up()
            again = PostgresLedger(relay.url, spool=tmp_path)
            again.record(ended(start(1)))
            again.flush()
            again.close()
            assert list(tmp_path.iterdir()) == []
            relay.down()
    assert attempts(postgres) == 19


def test_of_processes_that_start_at_once_one_makes_the_tables(postgres: Postgres) -> None:
    postgres.execute("DROP SCHEMA IF EXISTS understudy CASCADE")
    with ThreadPoolExecutor(5) as pool:
        for ledger in pool.map(lambda _: PostgresLedger(postgres.url), range(5)):
            ledger.close()
    assert version_of(postgres) == len(schema.STEPS)


def test_a_step_may_take_longer_than_other_statements(postgres: Postgres) -> None:
    PostgresLedger(postgres.url).close()

    async def migrate() -> None:
        slow = await asyncpg.connect(postgres.url, command_timeout=0.5)
        other = await asyncpg.connect(postgres.url)
        try:
            await slow.execute("SET search_path TO understudy; SET lock_timeout TO '250ms'", timeout=30)
            held = other.transaction()
            await held.start()
            await other.execute("SELECT pg_advisory_xact_lock($1)", schema.LOCK)
            steps = asyncio.ensure_future(schema.migrate(slow, (*schema.STEPS, "SELECT pg_sleep(0.7)")))
            await asyncio.sleep(0.7)
            await held.rollback()
            await steps
            assert await slow.fetchval("SHOW lock_timeout", timeout=30) == "250ms", "as it was"
        finally:
            await slow.close()
            await other.close()

    postgres.run(migrate())
    assert version_of(postgres) == len(schema.STEPS) + 1
    postgres.execute("UPDATE understudy.ledger_version SET version = version - 1")


def test_a_step_that_fails_leaves_the_tables_as_they_were(postgres: Postgres) -> None:
    PostgresLedger(postgres.url).close()

    async def migrate() -> None:
        connection = await connecting.connect(postgres.url)
        try:
            await schema.migrate(connection, (*schema.STEPS, "CREATE TABLE half (x INT); SELECT * FROM missing"))
        finally:
            await connection.close()

    with pytest.raises(asyncpg.UndefinedTableError):
        postgres.run(migrate())
    assert version_of(postgres) == len(schema.STEPS)
    assert postgres.execute("SELECT to_regclass('understudy.half') AS found")[0]["found"] is None


def test_newer_tables_are_refused(postgres: Postgres) -> None:
    PostgresLedger(postgres.url).close()
    postgres.execute("UPDATE understudy.ledger_version SET version = version + 1")
    try:
        for opened in (PostgresLedger, PostgresReader):
            with pytest.raises(ConfigError, match="a newer version of understudy wrote it"):
                opened(postgres.url)
    finally:
        postgres.execute("UPDATE understudy.ledger_version SET version = version - 1")


def test_commits_are_durable_whatever_the_database_says(postgres: Postgres) -> None:
    async def setting(url: str) -> str:
        connection = await connecting.connect(url)
        try:
            return str(await connection.fetchval("SHOW synchronous_commit"))
        finally:
            await connection.close()

    for given, expected in (("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")):
        url = f"{postgres.url}?synchronous_commit={given}"
        assert postgres.run(setting(url)) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://me:pass-word@127.0.0.1:1/x", "cannot be opened"),
        ("postgresql://me:pass/word@127.0.0.1/x", "the URL is invalid"),
        ("mysql://me:pass-word@127.0.0.1/x", "the URL is invalid"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_its_password(url: str, why: str) -> None:
    for opened in (PostgresLedger, PostgresReader):
        with pytest.raises(ConfigError, match=why) as error:
            opened(url)
        assert "word" not in str(error.value)


def test_a_wrong_password_is_said_without_it(postgres: Postgres) -> None:
    with pytest.raises(ConfigError, match="password authentication failed") as error:
        PostgresLedger(postgres.url.replace("@", "wrong@"))
    assert "wrong@" not in str(error.value)


def test_a_database_without_a_ledger_is_said(postgres: Postgres) -> None:
    postgres.execute("DROP SCHEMA IF EXISTS understudy CASCADE")
    with pytest.raises(ConfigError, match="there is no ledger at 127"):
        PostgresReader(postgres.url)


def test_sums_do_not_overflow(postgres: Postgres) -> None:
    ledger = postgres.open()
    ledger.record(ended(start(1)))
    ledger.flush()
    postgres.execute(f"UPDATE understudy.days SET input = {2**64}")
    ledger.record(ended(start(2)))
    ledger.flush()
    with postgres.read() as reader:
        assert reader.usage("day")[DAY].input == 2**64 + 120


async def test_reading_works_on_a_running_loop(postgres: Postgres) -> None:
    ledger = PostgresLedger(postgres.url)
    ledger.record(ended(start(1, started=NOON)))
    ledger.flush()
    ledger.close()
    with postgres.read() as reader:
        assert len(reader.requests()) == 1
