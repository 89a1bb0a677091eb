"""A server that is restarted, killed, stalled, full or at odds with itself, while several writers load it.

Whatever happens, every attempt whose end was recorded is there once, as it ended; money is spent once; nothing stays
reserved; and nothing is spent while the server is away. One fault is tried by default, and all with `--deep`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from tests.gateway.asgi import Asgi
from tests.ledger import servers
from tests.ledger.contract.stores import Postgres as Store
from tests.ledger.contract.test_holds import attempt, cost, money
from tests.ledger.made import ended
from tests.ledger.test_postgres_holds import check_money
from understudy.domain.attempts import CostBasis, Outcome
from understudy.domain.money import NOT_BILLED
from understudy.emulator import Emulator
from understudy.gateway.application import app
from understudy.ledger.entries import STATE_OF, EntryState
from understudy.ledger.holds import LedgerUnavailable, Unit
from understudy.ledger.postgres import connecting
from understudy.ledger.postgres.store import PostgresLedger

Fault = Callable[[servers.Postgres], Awaitable[None]]
WRITERS, CALLERS = 2, 24
AMOUNT, CEILING = 7, 10**9
AWAY = 0.7
"""Seconds for which the server is away."""


async def restart(server: servers.Postgres, number: int) -> None:
    """End the server by a signal, and start it again; what is left of it may hold its memory for a moment."""
    await asyncio.to_thread(server.stop, number)
    await asyncio.sleep(AWAY)
    async with asyncio.timeout(servers.STARTING):
        while not await asyncio.to_thread(server.start):
            await asyncio.sleep(0.2)


async def execute(server: servers.Postgres, *queries: str) -> None:
    connection = await asyncpg.connect(server.url)
    try:
        for query in queries:
            await connection.execute(query)
    finally:
        await connection.close()


CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'understudy'"


async def stall(server: servers.Postgres) -> None:
    """Stop all processes of the server for longer than a writer waits for an answer."""
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    processes = [server.process.pid, *map(int, found.split())]
    for each in processes:
        os.kill(each, signal.SIGSTOP)
    await asyncio.sleep(8)
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGCONT)


async def fill(server: servers.Postgres) -> None:
    """Take every connection, those of the writers included."""
    connections: list[asyncpg.Connection] = []
    try:
        connections.append(await asyncpg.connect(server.url))
        while True:
            await connections[0].execute(CUT)
            connections.append(await asyncpg.connect(server.url))
    except asyncpg.TooManyConnectionsError:
        await connections[0].execute(CUT)
        with suppress(asyncpg.TooManyConnectionsError):
            connections.append(await asyncpg.connect(server.url))
    await asyncio.sleep(AWAY)
    for each in connections:
        await each.close()


async def deadlock(server: servers.Postgres) -> None:
    """Lock balances and then entries, which is the other way round; the writers notice it first, and lose."""
    await execute(server, "ALTER DATABASE postgres SET deadlock_timeout = '20ms'", CUT)
    connection = await asyncpg.connect(server.url)
    found = 0
    for _ in range(10):  # until it is one: on a busy machine the writers may not be at it just then
        for _ in range(5):
            await asyncio.sleep(0.05)
            async with connection.transaction():
                await connection.execute("SET LOCAL deadlock_timeout = '10s'")
                await connection.execute("SELECT FROM understudy.balances FOR UPDATE")
                await asyncio.sleep(0.05)
                await connection.execute("SELECT FROM understudy.entries ORDER BY id DESC FOR UPDATE")
        await asyncio.sleep(1.2)
        found = await connection.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'")
        if found:
            break
    await connection.close()
    assert found > 0, "there was no deadlock"


async def serialize(server: servers.Postgres) -> None:
    """Have transactions fail as not serializable, for a while."""
    await execute(server, "ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'", CUT)
    await asyncio.sleep(1.5)
    await execute(server, "ALTER DATABASE postgres RESET default_transaction_isolation", CUT)
    log = (server.folder / "log").read_text()
    assert "could not serialize access" in log, "all transactions were serializable"


FAULTS: Mapping[str, Fault] = {
    "shut down at once": lambda server: restart(server, signal.SIGQUIT),
    "deadlocks": deadlock,
    "restarted": lambda server: restart(server, signal.SIGINT),
    "killed": lambda server: restart(server, signal.SIGKILL),
    "stalled": stall,
    "too many clients": fill,
    "not serializable": serialize,
}
QUICK = ("shut down at once",)
IS_AWAY = ("shut down at once", "restarted", "killed", "stalled", "too many clients")


@pytest.fixture(scope="module")
def running() -> Iterator[servers.Postgres]:
    try:
        with servers.running("postgres") as server:
            yield server
    except servers.Missing as error:
        pytest.skip(str(error))


@pytest.fixture
def server(running: servers.Postgres) -> servers.Postgres:
    """A server that nothing else uses, with an empty ledger."""
    Store(running.url).clear()
    return running


class Load:
    """Callers of several writers: some of their attempts meet a budget, some do not."""

    def __init__(self, ledgers: list[PostgresLedger]) -> None:
        self.ledgers = ledgers
        self.ends: dict[str, Outcome] = {}
        """How attempts ended, whose records were handed over."""
        self.spent = 0
        self.counts: Counter[str] = Counter()
        self.is_over = False

    async def run(self) -> None:
        """Make attempts until it is over."""
        await asyncio.gather(*(self._caller(number) for number in range(CALLERS)))

    async def _caller(self, number: int) -> None:
        ledger = self.ledgers[number % len(self.ledgers)]
        while not self.is_over:
            begun, outcome = attempt(), Outcome.FAILED if number % 5 == 0 else Outcome.WON
            if number % 3:
                try:
                    assert await ledger.reserve(begun, [money(AMOUNT, CEILING)], durable=True) is None
                except LedgerUnavailable:
                    self.counts["refused"] += 1
                    refused = ended(begun, Outcome.ABORTED, cost=NOT_BILLED, cost_basis=CostBasis.NOT_SENT)
                    ledger.record(refused)
                    self.ends[begun.attempt_id] = Outcome.ABORTED
                    await asyncio.sleep(0.02)
                    continue
                self.counts["granted"] += 1
                self.spent += AMOUNT
            else:
                ledger.begin(begun)
                self.counts["free"] += 1
            await asyncio.sleep(0.01)
            ledger.record(ended(begun, outcome, **cost(AMOUNT)))
            self.ends[begun.attempt_id] = outcome


@pytest.mark.parametrize("name", FAULTS)
async def test_nothing_is_lost_or_spent_twice(
    server: servers.Postgres,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    *,
    deep: bool,
) -> None:
    if name not in QUICK and not deep:
        pytest.skip("only with --deep")
    monkeypatch.setattr(connecting, "ANSWERING", 1.0)
    folder = tmp_path_factory.mktemp("spool")
    ledgers = [await asyncio.to_thread(PostgresLedger, server.url, spool=folder) for _ in range(WRITERS)]
    load = Load(ledgers)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(0.4)
    before = load.counts.copy()
    await FAULTS[name](server)
    async with asyncio.timeout(60):
        granted = load.counts["granted"]
        while load.counts["granted"] < granted + 50:
            await asyncio.sleep(0.05)
    load.is_over = True
    await running
    for ledger in ledgers:
        await asyncio.to_thread(ledger.flush, 30)
        await asyncio.to_thread(ledger.close)
    assert load.counts["free"] > before["free"]
    assert name not in IS_AWAY or load.counts["refused"] > 0
    assert list(folder.iterdir()) == []
    await asyncio.to_thread(check, Store(server.url), load)


def check(store: Store, load: Load) -> None:
    """Compare what is kept with what was promised."""
    with store.read() as reader:
        entries = {each.start.attempt_id: each.state for each in reader.entries(limit=10**6)}
        (day,) = reader.usage("day").values()
        (balance,) = [each for each in reader.all_balances() if each.unit is Unit.MONEY]
    assert entries == {attempt_id: STATE_OF[outcome] for attempt_id, outcome in load.ends.items()}
    states = Counter(entries.values())
    assert (day.attempts, day.succeeded, day.failed, day.aborted, day.unknown) == (
        len(entries),
        *(states[each] for each in (EntryState.SUCCEEDED, EntryState.FAILED, EntryState.ABORTED)),
        0,
    )
    assert (balance.spent, balance.reserved, balance.overrun) == (load.spent, 0, 0)
    check_money(store)


async def test_a_gateway_spends_nothing_while_the_server_is_away(server: servers.Postgres, tmp_path: Path) -> None:
    ledger = await asyncio.to_thread(PostgresLedger, server.url, spool=tmp_path)
    async with Emulator(("openai",)) as emulator:
        entry = {
            "name": "main",
            "provider": "openai",
            "base_url": emulator.url("openai"),
            "api_key": emulator.key,
            "text_model": "gpt-4.1-mini",
            "price": {"input": 0.4, "output": 1.6},
        }
        budget = {"name": "all", "max": 5, "period": "total"}
        config = {"providers": [entry], "fallback": {"max_attempts": 1}}
        budgeted = app({"llm": {**config, "budgets": [budget]}}, sink=ledger, url=server.url)
        free = app({"llm": config}, sink=ledger, url=server.url)
        body = {"model": "main", "messages": [{"role": "user", "content": "hi"}]}

        async def ask(gateway: object, headers: Mapping[str, str] | None = None) -> tuple[int, str | None]:
            answer = await Asgi(gateway).post("/v1/chat/completions", body, dict(headers or {}))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            return answer.status, answer.json.get("error", {}).get("code")

        assert [(await ask(each))[0] for each in (budgeted, free)] == [200, 200]
        await asyncio.to_thread(server.stop, signal.SIGQUIT)
        closed = (503, "ledger_unavailable")
        asked = len(emulator.requests("openai"))
        assert [await ask(budgeted) for _ in range(3)] == [closed] * 3
        assert await ask(free, {"idempotency-key": "one"}) == closed
        assert await ask(free, {"x-api-key": "usk-of-somebody"}) == closed
        assert len(emulator.requests("openai")) == asked, "no provider was asked"
        assert await ask(free) == (200, None)
        assert ledger.unwritable is not None
        assert free.fleet.snapshot().ledger_works is False
        assert await asyncio.to_thread(server.start)
        async with asyncio.timeout(30):
            while (await ask(budgeted))[0] != 200:
                await asyncio.sleep(0.2)
        assert (await ask(free, {"idempotency-key": "one"}))[0] == 200
        assert free.fleet.snapshot().ledger_works is True
        await asyncio.gather(budgeted.aclose(), free.aclose())
        await asyncio.to_thread(ledger.close)
    with Store(server.url).read() as reader:
        (day,) = reader.usage("day").values()
    assert (day.succeeded, day.failed) == (len(emulator.requests("openai")), 0)
    assert list(tmp_path.iterdir()) == []
