"""Kills programs that write to one ledger, over and over, and looks at what they were promised.

python -m tests.ledger.killing FOLDER [--rounds N] [--seed N]
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from random import Random

from tests.ledger.made import NOON, ended, start
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.ledger.sqlite.transaction import LEASE

WRITERS = 2
LATEST = 0.06
"""Seconds that a program runs at most before it is killed."""
Told = dict[str, str]
"""What was promised of each attempt last: `begun` or `ended`."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger.killing", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    path, chance, told = given.folder / "ledger.db", Random(given.seed), Told()
    SqliteLedger(path).close()
    for round_ in range(given.rounds):
        # Two leases later than the round before, so that what that one left behind is given up now.
        _killed(path, round_, chance, told)
    last = SqliteLedger(path, clock=lambda: time.time() + 2 * LEASE * given.rounds)
    last.record(ended(start(1, started=NOON)))
    last.flush()
    last.close()
    wrong = complaints(path, told)
    ends = sum(word == "ended" for word in told.values())
    summary = f"{given.rounds} rounds, {WRITERS * given.rounds} kills, {len(told)} attempts promised, {ends} ends"
    sys.stdout.write("".join(f"{line}\n" for line in (summary, *wrong)))
    return 0


def _killed(path: Path, round_: int, chance: Random, told: Told) -> None:
    """Run some programs at once, and kill each while it writes."""
    children = []
    for number in range(WRITERS):
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            try:
                _write(path, round_, number, into)
            finally:
                os._exit(1)
        os.close(into)
        children.append((child, out))
    for child, out in children:
        time.sleep(chance.uniform(0, LATEST))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(out) as pipe:
            for line in pipe.read().splitlines():
                word, attempt = line.split()
                told[attempt] = word


def _write(path: Path, round_: int, number: int, into: int) -> None:
    ledger = SqliteLedger(path, clock=lambda: time.time() + 2 * LEASE * round_)
    seed = (round_ * WRITERS + number + 1) * 1_000_000
    while True:
        seed += 1
        begun = start(seed, started=NOON + round_)
        ledger.begin(begun)
        ledger.flush()
        os.write(into, f"begun {begun.attempt_id}\n".encode())
        ledger.record(ended(begun))
        ledger.flush()
        os.write(into, f"ended {begun.attempt_id}\n".encode())


def complaints(path: Path, told: Told) -> list[str]:
    """Return what was promised and is not so, or counted twice, or still open."""
    connection = sqlite3.connect(path)
    (flaw,) = connection.execute("PRAGMA integrity_check").fetchone()
    states: dict[str, str] = {id_.hex(): state for id_, state in connection.execute("SELECT id, state FROM entries")}
    sums = "SELECT sum(succeeded), sum(unknown), sum(attempts) FROM days WHERE dimension = 'provider'"
    counted = connection.execute(sums).fetchone()
    connection.close()
    wrong = [f"integrity: {flaw}"] * (flaw != "ok")
    for attempt, word in told.items():
        state = states.get(attempt.replace("-", ""))
        if state not in (("succeeded",) if word == "ended" else ("succeeded", "unknown")):
            wrong.append(f"{attempt} was {word}, and is {state}")
    have = [*states.values()]
    expected = (have.count("succeeded"), have.count("unknown"), len(have))
    if counted != expected:
        wrong.append(f"sums {counted} of entries {expected}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
