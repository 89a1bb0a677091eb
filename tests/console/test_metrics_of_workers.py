"""`/metrics` of a gateway with several workers: any of them answers for all, and nothing falls when one is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import PATIENCE
from tests.gateway.serving.running_gateway import Served, chat, children_of, configuration, serve
from tests.ledger import servers
from tests.telemetry.prometheus.reading import Samples, samples_of
from understudy.emulator import Emulator, emulate

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")

KEY = "prometheus-0123456789abcdef"
ADMIN = f'[[llm.console.keys]]\nname = "prometheus"\nkey = "{KEY}"\n'
WITHOUT_LEDGER = "[llm.ledger]\nenabled = false\n"
COUNTED = ("_total", "_bucket", "_sum", "_count")
ANSWERED = ("understudy_requests_total", frozenset({("face", "openai"), ("outcome", "answered")}))
WRITABLE = ("understudy_ledger_writable", frozenset[tuple[str, str]]())


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate("openai") as running:
        yield running


async def scraped(served: Served) -> Samples:
    peer = await served.connect()
    peer.writer.write(
        f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\r\n".encode()
    )
    status, _, body = await peer.response()
    peer.writer.close()
    assert status == 200, body
    return samples_of(body)


def pids(samples: Samples) -> set[int]:
    return {int(dict(labels)["pid"]) for name, labels in samples if name == "process_start_time_seconds"}


class Watched:
    """Asks and scrapes again and again, and fails if a counter of the gateway falls."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._former: Samples = {}
        self._asked = 0

    async def ask(self) -> None:
        """Ask over a connection of its own, which any worker may take."""
        self._asked += 1
        peer = await self._served.connect()
        peer.writer.write(chat(keep=False))
        assert (await peer.response())[0] == 200
        peer.writer.close()

    async def complete(self) -> Samples:
        """Scrape until all requests are counted, each once."""
        async with asyncio.timeout(PATIENCE):
            while (found := await self.scrape())[ANSWERED] < self._asked:
                await asyncio.sleep(0.1)
        assert found[ANSWERED] == self._asked
        return found

    async def scrape(self) -> Samples:
        """Scrape once. An answer that states that the other workers are unknown has no counters."""
        found = await scraped(self._served)
        if found["understudy_fleet_up", frozenset()] == 0:
            assert not [name for name, _ in found if name.endswith(COUNTED)]
            return found
        fallen = {
            key: (before, found.get(key))
            for key, before in self._former.items()
            if key[0].startswith("understudy_") and key[0].endswith(COUNTED) and found.get(key, -1.0) < before
        }
        assert fallen == {}
        self._former = found
        return found

    async def until(self, name: str, wanted: float) -> Samples:
        """Scrape until a gauge without labels has a value."""
        async with asyncio.timeout(PATIENCE):
            while (found := await self.scrape()).get((name, frozenset())) != wanted:
                await asyncio.sleep(0.1)
        return found


@pytest.mark.parametrize("more", ["", WITHOUT_LEDGER], ids=["with a ledger", "without"])
async def test_any_worker_answers_for_all_and_nothing_falls_when_one_is_killed(
    more: str, tmp_path: Path, emulator: Emulator, deep: bool
) -> None:
    if more and not deep:
        pytest.skip("takes half a minute: --deep")
    async with serve(tmp_path, configuration(emulator, more=more + ADMIN), "--workers", "2") as served:
        watched = Watched(served)
        found = await watched.until("understudy_workers", 2)
        workers = pids(found)
        assert workers == set(children_of(served.process))
        for _ in range(5):
            for _ in range(4):
                await watched.ask()
            await watched.scrape()
        found = await watched.complete()
        for _ in range(6):
            assert (await watched.scrape())[ANSWERED] == 20
        assert found["understudy_configurations", frozenset()] == 1

        killed = min(workers)
        os.kill(killed, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while len(now := pids(await watched.scrape())) < 2 or killed in now:
                await watched.ask()
                await asyncio.sleep(0.1)
        await watched.complete()

        served.process.send_signal(signal.SIGHUP)
        await served.logged("the configuration was reloaded")
        await watched.ask()
        await watched.complete()


@pytest.fixture
def database() -> Iterator[servers.Postgres]:
    pytest.importorskip("asyncpg", reason="the package asyncpg is not installed: pip install 'understudy[postgres]'")
    try:
        with servers.running("postgres") as server:
            yield server
    except servers.Missing as missing:
        pytest.skip(str(missing))


async def test_while_the_database_is_away_gauges_are_stated_and_afterwards_nothing_has_fallen(
    tmp_path: Path, emulator: Emulator, database: servers.Postgres
) -> None:
    more = f'[llm.ledger]\nurl = "{database.url}"\n' + ADMIN
    async with serve(tmp_path, configuration(emulator, more=more), "--workers", "2") as served:
        watched = Watched(served)
        await watched.until("understudy_workers", 2)
        for _ in range(10):
            await watched.ask()
        found = await watched.complete()
        assert found[WRITABLE] == 1

        await asyncio.to_thread(database.stop, signal.SIGQUIT)
        async with asyncio.timeout(PATIENCE):
            while found[WRITABLE] != 0 or found["understudy_fleet_up", frozenset()] != 0:
                await watched.ask()  # requests are answered all the same
                found = await watched.scrape()
        for _ in range(10):  # whichever worker answers, or an alert that waits for a minute would never fire
            assert (await watched.scrape())[WRITABLE] == 0
        assert await asyncio.to_thread(database.start)
        await watched.until("understudy_workers", 2)
        found = await watched.complete()
        async with asyncio.timeout(PATIENCE):
            while found[WRITABLE] != 1:
                await asyncio.sleep(0.2)
                found = await watched.scrape()
