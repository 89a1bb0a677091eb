"""Providers that lie about what they used, against one budget: `python -m tests.ledger.adversary --runs 100000`.

With `--kills 1000` each run is made by two processes with one ledger in a file, and both are killed at some point.

Each run is a manager with a hard budget whose provider reports usage as it likes: nothing, too little, far too much,
negative, not a number, as a string; fails, is slow, so that a hedged attempt runs beside it, or is left by its caller.
What is spent stays below the ceiling as far
as the reports stay within what was asked for, and what goes beyond is stated as an overrun.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import os
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import understudy as u
from tests.engine.billed import Billing, entry, manager
from tests.ledger.made import ended, start
from tests.ledger.money import check_money
from understudy.domain.attempts import CostBasis
from understudy.domain.money import NOT_BILLED
from understudy.ledger.holds import Unit
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.settings.budgets import Budget
from understudy.virtual_time import run as virtually
from understudy.wire.json import decode_object

CEILING = 1_000_000
"""Nano-USD: 500 tokens of answers."""
LONGEST = 100
"""Tokens that each request allows."""
LATEST = 0.15
"""Seconds after which processes are killed at most."""


class Liar(Billing):
    """Reports what chance says."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.excess = 0
        """Nano-USD by which believable reports exceed what was asked for."""

    async def send(self, request: Any, *, connect: float) -> Any:
        # Before the choice, which others make meanwhile. What is slow is hedged, in some of the runs.
        await asyncio.sleep(0.02 if self._chance.random() < 0.3 else 0)
        chance, asked = self._chance, decode_object(request.body)["max_completion_tokens"]
        tokens: Any = chance.choice([0, 1, 50, LONGEST, LONGEST, 10**6, -5, 1.5, "100", None, 2**60])
        self.usage = {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens}
        self.status = chance.choice([200, 200, 200, 200, 429, 500])
        if self.status == 200 and isinstance(tokens, int) and asked < tokens < 2**53:
            self.excess += (tokens - asked) * 2_000
        return await super().send(request, connect=connect)


async def run(seed: int, ledger: SqliteLedger | None = None) -> tuple[int, int]:
    """Make a dozen requests at once; return what was spent within the reservations, and the overrun."""
    chance = random.Random(seed)
    liar = Liar(chance)
    fallback = u.FallbackConfig(max_retries=2, retry_delay_ms=0, hedge=chance.random() < 0.5, hedge_after=0.01)
    budget = Budget(name="team", max=CEILING / 10**9, period="total", fit_max_tokens=chance.random() < 0.3)
    lines = (entry("a", liar), entry("b", liar, priority=20))
    made = manager(*lines, budgets=(budget,), fallback=fallback, sink=ledger)

    async def ask() -> None:
        task = asyncio.ensure_future(made.generate("Hi", max_tokens=LONGEST, deadline=5))
        if chance.random() < 0.2:
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await asyncio.gather(*(ask() for _ in range(12)))
    await made.aclose()
    holds: Any = made._engine.admission.holds  # type: ignore[union-attr]  # pyright: ignore
    (found,) = await holds.balances([("team", "", Unit.MONEY, 0)])
    if ledger is None:
        assert found.reserved == 0, (seed, found)
        assert found.overrun <= liar.excess, (seed, found, liar.excess)
    assert found.spent - found.overrun <= CEILING, (seed, found)
    return found.spent - found.overrun, found.overrun


def attack(seed: int) -> tuple[int, int]:
    """Make one run in virtual time."""
    return virtually(run(seed))[0]


def attack_and_kill(seed: int) -> tuple[int, int]:
    """Make a run in two processes that share a budget, kill both, and look at what is left once they are given up."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        SqliteLedger(path).close()
        children = [_forked(path, 2 * seed + number) for number in range(2)]
        time.sleep(chance.uniform(0.01, LATEST))
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
        later = SqliteLedger(path, clock=lambda: time.time() + 3_600)
        later.record(ended(start(1, started=time.time()), cost=NOT_BILLED, cost_basis=CostBasis.NOT_SENT))
        later.flush()
        later.close()
        check_money(path, {"team": CEILING})
        with LedgerReader(path) as reader:
            (found,) = reader.balances([("team", "", Unit.MONEY, 0)])
    assert found.reserved == 0, (seed, found)
    assert found.spent - found.overrun <= CEILING, (seed, found)
    return found.spent - found.overrun, found.overrun


def _forked(path: Path, seed: int) -> int:
    """Start a process that makes runs until it is killed, and return its id."""
    if child := os.fork():
        return child
    try:
        ledger = SqliteLedger(path)
        for number in itertools.count():
            asyncio.run(run(seed * 1_000 + number, ledger))
    finally:
        os._exit(1)


def main() -> None:
    """Make as many runs as asked for, each of a dozen requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=0, help="so many runs in processes that are killed, instead")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    runs, make = (given.kills, attack_and_kill) if given.kills else (given.runs, attack)
    attack(given.seed)  # loads everything, so that forked processes begin at once
    found = [make(given.seed + number) for number in range(runs)]
    most, overruns = max(spent for spent, _ in found), sum(overrun > 0 for _, overrun in found)
    spending = sum(spent > 0 for spent, _ in found)
    print(f"{runs} runs, {spending} with costs: {most} of {CEILING} spent at most, {overruns} with an overrun")


if __name__ == "__main__":
    main()
