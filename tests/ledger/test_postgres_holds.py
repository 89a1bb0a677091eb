"""Budgets in PostgreSQL: what only several writers, a lost one, and a server that is away can do to them."""

from __future__ import annotations

import asyncio
import random
import re
import threading

import pytest

from tests.ledger.contract.stores import Postgres
from tests.ledger.contract.test_holds import attempt, cost, money
from tests.ledger.made import ended, start
from tests.ledger.money import LAWS
from tests.ledger.relay import Relay
from understudy.domain.attempts import Outcome
from understudy.ledger.holds import Claim, LedgerUnavailable, Unit
from understudy.ledger.postgres.store import PostgresLedger

WRITERS, REQUESTS = 4, 500


def check_money(store: Postgres) -> None:
    """Fail if a law of the accounts is broken: those of a file, in PostgreSQL's words."""
    words = {"hex(attempt)": "attempt::text", "hex(id)": "id::text", "MAX(0,": "GREATEST(0,"}
    for law, query in LAWS.items():
        if "typeof" in query:  # columns of PostgreSQL have a type
            continue
        translated = re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], query)
        assert store.execute(translated) == [], law


async def test_many_writers_never_exceed_a_budget(postgres: Postgres) -> None:
    """Four writers, as of four machines, with two budgets in either order; some requests are aborted."""
    ledgers = [postgres.open() for _ in range(WRITERS)]
    team, everyone = money(7, 700, budget="team"), money(7, 700, budget="all")

    async def one(number: int) -> bool:
        ledger = ledgers[number % WRITERS]
        assert isinstance(ledger, PostgresLedger)
        begun = attempt()
        claims = [team, everyone] if number % 2 else [everyone, team]
        if await ledger.reserve(begun, claims, durable=True) is not None:
            return False
        await asyncio.sleep(random.uniform(0, 0.01))
        ledger.record(ended(begun, Outcome.ABORTED if number % 3 else Outcome.WON, **cost(7)))
        return True

    admitted = sum(await asyncio.gather(*map(one, range(REQUESTS))))
    for ledger in ledgers:
        await asyncio.to_thread(ledger.flush, 30)
    with postgres.read() as reader:
        balances = reader.all_balances()
    assert admitted == 100
    assert [(each.budget, each.spent, each.reserved, each.overrun) for each in balances] == [
        ("all", 700, 0, 0),
        ("team", 700, 0, 0),
    ]
    check_money(postgres)


async def test_what_a_lost_writer_held_is_spent_and_corrected_by_the_truth(postgres: Postgres) -> None:
    lost, other = postgres.open(is_lost=True), postgres.open()
    assert isinstance(lost, PostgresLedger)
    assert isinstance(other, PostgresLedger)
    begun, claim = start(1), money(60)
    limit = Claim(budget="limit", subject="", unit=Unit.CONCURRENT, amount=1, ceiling=1)
    assert await lost.reserve(begun, [claim, limit], durable=True) is None
    postgres.pass_time(31)
    other.record(ended(start(2)))
    await asyncio.to_thread(other.flush)
    keys = [("team", "", Unit.MONEY, 0), ("limit", "", Unit.CONCURRENT, 0)]
    spent, at_once = await other.balances(keys)
    assert (spent.spent, spent.reserved, at_once.reserved) == (60, 0, 0)
    check_money(postgres)
    lost.record(ended(begun, **cost(25)))
    await asyncio.to_thread(lost.flush)
    (spent,) = await other.balances(keys[:1])
    assert (spent.spent, spent.reserved, spent.overrun) == (25, 0, 0)
    check_money(postgres)


async def test_rows_are_found_by_their_keys_while_tables_grow(postgres: Postgres) -> None:
    """Else each transaction reads all of a table whose plan was made while it was small, and takes ever longer."""
    await asyncio.to_thread(postgres.open().close)
    await gone(postgres)
    ledger = postgres.open()
    assert isinstance(ledger, PostgresLedger)
    tables = "('entries', 'holds', 'days')"
    scans = f"SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE relname IN {tables} ORDER BY 1"
    before = [tuple(row) for row in postgres.execute(scans)]
    for _ in range(30):
        begun = [attempt() for _ in range(10)]
        assert (
            await asyncio.gather(*(ledger.reserve(each, [money(7, 10_000)], durable=True) for each in begun))
            == [None] * 10
        )
        for each in begun:
            ledger.record(ended(each, **cost(7)))
        await asyncio.to_thread(ledger.flush)
    await asyncio.to_thread(ledger.close)
    await gone(postgres)
    assert [tuple(row) for row in postgres.execute(scans)] == before


async def gone(postgres: Postgres) -> None:
    """Wait until the connections of the ledgers have ended: their statistics are complete before they are gone."""
    names = "SELECT FROM pg_stat_activity WHERE application_name = 'understudy' AND datname = current_database()"
    async with asyncio.timeout(30):
        while postgres.execute(names):
            await asyncio.sleep(0.01)


async def test_what_is_reserved_between_two_tries_to_write_is_refused(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The caller takes it for time to try again, and the writer does not: the spool keeps no reservations."""
    folder = tmp_path_factory.mktemp("spool")
    clock = lambda: 0.0 if threading.current_thread().name == "understudy-ledger" else 1e6  # noqa: E731
    with Relay(postgres.url) as relay:
        ledger = await asyncio.to_thread(PostgresLedger, relay.url, spool=folder, clock=clock)
        relay.down()
        ledger.record(ended(start(1)))
        async with asyncio.timeout(30):
            while ledger.trouble is None:
                await asyncio.sleep(0.01)
        with pytest.raises(LedgerUnavailable, match="nothing may be spent"):
            await ledger.reserve(attempt(), [money(1)], durable=True)
        relay.up()
        await asyncio.to_thread(ledger.close)


@pytest.mark.parametrize("spooled", [False, True], ids=["without a spool", "with a spool"])
async def test_nothing_is_spent_while_the_server_is_away(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, spooled: bool
) -> None:
    folder = tmp_path_factory.mktemp("spool") if spooled else None
    with Relay(postgres.url) as relay:
        ledger = await asyncio.to_thread(PostgresLedger, relay.url, spool=folder)
        begun, claim = attempt(), money(60)
        assert await ledger.reserve(begun, [claim], durable=True) is None
        relay.down()
        for _ in range(3):
            with pytest.raises(LedgerUnavailable, match="nothing may be spent"):
                await ledger.reserve(attempt(), [money(1)], durable=True)
        ledger.record(ended(begun, **cost(25)))
        relay.up()
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await ledger.reserve(attempt(), [money(75)], durable=True) is None
                    break
                except LedgerUnavailable:
                    await asyncio.sleep(0.1)
        (now,) = await ledger.balances([("team", "", Unit.MONEY, 0)])
        assert (now.spent, now.reserved) == (25, 75)
        await asyncio.to_thread(ledger.close)
    check_money(postgres)
