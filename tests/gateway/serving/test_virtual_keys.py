"""Virtual keys and repeated requests at several processes, which know of each other through the ledger alone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import PATIENCE
from tests.gateway.serving.running_gateway import Served, chat, children_of, configuration, serve
from tests.ledger.contract.stores import Store
from understudy.domain.secret import Secret
from understudy.emulator import Emulator, Fault, emulate
from understudy.ledger.keys import VirtualKey, make_key, token_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")
PEPPER = Secret("pepper-0123456789abcdef01234567")
MANY = 8
"""Requests on connections of their own: of two processes, each gets some."""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate("openai") as running:
        yield running


def configured(emulator: Emulator, store: Store) -> str:
    return configuration(emulator, more=f"[llm.gateway]\nkey_pepper = '{PEPPER.reveal()}'\n{store.table}")


def made(store: Store, name: str) -> str:
    """Make a key as `understudy keys create` does."""
    with store.keys() as keys:
        key = make_key()
        keys.add(VirtualKey(name=name, created=time.time()), token_of(key, PEPPER, time.time()))
    return key.reveal()


async def asked(served: Served, key: str | None, *more: str) -> tuple[int, bytes, bytes]:
    lines = [f"Authorization: Bearer {key}"] if key is not None else []
    head = "".join(f"{line}\r\n" for line in (*lines, *more)).encode()
    peer = await served.connect()
    peer.writer.write(chat(keep=False).replace(b"Content-Type", head + b"Content-Type"))
    return await peer.response()


async def statuses(served: Served, key: str | None) -> list[int]:
    return [(await asked(served, key))[0] for _ in range(MANY)]


async def test_all_processes_learn_of_a_key_and_of_its_end(tmp_path: Path, emulator: Emulator, store: Store) -> None:
    async with serve(tmp_path, configured(emulator, store), "--workers", "2") as served:
        assert await statuses(served, None) == [200] * MANY
        key, other = made(store, "alice"), made(store, "bob")
        assert await statuses(served, key) == [200] * MANY
        with store.keys() as keys:
            keys.revoke("alice", time.time())
        async with asyncio.timeout(PATIENCE):
            while await statuses(served, key) != [401] * MANY:
                await asyncio.sleep(0.2)
        assert await statuses(served, None) == [401] * MANY
        assert await statuses(served, other) == [200] * MANY
        served.process.send_signal(signal.SIGTERM)
        assert await served.ended() == 0
        assert {"alice", "bob"} <= {each.get("key") for each in served.log()}
    written = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()) + store.bytes_of_keys()
    assert not [each for each in (key, other) if each.encode() in written], "neither in the log nor in the ledger"


async def test_a_repeated_request_after_a_crash(tmp_path: Path, emulator: Emulator, store: Store) -> None:
    emulator.script("openai", [Fault.stall()])
    header = "Idempotency-Key: 4711"
    async with serve(tmp_path, configured(emulator, store), "--workers", "2") as served:
        first = asyncio.create_task(asked(served, None, header))
        async with asyncio.timeout(20):
            while not emulator.requests("openai"):
                await asyncio.sleep(0.05)
        assert [(await asked(served, None, header))[0] for _ in range(MANY)] == [409] * MANY
        for each in children_of(served.process):
            os.kill(each, signal.SIGKILL)
        await asyncio.gather(first, return_exceptions=True)
        async with asyncio.timeout(20):
            while (status := (await again(served, header))[0]) == 0:
                await asyncio.sleep(0.1)
        assert status == 409, "the lease of the process that died is not over"
        store.free_answers()
        answers = [await asked(served, None, header) for _ in range(MANY)]
        assert {(status, body) for status, _, body in answers} == {(200, answers[0][2])}
        assert [b"idempotent-replayed: true\r\n" in head for _, head, _ in answers] == [False] + [True] * (MANY - 1)
    assert len(emulator.requests("openai")) == 2


async def again(served: Served, header: str) -> tuple[int, bytes, bytes]:
    """Ask while processes are replaced: connections to one that was killed break."""
    try:
        return await asked(served, None, header)
    except (OSError, EOFError, AssertionError):
        return 0, b"", b""
