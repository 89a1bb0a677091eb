"""Many processes spend from one budget at once: `python -m tests.ledger.storm --processes 16 --rounds 20`.

Each attempt reserves a hundred nano-dollars of a budget that has room for fewer than all. Some are given up before they
are sent, and with `--kills` some processes are killed. At the end nothing is overspent or still reserved; without kills
and cancels the number of admitted attempts is exact. Each round has a file of its own; the processes live over all
rounds, except those that are killed, unless `--fresh` starts all of them anew for each.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

from tests.ledger.made import ended, start
from tests.ledger.money import check_money
from understudy.domain.attempts import CostBasis, Outcome
from understudy.domain.money import NOT_BILLED, Cost, Money
from understudy.ledger.holds import Balance, Claim, Unit
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger

AMOUNT = 100
SHARE = 5
"""The budget has room for one in so many attempts."""
LATEST_KILL = 0.15
"""Seconds between two kills, at most: a process works about as long on its share of a round."""


class Work(NamedTuple):
    """What one process does in a round."""

    path: str
    """Of the ledger's file."""
    attempts: int
    """How many, all at once."""
    ceiling: int
    """Of the budget."""
    cancels: int
    """One attempt in so many is given up before it is sent (0: none)."""
    seed: int


async def spend(work: Work) -> None:
    """Make the attempts."""
    ledger, chance = SqliteLedger(Path(work.path)), random.Random(work.seed)
    claim = Claim(budget="team", subject="", amount=AMOUNT, ceiling=work.ceiling, if_unknown=AMOUNT)

    async def attempt() -> None:
        begun = start(uuid.uuid4().int % 2**60, started=time.time())
        gives_up = work.cancels and not chance.randrange(work.cancels)
        reserving = asyncio.ensure_future(ledger.reserve(begun, [claim], durable=True))
        if gives_up:
            await asyncio.sleep(chance.random() / 50)
            ledger.record(ended(begun, Outcome.ABORTED, cost=NOT_BILLED, cost_basis=CostBasis.NOT_SENT))
            await asyncio.gather(reserving, return_exceptions=True)
        elif await reserving is None:
            await asyncio.sleep(chance.random() / 100)
            ledger.record(ended(begun, cost=Cost(amount=Money(AMOUNT), source="test")))

    await asyncio.gather(*(attempt() for _ in range(work.attempts)))
    ledger.close()


def serve() -> None:
    """Do the work of one line of stdin after another, and write a line after each."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asyncio.run(spend(Work(*json.loads(line))))
        sys.stdout.write("done\n")
        sys.stdout.flush()


class Crew:
    """Processes that work at once, over any number of rounds."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.dismiss()

    def gather(self) -> None:
        """Have all processes wait for work."""
        command = [sys.executable, "-c", "from tests.ledger.storm import serve; serve()"]
        missing = range(self.size - len(self._processes))
        new = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in missing]
        self._processes += new
        for each in new:
            assert _pipe(each.stdout).readline() == "ready\n"

    def play(self, work: Work, *, kills: int = 0) -> None:
        """Have each do the work; kill so many meanwhile. Return when all have done it or are killed."""
        self.gather()
        chance = random.Random(work.seed)
        for number, each in enumerate(self._processes):
            stdin = _pipe(each.stdin)
            stdin.write(json.dumps(work._replace(seed=work.seed * self.size + number)) + "\n")
            stdin.flush()
        killed = self._processes[:kills]
        for each in killed:
            time.sleep(chance.uniform(0, LATEST_KILL))
            each.send_signal(signal.SIGKILL)
            each.communicate()
        self._processes = self._processes[kills:]
        words = [_pipe(each.stdout).readline() for each in self._processes]
        assert words == ["done\n"] * (self.size - kills), words

    def dismiss(self) -> None:
        """End all processes."""
        for each in self._processes:
            with contextlib.suppress(BrokenPipeError):
                _pipe(each.stdin).close()
        for each in self._processes:
            each.wait()
            _pipe(each.stdout).close()
        self._processes = []


def _pipe(found: IO[str] | None) -> IO[str]:
    assert found is not None
    return found


def storm(crew: Crew, requests: int, *, cancels: int = 0, kills: int = 0, seed: int = 1) -> Balance:
    """Run one round and return the balance at its end. Fail if money was lost or made."""
    ceiling = AMOUNT * (requests // SHARE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        SqliteLedger(path).close()
        crew.play(Work(str(path), -(-requests // crew.size), ceiling, cancels, seed), kills=kills)
        later = SqliteLedger(path, clock=lambda: time.time() + 3_600)  # the leases of those that were killed are over
        later.record(ended(start(1, started=time.time()), cost=NOT_BILLED, cost_basis=CostBasis.NOT_SENT))
        later.flush()
        later.close()
        check_money(path, {"team": ceiling})
        with LedgerReader(path) as reader:
            (found,) = reader.balances([("team", "", Unit.MONEY, 0)])
    assert found.reserved == 0, found
    assert found.spent <= ceiling, found
    assert found.overrun == 0, found
    if not cancels and not kills:
        assert found.spent == ceiling, found
    return found


def main() -> None:
    """Run as many rounds as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--cancels", type=int, default=0, help="one attempt in so many is given up")
    parser.add_argument("--kills", type=int, default=0, help="so many processes are killed in each round")
    parser.add_argument("--fresh", action="store_true", help="start all processes anew for each round")
    given = parser.parse_args()
    with Crew(given.processes) as crew:
        for number in range(1, given.rounds + 1):
            found = storm(crew, given.requests, cancels=given.cancels, kills=given.kills, seed=number)
            print(f"round {number}: {found.spent // AMOUNT} admitted, nothing overspent, nothing reserved", flush=True)
            if given.fresh:
                crew.dismiss()


if __name__ == "__main__":
    main()
