"""Limits in Valkey under many requests of several processes at once, and when one of those is killed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

import pytest

from tests.ledger.limit_storm import CLAIMS, REQUESTS, SLOTS, TOKENS
from tests.ledger.limits import PATIENT, granted, open_limits, state

PROCESSES, ATTEMPTS = 4, 500

Process = subprocess.Popen[str]


@contextmanager
def processes(url: str, prefix: str, count: int, attempts: int, lease: float = 30) -> Generator[list[Process]]:
    """Run the program several times, until each is ready."""
    command = [sys.executable, "-m", "tests.ledger.limit_storm", url, prefix, str(attempts), str(lease)]
    found = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        for each in found:
            assert _stdout(each).readline() == "ready\n"
        yield found
    finally:
        for each in found:
            each.kill()
            each.communicate()


def _stdout(process: Process) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def _go_on(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


async def test_as_many_are_admitted_as_there_is_room_for(valkey_url: str, request: pytest.FixtureRequest) -> None:
    """Five hundred attempts upon each of three limits by four processes; `--deep`: ten times as many."""
    prefix = f"{{{uuid.uuid4().hex}}}"
    attempts = ATTEMPTS * (10 if request.config.getoption("--deep") else 1) // PROCESSES
    limits = open_limits(valkey_url, prefix=prefix)
    with processes(valkey_url, prefix, PROCESSES, attempts) as running:
        for each in running:
            _go_on(each)
        counts = [json.loads(_stdout(each).readline()) for each in running]
        assert [sum(each) for each in zip(*counts, strict=True)] == [100, 33, 37]
        assert [await state(limits, each) for each in CLAIMS] == [(0, 100), (0, 990), (0, 37)]
        for each in running:
            _go_on(each)
        for each in running:
            assert each.wait(PATIENT) == 0
    assert [await state(limits, each) for each in CLAIMS] == [(100, 0), (330, 0), (0, 0)]
    assert limits.trouble is None
    limits.close()


async def test_a_process_that_is_killed_frees_its_slots(valkey_url: str) -> None:
    prefix = f"{{{uuid.uuid4().hex}}}"
    limits = open_limits(valkey_url, prefix=prefix)
    with processes(valkey_url, prefix, 1, 40, lease=1.5) as running:
        _go_on(running[0])
        assert json.loads(_stdout(running[0]).readline()) == [40, 33, 37]
        assert await granted(limits, SLOTS) is None
        running[0].send_signal(signal.SIGKILL)
        async with asyncio.timeout(PATIENT):
            while await granted(limits, SLOTS) is None:
                await asyncio.sleep(0.1)
    assert await state(limits, REQUESTS) == (40, 0), "what it has used is not known"
    assert await state(limits, TOKENS) == (990, 0)
    limits.close()
