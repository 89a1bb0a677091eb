"""One of several processes that write a ledger while its disk is filled and freed again. Started by `test_reserve`.

python -m tests.ledger.full_disk_storm LEDGER NUMBER

It writes a line when it is admitted (`granted`), when it is not any more (`refused`), and at the end, which is that of
its input, how many attempts it kept (`done N`).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.ledger.made import NOON, ended, start
from understudy.domain.money import Cost, Money
from understudy.ledger.holds import Claim, LedgerUnavailable
from understudy.ledger.sqlite import reserve
from understudy.ledger.sqlite.store import SqliteLedger

CLAIM = Claim(budget="team", subject="", amount=100, ceiling=10**12, if_unknown=100)
COST = 7


async def main(path: Path, number: int) -> None:
    reserve.RETRY = 0.05  # a disk is freed soon here
    ledger, kept, is_refused = SqliteLedger(path), 0, True
    ending = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    seed = number * 10**6
    while not ending.done():
        seed += 1
        begun = start(seed, started=NOON + seed / 1000)
        try:
            await ledger.reserve(begun, [CLAIM], durable=True)
        except LedgerUnavailable:
            ledger.record(ended(start(seed + 500_000, started=NOON + seed / 1000)))  # of no budget
            kept += 1
            tell("refused", unless=is_refused)
            is_refused = True
            await asyncio.sleep(0.02)
            continue
        tell("granted", unless=not is_refused)
        is_refused = False
        ledger.record(ended(begun, cost=Cost(amount=Money(COST), source="test")))
        kept += 1
        await asyncio.sleep(0.002)
    ledger.flush(60)
    ledger.close()
    tell(f"done {kept}")


def tell(word: str, *, unless: bool = False) -> None:
    if not unless:
        sys.stdout.write(f"{word}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
