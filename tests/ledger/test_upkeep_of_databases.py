"""Upkeep of a database: retention, and sums against entries; the file has the same in `test_upkeep.py`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.cli.running import CommandLine
from tests.ledger.contract.stores import Postgres
from tests.ledger.made import ended, now, start
from understudy.domain.errors import ConfigError
from understudy.domain.money import Cost, Money
from understudy.ledger.holds import Claim, Unit
from understudy.ledger.postgres import upkeep
from understudy.ledger.postgres.store import PostgresLedger
from understudy.ledger.sums import DAY

AGES = (9, 9, 4, 2, 0)
"""Days for which attempts have ended; one more is under way since the oldest."""


def _kept(store: Postgres) -> float:
    """Keep attempts of some days, and return the present."""
    present, ledger = now(), store.open()
    for number, age in enumerate(AGES, start=1):
        begun = start(number, started=present - age * DAY)
        ledger.begin(begun)
        ledger.record(ended(begun))
    ledger.begin(start(99, started=present - 9 * DAY))
    ledger.flush()
    return present


def _run(url: str, statement: str, *values: Any) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(url, server_settings={"search_path": "understudy"})
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_old_entries_go_and_the_sums_of_their_days_stay(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "MOST", 2)  # in several transactions
    present = _kept(postgres)
    before = present - 3 * DAY
    with postgres.read() as reader:
        sums = reader.usage("day")
    assert upkeep.count_old(postgres.url, before) == 3
    assert upkeep.prune(postgres.url, before) == 3
    assert upkeep.prune(postgres.url, before) == 0
    with postgres.read() as reader:
        assert reader.usage("day") == sums
        assert len(reader.entries()) == 2 + 1, "what is under way is never removed"
    assert upkeep.verify(postgres.url) == []


def test_a_writer_removes_what_is_older_than_it_keeps(postgres: Postgres) -> None:
    _kept(postgres)
    postgres.close()
    ledger = PostgresLedger(postgres.url, keep_days=3)
    ledger.record(ended(start(100, started=now())))
    ledger.flush()
    ledger.close()
    with postgres.read() as reader:
        assert len([each for each in reader.entries() if each.record is not None]) == 2 + 1


async def test_what_budgets_have_spent_stays(postgres: Postgres) -> None:
    ledger, old = PostgresLedger(postgres.url), start(1, started=now() - 9 * DAY)
    claim = Claim(budget="team", subject="", amount=100, ceiling=1_000, if_unknown=100)
    assert await ledger.reserve(old, [claim], durable=True) is None
    ledger.record(ended(old, cost=Cost(amount=Money(60), source="test")))
    await asyncio.to_thread(ledger.flush)
    assert await asyncio.to_thread(upkeep.prune, postgres.url, now() - DAY) == 1
    (found,) = await ledger.balances([("team", "", Unit.MONEY, 0)])
    assert (found.spent, found.reserved) == (60, 0)
    ledger.close()
    assert await asyncio.to_thread(_run, postgres.url, "SELECT COUNT(*) FROM holds") == 0


def test_sums_that_differ_from_their_entries_are_found(postgres: Postgres) -> None:
    _kept(postgres)
    assert upkeep.verify(postgres.url) == []
    _run(postgres.url, "UPDATE days SET cost = cost + 1 WHERE dimension = '' AND day = $1", int(now() // DAY))
    (found,) = upkeep.verify(postgres.url)
    assert found.endswith("differ from its entries: cost")


def test_a_vacuum_reports_sizes(postgres: Postgres) -> None:
    _kept(postgres)
    freed = upkeep.vacuum(postgres.url)
    assert 0 < freed.after <= freed.before + 1_000_000


def test_without_a_ledger_there_is_nothing_to_keep_up(postgres_url: str) -> None:
    _run(postgres_url, "DROP SCHEMA IF EXISTS understudy CASCADE")
    with pytest.raises(ConfigError, match="there is no ledger at"):
        upkeep.prune(postgres_url, now())


def test_the_command_line_does_it(postgres: Postgres, tmp_path: Path) -> None:
    _kept(postgres)
    cli = CommandLine(tmp_path)
    cli.configure(f'[llm.ledger]\nurl = "{postgres.url}"\nkeep_days = 3\n')
    counted = cli.run("ledger", "prune", "--dry-run")
    assert (counted.code, counted.out.strip()) == (0, "3 entries would be removed"), counted.err
    assert cli.run("ledger", "prune").out.startswith("3 entries removed")
    assert cli.run("ledger", "verify").out.strip() == "nothing is wrong"
    assert cli.run("ledger", "vacuum").code == 0
