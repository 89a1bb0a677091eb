"""Attempts of one of several processes against limits in Valkey, all at once: a program of `test_valkey_storm.py`.

    python -m tests.ledger.limit_storm URL PREFIX ATTEMPTS

It writes `ready`, waits for a line, makes its attempts, writes how many were granted by each limit, waits for another
line, and settles them. It is killed at either place by a test, too.
"""

from __future__ import annotations

import asyncio
import json
import sys

from tests.ledger.limits import PATIENT, attempt, requests, slots, state, tokens
from tests.ledger.made import ended
from understudy.domain.attempts import AttemptStart
from understudy.domain.usage import Usage
from understudy.ledger.holds import Claim
from understudy.ledger.valkey.store import ValkeyLimits

REQUESTS = requests(100, budget="requests")
TOKENS = tokens(30, 1_000, budget="tokens")
SLOTS = slots(37, budget="slots")
CLAIMS = (REQUESTS, TOKENS, SLOTS)


async def run(url: str, prefix: str, count: int, lease: float) -> None:
    """Make attempts upon each limit."""
    limits = ValkeyLimits(url, prefix=prefix, patience=PATIENT, lease=lease)
    await state(limits, SLOTS)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)

    async def one(claim: Claim) -> AttemptStart | None:
        begun = attempt()
        return begun if await limits.reserve(begun, [claim], durable=False) is None else None

    found = await asyncio.gather(*(one(claim) for _ in range(count) for claim in CLAIMS))
    held = [each for each in found if each is not None]
    print(
        json.dumps([sum(each is not None for each in found[at :: len(CLAIMS)]) for at in range(len(CLAIMS))]),
        flush=True,
    )
    await asyncio.to_thread(sys.stdin.readline)
    for each in held:
        limits.record(ended(each, usage=Usage(output=10)))
    await state(limits, SLOTS)
    limits.close()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
