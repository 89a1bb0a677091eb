"""What the gateway's processes keep of requests, in one file, and what a process leaves that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import CommandLine
from tests.gateway.serving.running_gateway import chat, children_of, configuration, serve
from tests.ledger.made import NOON, ended, start
from understudy.emulator import Emulator, Fault, emulate
from understudy.ledger.entries import EntryState
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")
LEDGER = Path(".local/share/understudy/ledger.db")
KEYS = '[[llm.gateway.keys]]\nname = "alice"\nkey = "a-key-of-sixteen-letters"\nlabels = { team = "search" }\n'
AUTHORIZED = chat(keep=False).replace(b"Host:", b"Authorization: Bearer a-key-of-sixteen-letters\r\nHost:")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate("openai") as running:
        yield running


async def test_workers_keep_what_they_did_in_one_file(tmp_path: Path, emulator: Emulator) -> None:
    async with serve(tmp_path, configuration(emulator, more=KEYS), "--workers", "2") as served:
        for _ in range(6):
            peer = await served.connect()
            peer.writer.write(AUTHORIZED)
            assert (await peer.response())[0] == 200
        served.process.send_signal(signal.SIGTERM)
        assert await served.ended() == 0
        logged = {each["id"] for each in served.log() if each["event"] == "request"}
    with LedgerReader(tmp_path / LEDGER) as reader:
        assert [(value, sums.requests) for value, sums in reader.usage("key").items()] == [("alice", 6)]
        assert list(reader.usage("tag")) == ["team=search"]
        entries = reader.entries()
    assert {each.start.request_id for each in entries} == logged, "the log and the ledger have the same ids"
    assert {each.state for each in entries} == {EntryState.SUCCEEDED}


async def test_what_a_killed_process_was_doing_is_not_forgotten(tmp_path: Path, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.stall())
    async with serve(tmp_path, configuration(emulator), "--workers", "2") as served:
        peer = await served.connect()
        peer.writer.write(chat())
        async with asyncio.timeout(20):
            while not (tmp_path / LEDGER).exists() or not started(tmp_path):
                await asyncio.sleep(0.05)
        for each in [*children_of(served.process), served.process.pid]:
            os.kill(each, signal.SIGKILL)
        await served.ended()
    assert started(tmp_path) == ["first"]


@pytest.mark.lawless(reason="the file is damaged")
def test_a_damaged_file_is_not_served_with_and_left_as_it_is(tmp_path: Path, emulator: Emulator) -> None:
    cli = CommandLine(tmp_path)
    cli.configure(configuration(emulator))
    path = tmp_path / LEDGER
    ledger = SqliteLedger(path)
    for seed in range(1, 200):
        ledger.record(ended(start(seed, started=NOON + seed)))
    ledger.flush()
    ledger.close()
    data = bytearray(path.read_bytes())
    data[5 * 4096 : 12 * 4096] = b"\xff" * (7 * 4096)
    path.write_bytes(data)
    done = cli.run("serve", "--port", "0", "--workers", "2")
    assert done.code == 2
    assert f"{path} is damaged" in done.err
    assert "put a copy in its place" in done.err
    assert path.read_bytes() == bytes(data)


def started(folder: Path) -> list[str]:
    """Return the entries of the attempts under way."""
    with LedgerReader(folder / LEDGER) as reader:
        return [each.start.provider for each in reader.entries() if each.state is EntryState.STARTED]
