"""Providers that lie about what they used, against one budget: `python -m tests.ledger.adversary --runs 100000`.

Each run is a manager with a hard budget whose provider reports usage as it likes: nothing, too little, far too much,
negative, not a number, as a string; fails, or is left by its caller. What is spent stays below the ceiling as far
as the reports stay within what was asked for, and what goes beyond is stated as an overrun.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
from typing import Any

import understudy as u
from tests.engine.billed import Billing, entry, manager
from understudy.ledger.holds import Unit
from understudy.settings.budgets import Budget
from understudy.virtual_time import run as virtually
from understudy.wire.json import decode_object

CEILING = 1_000_000
"""Nano-USD: 500 tokens of answers."""
LONGEST = 100
"""Tokens that each request allows."""


class Liar(Billing):
    """Reports what chance says."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.excess = 0
        """Nano-USD by which believable reports exceed what was asked for."""

    async def send(self, request: Any, *, connect: float) -> Any:
        await asyncio.sleep(0)  # before the choice, which others make meanwhile
        chance, asked = self._chance, decode_object(request.body)["max_completion_tokens"]
        tokens: Any = chance.choice([0, 1, 50, LONGEST, LONGEST, 10**6, -5, 1.5, "100", None, 2**60])
        self.usage = {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens}
        self.status = chance.choice([200, 200, 200, 200, 429, 500])
        if self.status == 200 and isinstance(tokens, int) and asked < tokens < 2**53:
            self.excess += (tokens - asked) * 2_000
        return await super().send(request, connect=connect)


async def run(seed: int) -> tuple[int, int]:
    """Make a dozen requests at once; return what was spent within the reservations, and the overrun."""
    chance = random.Random(seed)
    liar = Liar(chance)
    fallback = u.FallbackConfig(max_retries=2, retry_delay_ms=0)
    budget = Budget(name="team", max=CEILING / 10**9, period="total", fit_max_tokens=chance.random() < 0.3)
    made = manager(entry("a", liar), entry("b", liar, priority=20), budgets=(budget,), fallback=fallback)

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
    assert found.reserved == 0, (seed, found)
    assert found.spent - found.overrun <= CEILING, (seed, found)
    assert found.overrun <= liar.excess, (seed, found, liar.excess)
    return found.spent - found.overrun, found.overrun


def attack(seed: int) -> tuple[int, int]:
    """Make one run in virtual time."""
    return virtually(run(seed))[0]


def main() -> None:
    """Make as many runs as asked for, each of a dozen requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)

    found = [attack(given.seed + number) for number in range(given.runs)]
    most, overruns = max(spent for spent, _ in found), sum(overrun > 0 for _, overrun in found)
    print(f"{given.runs} runs: {most} of {CEILING} spent at most, {overruns} with an overrun of the provider's making")


if __name__ == "__main__":
    main()
