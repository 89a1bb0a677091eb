"""`understudy serve` with several processes: they see each other, obey orders, and no total falls."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.running import PATIENCE
from tests.fleet.made import order
from tests.gateway.serving.running_gateway import Served, chat, children_of, configuration, serve
from tests.ledger.conftest import postgres, postgres_url
from tests.ledger.contract.stores import Postgres
from understudy.emulator import Emulator, Fault, emulate
from understudy.fleet.fleet import SILENT
from understudy.fleet.orders import OrderKind
from understudy.fleet.sqlite import SUFFIX, SqliteFleet
from understudy.fleet.store import FleetStore, Member, joined
from understudy.telemetry.snapshot import TargetState

__all__ = ["postgres", "postgres_url"]
pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate("openai") as running:
        yield running


def ledger_in(folder: Path) -> tuple[Path, str]:
    """Return the file of a ledger, and what a configuration says of it."""
    path = folder / "ledger.db"
    return path, f"[llm.ledger]\npath = {str(path)!r}\n"


@pytest.fixture
async def two(tmp_path: Path, emulator: Emulator) -> AsyncIterator[tuple[Served, FleetStore]]:
    """Two processes, and what they share."""
    path, table = ledger_in(tmp_path)
    store = SqliteFleet(path.with_name(path.name + SUFFIX))
    text = configuration(emulator, more=table).replace(
        'proxy = "none"', 'proxy = "none"\nprice = {input = 1, output = 2}'
    )
    async with serve(tmp_path, text, "--workers", "2") as served:
        await until(lambda: len(live(store)) == 2)
        yield served, store
    store.close()


async def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


def live(store: FleetStore) -> list[Member]:
    return [each for each in store.members() if not each.ended and each.age <= SILENT]


def states(store: FleetStore) -> list[TargetState]:
    return [target.state for each in live(store) for target in each.snapshot.targets]


def counted(store: FleetStore) -> tuple[int, int, int]:
    """Return what all processes counted, whether they have ended or not: successes, failures, and nano-USD."""
    tallies = [target.total for each in store.members() for target in each.snapshot.targets]
    failed = sum(sum(each.failed.values()) for each in tallies)
    return sum(each.succeeded for each in tallies), failed, sum(each.cost for each in tallies)


def kept(path: Path) -> tuple[int, int, int]:
    """Return the same of a ledger."""
    query = "SELECT SUM(state = 'succeeded'), SUM(state = 'failed'), SUM(cost) FROM entries"
    with closing(sqlite3.connect(path)) as file:
        found = file.execute(query).fetchone()
    return tuple(each or 0 for each in found)  # type: ignore[return-value]


async def ask(served: Served, count: int = 1, model: str | None = None) -> list[int]:
    """Ask on a connection for each request, so that any process answers; return the statuses."""

    async def one() -> int:
        peer = await served.connect()
        peer.writer.write(chat(keep=False, model=model))
        return (await peer.response())[0]

    return [await one() for _ in range(count)]


async def test_sums_over_processes_are_those_of_the_ledger(two: tuple[Served, FleetStore], emulator: Emulator) -> None:
    served, store = two
    start = time.time() // 60 * 60
    emulator.script("openai", [Fault.status(500), None, Fault.status(500)])
    assert set(await ask(served, 30)) <= {200, 500, 502, 503}
    path = served.cli.folder / "ledger.db"
    await until(lambda: sum(kept(path)[:2]) >= 30 and counted(store) == kept(path))
    tallies = [each.tally for each in store.history(start, time.time() + 60).minutes]
    assert sum(each.succeeded for each in tallies) == kept(path)[0]
    assert sum(each.cost for each in tallies) == kept(path)[2] > 0
    requests = joined([store.history(start, time.time() + 60)]).requests
    assert sum(sum(each.outcomes.values()) for each in requests) == 30


async def test_an_order_reaches_every_process_and_those_that_start_later(two: tuple[Served, FleetStore]) -> None:
    served, store = two
    assert await ask(served, 10) == [200] * 10
    given = store.order(order(OrderKind.OPEN, "first", at=time.time()))
    await until(lambda: all(each.snapshot.obeyed >= given.number for each in live(store)))
    await until(lambda: states(store) == [TargetState.DISABLED] * 2)
    assert await ask(served, 10) == [503] * 10
    before = {each.snapshot.worker for each in live(store)}
    served.process.send_signal(signal.SIGUSR2)
    await served.logged("all workers were replaced")
    assert await ask(served, 4) == [503] * 4
    await until(lambda: len(live(store)) == 2 and not before & {each.snapshot.worker for each in live(store)})
    served.config.write_text(served.config.read_text().replace('name = "first"', 'name = "first"\nmax_tokens = 9'))
    served.process.send_signal(signal.SIGHUP)
    await served.logged("the configuration was reloaded")
    assert await ask(served, 4) == [503] * 4
    store.order(order(OrderKind.CLOSE, "first", at=time.time()))
    await until(lambda: states(store) == [TargetState.CLOSED] * 2)
    assert await ask(served, 4) == [200] * 4


async def test_no_total_falls_when_processes_are_killed_or_replaced(two: tuple[Served, FleetStore]) -> None:
    served, store = two
    seen = [0]

    def look() -> int:
        seen.append(counted(store)[0])
        assert seen[-1] >= seen[-2]
        return seen[-1]

    await ask(served, 12)
    await until(lambda: look() == 12)
    victim = children_of(served.process)[0]
    os.kill(victim, signal.SIGKILL)
    await until(lambda: look() == 12 and victim not in {each.snapshot.pid for each in live(store)})
    await until(lambda: look() == 12 and len(live(store)) == 2)
    await ask(served, 12)
    await until(lambda: look() == 24)
    served.process.send_signal(signal.SIGUSR2)
    await until(lambda: look() == 24 and any("all workers were replaced" in str(each) for each in served.log()))
    await ask(served, 12)
    await until(lambda: look() == 36)
    assert kept(served.cli.folder / "ledger.db")[0] == 36
    (instance,) = {each.snapshot.instance for each in store.members()}
    assert instance


async def test_one_process_has_the_file_too(tmp_path: Path, emulator: Emulator) -> None:
    path, table = ledger_in(tmp_path)
    store = SqliteFleet(path.with_name(path.name + SUFFIX), makes_file=False)
    assert store.members() == []
    async with serve(tmp_path, configuration(emulator, more=table)) as served:
        await ask(served, 3)
        await until(lambda: counted(store)[0] == 3)
        served.process.send_signal(signal.SIGTERM)
        assert await served.ended() == 0
    (found,) = store.members()
    assert (found.ended, found.snapshot.is_draining) == (True, True)
    assert not [each for each in served.log() if each["event"] == "log"]
    store.close()


async def test_processes_share_without_a_ledger_too(tmp_path: Path, emulator: Emulator) -> None:
    """Then what is ordered of one reaches the other through a file in the folder of the supervisor."""
    text = configuration(emulator, more="[llm.ledger]\nenabled = false\n")
    async with serve(tmp_path, text, "--workers", "2", environment={"TMPDIR": str(tmp_path)}) as served:
        (file,) = await asyncio.to_thread(lambda: list(tmp_path.glob("understudy-*/")))
        store = SqliteFleet(file / "fleet.db", makes_file=False)
        await until(lambda: len(live(store)) == 2)
        await ask(served, 5)
        await until(lambda: counted(store)[0] == 5)
        store.close()


async def test_a_file_that_cannot_be_used_costs_no_request(tmp_path: Path, emulator: Emulator) -> None:
    path, table = ledger_in(tmp_path)
    path.with_name(path.name + SUFFIX).mkdir()
    async with serve(tmp_path, configuration(emulator, more=table), "--workers", "2") as served:
        assert await ask(served, 6) == [200] * 6
        await served.logged("cannot share what they know")


async def test_a_damaged_file_is_begun_anew(tmp_path: Path, emulator: Emulator) -> None:
    path, table = ledger_in(tmp_path)
    damaged = path.with_name(path.name + SUFFIX)
    damaged.write_bytes(b"not a database " * 1000)
    async with serve(tmp_path, configuration(emulator, more=table), "--workers", "2") as served:
        await served.logged("is damaged and begun anew")
        store = SqliteFleet(damaged, makes_file=False)
        await until(lambda: len(live(store)) == 2)
        await ask(served, 3)
        await until(lambda: counted(store)[0] == 3)
        store.close()


async def test_a_file_that_is_deleted_is_made_again(two: tuple[Served, FleetStore]) -> None:
    served, store = two
    await ask(served, 3)
    await until(lambda: counted(store)[0] == 3)
    store.close()
    for each in served.cli.folder.glob(f"ledger.db{SUFFIX}*"):
        each.unlink()
    again = SqliteFleet(served.cli.folder / f"ledger.db{SUFFIX}", makes_file=False)
    await until(lambda: len(live(again)) == 2)
    assert counted(again)[0] == 3, "what live processes counted is in the new file"
    again.close()


async def test_machines_share_a_database(tmp_path: Path, emulator: Emulator, postgres: Postgres) -> None:
    from understudy.fleet.postgres import PostgresFleet

    store = PostgresFleet(postgres.url)
    text = configuration(emulator, more=postgres.table)
    folders = [tmp_path / "one", tmp_path / "other"]
    for each in folders:
        each.mkdir()
    async with serve(folders[0], text) as one, serve(folders[1], text) as other:
        await until(lambda: len(live(store)) == 2)
        assert len({each.snapshot.instance for each in live(store)}) == 2
        assert await ask(one, 2) + await ask(other, 3) == [200] * 5
        await until(lambda: counted(store)[0] == 5)
        store.order(order(OrderKind.DRAIN, "first", at=time.time()))
        await until(lambda: states(store) == [TargetState.DISABLED] * 2)
        assert await ask(one) + await ask(other) == [503, 503]
    store.close()
