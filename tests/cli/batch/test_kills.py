"""The proof that a batch survives anything: killed over and over, it has answered every line exactly once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.batch.material import answers, chat, write
from tests.cli.running import PATIENCE, CommandLine
from understudy.emulator import Emulator, Fault

LINES = 300, 1000
"""Of the batch; the second with `--deep`."""
KILLS = 12, 50
"""Likewise."""
CONCURRENCY = 8

NURSE = """
import os, sys
import aiohttp
import understudy.cli.app, understudy.cli.batch.asking, understudy.cli.batch.closing, understudy.cli.batch.progress
import understudy.client.manager, understudy.client.calls
from understudy.cli import main

for line in sys.stdin:
    child = os.fork()
    if not child:
        sys.argv = ["understudy", *line.split()]
        try:
            main()
        except SystemExit as end:
            sys.stderr.flush()
            os._exit(end.code or 0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Has everything imported, and forks a process for each run: that takes milliseconds where Python takes half a second.
Each run is a process of its own all the same, and dies as one."""


class Nurse:
    """Starts processes that run the command line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, *words: str) -> int:
        """Start one and return its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        return self._read()

    def wait(self) -> int:
        """Return the exit code of the one that was started; that of a killed one is negative."""
        return self._read()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@pytest.fixture
def nurse(configured: CommandLine) -> Iterator[Nurse]:
    process = subprocess.Popen(
        [sys.executable, "-c", NURSE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=configured.folder,
        env=configured.environment,
        text=True,
    )
    yield Nurse(process)
    process.communicate(timeout=PATIENCE)


def test_killed_over_and_over_every_line_is_answered_exactly_once(
    configured: CommandLine, emulator: Emulator, nurse: Nurse, deep: bool
) -> None:
    lines, kills = LINES[deep], KILLS[deep]
    ids = [f"line-{number}" for number in range(lines)]
    write(configured.folder / "in.jsonl", map(chat, ids))
    output = configured.folder / "out.jsonl"
    emulator.script("openai", always=Fault.slow_headers(0.02))
    chance = random.Random(20261122)
    command = ("batch", "in.jsonl", "-o", "out.jsonl", "--concurrency", str(CONCURRENCY))

    torn = 0
    for _ in range(kills):
        finished = whole_ids(output)
        asked = len(emulator.requests("openai"))
        process = nurse.start(*command)
        wait_for(output, lines=len(finished) + chance.choice((0, 0, 1, 2, 3, 5, 8)))
        time.sleep(chance.uniform(0, 0.03))
        os.kill(process, signal.SIGKILL)
        assert nurse.wait() == -signal.SIGKILL, "it was done before it could be killed"

        assert whole_ids(output)[: len(finished)] == finished, "a finished line was lost"
        again = {name(request.body) for request in emulator.requests("openai")[asked:]} & set(finished)
        assert not again, "a finished line was asked again"
        torn += tear(output, chance)

    last = configured.run(*command)
    assert last.code == 0, last.err
    assert answers(output) == {each: each for each in ids}
    assert torn > kills / 20
    assert len(emulator.requests("openai")) <= lines + kills * CONCURRENCY + torn


def whole_ids(output: Path) -> list[str]:
    """The custom ids of the lines that have an end, in their order."""
    if not output.exists():
        return []
    lines = output.read_bytes().split(b"\n")[:-1]
    return [line.partition(b'"custom_id":"')[2].partition(b'"')[0].decode() for line in lines]


def wait_for(output: Path, *, lines: int) -> None:
    end = time.monotonic() + PATIENCE
    while len(whole_ids(output)) < lines:
        assert time.monotonic() < end, "it does not go on"
        time.sleep(0.002)


def tear(output: Path, chance: random.Random) -> bool:
    """Now and then, take what a power cut might: a piece of the last line, or all of it but a piece."""
    data = output.read_bytes() if output.exists() else b""
    if not data.endswith(b"\n") or chance.random() < 0.7:
        return False
    last = len(data) - data.rfind(b"\n", 0, -1) - 1
    output.write_bytes(data[: -chance.randint(1, last)])
    return True


def name(body: object) -> str:
    assert isinstance(body, dict)
    return str(body["messages"][-1]["content"]).split('"')[1]
