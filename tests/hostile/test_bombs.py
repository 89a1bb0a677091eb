"""Bombs: no answer, whatever it holds and however it arrives, takes more memory or time than a good one may.

The server is a process of its own, and so is the client (`tests/hostile/bombs/`): what it grows by, and how long its
event loop stands still, is measured there. Machines that are busy are slow, so stalls are measured in the time that
the process computes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import IO

import msgspec
import pytest

from tests.hostile.bombs.table import BOMBS, SHORT

STALL = 50.0
"""Milliseconds for which the event loop may stand still."""
PACE = 4.0
"""Milliseconds for `pace` where that holds. A slower machine, or one that others slow, may take more in proportion."""
TRIES = 3
"""How often a bomb is met to see whether its stall comes again. The kernel may leave the loop's thread waiting for a
core while the other one computes; what holds the interpreter does so every time."""
LATE = 0.25
"""Seconds that a call may compute beyond those of its deadline. What others compute meanwhile is not counted."""


class Met(msgspec.Struct):
    """What one bomb did."""

    bomb: str
    wire: str
    kind: str
    size: int
    said: str
    work: float
    growth: float
    stall: float
    pace: float


class Client:
    """A process that meets bombs, one after the other."""

    def __init__(self, port: str, errors: IO[bytes]) -> None:
        command = [sys.executable, "-W", "error", "-m", "tests.hostile.bombs.client", port]
        self._errors = errors
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)

    def meet(self, bomb: str, wire: str) -> Met:
        asking, answers = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answers is not None
        asking.write(json.dumps([bomb, wire]).encode() + b"\n")
        asking.flush()
        met = msgspec.json.decode(answers.readline() or b"null", type=Met | None)
        if met is None:
            self._errors.seek(0)
            pytest.fail(f"{bomb}, {wire}: {self._errors.read()[-2000:].decode()}")
        return met

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    command = [sys.executable, "-m", "tests.hostile.bombs.server"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryFile() as errors,
    ):
        assert server.stdout is not None
        client = Client(server.stdout.readline().strip(), errors)
        yield client
        client.end()
        server.kill()


def flaws(client: Client, name: str, wire: str) -> list[str]:
    """What is wrong with how a bomb ends: its stall is the shortest of a few tries."""
    met = client.meet(name, wire)
    for _ in range(TRIES - 1):
        if not stalls(met):
            break
        met = min(met, client.meet(name, wire), key=lambda met: met.stall / max(PACE, met.pace))
    return flaws_of(met)


def stalls(met: Met) -> bool:
    """Whether the event loop stood still for too long."""
    return met.stall > STALL * max(1.0, met.pace / PACE)


def flaws_of(met: Met) -> list[str]:
    """What is wrong with how a bomb ended."""
    bomb = BOMBS[met.bomb]
    found = []
    if bomb.expect and met.kind not in bomb.expect:
        found.append(f"{met.kind or 'a success'} in place of {' or '.join(bomb.expect)}: {met.said}")
    if not bomb.expect and (met.kind or not met.size):
        found.append(f"{met.kind} in place of an answer: {met.said}")
    if met.growth > bomb.growth:
        found.append(f"{met.growth:.0f} MiB")
    if stalls(met):
        found.append(f"{met.stall:.0f} ms without a turn of the loop")
    if met.work > bomb.deadline + LATE:
        found.append(f"{met.work:.1f} s of work, with a deadline of {bomb.deadline:g} s")
    return [f"{met.bomb}, {met.wire}: {flaw}" for flaw in found]


@pytest.mark.skipif(sys.platform != "linux", reason="memory and forks are measured with Linux's means")
def test_no_answer_takes_more_than_a_good_one_may(client: Client) -> None:
    assert [flaw for bomb, wire in SHORT for flaw in flaws(client, bomb, wire)] == []


@pytest.mark.skipif(sys.platform != "linux", reason="memory and forks are measured with Linux's means")
@pytest.mark.parametrize("bomb", BOMBS)
def test_every_bomb_on_every_wire(bomb: str, client: Client, deep: bool) -> None:
    if not deep:
        pytest.skip("only with --deep")
    assert [flaw for wire in BOMBS[bomb].wires for flaw in flaws(client, bomb, wire)] == []
