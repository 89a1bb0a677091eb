"""A full disk below the ledger, or a file that is damaged or deleted: what callers and load balancers get."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.full_disk import fill, small_disk
from tests.gateway.asgi import Asgi
from tests.gateway.test_virtual_keys import FACES
from tests.ledger.made import NOON, ended, start
from tests.ledger.money import check_money
from understudy.emulator import Emulator
from understudy.gateway.application import app
from understudy.ledger.entries import EntryState
from understudy.ledger.sqlite import following, reserve
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.reports.now import read_now

BUDGETS = {"budgets": [{"name": "team", "max": 1000, "period": "total"}]}
Serve = Callable[..., Asgi]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve with a ledger, and with a budget unless that is not wanted."""
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator(("openai",)))

        def served(ledger: SqliteLedger, **tables: Any) -> Asgi:
            entry: dict[str, Any] = {"name": "main", "provider": "openai", "api_key": emulator.key}
            entry |= {"base_url": emulator.url("openai"), "text_model": "gpt-4.1-mini"}
            entry |= {"price": {"input": 0.4, "output": 1.6}}
            gateway = app({"llm": {"providers": [entry], **tables}}, sink=ledger)
            stack.push_async_callback(gateway.aclose)
            return Asgi(gateway)

        yield served


async def test_a_full_disk_stops_what_costs_and_loses_nothing(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reserve, "RETRY", 0.02)
    with small_disk(tmp_path / "disk") as disk:
        ledger = SqliteLedger(disk / "ledger.db")
        paid, free = serve(ledger, **BUDGETS), serve(ledger)
        path, body = FACES["openai"]
        filler, answers = fill(disk), [await paid.post(path, body)]
        while answers[-1].status == 200:
            answers += await asyncio.gather(*(paid.post(path, body) for _ in range(20)))
        refused = [each for each in answers if each.status != 200]
        assert {each.status for each in refused} == {503}
        assert {each.json["error"]["code"] for each in refused} == {"ledger_unavailable"}
        assert (await free.post(path, body)).status == 200, "what no budget concerns goes on"
        assert (await paid.get("/health/ready")).status == 200
        filler.unlink()
        async with asyncio.timeout(30):
            while (await paid.post(path, body)).status != 200:
                await asyncio.sleep(0.02)
        ledger.close()
        check_money(ledger.path)
        with LedgerReader(ledger.path) as reader:
            entries = reader.entries(limit=10_000)
            (balance,) = [each for each in reader.all_balances() if each.budget.startswith("team")]
    assert len(entries) == len(answers) - len(refused) + 2
    assert {each.state for each in entries} == {EntryState.SUCCEEDED}
    assert balance.reserved == 0
    assert balance.spent > 0


@pytest.mark.lawless(reason="the file is damaged")
async def test_damage_that_is_found_while_serving_fails_the_readiness_check(tmp_path: Path, serve: Serve) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    for seed in range(1, 200):
        ledger.record(ended(start(seed, started=NOON + seed)))
    ledger.close()
    data = bytearray(ledger.path.read_bytes())
    data[5 * 4096 : 5 * 4096 + 64] = b"\xff" * 64
    ledger.path.write_bytes(data)
    ledger = SqliteLedger(ledger.path)
    paid, free = serve(ledger, **BUDGETS), serve(ledger)
    path, body = FACES["openai"]
    assert (await paid.get("/health/ready")).status == 200
    ledger.check_in_background()
    async with asyncio.timeout(30):
        while ledger.damage is None:
            await asyncio.sleep(0.02)
    ready = await paid.get("/health/ready")
    assert (ready.status, ready.json) == (503, {"status": "the ledger is damaged"})
    assert ledger.unwritable == ledger.damage
    assert (await paid.get("/health/live")).status == 200
    answer = await paid.post(path, body)
    assert (answer.status, answer.json["error"]["code"]) == (503, "ledger_unavailable")
    assert (await free.post(path, body)).status == 200
    ledger.close()


@pytest.mark.lawless(reason="entries are deleted")
async def test_what_is_answered_after_all_files_were_deleted_is_kept(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LOOK", 0.05)
    ledger = SqliteLedger(tmp_path / "ledger.db")
    gateway = serve(ledger, **BUDGETS)
    fleet = gateway._gateway.fleet
    await fleet.step()
    assert fleet.snapshot().ledger_trouble is None
    path, body = FACES["openai"]
    answers: list[Any] = []

    async def ask() -> None:
        for _ in range(15):
            answers.append(await gateway.post(path, body))

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(ask())
        while len(answers) < 30:
            await asyncio.sleep(0.001)
        for each in sorted(tmp_path.glob("ledger.db*")):
            each.unlink()
        before = len(answers)
    assert {each.status for each in answers} == {200}, "also of those with a budget, no request is refused"
    await fleet.step()
    report = await read_now(fleet)
    assert report.status == "degraded"
    assert any(each.startswith(f"the ledger {ledger.path} was deleted at ") for each in report.problems)
    assert report.trouble is None
    assert report.lately.requests == len(answers)
    ledger.close()
    check_money(ledger.path)
    with LedgerReader(ledger.path) as reader:
        kept = {each.start.request_id for each in reader.entries(limit=10_000)}
    late = {each.headers["x-understudy-request-id"] for each in answers[before:]}
    assert late <= kept
