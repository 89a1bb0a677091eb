"""The link that signs in to the console of `understudy serve`, and the signal that prints another one."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import PATIENCE
from tests.gateway.serving.running_gateway import Served, children_of, configuration, serve
from understudy.emulator import Emulator, emulate

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no SIGUSR1")
KEYS = '[[llm.console.keys]]\nname = "alice"\nkey = "an-admin-key-0123456789"\n'


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate("openai") as running:
        yield running


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_signal_prints_another_link(workers: str, tmp_path: Path, emulator: Emulator) -> None:
    async with serve(tmp_path, configuration(emulator), "--workers", workers) as served:
        said, first = await line(served), await line(served)
        assert f"kill -USR1 {served.process.pid} prints another one" in said
        for worker in children_of(served.process):
            os.kill(worker, signal.SIGUSR1)  # it does not concern them
        served.process.send_signal(signal.SIGUSR1)
        again, second = await line(served), await line(served)
        assert (again, second == first) == (said, False)
        for link in (first, second):
            path = link.strip().removeprefix(f"http://127.0.0.1:{served.port}")
            assert [(await served.get(path))[0] for _ in range(2)] == [200, 403]
        served.cli.configure(configuration(emulator, more=KEYS))
        served.process.send_signal(signal.SIGHUP)
        await served.logged('console key "alice" added')
        served.process.send_signal(signal.SIGUSR1)
        assert "/console/, with a key of [[llm.console.keys]]" in await line(served)


async def line(served: Served) -> str:
    """Return the next line that a gateway prints."""
    assert served.process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        return (await asyncio.to_thread(served.process.stdout.readline)).decode()
