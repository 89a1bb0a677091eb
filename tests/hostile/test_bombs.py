"""Bombs: no answer, whatever it holds and however it arrives, takes more memory or time than a good one may.

The server is a process of its own, and so is the client (`tests/hostile/bombs/`): what it grows by, and how long its
event loop stands still, is measured there. Machines that are busy are slow, so stalls are measured in the time that
the process computes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest

from tests.hostile.bombs.table import BOMBS, SHORT

STALL = 50.0
"""Milliseconds for which the event loop may stand still."""
LATE = 0.25
"""Seconds past its deadline at which a call must have ended. Four for a machine that is busy with other tests."""
BUSY = 4.0


class Met(msgspec.Struct):
    """What one bomb did."""

    bomb: str
    wire: str
    kind: str
    size: int
    said: str
    seconds: float
    growth: float
    stall: float


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.hostile.bombs.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.kill()


def meet(port: str, rows: list[tuple[str, str]]) -> list[Met]:
    """Call each bomb of these rows, in one process."""
    command = [sys.executable, "-W", "error", "-m", "tests.hostile.bombs.client", port]
    done = subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True, timeout=300, check=False)
    met = [msgspec.json.decode(line, type=Met) for line in done.stdout.splitlines()]
    assert [(one.bomb, one.wire) for one in met] == rows, done.stderr[-2000:]
    return met


def flaws(met: Met) -> list[str]:
    """What is wrong with how a bomb ended."""
    bomb = BOMBS[met.bomb]
    found = []
    if bomb.expect and met.kind not in bomb.expect:
        found.append(f"{met.kind or 'a success'} in place of {' or '.join(bomb.expect)}: {met.said}")
    if not bomb.expect and (met.kind or not met.size):
        found.append(f"{met.kind} in place of an answer: {met.said}")
    if met.growth > bomb.growth:
        found.append(f"{met.growth:.0f} MiB")
    if met.stall > STALL:
        found.append(f"{met.stall:.0f} ms without a turn of the loop")
    if met.seconds > bomb.deadline + LATE + BUSY:
        found.append(f"{met.seconds:.1f} s, with a deadline of {bomb.deadline:g} s")
    return [f"{met.bomb}, {met.wire}: {flaw}" for flaw in found]


@pytest.mark.skipif(sys.platform != "linux", reason="memory and forks are measured with Linux's means")
def test_no_answer_takes_more_than_a_good_one_may(port: str) -> None:
    met = meet(port, list(SHORT))
    assert [flaw for one in met for flaw in flaws(one)] == []


@pytest.mark.skipif(sys.platform != "linux", reason="memory and forks are measured with Linux's means")
@pytest.mark.parametrize("bomb", BOMBS)
def test_every_bomb_on_every_wire(bomb: str, port: str, deep: bool) -> None:
    if not deep:
        pytest.skip("only with --deep")
    rows = [(bomb, wire) for wire in BOMBS[bomb].wires]
    assert [flaw for one in meet(port, rows) for flaw in flaws(one)] == []
