"""Attack each face with so many malformed requests: `python -m tests.gateway.attack [--requests N] [--seed S]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.gateway.attack.attacking import target
from tests.gateway.attack.seeds import SEEDS


async def main(number: int, seed: int, faces: list[str]) -> int:
    """Attack, print a table, and return how much went wrong."""
    wrong = 0
    for face in faces or SEEDS:
        began = time.monotonic()
        async with target() as attacked:
            found = await attacked.attack(face, number, seed)
            statuses = dict(sorted(attacked.statuses.items()))
        wrong += len(found)
        seconds = time.monotonic() - began
        print(
            f"{face:12} {number} requests, {len(found)} faults, {seconds:.0f} s, slowest {attacked.slowest:.2f} s,",
            statuses,
        )
        for each in found[:10]:
            print(f"    WRONG: {each}")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("faces", nargs="*")
    given = parser.parse_args()
    sys.exit(bool(asyncio.run(main(given.requests, given.seed, given.faces))))
