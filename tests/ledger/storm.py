"""Many processes spend from one budget at once: `python -m tests.ledger.storm --processes 16 --rounds 20`.

Each attempt reserves a hundred nano-dollars of a budget that has room for fewer than all. Some are given up before they
are sent, and with `--kills` some processes are killed. At the end nothing is overspent or still reserved; without kills
and cancels the number of admitted attempts is exact.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

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


async def spend(path: Path, count: int, ceiling: int, cancels: int) -> None:
    """Make attempts, all at once, of which one in `cancels` is given up before it is sent (0: none)."""
    ledger, chance = SqliteLedger(path), random.Random(os.getpid())
    claim = Claim(budget="team", subject="", amount=AMOUNT, ceiling=ceiling, if_unknown=AMOUNT)

    async def attempt() -> None:
        begun = start(uuid.uuid4().int % 2**60, started=time.time())
        gives_up = cancels and not chance.randrange(cancels)
        reserving = asyncio.ensure_future(ledger.reserve(begun, [claim], durable=True))
        if gives_up:
            await asyncio.sleep(chance.random() / 50)
            ledger.record(ended(begun, Outcome.ABORTED, cost=NOT_BILLED, cost_basis=CostBasis.NOT_SENT))
            await asyncio.gather(reserving, return_exceptions=True)
        elif await reserving is None:
            await asyncio.sleep(chance.random() / 100)
            ledger.record(ended(begun, cost=Cost(amount=Money(AMOUNT), source="test")))

    await asyncio.gather(*(attempt() for _ in range(count)))
    ledger.close()


def storm(processes: int, requests: int, *, cancels: int = 0, kills: int = 0) -> Balance:
    """Run one round and return the balance at its end. Fail if money was lost or made."""
    ceiling = AMOUNT * (requests // SHARE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        SqliteLedger(path).close()
        each = -(-requests // processes)
        code = (
            "import asyncio, sys; from pathlib import Path; from tests.ledger.storm import spend; "
            f"asyncio.run(spend(Path(sys.argv[1]), {each}, {ceiling}, {cancels}))"
        )
        children = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(processes)]
        for child in children[:kills]:
            time.sleep(0.5)
            child.send_signal(signal.SIGKILL)
        results = [child.wait() for child in children]
        assert all(result in (0, -signal.SIGKILL) for result in results), results
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
    given = parser.parse_args()
    for number in range(1, given.rounds + 1):
        found = storm(given.processes, given.requests, cancels=given.cancels, kills=given.kills)
        print(f"round {number}: {found.spent // AMOUNT} admitted, nothing overspent, nothing reserved")


if __name__ == "__main__":
    main()
